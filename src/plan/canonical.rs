//! The form in which values are compared, the same for both sides. Two values with one canonical form are one value, so
//! another case of an e-mail or another format of a phone number makes no write.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::country::country;
use crate::{
    contact::{email_key, phone_key, text_key},
    google::person::{
        AddressValue, BirthdayValue, EventValue, Field, Item, NoteValue, Person, RelationValue, TextValue,
        UserDefinedValue,
    },
};

/// What is compared and remembered on its own: a name part, or the entries of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the value of that name")]
pub enum Part {
    Given,
    Middle,
    Family,
    Phone,
    Email,
    Organization,
    Birthday,
    Address,
    Url,
    Nickname,
    Note,
    Relation,
    Event,
    Custom,
    Label,
}

impl Part {
    /// All, the one whose memory matters most first: a full stamp forgets from the end.
    pub const BY_IMPORTANCE: [Self; 15] = [
        Self::Given,
        Self::Middle,
        Self::Family,
        Self::Phone,
        Self::Email,
        Self::Label,
        Self::Note,
        Self::Organization,
        Self::Birthday,
        Self::Custom,
        Self::Nickname,
        Self::Relation,
        Self::Event,
        Self::Address,
        Self::Url,
    ];

    /// Of which a contact has one.
    pub const SINGLE: [Self; 6] =
        [Self::Given, Self::Middle, Self::Family, Self::Organization, Self::Birthday, Self::Note];

    /// Its letter in a hash; part of the stamp's format, so never reused for another part.
    pub fn letter(self) -> char {
        match self {
            Self::Given => 'g',
            Self::Middle => 'm',
            Self::Family => 'f',
            Self::Phone => 'p',
            Self::Email => 'e',
            Self::Organization => 'o',
            Self::Birthday => 'b',
            Self::Address => 'a',
            Self::Url => 'u',
            Self::Nickname => 'k',
            Self::Note => 'n',
            Self::Relation => 'r',
            Self::Event => 'v',
            Self::Custom => 'c',
            Self::Label => 'l',
        }
    }

    /// The field of a Google person that holds it.
    pub fn field(self) -> Field {
        match self {
            Self::Given | Self::Middle | Self::Family => Field::Names,
            Self::Phone => Field::PhoneNumbers,
            Self::Email => Field::EmailAddresses,
            Self::Organization => Field::Organizations,
            Self::Birthday => Field::Birthdays,
            Self::Address => Field::Addresses,
            Self::Url => Field::Urls,
            Self::Nickname => Field::Nicknames,
            Self::Note => Field::Biographies,
            Self::Relation => Field::Relations,
            Self::Event => Field::Events,
            Self::Custom => Field::UserDefined,
            Self::Label => Field::Memberships,
        }
    }
}

/// The canonical forms of one entry. An empty one equals nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Of the value as it stands there: what decides whether it is still the one that we wrote.
    pub value: String,
    /// Of what Google made of it (a phone's `canonicalForm`), for recognising a number typed in another country's format.
    pub google: Option<String>,
}

impl Keys {
    fn only(value: String) -> Self {
        Self { value, google: None }
    }

    /// Whether the entry says the same as this canonical value.
    pub fn says(&self, key: &str) -> bool {
        !key.is_empty() && (self.value == key || self.google.as_deref() == Some(key))
    }
}

/// Whether an entry belongs to the contact itself. What Google shows from a profile or a directory is never compared with
/// ours and never written back: Google would store it as a second value.
pub fn is_contacts_own<T: Default>(item: &Item<T>) -> bool {
    let source = item.metadata.as_ref().and_then(|m| m.source.as_ref());
    source.is_none_or(|s| s.kind.is_empty() || s.kind == "CONTACT")
}

/// A name part: exact, because a change of capitals in a name is a change that people see.
pub fn name_key(text: &str) -> String {
    text.nfc().collect::<String>().trim().to_owned()
}

/// Of an e-mail entry.
pub fn email_keys(item: &Item<TextValue>, _region: &str) -> Keys {
    Keys::only(email_key(&item.value.value))
}

/// Of a phone entry; `region` reads numbers without a `+`.
pub fn phone_keys(item: &Item<TextValue>, region: &str) -> Keys {
    let google = item.rest.get("canonicalForm").and_then(Value::as_str);
    Keys { value: phone_key(&item.value.value, region), google: google.map(|form| phone_key(form, region)) }
}

