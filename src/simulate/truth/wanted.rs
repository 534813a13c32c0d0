//! What one CRM contact must look like in Google.

use serde_json::Value;

use super::text::{Phone, folded, tidy};

/// The values of a CRM contact under Google's names; "" and empty lists ask for nothing.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) given: String,
    pub(super) family: String,
    pub(super) company: String,
    /// Lower case.
    pub(super) emails: Vec<String>,
    pub(super) phones: Vec<Phone>,
    /// Google's key and the value; empty unless there is more than a country.
    pub(super) address: Vec<(&'static str, String)>,
    /// Upper case, or "" if the CRM holds anything but two letters.
    pub(super) country: String,
    pub(super) website: String,
    /// Year, month, day.
    pub(super) birthday: Option<(i64, i64, i64)>,
}

impl Wanted {
    /// Reads a contact in `GET` or search shape. The lower-case mirrors are no source of anything.
    pub(super) fn read(contact: &Value) -> Self {
        let text = |key: &str| tidy(contact[key].as_str().unwrap_or_default());
        let mut emails: Vec<String> =
            every(contact, "email", "additionalEmails").map(|e| tidy(e).to_lowercase()).collect();
        emails.retain(|email| !email.is_empty());
        emails.sort();
        emails.dedup();
        let mut phones: Vec<Phone> = every(contact, "phone", "additionalPhones").filter_map(Phone::read).collect();
        phones.sort_by(|a, b| a.key.cmp(&b.key));
        phones.dedup_by(|a, b| a.key == b.key);
        Self {
            given: text("firstName"),
            family: text("lastName"),
            company: text("companyName"),
            emails,
            phones,
            address: address(contact),
            country: Some(text("country").to_uppercase()).filter(|code| code.len() == 2).unwrap_or_default(),
            website: text("website"),
            birthday: contact["dateOfBirth"].as_str().and_then(date),
        }
    }

    /// A name, a company, an e-mail or a phone: without any, a contact is nothing on a phone.
    pub(super) fn is_recognisable(&self) -> bool {
        let texts = [&self.given, &self.family, &self.company];
        texts.iter().any(|text| !text.is_empty()) || !self.emails.is_empty() || !self.phones.is_empty()
    }

    /// Given and family name, folded.
    pub(super) fn full_name(&self) -> String {
        folded(&format!("{} {}", self.given, self.family))
    }
}

fn every<'a>(contact: &'a Value, single: &'a str, list: &str) -> impl Iterator<Item = &'a str> {
    let more = contact[list].as_array().into_iter().flatten();
    // Entries are `{email}`; bare texts have been seen too.
    let more = more.filter_map(move |entry| entry[single].as_str().or(entry.as_str()));
    contact[single].as_str().into_iter().chain(more)
}

fn address(contact: &Value) -> Vec<(&'static str, String)> {
    let text = |key: &str| tidy(contact[key].as_str().unwrap_or_default());
    let street = if contact["address1"].is_string() { text("address1") } else { text("address") };
    let mut parts = vec![
        ("streetAddress", street),
        ("city", text("city")),
        ("region", text("state")),
        ("postalCode", text("postalCode")),
    ];
    parts.retain(|(_, value)| !value.is_empty());
    parts
}

/// The date part as written, if it is a date.
fn date(text: &str) -> Option<(i64, i64, i64)> {
    let date: jiff::civil::Date = text.trim().get(..10)?.parse().ok()?;
    Some((date.year().into(), date.month().into(), date.day().into()))
}
