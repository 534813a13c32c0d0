//! Twins: two Google contacts with one stamp, left by a create whose answer was lost. The surplus one may go only if nobody
//! has touched it.

use super::{
    base::Base,
    canonical::keys_of,
    stamp::{Origin, Stamp, stamp_for, stamps_of},
};
use crate::{
    contact::AccountKey,
    google::person::{Item, MY_CONTACTS, Person},
};

/// What Google adds to an entry by itself, so that it says nothing about the user.
const ADDED_BY_GOOGLE: [&str; 4] = ["formattedType", "canonicalForm", "formattedValue", "country"];
/// What Google adds to a name.
const ADDED_TO_NAMES: [&str; 3] = ["displayName", "displayNameLastFirst", "unstructuredName"];
/// What we wrote is E.164 or no valid number anywhere, so it reads the same in every region.
const NO_REGION: &str = "";

/// Whether this person, in all the fields that we read, is exactly what its stamp says that we created.
///
/// A field that we do not read (notes, a photo) is not seen here.
pub fn is_surplus_twin(person: &Person, account: &AccountKey, contact: &str, label: &str) -> bool {
    let Some(stamp) = stamp_for(person, account, contact) else { return false };
    stamp.origin == Origin::Created
        && !stamp.released
        && keys_of(person, NO_REGION).into_iter().collect::<Base>() == stamp.base
        && has_nothing_added(person)
        && person.memberships.iter().all(|m| m.value.contact_group_membership.is_some())
        && person.labels().all(|l| l == label || l == MY_CONTACTS)
        && has_no_other_mark(person, &stamp)
}

fn has_no_other_mark(person: &Person, stamp: &Stamp) -> bool {
    let stamps = stamps_of(person);
    stamps.len() == person.client_data.len()
        && stamps.iter().all(|s| s.account == stamp.account && s.contact == stamp.contact)
}

/// We write entries without a type, without a choice of default and without further parts.
fn has_nothing_added(person: &Person) -> bool {
    let Person { names, email_addresses, phone_numbers, addresses, organizations, birthdays, urls, .. } = person;
    names.iter().all(|i| is_bare(i, &ADDED_TO_NAMES))
        && [email_addresses, phone_numbers, urls].into_iter().flatten().all(|i| is_untyped(i, i.value.kind.as_ref()))
        && addresses.iter().all(|i| is_untyped(i, i.value.kind.as_ref()))
        && organizations.iter().all(|i| is_untyped(i, i.value.kind.as_ref()))
        && birthdays.iter().all(|i| is_bare(i, &["text"]))
}

fn is_untyped<T: Default>(item: &Item<T>, kind: Option<&String>) -> bool {
    kind.is_none() && is_bare(item, &ADDED_BY_GOOGLE)
}

fn is_bare<T: Default>(item: &Item<T>, added: &[&str]) -> bool {
    let chosen = item.metadata.as_ref().is_some_and(|m| m.source_primary == Some(true));
    !chosen && item.rest.keys().all(|key| added.contains(&key.as_str()))
}
