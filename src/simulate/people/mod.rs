//! A seeded small town in Quebec: what its brokerage keeps in the CRM, with the dirt such data has, and what one of the
//! brokers keeps in Google, partly about the same people.

mod dirt;
mod google;
mod names;
mod office;
mod supply;

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, seq::SliceRandom};
use serde_json::{Map, Value, json};

pub use supply::{Supply, change, newcomer};

/// A contact on its way into the CRM, under HighLevel's names.
type Draft = Map<String, Value>;

/// Both sides of the story. The same arguments give the same town.
#[derive(Clone, Debug, PartialEq)]
pub struct Town {
    /// CRM contacts as `POST /control/locations/{id}/seed` of the pretend CRM takes them, each with its `id`.
    pub crm: Vec<Value>,
    /// Personal contacts as People API `Person` JSON, without resource names; a membership of one of [`Town::labels`]
    /// gives the label's name in place of its resource name, as the pretend Google's seed takes it.
    pub google: Vec<Value>,
    /// `(CRM contact id, index into google)` of those who are the same person: an e-mail or a valid phone number in
    /// common that is unique on both sides, and names that do not contradict.
    pub same: Vec<(String, usize)>,
    /// Names of the user's own labels.
    pub labels: Vec<String>,
    /// CRM users, one of them deleted; contacts also name one that never existed.
    pub owners: Vec<Value>,
    /// Definitions of the CRM's custom fields.
    pub custom_fields: Vec<Value>,
}

/// Builds a town with `crm_contacts` in the CRM and `google_contacts` in Google, `same` of whom are in both; fewer when
/// there are not that many whom an address or number identifies (about two thirds of a CRM of 500 are; fewer in a large one, where names repeat). The others in Google share
/// no address, no number and no family name with anyone in the CRM.
pub fn town(seed: u64, crm_contacts: usize, google_contacts: usize, same: usize) -> Town {
    let mut supply = Supply::new(seed, 555);
    let mut crm: Vec<Draft> = Vec::with_capacity(crm_contacts);
    for n in 0..crm_contacts {
        let draft = dirt::contact(n, &mut supply, &crm);
        crm.push(draft);
    }
    crm.shuffle(&mut supply.rng);
    let mut identifiable = identifiable(&crm);
    identifiable.shuffle(&mut supply.rng);
    identifiable.truncate(same.min(google_contacts));
    let mut google: Vec<(Value, Option<String>)> = Vec::with_capacity(google_contacts);
    for known in &identifiable {
        let id = known.draft["id"].as_str().map(str::to_owned);
        google.push((google::acquaintance(known, &mut supply), id));
    }
    while google.len() < google_contacts {
        google.push((google::stranger(&mut supply), None));
    }
    google.shuffle(&mut supply.rng);
    let same = google.iter().enumerate().filter_map(|(index, (_, id))| Some((id.clone()?, index))).collect();
    Town {
        same,
        google: google.into_iter().map(|(person, _)| person).collect(),
        crm: crm.into_iter().map(Value::Object).collect(),
        labels: google::LABELS.map(str::to_owned).to_vec(),
        owners: office::owners(),
        custom_fields: office::custom_fields(),
    }
}

/// A CRM contact that Google may know too.
struct Known<'a> {
    draft: &'a Draft,
    /// Its e-mail, if no other CRM contact has it.
    email: Option<&'a str>,
    /// Its number in E.164, likewise.
    phone: Option<&'a str>,
    /// Nobody else in the CRM has this initial and family name.
    initial_is_enough: bool,
}

fn identifiable(crm: &[Draft]) -> Vec<Known<'_>> {
    let (mut emails, mut phones) = (BTreeMap::new(), BTreeMap::new());
    let (mut full_names, mut initials) = (BTreeMap::new(), BTreeMap::new());
    for draft in crm {
        every(draft, "email").for_each(|email| *emails.entry(email.to_lowercase()).or_insert(0) += 1);
        every(draft, "phone").for_each(|phone| *phones.entry(last_ten(phone)).or_insert(0) += 1);
        let (full, initial) = name_keys(draft);
        *full_names.entry(full).or_insert(0) += 1;
        *initials.entry(initial).or_insert(0) += 1;
    }
    let known = |draft| {
        let (full, initial) = name_keys(draft);
        let email = text(draft, "email").filter(|email| emails.get(&email.to_lowercase()) == Some(&1));
        let phone =
            text(draft, "phone").filter(|phone| phones.get(&last_ten(phone)) == Some(&1) && supply::is_plain(phone));
        let fits = names::is_ordinary(text(draft, "firstName"), text(draft, "lastName"));
        let unique = full_names.get(&full) == Some(&1) && (email.is_some() || phone.is_some());
        (fits && unique).then(|| Known { draft, email, phone, initial_is_enough: initials.get(&initial) == Some(&1) })
    };
    crm.iter().filter_map(known).collect()
}

fn text<'a>(draft: &'a Draft, key: &str) -> Option<&'a str> {
    draft.get(key)?.as_str()
}

/// The primary value and the additional ones of `email` or `phone`.
fn every<'a>(draft: &'a Draft, key: &'a str) -> impl Iterator<Item = &'a str> {
    let list = if key == "email" { "additionalEmails" } else { "additionalPhones" };
    let more = draft.get(list).and_then(Value::as_array).into_iter().flatten();
    let all: BTreeSet<_> = more.filter_map(move |entry| entry[key].as_str()).chain(text(draft, key)).collect();
    all.into_iter()
}

/// Enough of a North American number to compare by.
fn last_ten(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].iter().collect()
}

fn name_keys(draft: &Draft) -> (String, String) {
    let part = |key| names::folded(text(draft, key).unwrap_or_default());
    let (given, family) = (part("firstName"), part("lastName"));
    let initial: String = given.chars().take(1).collect();
    (format!("{given} {family}").trim().to_owned(), format!("{initial} {family}"))
}

/// A random entry.
fn pick<'a>(rng: &mut rand::rngs::StdRng, list: &[&'a str]) -> &'a str {
    list[rng.random_range(0..list.len())]
}

/// `{key: value}` entries under a list key.
fn entries(key: &str, values: &[String]) -> Value {
    values.iter().map(|value| json!({key: value})).collect()
}

#[cfg(test)]
mod tests;
