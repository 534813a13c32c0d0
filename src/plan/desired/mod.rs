//! What a CRM contact looks like in Google: the mapped values, cleaned to what Google accepts. No name, nothing invented.

mod card;
mod fit;
mod mapped;
mod person;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{
    canonical::{Part, keys_of, name_key, organization_key},
    country::country,
};
use crate::{
    config::{
        mapping::{Link, Mapping},
        template::{Template, Token},
    },
    contact::{AccountKey, Address, Birthday, Contact, email_key, phone, phone_key, text_key},
};
use fit::{LISTS_LIMIT, distinct, fit, fit_note, fitting};

/// How a sync's contacts are mapped.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Region of the CRM account (`"CA"`).
    pub region: &'a str,
    /// The sync's map.
    pub map: &'a Mapping,
    /// The CRM account.
    pub account: &'a AccountKey,
}

/// The values that a CRM contact should have in Google. Empty: the CRM says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// First name(s).
    pub given: String,
    /// Middle name(s).
    pub middle: String,
    /// Family name(s).
    pub family: String,
    /// The name is a template's: a part that is empty is so on purpose.
    pub name_is_whole: bool,
    /// Nothing of a template's name is missing from the reading.
    pub name_is_known: bool,
    /// Company and title, one of which may be empty.
    pub organization: Option<(String, String)>,
    /// E-mail addresses, the CRM's primary first, no two the same.
    pub emails: Vec<Entry>,
    /// Phone numbers, likewise.
    pub phones: Vec<Entry>,
    /// Postal address; its country code is empty or a country's.
    pub address: Option<Address>,
    /// Web sites.
    pub urls: Vec<Entry>,
    /// Birthday.
    pub birthday: Option<Birthday>,
    /// Nicknames.
    pub nicknames: Vec<String>,
    /// The note.
    pub note: String,
    /// Nothing of the note is missing from the reading.
    pub note_is_known: bool,
    /// Related people.
    pub relations: Vec<Entry>,
    /// Dates with what they are of.
    pub events: Vec<(String, Birthday)>,
    /// Custom fields.
    pub custom: Vec<(String, String)>,
    /// Names of labels beside the sync's own.
    pub labels: Vec<String>,
    /// ISO 3166-1 alpha-2; reads phone numbers without a `+`, in Google as well.
    pub region: String,
    /// What the map fills, whether or not this contact has it: the type of a relation or date, the name of a custom field.
    pub slots: BTreeSet<(Part, String)>,
    /// Parts of which something could not be read: nothing there is removed.
    pub uncertain: BTreeSet<Part>,
    /// Parts of which something was left out, because the stamp could not remember it all.
    pub left_out: BTreeSet<Part>,
    /// The CRM's id of the contact: what tells the way back to it from other web addresses.
    pub contact: String,
}

/// A text and its type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The text.
    pub value: String,
    /// Its type, where Carnet adds it; one that is there keeps its own.
    pub kind: Option<String>,
}

/// The slot of the web address that leads back to the CRM.
pub const LINK_SLOT: &str = "link";

/// Maps a CRM contact.
pub fn desired(contact: &Contact, rules: &Rules<'_>) -> Desired {
    let card = card::card(contact, rules);
    let (company, title) = (fit(&contact.company), rules.title(contact));
    let bare = |text: &String| Entry { value: fit(text), kind: None };
    // E.164 reads the same in every region, so a later change of the account's region disturbs nothing that we wrote.
    let number = |text: &String| Entry { value: fit(&phone(text, rules.region)), kind: rules.map.phone_type.clone() };
    let mut wanted = Desired {
        given: card.name.given,
        middle: card.name.middle,
        family: card.name.family,
        name_is_whole: card.is_whole,
        name_is_known: card.is_known,
        organization: (!company.is_empty() || !title.is_empty()).then_some((company, title)),
        emails: contact.emails.iter().map(bare).collect(),
        phones: contact.phones.iter().map(number).collect(),
        address: contact.address.as_ref().map(fit_address).filter(|a| *a != Address::default()),
        urls: contact.urls.iter().map(bare).collect(),
        birthday: contact.birthday,
        labels: rules.labels(contact),
        region: rules.region.to_owned(),
        contact: contact.id.clone(),
        ..Desired::default()
    };
    wanted.add_note(contact, rules);
    wanted.add_mapped(contact, rules);
    wanted.urls.extend(rules.link(contact));
    if rules.map.link != Link::Off {
        wanted.slots.insert((Part::Url, LINK_SLOT.to_owned()));
    }
    wanted.drop_repeats();
    wanted.drop_surplus();
    wanted
}

/// Entries of lists that we write for one CRM contact, as far as their bytes fit. The stamp has room for the memory of about 150 values; what it does
/// not remember counts as the user's.
pub const MOST: usize = 120;

