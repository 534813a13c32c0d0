//! A contact as reads show it: the masked fields, what Google computes, and the marks on every item.

use std::sync::Arc;

use rand::{rngs::StdRng, seq::SliceRandom};
use serde_json::{Map, Value, json};

use super::{
    account::{Account, Tombstone},
    call::Call,
    clock::rfc3339,
    contact::{Contact, Version, parse, resource_name},
    etag,
    mask::Mask,
    options::Modes,
    refusal::Refusal,
};

/// What a reader asked for.
pub struct View {
    pub mask: Mask,
    /// The mask as etags hold it.
    pub numbers: Vec<u8>,
    /// Listings mark their etags, cut long lists, and show a version that lags.
    pub listing: bool,
    /// The sync feed tells earlier names.
    pub feed: bool,
    /// Whether the PROFILE source is mixed in.
    pub profile: bool,
}

/// Lists of e-mails and phones are cut at this in listings.
const LISTED_VALUES: usize = 100;

impl View {
    /// # Errors
    /// 400 for a source that does not exist.
    pub fn new<'a>(mask: Mask, sources: impl Iterator<Item = &'a str>) -> Result<Self, Refusal> {
        let sources: Vec<&str> = sources.collect();
        for source in &sources {
            let known = matches!(
                source.strip_prefix("READ_SOURCE_TYPE_"),
                Some("CONTACT" | "PROFILE" | "DOMAIN_CONTACT" | "OTHER_CONTACT")
            );
            if !known {
                let description = format!("Invalid value at 'sources' (TYPE_ENUM), \"{source}\"");
                return Err(Refusal::violation("sources", &description));
            }
        }
        let profile = sources.is_empty() || sources.contains(&"READ_SOURCE_TYPE_PROFILE");
        let numbers = etag::numbers(&mask);
        Ok(Self { mask, numbers, listing: false, feed: false, profile })
    }

    pub fn of_call(mask: Mask, call: &Call) -> Result<Self, Refusal> {
        Self::new(mask, call.params("sources"))
    }
}

impl Account {
    /// The contact right after a write: its newest version.
    pub fn show_written(&mut self, id: u64, view: &View) -> Option<Value> {
        let contact = self.people.get(&id)?;
        Some(person(contact, &contact.current, self.salt, view, &self.modes, &mut self.rng))
    }

    /// The contact as a read sees it, which may lag behind.
    pub fn show(&mut self, id: u64, view: &View) -> Option<Value> {
        let deleted = || self.trash.get(&id).map(|t| &t.contact).filter(|_| view.listing);
        let contact = self.people.get(&id).or_else(deleted)?;
        let version = contact.shown(self.now - i64::from(self.limits.stale_read_ms));
        Some(person(contact, version, self.salt, view, &self.modes, &mut self.rng))
    }

    /// What the sync feed says of a deleted contact.
    pub fn show_gone(&self, id: u64, tombstone: &Tombstone) -> Value {
        let source_etag = etag::source(self.salt, id, tombstone.revision);
        json!({
            "resourceName": resource_name(id),
            "etag": etag::person(&[], &source_etag, true),
            "metadata": {
                "sources": [source(id, &source_etag, tombstone.at)], "deleted": true, "objectType": "PERSON",
            },
        })
    }
}

fn source(id: u64, etag: &str, at: i64) -> Value {
    json!({"type": "CONTACT", "id": format!("{id:x}"), "etag": etag, "updateTime": rfc3339(at)})
}

fn person(contact: &Contact, version: &Version, salt: u64, view: &View, modes: &Modes, rng: &mut StdRng) -> Value {
    let id = contact.id;
    let source_etag = etag::source(salt, id, version.revision);
    let mut shown = Map::new();
    shown.insert("resourceName".into(), resource_name(id).into());
    shown.insert("etag".into(), etag::person(&view.numbers, &source_etag, view.listing).into());
    if modes.extra_field {
        shown.insert("addedLater".into(), json!({"since": "tomorrow"}));
    }
    let mut fields = parse(&version.content);
    let mut profile = contact.profile.as_deref().filter(|_| view.profile).map(parse).unwrap_or_default();
    for &field in &view.mask {
        let mut items = match field {
            "metadata" => {
                shown.insert(field.into(), metadata(contact, source(id, &source_etag, version.at), view));
                continue;
            }
            "memberships" => memberships(&version.labels),
            "photos" => vec![json!({"url": "https://lh3.googleusercontent.com/cm/default=s100", "default": true})],
            _ => list(fields.remove(field)),
        };
        for (index, item) in items.iter_mut().enumerate() {
            decorate(field, item, index == 0, json!({"type": "CONTACT", "id": format!("{id:x}")}));
        }
        for mut item in list(profile.remove(field)) {
            decorate(field, &mut item, items.is_empty(), json!({"type": "PROFILE", "id": (id >> 8).to_string()}));
            items.push(item);
        }
        if modes.shuffle {
            items.shuffle(rng);
        }
        if view.listing && matches!(field, "emailAddresses" | "phoneNumbers") {
            items.truncate(LISTED_VALUES);
        }
        if !items.is_empty() {
            shown.insert(field.into(), items.into());
        }
    }
    shown.into()
}

