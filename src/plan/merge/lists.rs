//! Lists: additive, and they lose only what we added. What is there already stays exactly as it is.

use serde::Serialize;

use super::Draft;
use crate::{
    contact::text_key,
    google::person::{EventValue, Item, RelationValue, TextValue, UserDefinedValue},
    plan::{
        canonical::{
            Keys, Part, address_keys, custom_keys, email_keys, event_keys, is_contacts_own, nickname_keys, phone_keys,
            relation_keys, url_keys,
        },
        change::as_written,
        desired::LINK_SLOT,
    },
};

/// How the entries of a list are told apart.
struct Kind<'a, T: Default> {
    part: Part,
    /// Canonical forms of an entry; the second argument is the phone region.
    keys: fn(&Item<T>, &str) -> Keys,
    /// What the entry is for. A slot that the map names and the CRM leaves empty keeps what is there: empty never erases.
    slot: &'a dyn Fn(&Item<T>) -> String,
}

impl Draft<'_> {
    pub(super) fn lists(&mut self) {
        let (person, wanted) = (self.input.person, self.input.desired.person());
        let contact = self.input.desired.contact.clone();
        // An address without a name for its kind belongs to the CRM's own list.
        let link = |item: &Item<TextValue>| match !contact.is_empty() && item.value.value.contains(&contact) {
            true => LINK_SLOT.to_owned(),
            false => String::new(),
        };
        let (email, phone) = (Kind::own(Part::Email, email_keys), Kind::own(Part::Phone, phone_keys));
        let (nickname, address) = (Kind::own(Part::Nickname, nickname_keys), Kind::own(Part::Address, address_keys));
        let url = Kind { part: Part::Url, keys: url_keys, slot: &link };
        let relation = Kind { part: Part::Relation, keys: relation_keys, slot: &of_relation };
        let event = Kind { part: Part::Event, keys: event_keys, slot: &of_event };
        let custom = Kind { part: Part::Custom, keys: custom_keys, slot: &of_custom };
        if let Some(list) = self.list(&phone, &person.phone_numbers, wanted.phone_numbers) {
            self.change.person.phone_numbers = list;
        }
        if let Some(list) = self.list(&email, &person.email_addresses, wanted.email_addresses) {
            self.change.person.email_addresses = list;
        }
        if let Some(list) = self.list(&address, &person.addresses, wanted.addresses) {
            self.change.person.addresses = list;
        }
        if let Some(list) = self.list(&url, &person.urls, wanted.urls) {
            self.change.person.urls = list;
        }
        if let Some(list) = self.list(&custom, &person.user_defined, wanted.user_defined) {
            self.change.person.user_defined = list;
        }
        if let Some(list) = self.list(&nickname, &person.nicknames, wanted.nicknames) {
            self.change.person.nicknames = list;
        }
        if let Some(list) = self.list(&relation, &person.relations, wanted.relations) {
            self.change.person.relations = list;
        }
        if let Some(list) = self.list(&event, &person.events, wanted.events) {
            self.change.person.events = list;
        }
    }

    /// The new list, or `None` when nothing changes.
    fn list<T: Clone + Default + Serialize>(
        &mut self,
        kind: &Kind<'_, T>,
        current: &[Item<T>],
        wanted: Vec<Item<T>>,
    ) -> Option<Vec<Item<T>>> {
        let (part, region) = (kind.part, &self.input.desired.region);
        let wanted: Vec<(Item<T>, Keys)> = wanted.into_iter().map(|i| (i.clone(), (kind.keys)(&i, region))).collect();
        let is_wanted = |there: &Keys| wanted.iter().any(|(_, want)| there.says(&want.value));
        let filled: Vec<String> = wanted.iter().map(|(item, _)| (kind.slot)(item)).collect();
        let current: Vec<(&Item<T>, Keys)> =
            current.iter().filter(|i| is_contacts_own(i)).map(|i| (i, (kind.keys)(i, region))).collect();
        let may_go = |item: &Item<T>| {
            let slot = (kind.slot)(item);
            // Replaced in the CRM, or no longer mapped.
            (filled.contains(&slot) && !self.is_uncertain(part)) || !self.is_mapped(part, slot)
        };
        let (removed, stays): (Vec<_>, Vec<_>) =
            current.into_iter().partition(|(i, k)| self.is_ours(part, &k.value) && !is_wanted(k) && may_go(i));
        let mut list: Vec<Item<T>> = stays.iter().map(|(i, k)| self.sent_back(part, i, k)).collect();
        let (mut added, mut replaced) = (false, false);
        for (item, want) in &wanted {
            let is_there = stays.iter().any(|(_, there)| there.says(&want.value));
            if is_there || want.value.is_empty() {
                continue;
            }
            if self.base.has(part, &want.value) {
                self.keep(part.field(), "removed or edited in Google");
                continue;
            }
            let slot = (kind.slot)(item);
            // A custom field has one value: a second one of the same name would only confuse.
            let same = if part == Part::Custom {
                list[..stays.len()].iter().position(|i| (kind.slot)(i) == slot)
            } else {
                None
            };
            if let Some(at) = same {
                if self.may_replace(part) {
                    self.written.add(part, &want.value);
                    list[at] = item.clone();
                    replaced = true;
                }
                continue;
            }
            if !self.finds_room(part.field(), item) {
                continue;
            }
            self.written.add(part, &want.value);
            list.push(item.clone());
            added = true;
        }
        (self.note(part, added, !removed.is_empty()) || replaced).then_some(list)
    }

    /// Whether the map, as it is now, can fill this slot.
    pub(super) fn is_mapped(&self, part: Part, slot: String) -> bool {
        let by_itself = match part {
            Part::Email | Part::Phone | Part::Address => true,
            Part::Url => slot != LINK_SLOT,
            _ => false,
        };
        by_itself || self.input.desired.slots.contains(&(part, slot))
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

impl<T: Default> Kind<'_, T> {
    /// A list in which all entries are for the same thing.
    fn own(part: Part, keys: fn(&Item<T>, &str) -> Keys) -> Self {
        Self { part, keys, slot: &|_| String::new() }
    }
}

fn of_relation(item: &Item<RelationValue>) -> String {
    text_key(item.value.kind.as_deref().unwrap_or_default())
}

fn of_event(item: &Item<EventValue>) -> String {
    text_key(item.value.kind.as_deref().unwrap_or_default())
}

fn of_custom(item: &Item<UserDefinedValue>) -> String {
    text_key(&item.value.key)
}
