//! Company and title: a list in Google, one entry in a CRM. A changed company replaces the entry that we wrote, in its place,
//! so that what the user added to it (a department, a type) stays.

use super::Draft;
use crate::{
    contact::text_key,
    google::person::{Field, Item, OrganizationValue},
    plan::{
        canonical::{Part, is_contacts_own, organization_key},
        change::as_written,
    },
};

type Organization = Item<OrganizationValue>;

impl Draft<'_> {
    pub(super) fn organizations(&mut self) {
        let Some((name, title)) = &self.input.desired.organization else { return };
        let current = self.input.person.organizations.iter().filter(|i| is_contacts_own(i));
        let mut list: Vec<Organization> = current.map(as_written).collect();
        let is_superseded = |i: &Organization| self.wrote(i) && !covers(i, name, title);
        let superseded = list.iter().position(is_superseded);
        if !list.iter().any(|i| covers(i, name, title)) {
            if self.base.has(Part::Organization, &organization_key(name, title)) {
                self.keep(Field::Organizations, "removed or edited in Google");
            } else {
                self.put(&mut list, superseded, name, title);
            }
        }
        self.drop_superseded(&mut list, name, title);
        if !self.change.mask.contains(&Field::Organizations) {
            return;
        }
        self.change.person.organizations = list;
    }

    /// Writes company and title over the entry that they supersede, or as a new one.
    fn put(&mut self, list: &mut Vec<Organization>, superseded: Option<usize>, name: &str, title: &str) {
        let action = if superseded.is_some() { "replaced what we had written" } else { "added" };
        let mut entry = superseded.map_or_else(Item::default, |at| list[at].clone());
        // A part that is empty in the CRM does not erase the one that is there.
        for (there, want) in [(&mut entry.value.name, name), (&mut entry.value.title, title)] {
            if !want.is_empty() {
                want.clone_into(there);
            }
        }
        // Both what the CRM said and what it became: either way this entry is the answer.
        self.written.add(Part::Organization, &organization_key(name, title));
        self.written.add(Part::Organization, &organization_key(&entry.value.name, &entry.value.title));
        match superseded {
            Some(at) => list[at] = entry,
            None => list.push(entry),
        }
        self.change.note(Field::Organizations, action);
    }

    /// Takes out further entries of ours that the CRM no longer has.
    fn drop_superseded(&mut self, list: &mut Vec<Organization>, name: &str, title: &str) {
        let before = list.len();
        if !self.input.partial {
            list.retain(|i| !self.wrote(i) || covers(i, name, title));
        }
        if list.len() < before {
            self.change.note(Field::Organizations, "removed what we had added");
        }
    }

    fn wrote(&self, item: &Organization) -> bool {
        self.is_ours(Part::Organization, &organization_key(&item.value.name, &item.value.title))
    }
}

/// Whether an entry says what the CRM says; what the CRM leaves empty may be anything.
fn covers(item: &Organization, name: &str, title: &str) -> bool {
    let says = |there: &str, want: &str| want.is_empty() || text_key(there) == text_key(want);
    says(&item.value.name, name) && says(&item.value.title, title)
}
