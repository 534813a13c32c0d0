//! What a day's judge must know beside the two sides' present state: who typed what, and what was taken away on purpose.

use std::collections::{BTreeMap, BTreeSet};

use carnet::queue::event::Event;
use serde_json::Value;

/// A value in a field of a Google contact: `("phoneNumbers", "+1514…")`.
pub type Fact = (&'static str, String);

/// Memory of one day.
#[derive(Default)]
pub struct Memory {
    /// What was done, in words.
    pub trail: Vec<String>,
    /// CRM contact → every value that the CRM ever had for it.
    pub said: BTreeMap<String, BTreeSet<Fact>>,
    /// Google contact → what its owner typed there.
    pub typed: BTreeMap<String, BTreeSet<Fact>>,
    /// Google contact → what its owner took away.
    pub taken: BTreeMap<String, BTreeSet<Fact>>,
    /// Google contact → what both had that its owner merged, or the CRM said for one of them: whose it is, nobody can tell.
    pub shared: BTreeMap<String, BTreeSet<Fact>>,
    /// Google contact → as its owner left it the last time.
    pub left: BTreeMap<String, Value>,
    /// CRM contacts whose person the owner deleted, merged or took the label off.
    pub excused: BTreeSet<String>,
    /// Names that Google gave anew.
    pub renamed: BTreeSet<String>,
    /// CRM contacts whose person the owner deleted after it had been given a new name: a listing that saw neither tells of
    /// nobody that was known. It stays deleted, but it may take a full listing until that is noticed.
    pub unnoticed: BTreeSet<String>,
    /// Webhooks under way.
    pub later: Vec<Event>,
    /// The label's name now.
    pub label: String,
}

impl Memory {
    /// Notes that the owner typed a value.
    pub fn types(&mut self, resource: &str, fact: Fact) {
        let is_back = self.taken.entry(resource.to_owned()).or_default().remove(&fact);
        // What the CRM said too, taken away and put back between two looks: whose it is now, nobody can tell.
        if is_back && self.said.values().any(|said| said.contains(&fact)) {
            self.shared.entry(resource.to_owned()).or_default().insert(fact);
            return;
        }
        self.typed.entry(resource.to_owned()).or_default().insert(fact);
    }

    /// Notes that the owner took a value away.
    pub fn takes_away(&mut self, resource: &str, fact: Fact) {
        self.typed.entry(resource.to_owned()).or_default().remove(&fact);
        self.taken.entry(resource.to_owned()).or_default().insert(fact);
    }

    /// Everything known of one Google contact is now of another: merged into it, or renamed.
    pub fn moves(&mut self, from: &str, to: &str) {
        let typed = self.typed.remove(from).unwrap_or_default();
        self.typed.entry(to.to_owned()).or_default().extend(typed);
        let taken = self.taken.remove(from).unwrap_or_default();
        self.taken.entry(to.to_owned()).or_default().extend(taken);
        let shared = self.shared.remove(from).unwrap_or_default();
        self.shared.entry(to.to_owned()).or_default().extend(shared);
        self.left.remove(from);
    }

    /// The contact is gone.
    pub fn forgets(&mut self, resource: &str) {
        self.typed.remove(resource);
        self.left.remove(resource);
    }
}

/// The values of a Google contact that the model follows.
pub fn facts(person: &Value) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    for field in ["phoneNumbers", "emailAddresses", "biographies"] {
        let items = person[field].as_array().into_iter().flatten();
        facts.extend(items.filter_map(|item| Some((field, item["value"].as_str()?.to_lowercase()))));
    }
    for (field, part) in [("given", "givenName"), ("family", "familyName")] {
        facts.extend(person["names"][0][part].as_str().filter(|t| !t.is_empty()).map(|text| (field, text.to_owned())));
    }
    let companies = person["organizations"].as_array().into_iter().flatten();
    facts.extend(companies.filter_map(|o| Some(("organizations", o["name"].as_str()?.to_lowercase()))));
    facts
}

/// The same of a CRM contact.
pub fn said(contact: &Value) -> BTreeSet<Fact> {
    let text = |key: &str| contact[key].as_str().unwrap_or_default().to_owned();
    let list = |key: &str, inner: &str| -> Vec<String> {
        let items = contact[key].as_array().into_iter().flatten();
        items.filter_map(|item| item[inner].as_str().or(item.as_str()).map(str::to_owned)).collect()
    };
    let mut facts: BTreeSet<Fact> = [
        ("given", text("firstName")),
        ("family", text("lastName")),
        ("emailAddresses", text("email").to_lowercase()),
        ("phoneNumbers", text("phone")),
        ("organizations", text("companyName").to_lowercase()),
    ]
    .into();
    facts.extend(list("additionalEmails", "email").into_iter().map(|email| ("emailAddresses", email.to_lowercase())));
    facts.extend(list("additionalPhones", "phone").into_iter().map(|phone| ("phoneNumbers", phone)));
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

/// The CRM contacts whose unreleased stamp a Google contact carries.
pub fn holds(person: &Value) -> BTreeSet<String> {
    let entries = person["clientData"].as_array().into_iter().flatten();
    let stamps = entries.filter(|e| e["key"] == "carnet").filter_map(|e| e["value"].as_str());
    let held = stamps.filter(|stamp| stamp.contains(";held;"));
    held.filter_map(|stamp| Some(stamp.split(';').nth(2)?.rsplit_once('/')?.1.to_owned())).collect()
}

/// Whether a Google contact carries a stamp of ours, released or not.
pub fn is_stamped(person: &Value) -> bool {
    person["clientData"].as_array().into_iter().flatten().any(|e| e["key"] == "carnet")
}
