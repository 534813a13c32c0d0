//! Letting go of a contact: the label may go, the values stay, and the stamp says that we no longer write here.

use super::{
    change::{Change, as_written},
    create::member_of,
    stamp::{Stamp, stamp_for, stamped},
};
use crate::{
    google::person::{Field, Item, MY_CONTACTS, MembershipValue, Person},
    queue::event::AccountKey,
};

/// Releases this CRM contact's hold on a person, and takes `label` off if given.
///
/// `None` when we hold nothing there: a person without an unreleased stamp is never written, not even for its label.
pub fn release(person: &Person, account: &AccountKey, contact: &str, op: &str, label: Option<&str>) -> Option<Change> {
    let stamp = stamp_for(person, account, contact).filter(|s| !s.released)?;
    let stamp = Stamp { released: true, op: op.to_owned(), ..stamp };
    let mut change = Change::of(person);
    change.person.client_data = stamped(person, &stamp);
    change.note(Field::ClientData, "released");
    if let Some(label) = label.filter(|label| person.labels().any(|l| l == *label)) {
        let mut left: Vec<_> = groups(person).into_iter().filter(|m| !is_in(m, label)).collect();
        if left.is_empty() {
            // Google refuses a contact without any group.
            left.push(member_of(MY_CONTACTS));
        }
        change.person.memberships = left;
        change.note(Field::Memberships, "label taken off");
    }
    Some(change)
}

/// The memberships of a person as they are sent back; those that a domain gives are read-only.
pub fn groups(person: &Person) -> Vec<Item<MembershipValue>> {
    person.memberships.iter().filter(|m| m.value.contact_group_membership.is_some()).map(as_written).collect()
}

fn is_in(membership: &Item<MembershipValue>, label: &str) -> bool {
    membership.value.contact_group_membership.as_ref().is_some_and(|g| g.contact_group_resource_name == label)
}
