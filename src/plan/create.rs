//! A new Google contact, complete with label and stamp in the one call: there is no moment in which it is not known as ours.

use super::{
    base::Base,
    canonical::Part,
    desired::Desired,
    stamp::{Origin, Stamp, stamped},
};
use crate::{
    contact::AccountKey,
    google::person::{GroupMembership, Item, MY_CONTACTS, MembershipValue, Person},
};

/// The body of a create for this CRM contact, and the base that its stamp holds.
///
/// `op` is the operation id, `label` a `contactGroups/…`, `more_labels` those of [`Desired::labels`]. A contact outside *My contacts* may not reach a phone, so both
/// are given.
pub fn create(
    desired: &Desired,
    account: &AccountKey,
    contact: &str,
    op: &str,
    label: &str,
    more_labels: &[String],
) -> (Person, Base) {
    let mut base: Base = desired.keys().into_iter().collect();
    let mut person = desired.person();
    person.memberships.push(member_of(MY_CONTACTS));
    if label != MY_CONTACTS {
        person.memberships.push(member_of(label));
    }
    for more in more_labels.iter().filter(|more| *more != label && *more != MY_CONTACTS) {
        person.memberships.push(member_of(more));
        base.add(Part::Label, more);
    }
    let stamp = Stamp {
        account: account.clone(),
        contact: contact.to_owned(),
        origin: Origin::Created,
        op: op.to_owned(),
        released: false,
        base: base.clone(),
    };
    person.client_data = stamped(&person, &stamp);
    (person, base)
}

/// Membership in a label.
pub fn member_of(label: &str) -> Item<MembershipValue> {
    let group = GroupMembership { contact_group_resource_name: label.to_owned() };
    MembershipValue { contact_group_membership: Some(group) }.into()
}
