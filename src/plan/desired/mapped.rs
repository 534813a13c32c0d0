//! What `[sync.map]` adds: custom fields, the owner's name, labels, and the way back to the CRM.

use std::collections::BTreeSet;

use super::{Desired, Entry, Rules, fit::fit};
use crate::{
    config::{
        mapping::{Dnd, LINK_TYPE, Link, Place, Tags},
        template::{Template, Token},
    },
    contact::{Birthday, Contact, clean, phone, text_key},
    plan::canonical::Part,
};

/// Where HighLevel shows a contact, whatever the reseller's own address is.
const HIGHLEVEL: &str = "https://app.gohighlevel.com/v2/location/{account}/contacts/detail/{contact}";

impl Rules<'_> {
    /// What a token of a template stands for.
    pub(super) fn value(&self, token: &Token, contact: &Contact) -> String {
        match token {
            Token::First => clean(&contact.name.given),
            Token::Middle => clean(&contact.name.middle),
            Token::Last => clean(&contact.name.family),
            Token::Company => clean(&contact.company),
            Token::Title => self.title(contact),
            Token::Owner => clean(&contact.owner_name),
            Token::Tags => contact.tags.join(", "),
            Token::City => contact.address.as_ref().map(|a| clean(&a.city)).unwrap_or_default(),
            Token::Created => contact.created.map(|at| at.to_string()[..10].to_owned()).unwrap_or_default(),
            Token::Account => self.account.id.clone(),
            Token::Contact => contact.id.clone(),
            Token::Custom(name) => clean(contact.custom(name)),
        }
    }

    /// The CRM's title, else that of a custom field.
    pub(super) fn title(&self, contact: &Contact) -> String {
        let mapped = self.map.fields.iter().filter(|(_, place)| **place == Place::Title);
        let mut titles = mapped.map(|(field, _)| fit(contact.custom(field))).filter(|title| !title.is_empty());
        Some(fit(&contact.title)).filter(|t| !t.is_empty()).or_else(|| titles.next()).unwrap_or_default()
    }

    /// The way back to the CRM's record.
    pub(super) fn link(&self, contact: &Contact) -> Option<Entry> {
        let fill = |template: &Template| template.render(|token| self.value(token, contact)).text;
        let address = match &self.map.link {
            Link::Off => return None,
            Link::On => HIGHLEVEL.replace("{account}", &self.account.id).replace("{contact}", &contact.id),
            Link::At(template) => fill(template),
        };
        Some(Entry { value: fit(&address), kind: Some(LINK_TYPE.to_owned()) })
    }

    /// The names of the labels that the contact should have beside the sync's own.
    pub(super) fn labels(&self, contact: &Contact) -> Vec<String> {
        let tags = contact.tags.iter().filter_map(|tag| match &self.map.tags {
            Tags::None => None,
            Tags::Labels => Some(clean(tag)).filter(|tag| !tag.is_empty() && tag.chars().count() <= 100),
            Tags::Some(map) => map.iter().find(|(name, _)| text_key(name) == text_key(tag)).map(|(_, l)| l.clone()),
        });
        let dnd = match &self.map.dnd {
            Some(Dnd::Label(label)) if contact.dnd => Some(label.clone()),
            _ => None,
        };
        super::fit::distinct(dnd.into_iter().chain(tags), |label| text_key(label))
    }
}

impl Desired {
    /// Puts the custom fields and the owner's name where the map says.
    pub(super) fn add_mapped(&mut self, contact: &Contact, rules: &Rules<'_>) {
        if let Some(place) = &rules.map.owner {
            self.put(place, &contact.owner_name, rules);
            self.lacks(place, contact.unread.owner);
        }
        for (field, place) in &rules.map.fields {
            self.put(place, contact.custom(field), rules);
            self.lacks(place, contact.unread.custom);
        }
    }

    fn put(&mut self, place: &Place, text: &str, rules: &Rules<'_>) {
        self.slots.extend(slot(place));
        let value = fit(text);
        if value.is_empty() {
            return;
        }
        let entry = |kind: &Option<String>, value: String| Entry { value, kind: kind.clone() };
        match place {
            Place::Nickname => self.nicknames.push(value),
            // Beside the company.
            Place::Title => {}
            Place::Phone(kind) => self.phones.push(entry(kind, phone(&value, rules.region))),
            Place::Email(kind) => self.emails.push(entry(kind, value)),
            Place::Url(kind) => self.urls.push(entry(kind, value)),
            Place::Relation(kind) => self.relations.push(entry(&Some(kind.clone()), value)),
            // What is no date is no event.
            Place::Event(kind) => self.events.extend(Birthday::read(&value).map(|date| (kind.clone(), date))),
            Place::Custom(name) => self.custom.push((name.clone(), value)),
        }
    }

    fn lacks(&mut self, place: &Place, unread: bool) {
        if unread {
            self.uncertain.insert(part(place));
        }
    }
}

fn part(place: &Place) -> Part {
    match place {
        Place::Nickname => Part::Nickname,
        Place::Title => Part::Organization,
        Place::Phone(_) => Part::Phone,
        Place::Email(_) => Part::Email,
        Place::Url(_) => Part::Url,
        Place::Relation(_) => Part::Relation,
        Place::Event(_) => Part::Event,
        Place::Custom(_) => Part::Custom,
    }
}

/// The slot that a place fills; numbers and addresses join the CRM's own list.
fn slot(place: &Place) -> BTreeSet<(Part, String)> {
    let name = match place {
        Place::Nickname => String::new(),
        Place::Relation(name) | Place::Event(name) | Place::Custom(name) => text_key(name),
        Place::Title | Place::Phone(_) | Place::Email(_) | Place::Url(_) => return BTreeSet::new(),
    };
    [(part(place), name)].into()
}