/// Of a web site.
pub fn url_keys(item: &Item<TextValue>, _region: &str) -> Keys {
    Keys::only(text_key(&item.value.value))
}

/// Of a nickname.
pub fn nickname_keys(item: &Item<TextValue>, _region: &str) -> Keys {
    Keys::only(text_key(&item.value.value))
}

/// Of a note: the text, however it is broken into lines.
pub fn note_key(item: &Item<NoteValue>) -> String {
    text_key(&item.value.value)
}

/// Of a related person: who, not as what.
pub fn relation_keys(item: &Item<RelationValue>, _region: &str) -> Keys {
    Keys::only(text_key(&item.value.person))
}

/// Of a date: when, not what for.
pub fn event_keys(item: &Item<EventValue>, _region: &str) -> Keys {
    let date = item.value.date.map(|date| format!("{}-{}-{}", date.year, date.month, date.day));
    Keys::only(date.unwrap_or_default())
}

/// Of a custom field: name and value; without a value it is nothing.
pub fn custom_keys(item: &Item<UserDefinedValue>, _region: &str) -> Keys {
    let UserDefinedValue { key, value } = &item.value;
    Keys::only(if text_key(value).is_empty() { String::new() } else { joined([text_key(key), text_key(value)]) })
}

/// Of a postal address, with the parts that only Google has: a user who adds a flat number has edited the address.
pub fn address_keys(item: &Item<AddressValue>, _region: &str) -> Keys {
    let AddressValue { street_address, city, region, postal_code, country_code, .. } = &item.value;
    // Google adds the country's name to a code, in the reader's language: only the code is compared.
    let country = country(country_code).unwrap_or_default();
    let parts = [street_address, city, region, postal_code].map(|part| text_key(part));
    let extra = ["poBox", "extendedAddress"].map(|part| text_key(text_in(&item.rest, part)));
    Keys::only(joined(parts.into_iter().chain([country]).chain(extra)))
}

/// Of a company and title.
pub fn organization_key(name: &str, title: &str) -> String {
    joined([text_key(name), text_key(title)])
}

/// Of a birthday. One that Google holds only as text is a value too, and never ours.
pub fn birthday_key(item: &Item<BirthdayValue>) -> String {
    match item.value.date {
        Some(date) => format!("{}-{}-{}", date.year, date.month, date.day),
        None => text_key(text_in(&item.rest, "text")),
    }
}

/// Everything a person holds in the fields that we write, labels apart, as `(part, canonical value)`.
pub fn keys_of(person: &Person, region: &str) -> Vec<(Part, String)> {
    let mut keys = Vec::new();
    for name in person.names.iter().filter(|i| is_contacts_own(i)) {
        keys.push((Part::Given, name_key(&name.value.given_name)));
        keys.push((Part::Middle, name_key(&name.value.middle_name)));
        keys.push((Part::Family, name_key(&name.value.family_name)));
    }
    let mut of = |part, found: Vec<String>| keys.extend(found.into_iter().map(|key| (part, key)));
    of(Part::Phone, values(&person.phone_numbers, |i| phone_keys(i, region).value));
    of(Part::Email, values(&person.email_addresses, |i| email_keys(i, region).value));
    of(Part::Organization, values(&person.organizations, |i| organization_key(&i.value.name, &i.value.title)));
    of(Part::Birthday, values(&person.birthdays, birthday_key));
    of(Part::Address, values(&person.addresses, |i| address_keys(i, region).value));
    of(Part::Url, values(&person.urls, |i| url_keys(i, region).value));
    of(Part::Nickname, values(&person.nicknames, |i| nickname_keys(i, region).value));
    of(Part::Note, values(&person.biographies, note_key));
    of(Part::Relation, values(&person.relations, |i| relation_keys(i, region).value));
    of(Part::Event, values(&person.events, |i| event_keys(i, region).value));
    of(Part::Custom, values(&person.user_defined, |i| custom_keys(i, region).value));
    keys.retain(|(_, key)| !key.is_empty());
    keys
}

fn values<T: Default>(items: &[Item<T>], key: impl Fn(&Item<T>) -> String) -> Vec<String> {
    items.iter().filter(|i| is_contacts_own(i)).map(key).collect()
}

fn text_in<'a>(rest: &'a Map<String, Value>, key: &str) -> &'a str {
    rest.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Joined by line ends; empty when every part is empty.
fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    if parts.iter().all(String::is_empty) { String::new() } else { parts.join("\n") }
}
