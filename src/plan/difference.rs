//! What a write changes in a Google contact, field by field, as a person reads it: for previews. The stamp is never shown as it
//! is, only whether the contact is linked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    canonical::is_contacts_own,
    stamp::{Stamp, stamp_for},
};
use crate::{
    contact::AccountKey,
    google::person::{AddressValue, DateValue, Item, NameValue, OrganizationValue, Person, TextValue},
};

/// One field that changes. Of a list, only what goes and what comes is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which, in words.
    pub field: String,
    /// What goes.
    pub before: Vec<String>,
    /// What comes.
    pub after: Vec<String>,
}

/// Whose stamp is looked for, and what labels are called.
pub struct Reader<'a> {
    /// The CRM account.
    pub account: &'a AccountKey,
    /// The CRM contact.
    pub contact: &'a str,
    /// The name of a label, by its resource name.
    pub label: &'a dyn Fn(&str) -> String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goes = self.before.iter().map(|value| format!("- {value}"));
        let comes = self.after.iter().map(|value| format!("+ {value}"));
        write!(f, "{}: {}", self.field, goes.chain(comes).collect::<Vec<_>>().join("  "))
    }
}

type Shown = Vec<(String, Vec<String>)>;

impl Reader<'_> {
    /// What differs between the two, in the order in which a contact is read.
    pub fn differences(&self, before: &Person, after: &Person) -> Vec<Difference> {
        let (before, after) = (self.shown(before), self.shown(after));
        let fresh = after.iter().filter(|(field, _)| before.iter().all(|(known, _)| known != field));
        let fields: Vec<&String> = before.iter().chain(fresh).map(|(field, _)| field).collect();
        let of = |shown: &Shown, field: &String| -> Vec<String> {
            shown.iter().find(|(known, _)| known == field).map(|(_, values)| values.clone()).unwrap_or_default()
        };
        let differences = fields.into_iter().map(|field| {
            let (had, has) = (of(&before, field), of(&after, field));
            Difference { field: field.clone(), before: without(&had, &has), after: without(&has, &had) }
        });
        differences.filter(|difference| !difference.before.is_empty() || !difference.after.is_empty()).collect()
    }

    /// Fields with their values, in a fixed order; custom fields under their own names at the end.
    fn shown(&self, person: &Person) -> Shown {
        let name = |part: fn(&NameValue) -> &String| own(&person.names).map(|item| part(&item.value).clone()).collect();
        let part = |part: fn(&OrganizationValue) -> &String| {
            own(&person.organizations).map(|item| part(&item.value).clone()).collect()
        };
        let fields: [(&str, Vec<String>); 14] = [
            ("given name", name(|n| &n.given_name)),
            ("middle name", name(|n| &n.middle_name)),
            ("family name", name(|n| &n.family_name)),
            ("nickname", own(&person.nicknames).map(|item| typed(&item.value)).collect()),
            ("company", part(|o| &o.name)),
            ("title", part(|o| &o.title)),
            ("phone", own(&person.phone_numbers).map(|item| typed(&item.value)).collect()),
            ("e-mail", own(&person.email_addresses).map(|item| typed(&item.value)).collect()),
            ("address", own(&person.addresses).map(|item| address(&item.value)).collect()),
            ("birthday", own(&person.birthdays).filter_map(|item| item.value.date).map(date).collect()),
            ("web site", own(&person.urls).map(|item| typed(&item.value)).collect()),
            ("note", own(&person.biographies).map(|item| item.value.value.clone()).collect()),
            ("label", person.labels().map(self.label).collect()),
            ("CRM", stamp_for(person, self.account, self.contact).map(|stamp| link(&stamp)).into_iter().collect()),
        ];
        let mut shown: Shown = fields.into_iter().map(|(field, values)| (field.to_owned(), values)).collect();
        let relations = own(&person.relations).map(|item| (item.value.kind.as_deref(), item.value.person.clone()));
        let events = own(&person.events);
        let events = events.filter_map(|item| Some((item.value.kind.as_deref(), date(item.value.date?))));
        let custom = own(&person.user_defined).map(|item| (Some(item.value.key.as_str()), item.value.value.clone()));
        for (field, value) in relations.chain(events).chain(custom) {
            let field = field.unwrap_or("other");
            match shown.iter_mut().find(|(known, _)| known == field) {
                Some((_, values)) => values.push(value),
                None => shown.push((field.to_owned(), vec![value])),
            }
        }
        shown.iter_mut().for_each(|(_, values)| values.retain(|value| !value.is_empty()));
        shown
    }
}

