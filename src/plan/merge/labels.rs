//! Labels: the sync's own, and those that tags and do-not-contact stand for. One that we gave and the CRM dropped goes, one
//! that the user took off stays off, one of the user's own is never taken.

use std::collections::BTreeSet;

use super::Draft;
use crate::{
    google::person::{Field, Item, MembershipValue},
    plan::{canonical::Part, create::member_of, release::groups},
};

impl Draft<'_> {
    /// `has_own`: the sync's own label is on.
    pub(super) fn labels(&mut self, has_own: bool) {
        let mut memberships = groups(self.input.person);
        if !has_own {
            memberships.push(member_of(self.input.label));
            self.change.note(Field::Memberships, "label added");
        }
        let held: BTreeSet<&str> = self.input.person.labels().collect();
        let mut added = false;
        for label in self.input.more_labels.iter().filter(|l| !held.contains(l.as_str()) && *l != self.input.label) {
            if self.base.has(Part::Label, label) {
                self.keep(Field::Memberships, "a label was taken off in Google");
                continue;
            }
            let member = member_of(label);
            if self.finds_room(Field::Memberships, &member) {
                self.written.add(Part::Label, label);
                memberships.push(member);
                added = true;
            }
        }
        let before = memberships.len();
        memberships.retain(|m| !self.is_dropped(m));
        let removed = memberships.len() < before;
        if added {
            self.change.note(Field::Memberships, "labels of tags added");
        }
        if removed {
            self.change.note(Field::Memberships, "labels that we gave taken off");
        }
        if added || removed || !has_own {
            self.change.person.memberships = memberships;
        }
    }

    /// Ours, unwanted now, and not given by another CRM contact on the same person.
    fn is_dropped(&self, membership: &Item<MembershipValue>) -> bool {
        let Some(group) = &membership.value.contact_group_membership else { return false };
        let label = &group.contact_group_resource_name;
        self.is_ours(Part::Label, label)
            && label != self.input.label
            && !self.input.more_labels.contains(label)
            && !self.is_uncertain(Part::Label)
    }
}
