//! Who has what a vanished person had. Merging two contacts in Google can lose the stamp of one of them; its e-mail or number is
//! then on the other's person, and the link goes there instead of a new contact being made or the old one being given up.

use std::collections::BTreeSet;

use super::{
    base::Base,
    canonical::{Part, keys_of},
    identifiers::Kind,
    identity::Hit,
    names::{Relation, relate},
};
use crate::{contact::Contact, google::person::Person};

/// The one managed person of another CRM contact that has what only this contact has; `None` when there is none or more than
/// one. What several CRM contacts have (a family's number) says nothing: that person has it in its own right.
pub fn heir<'a>(contact: &Contact, hits: &[Hit<'a>]) -> Option<&'a str> {
    let own = hits.iter().filter(|hit| hit.crm_contacts <= 1);
    let managed = own.flat_map(|hit| hit.persons.iter().filter(|c| c.taken).map(move |c| (hit, c.person)));
    let follows = managed.filter(|(hit, person)| match (hit.identifier.kind(), relate(contact, person)) {
        _ if hit.identifier.is_impersonal() => false,
        (Kind::Email, names) => names != Relation::Contradict,
        (Kind::Phone, names) => names <= Relation::Compatible,
        (Kind::Name, _) => false,
    });
    let found: BTreeSet<&str> = follows.map(|(_, person)| person.resource_name.as_str()).collect();
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// What of a vanished person's base holds for its heir. A value of a list that the heir has not was lost on the way and not taken
/// off by the user, who never saw it there; of what a contact has once, the heir's own stands.
pub fn inherited(base: &Base, heir: &Person, region: &str) -> Base {
    let there: Base = keys_of(heir, region).into_iter().collect();
    let mut base = base.clone();
    base.retain(|hash| there.contains(hash) || Part::SINGLE.iter().any(|part| hash.is_of(*part)));
    base
}