/// The first list without what the second has too; what stands there twice counts twice.
fn without(values: &[String], others: &[String]) -> Vec<String> {
    let mut others: Vec<&String> = others.iter().collect();
    let mut left = Vec::new();
    for value in values {
        match others.iter().position(|other| *other == value) {
            Some(at) => drop(others.swap_remove(at)),
            None => left.push(value.clone()),
        }
    }
    // Google answers lists in any order.
    left.sort();
    left
}

fn own<T: Default>(items: &[Item<T>]) -> impl Iterator<Item = &Item<T>> {
    items.iter().filter(|item| is_contacts_own(item))
}

fn link(stamp: &Stamp) -> String {
    if stamp.released { "released".to_owned() } else { "linked".to_owned() }
}

fn typed(text: &TextValue) -> String {
    match &text.kind {
        Some(kind) if !text.value.is_empty() => format!("{} ({kind})", text.value),
        _ => text.value.clone(),
    }
}

fn address(address: &AddressValue) -> String {
    let AddressValue { street_address, city, region, postal_code, country_code, .. } = address;
    let parts = [street_address, city, region, postal_code, country_code].map(|part| part.replace('\n', ", "));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// `1980-02-29`; `--02-29` without a year.
fn date(date: DateValue) -> String {
    match date.year {
        0 => format!("--{:02}-{:02}", date.month, date.day),
        year => format!("{year:04}-{:02}-{:02}", date.month, date.day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        google::person::{BirthdayValue, UserDefinedValue},
        plan::{
            base::Base,
            create::member_of,
            stamp::{Origin, stamped},
        },
    };

    fn text(value: &str, kind: Option<&str>) -> Item<TextValue> {
        TextValue { value: value.into(), kind: kind.map(str::to_owned) }.into()
    }

    fn linked(person: Person, released: bool) -> Person {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let (origin, op) = (Origin::Created, "op".to_owned());
        let stamp = Stamp { account, contact: "c1".into(), origin, op, released, base: Base::default() };
        Person { client_data: stamped(&person, &stamp), ..person }
    }

    fn told(before: &Person, after: &Person) -> Vec<String> {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let label = |resource: &str| resource.replace("contactGroups/", "label ");
        let reader = Reader { account: &account, contact: "c1", label: &label };
        let differences = reader.differences(before, after);
        differences.iter().map(|d| format!("{}: {} > {}", d.field, d.before.join(", "), d.after.join(", "))).collect()
    }

    #[test]
    fn values_that_change_are_named_and_no_others() {
        let name = NameValue { given_name: "Anne".into(), family_name: "Roy".into(), ..NameValue::default() };
        let before = Person {
            names: vec![name.clone().into()],
            phone_numbers: vec![text("514-555-0101", None), text("514-555-0102", Some("mobile"))],
            organizations: vec![OrganizationValue { name: "Nord".into(), ..OrganizationValue::default() }.into()],
            ..Person::default()
        };
        let after = Person {
            names: vec![NameValue { family_name: "Roy-Gagnon".into(), ..name }.into()],
            phone_numbers: vec![text("514-555-0101", None), text("+15145550199", Some("work"))],
            birthdays: vec![BirthdayValue { date: Some(DateValue { year: 0, month: 2, day: 9 }) }.into()],
            user_defined: vec![UserDefinedValue { key: "Type".into(), value: "Acheteur".into() }.into()],
            memberships: vec![member_of("contactGroups/1")],
            ..before.clone()
        };
        let expected = [
            "family name: Roy > Roy-Gagnon",
            "phone: 514-555-0102 (mobile) > +15145550199 (work)",
            "birthday:  > --02-09",
            "label:  > label 1",
            "Type:  > Acheteur",
        ];
        assert_eq!(told(&before, &after), expected);
        assert_eq!(told(&after, &after), Vec::<String>::new());
    }

    #[test]
    fn a_stamp_is_told_in_a_word() {
        let person = Person { urls: vec![text("https://exemple.ca", None)], ..Person::default() };
        let held = linked(person.clone(), false);
        assert_eq!(told(&person, &held), ["CRM:  > linked"]);
        assert_eq!(told(&held, &linked(person.clone(), true)), ["CRM: linked > released"]);
        assert_eq!(told(&held, &Person::default()), ["web site: https://exemple.ca > ", "CRM: linked > "]);
    }

    #[test]
    fn what_stands_there_twice_and_goes_once_is_told() {
        let twice = Person { phone_numbers: vec![text("1", None), text("1", None)], ..Person::default() };
        let once = Person { phone_numbers: vec![text("1", None)], ..Person::default() };
        assert_eq!(told(&twice, &once), ["phone: 1 > "]);
    }
}
