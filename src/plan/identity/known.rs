//! From what was looked up on both sides to the hits that [`identify`](super::identify) judges.

use std::collections::BTreeMap;

use crate::{
    contact::{AccountKey, Contact},
    google::person::Person,
    plan::{
        identifiers::{Identifier, Kind, identifiers_of_person},
        stamp::stamps_of,
    },
};

use super::{Candidate, Hit, Rung};

/// Google persons with their identifiers, by resource name.
#[derive(Debug)]
pub struct Persons<'a>(pub(super) BTreeMap<&'a str, (&'a Person, Vec<Identifier>)>);

impl<'a> Persons<'a> {
    /// `region` is for numbers that Google has no canonical form of.
    pub fn read(persons: &'a BTreeMap<String, Person>, region: &str) -> Self {
        let read =
            |(name, person): (&'a String, &'a Person)| (name.as_str(), (person, identifiers_of_person(person, region)));
        Self(persons.iter().map(read).collect())
    }

    /// What must be looked up on both sides to know who else claims one of them.
    pub fn marks(&self) -> impl Iterator<Item = String> {
        self.0.values().flat_map(|(_, identifiers)| identifiers.iter().map(Identifier::to_string))
    }
}

/// What is known of both sides.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The CRM account whose contacts are judged.
    pub account: &'a AccountKey,
    /// Every Google person that an identifier of theirs points to.
    pub persons: &'a Persons<'a>,
    /// Identifier → resource names of all Google persons with it; for the identifiers of contacts and persons.
    pub listed: &'a BTreeMap<String, Vec<String>>,
    /// Identifier → ids of all CRM contacts with it; likewise.
    pub counted: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> Known<'a> {
    /// The contact's identifiers that lead to somebody.
    pub fn hits(&self, contact: &Contact, identifiers: &[Identifier]) -> Vec<Hit<'a>> {
        identifiers.iter().filter_map(|identifier| self.hit(contact, identifier)).collect()
    }

    fn hit(&self, contact: &Contact, identifier: &Identifier) -> Option<Hit<'a>> {
        let mark = identifier.to_string();
        let names = self.listed.get(&mark)?;
        let persons: Vec<_> = names.iter().filter_map(|name| self.candidate(contact, name)).collect();
        // This contact has it too, whether or not the census has heard of it yet.
        let others = self.holders(&mark).iter().filter(|id| **id != contact.id).count();
        (!persons.is_empty()).then(|| Hit { identifier: identifier.clone(), crm_contacts: others + 1, persons })
    }

    fn candidate(&self, contact: &Contact, name: &str) -> Option<Candidate<'a>> {
        let (person, identifiers) = self.persons.0.get(name)?;
        let taken =
            stamps_of(person).iter().any(|s| s.account == *self.account && s.contact != contact.id && !s.released);
        let claims = identifiers.iter().filter(|identifier| self.is_claimed(contact, identifier));
        let claim = claims.map(|identifier| Rung::from(identifier.kind())).min();
        Some(Candidate { person, taken, claim })
    }

    /// Whether this identifier of a person would be enough for another CRM contact: only that one has it, and no other person.
    fn is_claimed(&self, contact: &Contact, identifier: &Identifier) -> bool {
        let mark = identifier.to_string();
        let is_anothers = matches!(self.holders(&mark), [one] if *one != contact.id);
        let is_persons_own = self.listed.get(&mark).is_none_or(|names| names.len() < 2);
        identifier.kind() != Kind::Name && !identifier.is_impersonal() && is_anothers && is_persons_own
    }

    fn holders(&self, mark: &str) -> &'a [String] {
        self.counted.get(mark).map_or(&[], Vec::as_slice)
    }
}
