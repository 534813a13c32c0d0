//! Twins: two Google contacts with one stamp, left by a create whose answer was lost. The surplus one may go only if nobody
//! has touched it.

use std::collections::BTreeSet;

use super::{
    base::Base,
    canonical::{Part, keys_of},
    stamp::{Origin, Stamp, stamp_for, stamps_of},
};
use crate::{
    config::mapping::Mapping,
    contact::AccountKey,
    google::person::{Field, Item, MY_CONTACTS, Person},
};

/// What Google adds to an entry by itself, so that it says nothing about the user.
pub(super) const ADDED_BY_GOOGLE: [&str; 4] = ["formattedType", "canonicalForm", "formattedValue", "country"];
/// What Google adds to a name.
pub(super) const ADDED_TO_NAMES: [&str; 3] = ["displayName", "displayNameLastFirst", "unstructuredName"];
/// What we wrote is E.164 or no valid number anywhere, so it reads the same in every region.
const NO_REGION: &str = "";

/// Whether this person, in all the fields that we read, is exactly what its stamp says that we created. `map` is the sync's:
/// it says which types we write.
///
/// A field that we do not read (a photo) is not seen here.
pub fn is_surplus_twin(person: &Person, account: &AccountKey, contact: &str, label: &str, map: &Mapping) -> bool {
    let Some(stamp) = stamp_for(person, account, contact) else { return false };
    stamp.origin == Origin::Created
        && !stamp.released
        && changed_fields(person, &stamp, label, map).is_empty()
        && has_no_other_mark(person, &stamp)
}

/// The fields in which a person that we made holds more, less or something else than its stamp says that we wrote.
pub fn changed_fields(person: &Person, stamp: &Stamp, label: &str, map: &Mapping) -> BTreeSet<Field> {
    let types = map.types();
    let values = Field::ALL.into_iter().filter(|field| *field != Field::ClientData);
    values.filter(|field| !is_as_written(person, stamp, label, &types, *field)).collect()
}

fn is_as_written(person: &Person, stamp: &Stamp, label: &str, types: &BTreeSet<&str>, field: Field) -> bool {
    let mut only = Person::default();
    only.take(field, person);
    let is_given = |l: &str| stamp.base.has(Part::Label, l);
    let labels = only.labels().filter(|l| is_given(l)).map(|l| (Part::Label, l.to_owned()));
    let there: Base = keys_of(&only, NO_REGION).into_iter().chain(labels).collect();
    let mut written = stamp.base.clone();
    written.retain(|hash| Part::BY_IMPORTANCE.iter().any(|part| part.field() == field && hash.is_of(*part)));
    there == written
        && has_nothing_added(&only, types)
        && only.memberships.iter().all(|m| m.value.contact_group_membership.is_some())
        && only.labels().all(|l| l == label || l == MY_CONTACTS || is_given(l))
}

fn has_no_other_mark(person: &Person, stamp: &Stamp) -> bool {
    let stamps = stamps_of(person);
    stamps.len() == person.client_data.len()
        && stamps.iter().all(|s| s.account == stamp.account && s.contact == stamp.contact)
}

/// We write entries with no type but the map's, without a choice of default and without further parts.
fn has_nothing_added(person: &Person, types: &BTreeSet<&str>) -> bool {
    let Person { names, email_addresses, phone_numbers, addresses, organizations, birthdays, urls, .. } = person;
    let Person { nicknames, biographies, relations, events, user_defined, .. } = person;
    let is_ours = |kind: &Option<String>| kind.as_deref().is_none_or(|kind| types.contains(kind));
    let texts = [email_addresses, phone_numbers, urls, nicknames];
    names.iter().all(|i| is_bare(i, &ADDED_TO_NAMES))
        && texts.into_iter().flatten().all(|i| is_ours(&i.value.kind) && is_bare(i, &ADDED_BY_GOOGLE))
        && addresses.iter().all(|i| i.value.kind.is_none() && is_bare(i, &ADDED_BY_GOOGLE))
        && organizations.iter().all(|i| i.value.kind.is_none() && is_bare(i, &ADDED_BY_GOOGLE))
        && birthdays.iter().all(|i| is_bare(i, &["text"]))
        && biographies.iter().all(|i| is_bare(i, &[]))
        && relations.iter().all(|i| is_ours(&i.value.kind) && is_bare(i, &ADDED_BY_GOOGLE))
        && events.iter().all(|i| is_ours(&i.value.kind) && is_bare(i, &ADDED_BY_GOOGLE))
        && user_defined.iter().all(|i| is_bare(i, &[]))
}

fn is_bare<T: Default>(item: &Item<T>, added: &[&str]) -> bool {
    let chosen = item.metadata.as_ref().is_some_and(|m| m.source_primary == Some(true));
    !chosen && item.rest.keys().all(|key| added.contains(&key.as_str()))
}