fn list(value: Option<Value>) -> Vec<Value> {
    if let Some(Value::Array(items)) = value { items } else { Vec::new() }
}

fn metadata(contact: &Contact, source: Value, view: &View) -> Value {
    let mut metadata = json!({"sources": [source], "objectType": "PERSON"});
    if view.feed && !contact.previous.is_empty() {
        metadata["previousResourceNames"] = contact.previous.iter().map(|id| resource_name(*id)).collect();
    }
    metadata
}

pub fn memberships(labels: &[Arc<str>]) -> Vec<Value> {
    let one = |label: &Arc<str>| {
        let id = label.trim_start_matches("contactGroups/");
        json!({"contactGroupMembership": {"contactGroupId": id, "contactGroupResourceName": &**label}})
    };
    labels.iter().map(one).collect()
}

/// Adds what Google computes and clients must neither send back nor compare.
fn decorate(field: &str, item: &mut Value, primary: bool, source: Value) {
    let Some(parts) = item.as_object_mut() else { return };
    let mut metadata = json!({"source": source});
    if primary {
        metadata["primary"] = true.into();
    }
    if parts.contains_key("metadata") {
        metadata["sourcePrimary"] = true.into();
    }
    if field != "photos"
        && let Some(kind) = parts.get("type").and_then(Value::as_str).filter(|t| !t.is_empty())
    {
        let formatted = kind.chars().next().into_iter().flat_map(char::to_uppercase).chain(kind.chars().skip(1));
        parts.insert("formattedType".into(), formatted.collect::<String>().into());
    }
    match field {
        "names" => display_name(parts),
        "phoneNumbers" => canonical_form(parts),
        "addresses" if !parts.contains_key("formattedValue") => {
            let lines = joined(parts, &["streetAddress", "city", "region", "postalCode", "country"], "\n");
            parts.insert("formattedValue".into(), lines.into());
        }
        _ => {}
    }
    parts.insert("metadata".into(), metadata);
}

fn joined(parts: &Map<String, Value>, keys: &[&str], separator: &str) -> String {
    let texts = keys.iter().filter_map(|k| parts.get(*k)?.as_str()).filter(|t| !t.is_empty());
    texts.collect::<Vec<_>>().join(separator)
}

/// The name in one line, from its parts or, without any, from the unstructured one.
pub fn display_name(parts: &mut Map<String, Value>) {
    let first = joined(parts, &["honorificPrefix", "givenName", "middleName"], " ");
    let last = joined(parts, &["familyName", "honorificSuffix"], " ");
    let both =
        |a: &str, b: &str, separator| [a, b].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(separator);
    let whole = both(&first, &last, " ");
    let unstructured = joined(parts, &["unstructuredName"], "");
    let (display, sorted) =
        if whole.is_empty() { (unstructured.clone(), unstructured) } else { (whole, both(&last, &first, ", ")) };
    parts.insert("displayName".into(), display.clone().into());
    parts.insert("displayNameLastFirst".into(), sorted.into());
    parts.entry("unstructuredName").or_insert(display.into());
}

/// E.164 where that is plain: a leading `+`, or ten digits of North America. Others have none.
fn canonical_form(parts: &mut Map<String, Value>) {
    let typed = parts.get("value").and_then(Value::as_str).unwrap_or_default();
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let canonical = match (typed.trim_start().starts_with('+'), digits.len()) {
        (true, 7..=15) => format!("+{digits}"),
        (false, 10) => format!("+1{digits}"),
        _ => return,
    };
    parts.insert("canonicalForm".into(), canonical.into());
}
