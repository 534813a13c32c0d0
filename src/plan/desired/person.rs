//! The desired values as a Google person.

use super::{Desired, Entry};
use crate::{
    contact::{Address, Birthday},
    google::person::{
        AddressValue, BirthdayValue, DateValue, EventValue, Item, NameValue, NoteValue, OrganizationValue, Person,
        RelationValue, TextValue, UserDefinedValue,
    },
};

impl Desired {
    /// A person with these values and nothing else: no label, no stamp.
    pub fn person(&self) -> Person {
        let name = NameValue {
            given_name: self.given.clone(),
            middle_name: self.middle.clone(),
            family_name: self.family.clone(),
        };
        Person {
            names: if name == NameValue::default() { Vec::new() } else { vec![name.into()] },
            email_addresses: self.emails.iter().map(text).collect(),
            phone_numbers: self.phones.iter().map(text).collect(),
            addresses: self.address.iter().map(address).collect(),
            organizations: self.organization.iter().map(organization).collect(),
            birthdays: self.birthday.iter().map(|day| BirthdayValue { date: Some(date(*day)) }.into()).collect(),
            urls: self.urls.iter().map(text).collect(),
            nicknames: self.nicknames.iter().map(|n| TextValue { value: n.clone(), kind: None }.into()).collect(),
            biographies: Some(&self.note).filter(|note| !note.is_empty()).map(|n| note(n)).into_iter().collect(),
            relations: self.relations.iter().map(relation).collect(),
            events: self.events.iter().map(event).collect(),
            user_defined: self.custom.iter().map(custom).collect(),
            ..Person::default()
        }
    }
}

fn text(entry: &Entry) -> Item<TextValue> {
    TextValue { value: entry.value.clone(), kind: entry.kind.clone() }.into()
}

fn address(a: &Address) -> Item<AddressValue> {
    let Address { street, city, region, postal_code, country_code } = a.clone();
    AddressValue { street_address: street, city, region, postal_code, country_code, kind: None }.into()
}

fn organization((name, title): &(String, String)) -> Item<OrganizationValue> {
    OrganizationValue { name: name.clone(), title: title.clone(), kind: None }.into()
}

fn date(day: Birthday) -> DateValue {
    DateValue { year: day.year, month: day.month, day: day.day }
}

fn note(text: &str) -> Item<NoteValue> {
    NoteValue { value: text.to_owned(), content_type: Some("TEXT_PLAIN".to_owned()) }.into()
}

fn relation(entry: &Entry) -> Item<RelationValue> {
    RelationValue { person: entry.value.clone(), kind: entry.kind.clone() }.into()
}

fn event((kind, day): &(String, Birthday)) -> Item<EventValue> {
    EventValue { date: Some(date(*day)), kind: Some(kind.clone()) }.into()
}

fn custom((key, value): &(String, String)) -> Item<UserDefinedValue> {
    UserDefinedValue { key: key.clone(), value: value.clone() }.into()
}
