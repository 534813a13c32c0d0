//! The neutral contact: what a CRM knows about a person, in the shape every stage shares.
//! CRM adapters produce it, `plan` maps it onto a Google person. It knows no CRM and no Google.

use std::{borrow::Cow, sync::LazyLock};

use jiff::Timestamp;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, char::is_combining_mark, is_nfc_quick};

/// One CRM contact as read from the CRM, already cleaned (see [`clean`]).
///
/// Empty means "the CRM says nothing"; emptiness never erases anything in Google.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    /// The CRM's own id, stable for the life of the record.
    pub id: String,
    /// When the CRM last changed the record; what orders two readings of it.
    pub version: Option<Timestamp>,
    /// When the record was created in the CRM.
    pub created: Option<Timestamp>,
    /// Name as the CRM holds it; parts may be empty.
    pub name: Name,
    /// Company name.
    pub company: String,
    /// Job title.
    pub title: String,
    /// First is the CRM's primary one. No duplicates (compared case-insensitively).
    pub emails: Vec<String>,
    /// First is the CRM's primary one. Each as [`phone`] returns it.
    pub phones: Vec<String>,
    /// Postal address; `None` when every part is empty.
    pub address: Option<Address>,
    /// Web sites.
    pub urls: Vec<String>,
    /// Birthday; the date part as written, never shifted between zones.
    pub birthday: Option<Birthday>,
    /// The CRM's user id of the owner, never a name.
    pub owner: Option<String>,
    /// The owner's name, where a sync's map asks for it.
    pub owner_name: String,
    /// Tags, as given.
    pub tags: Vec<String>,
    /// Do not contact.
    pub dnd: bool,
    /// Where the contact came from (form name and the like).
    pub source: String,
    /// `(custom field, value as text)`: only those that a sync asks for, under the name by which it asks.
    pub custom: Vec<(String, String)>,
    /// What could not be looked up: there, absence says nothing.
    #[serde(skip_serializing_if = "Unread::is_none")]
    pub unread: Unread,
    /// Whether this reading is the whole record. A webhook body is not: it omits empty fields, so what is
    /// missing from it says nothing and nothing may be removed on its account.
    pub partial: bool,
}

/// What of a contact could not be looked up, for want of a permission or because the CRM did not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unread {
    /// The owner's name.
    pub owner: bool,
    /// Which custom field is which.
    pub custom: bool,
}

impl Unread {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The stable name of one tenant: CRM vendor and the vendor's account id. Keys, hash tags and stamps use it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    /// `highlevel`, `generic`, …
    pub vendor: String,
    /// Location id, portal id, …
    pub id: String,
}

/// Name parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Name {
    /// First name(s).
    pub given: String,
    /// Middle name(s).
    pub middle: String,
    /// Family name(s).
    pub family: String,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State or province, passed through ("QC" or "Québec").
    pub region: String,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, upper case, or empty.
    pub country_code: String,
}

/// A calendar date whose year may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birthday {
    /// 0 when unknown.
    pub year: i16,
    /// 1–12.
    pub month: i8,
    /// 1–31.
    pub day: i8,
}

impl std::fmt::Display for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.vendor, self.id)
    }
}

impl Contact {
    /// The value of a custom field; empty when there is none.
    pub fn custom(&self, name: &str) -> &str {
        self.custom.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Whether there is anything a person could recognise: a name, a company, an e-mail or a phone.
    pub fn is_recognisable(&self) -> bool {
        !(self.name.given.is_empty()
            && self.name.family.is_empty()
            && self.company.is_empty()
            && self.emails.is_empty()
            && self.phones.is_empty())
    }
}

impl Birthday {
    /// Reads `2000-01-05`, `2000-01-05T00:00:00.000Z`, `--01-05` or `0000-01-05`; anything else is `None`.
    pub fn read(text: &str) -> Option<Self> {
        let date = text.trim().split(['T', ' ']).next().unwrap_or_default();
        let (year, rest) = match date.strip_prefix("--") {
            Some(rest) => (0, rest),
            None => {
                let (year, rest) = date.split_once('-')?;
                (year.parse().ok().filter(|y| (0..=9999).contains(y))?, rest)
            }
        };
        let (month, day) = rest.split_once('-')?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        // A leap year stands in for an unknown one, so 29 February is a birthday.
        let calendar_year = if year == 0 { 2000 } else { year };
        jiff::civil::Date::new(calendar_year, month, day).ok()?;
        Some(Self { year, month, day })
    }
}

/// Trims, composes to NFC, and turns the placeholders that CRMs send for "nothing" into nothing.
pub fn clean(text: &str) -> String {
    let is_dropped = |c: char| c.is_control() && c != '\n';
    // Nearly all texts are composed already, and this is the first thing that is done with each.
    let text = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes if !text.contains(is_dropped) => Cow::Borrowed(text),
        _ => text.nfc().filter(|c| !is_dropped(*c)).collect(),
    };
    let text = text.trim();
    let says_nothing = ["null", "undefined", "n/a", "-", ".", "none"].iter().any(|no| text.eq_ignore_ascii_case(no));
    if says_nothing { String::new() } else { text.to_owned() }
}

