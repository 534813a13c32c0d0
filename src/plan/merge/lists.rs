//! Lists: additive, and they lose only what we added. What is there already stays exactly as it is.

use super::Draft;
use crate::{
    google::person::Item,
    plan::{
        canonical::{Keys, Part, address_keys, email_keys, is_contacts_own, phone_keys, url_keys},
        change::as_written,
    },
};

/// Canonical forms of an entry; the second argument is the phone region.
type KeysOf<T> = fn(&Item<T>, &str) -> Keys;

impl Draft<'_> {
    pub(super) fn lists(&mut self) {
        let person = self.input.person;
        let wanted = self.input.desired.person();
        if let Some(list) = self.list(Part::Email, &person.email_addresses, wanted.email_addresses, email_keys) {
            self.change.person.email_addresses = list;
        }
        if let Some(list) = self.list(Part::Phone, &person.phone_numbers, wanted.phone_numbers, phone_keys) {
            self.change.person.phone_numbers = list;
        }
        if let Some(list) = self.list(Part::Address, &person.addresses, wanted.addresses, address_keys) {
            self.change.person.addresses = list;
        }
        if let Some(list) = self.list(Part::Url, &person.urls, wanted.urls, url_keys) {
            self.change.person.urls = list;
        }
    }

    /// The new list, or `None` when nothing changes.
    fn list<T: Clone + Default>(
        &mut self,
        part: Part,
        current: &[Item<T>],
        wanted: Vec<Item<T>>,
        keys: KeysOf<T>,
    ) -> Option<Vec<Item<T>>> {
        let region = &self.input.desired.region;
        let wanted: Vec<(Item<T>, Keys)> = wanted.into_iter().map(|i| (i.clone(), keys(&i, region))).collect();
        let is_wanted = |there: &Keys| wanted.iter().any(|(_, want)| there.says(&want.value));
        let current: Vec<(&Item<T>, Keys)> =
            current.iter().filter(|i| is_contacts_own(i)).map(|i| (i, keys(i, region))).collect();
        // Empty in the CRM never erases.
        let may_remove = !self.input.partial && !wanted.is_empty();
        let (removed, stays): (Vec<_>, Vec<_>) =
            current.into_iter().partition(|(_, k)| may_remove && self.is_ours(part, &k.value) && !is_wanted(k));
        let mut list: Vec<Item<T>> = stays.iter().map(|(i, k)| self.sent_back(part, i, k)).collect();
        let mut added = false;
        for (item, want) in &wanted {
            let is_there = stays.iter().any(|(_, there)| there.says(&want.value));
            if is_there || want.value.is_empty() {
                continue;
            }
            if self.base.has(part, &want.value) {
                self.keep(part.field(), "removed or edited in Google");
                continue;
            }
            self.written.add(part, &want.value);
            list.push(item.clone());
            added = true;
        }
        self.note(part, added, !removed.is_empty()).then_some(list)
    }

    fn sent_back<T: Clone + Default>(&self, part: Part, item: &Item<T>, keys: &Keys) -> Item<T> {
        let mut item = as_written(item);
        if self.base.has(part, &keys.value) {
            // Of our own addresses Google builds the text; a stale one would be shown instead of the parts.
            item.rest.remove("formattedValue");
        }
        item
    }

    fn note(&mut self, part: Part, added: bool, removed: bool) -> bool {
        if added {
            self.change.note(part.field(), "added");
        }
        if removed {
            self.change.note(part.field(), "removed what we had added");
        }
        added || removed
    }
}
