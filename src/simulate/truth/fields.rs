//! Whether one Google contact says what its CRM contact asks for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    WrongField,
    text::{Phone, emails, items, phones, texts, tidy},
    wanted::Wanted,
};

/// A wrong value, before it is known whose.
#[derive(Debug)]
pub(super) struct Wrong {
    field: &'static str,
    expected: String,
    found: String,
}

impl Wrong {
    pub(super) fn new(field: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { field, expected: expected.into(), found: found.into() }
    }

    pub(super) fn of(self, contact: &str) -> WrongField {
        WrongField { contact: contact.to_owned(), field: self.field, expected: self.expected, found: self.found }
    }
}

/// One look at one person.
struct Look<'a> {
    wanted: &'a Wanted,
    person: &'a Value,
    /// The user's own state of it, when the contact was adopted.
    before: Option<&'a Value>,
    /// The user edited it since: values may be more, single ones may differ.
    edited: bool,
}

/// Everything wrong with a person. Empty in the CRM asks for nothing and forbids nothing: it never erases.
pub(super) fn check(wanted: &Wanted, person: &Value, before: Option<&Value>, edited: bool) -> Vec<Wrong> {
    let look = Look { wanted, person, before, edited };
    let mut wrong = look.names();
    let more = [look.emails(), look.phones(), look.company(), look.website(), look.address(), look.birthday()];
    wrong.extend(more.into_iter().flatten());
    wrong
}

impl Look<'_> {
    /// Whether the user had something of their own there, which then wins.
    fn had(&self, field: &str) -> bool {
        self.before.is_some_and(|before| items(before, field).next().is_some())
    }

    /// `names` is one field of several parts; a part that the user left blank may be filled or not.
    fn names(&self) -> Vec<Wrong> {
        let parts = [("givenName", &self.wanted.given), ("familyName", &self.wanted.family)];
        let had = self.had("names");
        let check = |(part, expected): (&str, &String)| {
            let raw = self.person["names"][0][part].as_str().unwrap_or_default();
            let own = self.before.map(|before| tidy(before["names"][0][part].as_str().unwrap_or_default()));
            let placeholder = !raw.is_empty() && tidy(raw).is_empty() && own.as_ref().is_none_or(String::is_empty);
            let fine = match own {
                Some(own) if had => tidy(raw) == *expected || tidy(raw) == own,
                _ => expected.is_empty() || tidy(raw) == *expected,
            };
            ((!fine && !self.edited) || placeholder).then(|| Wrong::new("names", expected, raw))
        };
        parts.into_iter().filter_map(check).collect()
    }

    fn emails(&self) -> Option<Wrong> {
        let found = emails(self.person);
        self.set("emailAddresses", &self.wanted.emails, &found, &self.before.map(emails).unwrap_or_default())
    }

    fn phones(&self) -> Option<Wrong> {
        let keys = |phones: &[Phone]| phones.iter().map(|phone| phone.key.clone()).collect::<Vec<_>>();
        let (found, before) = (phones(self.person), self.before.map(phones).unwrap_or_default());
        let before = keys(&before);
        let set = self.set("phoneNumbers", &keys(&self.wanted.phones), &keys(&found), &before);
        set.or_else(|| self.notation(&before))
    }

    /// A number that was not the user's is written in E.164.
    fn notation(&self, before: &[String]) -> Option<Wrong> {
        let written = texts(self.person, "phoneNumbers", "value");
        let ours = self.wanted.phones.iter().filter(|phone| !phone.free && !before.contains(&phone.key));
        let wrong = ours.into_iter().find(|phone| !self.edited && !written.contains(&phone.text))?;
        Some(Wrong::new("phoneNumbers", &wrong.text, written.join(", ")))
    }

    fn company(&self) -> Option<Wrong> {
        self.single("organizations", &self.wanted.company, &texts(self.person, "organizations", "name"))
    }

    fn website(&self) -> Option<Wrong> {
        self.single("urls", &self.wanted.website, &texts(self.person, "urls", "value"))
    }

    /// A list of which everything wanted must be there, and nothing that is neither wanted nor the user's.
    fn set(&self, field: &'static str, wanted: &[String], found: &[String], before: &[String]) -> Option<Wrong> {
        let (wanted, found): (BTreeSet<_>, BTreeSet<_>) = (wanted.iter().collect(), found.iter().collect());
        let lost = wanted.iter().any(|value| !found.contains(value));
        let stale = found.iter().any(|value| !wanted.contains(value) && !before.contains(value));
        let wrong = lost || stale && !wanted.is_empty() && !self.edited;
        wrong.then(|| Wrong::new(field, list(&wanted), list(&found)))
    }

    /// A list in which the CRM has one place, unless the user had filled it.
    fn single(&self, field: &'static str, wanted: &String, found: &[String]) -> Option<Wrong> {
        let fine = wanted.is_empty() || self.edited || self.had(field) || found == std::slice::from_ref(wanted);
        (!fine).then(|| Wrong::new(field, wanted, found.join(", ")))
    }

    fn address(&self) -> Option<Wrong> {
        let wanted = &self.wanted.address;
        if wanted.is_empty() || self.edited || self.had("addresses") {
            return None;
        }
        let fits = |address: &Value| {
            let country = address["countryCode"].as_str().unwrap_or_default();
            // A country may be left out, but not be another.
            (country.is_empty() || self.wanted.country.is_empty() || country.to_uppercase() == self.wanted.country)
                && wanted.iter().all(|(key, value)| address[key].as_str().is_some_and(|found| tidy(found) == *value))
        };
        let found: Vec<_> = items(self.person, "addresses").collect();
        let shown = || found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        (found.len() != 1 || !fits(found[0])).then(|| Wrong::new("addresses", format!("{wanted:?}"), shown()))
    }

    fn birthday(&self) -> Option<Wrong> {
        let (year, month, day) = self.wanted.birthday?;
        let date = &self.person["birthdays"][0]["date"];
        let part = |key: &str| date[key].as_i64().unwrap_or_default();
        let fine =
            self.edited || self.had("birthdays") || (part("year"), part("month"), part("day")) == (year, month, day);
        (!fine).then(|| Wrong::new("birthdays", format!("{year}-{month:02}-{day:02}"), date.to_string()))
    }
}

fn list(values: &BTreeSet<&String>) -> String {
    values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
}