impl Desired {
    /// 32 hex digits that are the same exactly when the content is: not of the order of entries, the case of an e-mail, the
    /// format of a phone number or a type.
    pub fn digest(&self) -> String {
        let labels = self.labels.iter().map(|label| (Part::Label, text_key(label)));
        let keys: BTreeSet<(Part, String)> = self.keys().into_iter().chain(labels).collect();
        let mut hash = Sha256::new();
        for (part, key) in keys {
            hash.update([part.letter() as u8]);
            hash.update(key.as_bytes());
            // No canonical form holds a control character but the line end.
            hash.update([0]);
        }
        let mut digest = hex::encode(hash.finalize());
        digest.truncate(32);
        digest
    }

    /// Its canonical values, labels apart.
    pub fn keys(&self) -> Vec<(Part, String)> {
        keys_of(&self.person(), &self.region)
    }

    /// The canonical forms of the name parts, as Google's are compared with them.
    pub fn name_keys(&self) -> [(Part, String); 3] {
        [(Part::Given, &self.given), (Part::Middle, &self.middle), (Part::Family, &self.family)]
            .map(|(part, text)| (part, name_key(text)))
    }

    /// The canonical form of company and title; empty without them.
    pub fn organization_key(&self) -> String {
        self.organization.as_ref().map(|(name, title)| organization_key(name, title)).unwrap_or_default()
    }

    fn add_note(&mut self, contact: &Contact, rules: &Rules<'_>) {
        let Some(template) = &rules.map.note else { return };
        self.slots.insert((Part::Note, String::new()));
        self.note = fit_note(&template.render(|token| rules.value(token, contact)).text);
        let lacks = |token: &Token| match token {
            Token::Owner => contact.unread.owner,
            Token::Custom(_) => contact.unread.custom,
            _ => contact.partial && rules.value(token, contact).is_empty(),
        };
        self.note_is_known = !Template::tokens(template).any(lacks);
    }

    /// The last go first.
    fn drop_surplus(&mut self) {
        fn alone(text: &str) -> [&str; 2] {
            [text, ""]
        }
        fn typed(entry: &Entry) -> [&str; 2] {
            [&entry.value, entry.kind.as_deref().unwrap_or_default()]
        }
        let (mut most, mut bytes) = (MOST, LISTS_LIMIT);
        let mut left_out = BTreeSet::new();
        let mut cut = |part: Part, entries: Vec<[&str; 2]>| {
            let fits = fitting(&entries, &mut most, &mut bytes);
            if fits < entries.len() {
                left_out.insert(part);
            }
            fits
        };
        self.phones.truncate(cut(Part::Phone, self.phones.iter().map(typed).collect()));
        self.emails.truncate(cut(Part::Email, self.emails.iter().map(typed).collect()));
        self.labels.truncate(cut(Part::Label, self.labels.iter().map(|text| alone(text)).collect()));
        // The way back to the CRM stands last among the web addresses, and matters more than the custom fields.
        self.urls.truncate(cut(Part::Url, self.urls.iter().map(typed).collect()));
        self.custom.truncate(cut(Part::Custom, self.custom.iter().map(|(name, text)| [&**name, text]).collect()));
        self.nicknames.truncate(cut(Part::Nickname, self.nicknames.iter().map(|text| alone(text)).collect()));
        self.relations.truncate(cut(Part::Relation, self.relations.iter().map(typed).collect()));
        self.events.truncate(cut(Part::Event, self.events.iter().map(|(kind, _)| [&**kind, ""]).collect()));
        self.left_out = left_out;
    }

    fn drop_repeats(&mut self) {
        let region = self.region.clone();
        self.emails = distinct(std::mem::take(&mut self.emails), |e| email_key(&e.value));
        self.phones = distinct(std::mem::take(&mut self.phones), |p| phone_key(&p.value, &region));
        self.urls = distinct(std::mem::take(&mut self.urls), |u| text_key(&u.value));
        self.nicknames = distinct(std::mem::take(&mut self.nicknames), |n| text_key(n));
        self.relations = distinct(std::mem::take(&mut self.relations), |r| text_key(&r.value));
        self.events = distinct(std::mem::take(&mut self.events), |(_, d)| format!("{}-{}-{}", d.year, d.month, d.day));
        self.custom = distinct(std::mem::take(&mut self.custom), |(key, value)| text_key(&format!("{key}\n{value}")));
    }
}

fn fit_address(a: &Address) -> Address {
    Address {
        street: fit(&a.street),
        city: fit(&a.city),
        region: fit(&a.region),
        postal_code: fit(&a.postal_code),
        country_code: country(&a.country_code).unwrap_or_default(),
    }
}
