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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{create::create, desired::Desired};

    fn ours(label: &str) -> (Person, AccountKey) {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let wanted = Desired { given: "Anne".into(), ..Desired::default() };
        (create(&wanted, &account, "c1", "op-1", label).0, account)
    }

    #[test]
    fn a_released_contact_keeps_its_values_and_loses_label_and_hold() {
        let (person, account) = ours("contactGroups/crm");
        let change = release(&person, &account, "c1", "op-2", Some("contactGroups/crm")).unwrap();
        let after = change.applied_to(&person);
        assert_eq!(after.labels().collect::<Vec<_>>(), [MY_CONTACTS]);
        assert_eq!(after.names, person.names);
        assert!(stamp_for(&after, &account, "c1").is_some_and(|s| s.released && s.op == "op-2"));
        assert_eq!(release(&after, &account, "c1", "op-3", Some(MY_CONTACTS)), None, "it is no longer ours to write");
    }

    #[test]
    fn the_last_label_is_replaced_by_my_contacts() {
        let (mut person, account) = ours("contactGroups/crm");
        person.memberships.retain(|m| is_in(m, "contactGroups/crm"));
        let change = release(&person, &account, "c1", "op-2", Some("contactGroups/crm")).unwrap();
        assert_eq!(change.person.labels().collect::<Vec<_>>(), [MY_CONTACTS]);
    }

    #[test]
    fn without_a_label_only_the_stamp_is_written() {
        let (person, account) = ours("contactGroups/crm");
        let change = release(&person, &account, "c1", "op-2", None).unwrap();
        assert_eq!(change.mask, [Field::ClientData].into());
        assert_eq!(release(&person, &account, "another", "op-2", None), None);
    }
}
