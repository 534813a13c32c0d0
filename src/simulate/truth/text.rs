//! Reading values out of the two sides' JSON in a form that compares.

use std::collections::HashMap;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde_json::Value;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// NFC, one blank between words, no control characters; the words that CRMs write for "nothing" are nothing.
pub(super) fn tidy(text: &str) -> String {
    let words: String = text.nfc().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.to_lowercase().as_str() {
        "null" | "undefined" | "n/a" | "-" | "." | "none" => String::new(),
        _ => words,
    }
}

/// Without accents and case, for recognising a person.
pub(super) fn folded(text: &str) -> String {
    let letters: String = tidy(text).to_lowercase().nfd().filter(|c| !is_combining_mark(*c)).collect();
    letters.replace('œ', "oe")
}

/// A phone number: what it compares by, and what must be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone {
    /// E.164 with extension if valid, else letters and digits.
    pub(super) key: String,
    /// E.164 if valid and without extension (whose notation is free), else the text; compares after [`tidy`].
    pub(super) text: String,
    /// Whether only the key decides.
    pub(super) free: bool,
}

impl Phone {
    /// `None` for nothing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = tidy(text);
        if text.is_empty() {
            return None;
        }
        let loose: String = text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '+').collect();
        let number = PHONE_NUMBER_UTIL.parse(&text, Region::try_from("CA").ok());
        let Some(number) = number.ok().filter(|number| PHONE_NUMBER_UTIL.is_valid_number(number)) else {
            return Some(Self { key: loose, text, free: false });
        };
        let e164 = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
        match number.extension.filter(|extension| !extension.is_empty()) {
            Some(extension) => Some(Self { key: format!("{e164}x{extension}"), text, free: true }),
            None => Some(Self { key: e164.clone(), text: e164, free: false }),
        }
    }
}

/// The items of a list field of a person.
pub(super) fn items<'a>(person: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    person[field].as_array().into_iter().flatten()
}

/// The texts under `key` of every item, tidy, without empties.
pub(super) fn texts(person: &Value, field: &str, key: &str) -> Vec<String> {
    items(person, field).filter_map(|item| item[key].as_str()).map(tidy).filter(|text| !text.is_empty()).collect()
}

/// E-mail addresses in lower case.
pub(super) fn emails(person: &Value) -> Vec<String> {
    texts(person, "emailAddresses", "value").into_iter().map(|email| email.to_lowercase()).collect()
}

/// Phone numbers.
pub(super) fn phones(person: &Value) -> Vec<Phone> {
    items(person, "phoneNumbers").filter_map(|item| Phone::read(item["value"].as_str()?)).collect()
}

/// Given and family name, folded.
pub(super) fn full_name(person: &Value) -> String {
    let part = |key| person["names"][0][key].as_str().unwrap_or_default();
    folded(&format!("{} {}", part("givenName"), part("familyName")))
}

/// `people/c…`, or "".
pub(super) fn resource(person: &Value) -> &str {
    person["resourceName"].as_str().unwrap_or_default()
}

/// The label's resource name.
pub(super) fn label_resource<'a>(groups: &'a [Value], label: &str) -> Option<&'a str> {
    let named = |group: &&Value| group["name"].as_str().is_some_and(|name| tidy(name) == tidy(label));
    groups.iter().find(named)?["resourceName"].as_str()
}

/// Whether a person carries the label.
pub(super) fn has_label(person: &Value, group: Option<&str>) -> bool {
    let labels = items(person, "memberships").map(|m| m["contactGroupMembership"]["contactGroupResourceName"].as_str());
    group.is_some() && labels.into_iter().any(|label| label == group)
}

/// Its resource name and those it had before: Google renames.
pub(super) fn all_names(person: &Value) -> impl Iterator<Item = &str> {
    let previous = person["metadata"]["previousResourceNames"].as_array();
    let previous = previous.into_iter().flatten().filter_map(Value::as_str);
    [resource(person)].into_iter().chain(previous).filter(|name| !name.is_empty())
}

/// The contacts of the earlier state by name.
pub(super) struct Past<'a>(HashMap<&'a str, &'a Value>);

impl<'a> Past<'a> {
    pub(super) fn of(before: &'a [Value]) -> Self {
        Self(before.iter().map(|person| (resource(person), person)).collect())
    }

    /// What a person was.
    pub(super) fn of_person(&self, person: &Value) -> Option<&'a Value> {
        all_names(person).find_map(|name| self.0.get(name).copied())
    }
}
