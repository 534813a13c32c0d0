//! Letting go of a contact: the label may go, the values stay, and the stamp says that we no longer write here.

use super::{
    canonical::Part,
    change::{Change, as_written},
    create::member_of,
    stamp::{Stamp, is_given_by_others, stamp_for, stamped},
};
use crate::{
    contact::AccountKey,
    google::person::{Field, Item, MY_CONTACTS, MembershipValue, Person},
};

/// Releases this CRM contact's hold on a person, and takes off `label` if given, with what we gave for its tags. While other
/// syncs hold it too, no more than `label` goes; the stamp is written even then, so that it shows whose doing that was.
///
/// `None` when nothing is to be written, or we hold nothing there: a person without an unreleased stamp is never written,
/// not even for its label.
pub fn release(
    person: &Person,
    account: &AccountKey,
    contact: &str,
    op: &str,
    label: Option<&str>,
    held_by_others: bool,
) -> Option<Change> {
    let held = stamp_for(person, account, contact).filter(|s| !s.released)?;
    let is_ours =
        |l: &str| !held_by_others && held.base.has(Part::Label, l) && !is_given_by_others(person, account, contact, l);
    let goes = |l: &str| label.is_some_and(|own| l == own || is_ours(l));
    let takes_off = person.labels().any(goes);
    if held_by_others && !takes_off {
        return None;
    }
    let mut stamp = Stamp { released: !held_by_others, op: op.to_owned(), ..held.clone() };
    // A label that we take off is not one that the user took off: it may come back.
    person.labels().filter(|l| goes(l)).for_each(|l| stamp.base.forget(Part::Label, l));
    let mut change = Change::of(person);
    change.person.client_data = stamped(person, &stamp);
    change.note(Field::ClientData, if held_by_others { "stamped" } else { "released" });
    if takes_off {
        let mut left: Vec<_> = groups(person).into_iter().filter(|m| !is_in(m, goes)).collect();
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

fn is_in(membership: &Item<MembershipValue>, goes: impl Fn(&str) -> bool) -> bool {
    membership.value.contact_group_membership.as_ref().is_some_and(|g| goes(&g.contact_group_resource_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{create::create, desired::Desired};

    fn ours(label: &str) -> (Person, AccountKey) {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let wanted = Desired { given: "Anne".into(), ..Desired::default() };
        (create(&wanted, &account, "c1", "op-1", label, &[]).0, account)
    }

    #[test]
    fn a_released_contact_keeps_its_values_and_loses_label_and_hold() {
        let (person, account) = ours("contactGroups/crm");
        let change = release(&person, &account, "c1", "op-2", Some("contactGroups/crm"), false).unwrap();
        let after = change.applied_to(&person);
        assert_eq!(after.labels().collect::<Vec<_>>(), [MY_CONTACTS]);
        assert_eq!(after.names, person.names);
        assert!(stamp_for(&after, &account, "c1").is_some_and(|s| s.released && s.op == "op-2"));
        assert_eq!(
            release(&after, &account, "c1", "op-3", Some(MY_CONTACTS), false),
            None,
            "it is no longer ours to write"
        );
    }

    #[test]
    fn labels_of_tags_go_too_and_may_come_back() {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let wanted = Desired { given: "Anne".into(), ..Desired::default() };
        let vip = "contactGroups/vip".to_owned();
        let person = create(&wanted, &account, "c1", "op-1", "contactGroups/crm", std::slice::from_ref(&vip)).0;
        let without =
            |person: &Person, others| release(person, &account, "c1", "op-2", Some("contactGroups/crm"), others);
        let alone = without(&person, false).unwrap().applied_to(&person);
        assert_eq!(alone.labels().collect::<Vec<_>>(), [MY_CONTACTS]);
        assert!(stamp_for(&alone, &account, "c1").is_some_and(|s| !s.base.has(Part::Label, &vip)));
        // Another sync still has the contact.
        let shared = without(&person, true).unwrap().applied_to(&person);
        assert_eq!(shared.labels().collect::<Vec<_>>(), [MY_CONTACTS, &vip]);
        assert!(stamp_for(&shared, &account, "c1").is_some_and(|s| !s.released && s.op == "op-2"));
        assert_eq!(without(&shared, true), None, "nothing is left to be taken off");
    }

    #[test]
    fn the_last_label_is_replaced_by_my_contacts() {
        let (mut person, account) = ours("contactGroups/crm");
        person.memberships.retain(|m| is_in(m, |l| l == "contactGroups/crm"));
        let change = release(&person, &account, "c1", "op-2", Some("contactGroups/crm"), false).unwrap();
        assert_eq!(change.person.labels().collect::<Vec<_>>(), [MY_CONTACTS]);
    }

    #[test]
    fn without_a_label_only_the_stamp_is_written() {
        let (person, account) = ours("contactGroups/crm");
        let change = release(&person, &account, "c1", "op-2", None, false).unwrap();
        assert_eq!(change.mask, [Field::ClientData].into());
        assert_eq!(release(&person, &account, "c1", "op-2", None, true), None);
        assert_eq!(release(&person, &account, "another", "op-2", None, false), None);
    }
}