/// A phone number as we write it: E.164 (with `;ext=` when there is an extension) if it is valid, else the text as given.
///
/// `region` is ISO 3166-1 alpha-2 (`"CA"`), used when the number has no `+`.
pub fn phone(text: &str, region: &str) -> String {
    let text = clean(text);
    match parse_phone(&text, region) {
        Some((e164, Some(extension))) => format!("{e164};ext={extension}"),
        Some((e164, None)) => e164,
        None => text,
    }
}

/// The E.164 form of a *valid* number, which alone may identify a person; `None` for anything else.
/// A number with an extension is a switchboard and identifies nobody.
pub fn phone_identity(text: &str, region: &str) -> Option<String> {
    match parse_phone(text, region)? {
        (e164, None) => Some(e164),
        (_, Some(_)) => None,
    }
}

fn parse_phone(text: &str, region: &str) -> Option<(String, Option<String>)> {
    // An unknown region only means that numbers need their `+`.
    let number = PHONE_NUMBER_UTIL.parse(text, Region::try_from(region).ok()).ok()?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return None;
    }
    // `format` would leave an extension out of E.164; we keep it beside.
    let e164 = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned();
    Some((e164, number.extension.filter(|e| !e.is_empty())))
}

/// The form in which two phone numbers are compared: E.164 when valid, else the digits (and a leading `+`).
pub fn phone_key(text: &str, region: &str) -> String {
    let text = clean(text);
    match parse_phone(&text, region) {
        Some((e164, Some(extension))) => format!("{e164};ext={extension}"),
        Some((e164, None)) => e164,
        None => text.chars().filter(|c| c.is_alphanumeric() || *c == '+').flat_map(char::to_lowercase).collect(),
    }
}

/// The form in which two e-mail addresses are compared: lower case, `+tag` kept, odd domains accepted.
pub fn email_key(text: &str) -> String {
    clean(text).to_lowercase()
}

/// The form in which two pieces of free text are compared: NFC, lower case, runs of white space as one blank.
pub fn text_key(text: &str) -> String {
    clean(text).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of a name for comparing: accents folded, lower case, split at anything that is no letter or digit.
pub fn name_words(text: &str) -> Vec<String> {
    static LIGATURES: LazyLock<[(char, &str); 6]> =
        LazyLock::new(|| [('œ', "oe"), ('æ', "ae"), ('ß', "ss"), ('ø', "o"), ('ł', "l"), ('đ', "d")]);
    let mut folded = String::with_capacity(text.len());
    for c in text.to_lowercase().nfd().filter(|c| !is_combining_mark(*c)) {
        match LIGATURES.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => folded.push_str(to),
            // O'Brien and l’Heureux are one word each.
            None if matches!(c, '\'' | '’') => {}
            None => folded.push(c),
        }
    }
    folded.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_become_e164_when_valid_and_stay_as_given_when_not() {
        for (given, written) in [
            ("(514) 555-0123", "+15145550123"),
            ("+1 888-888-8888", "+18888888888"),
            ("+44 (0)20 7031 3000", "+442070313000"),
            ("514-398-4455 x12", "+15143984455;ext=12"),
            ("+178655689546", "+178655689546"),
            ("call me", "call me"),
            ("null", ""),
        ] {
            assert_eq!(phone(given, "CA"), written, "{given}");
        }
        assert_eq!(phone_identity("+178655689546", "CA"), None, "an invalid number identifies nobody");
        assert_eq!(phone_identity("514-398-4455 x12", "CA"), None, "nor does a switchboard");
    }

    #[test]
    fn birthdays_keep_the_date_as_written() {
        assert_eq!(Birthday::read("2000-01-05T00:00:00.000Z"), Some(Birthday { year: 2000, month: 1, day: 5 }));
        assert_eq!(Birthday::read("--02-29"), Some(Birthday { year: 0, month: 2, day: 29 }));
        assert_eq!(Birthday::read("2001-02-29"), None);
        assert_eq!(Birthday::read("yesterday"), None);
    }

    #[test]
    fn names_compare_without_accents_case_or_punctuation() {
        assert_eq!(name_words("Jean-François Lemœur"), ["jean", "francois", "lemoeur"]);
        assert_eq!(name_words("O’Brien"), name_words("OBRIEN"));
    }

    #[test]
    fn placeholders_are_nothing() {
        for nothing in ["null", " N/A ", "-", "undefined", ""] {
            assert_eq!(clean(nothing), "");
        }
        assert_eq!(clean("e\u{301}te\u{301}"), "été");
    }
}
