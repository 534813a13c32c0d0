//! A change of one Google contact: the body and mask of the one update that makes it, and what it does in words.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::google::person::{Field, Item, ItemMetadata, Person, PersonMetadata};

/// An update to be sent. Every field in the mask is whole in the body, because Google replaces whole lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The body: resource name, etags, and the masked fields.
    pub person: Person,
    /// The fields that change.
    pub mask: BTreeSet<Field>,
    /// What was done, for the journal.
    pub wrote: Vec<Written>,
}

/// One thing that a change does; never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Where.
    pub field: Field,
    /// In words: `added`, `given name filled in`.
    pub action: &'static str,
}

impl Change {
    /// An empty change of this person: who it is and which version was read.
    pub fn of(person: &Person) -> Self {
        let sources = person.metadata.iter().flat_map(|m| &m.sources).filter(|s| s.kind == "CONTACT");
        let sources = sources.map(|s| crate::google::person::Source { update_time: None, ..s.clone() }).collect();
        let body = Person {
            resource_name: person.resource_name.clone(),
            etag: person.etag.clone(),
            metadata: Some(PersonMetadata { sources, ..PersonMetadata::default() }),
            ..Person::default()
        };
        Self { person: body, mask: BTreeSet::new(), wrote: Vec::new() }
    }

    /// Notes that a field changes. Its whole list is in the body.
    pub fn note(&mut self, field: Field, action: &'static str) {
        self.mask.insert(field);
        let written = Written { field, action };
        if !self.wrote.contains(&written) {
            self.wrote.push(written);
        }
    }

    /// What it does, as one text for the journal.
    pub fn in_words(&self) -> String {
        let words = self.wrote.iter().map(|w| format!("{}: {}", w.field.mask(), w.action));
        words.collect::<Vec<_>>().join("; ")
    }

    /// The person as this change leaves it: for the journal's *after* and for previews.
    pub fn applied_to(&self, person: &Person) -> Person {
        let mut after = person.clone();
        for field in &self.mask {
            after.take(*field, &self.person);
        }
        after
    }
}

/// Changes of the same fields together, and what has no change to go with others. One mask holds for a whole batch: a contact
/// that lacks a field of it would lose that field.
pub fn by_mask<T>(items: Vec<T>, change: impl Fn(&T) -> Option<&Change>) -> (BTreeMap<Vec<Field>, Vec<T>>, Vec<T>) {
    let (mut groups, mut rest): (BTreeMap<Vec<Field>, Vec<T>>, Vec<T>) = (BTreeMap::new(), Vec::new());
    for item in items {
        match change(&item).map(|change| change.mask.iter().copied().collect()) {
            Some(mask) => groups.entry(mask).or_default().push(item),
            None => rest.push(item),
        }
    }
    (groups, rest)
}

/// An entry as it is sent back: as read, without what only Google may write. The user's choice of a default stays.
pub fn as_written<T: Clone + Default>(item: &Item<T>) -> Item<T> {
    let mut rest = item.rest.clone();
    for output_only in ["formattedType", "canonicalForm"] {
        rest.remove(output_only);
    }
    let chosen = item.metadata.as_ref().is_some_and(|m| m.source_primary == Some(true));
    let metadata = chosen.then(|| ItemMetadata { source_primary: Some(true), ..ItemMetadata::default() });
    Item { value: item.value.clone(), metadata, rest }
}
