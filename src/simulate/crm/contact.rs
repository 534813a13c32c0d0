//! One stored contact and the two shapes the API shows it in: `GET` omits what is empty, the search says `null`, calls
//! the street `address` and adds lower-case mirrors. (The third, the webhook's, is in `webhook`.)

use serde_json::{Map, Value, json};

use super::world::iso;

/// A contact under the names of `GET /contacts/{id}`; empty values are not stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Record(Map<String, Value>);

/// What a change touched; decides which events fire.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) tags: bool,
    pub(super) dnd: bool,
}

/// Computed on the way out, so never taken from a caller.
const DERIVED: [&str; 7] = [
    "contactName",
    "fullNameLowerCase",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "emailLowerCase",
    "searchAfter",
    "locationId",
];

/// Lists that `GET` shows even when empty.
const LISTS: [&str; 4] = ["tags", "customFields", "additionalEmails", "additionalPhones"];

/// Search fields that are `null` when empty.
const NULLABLE: [&str; 19] = [
    "phoneLabel",
    "country",
    "source",
    "type",
    "website",
    "state",
    "businessName",
    "phone",
    "companyName",
    "city",
    "dateOfBirth",
    "firstName",
    "lastName",
    "email",
    "assignedTo",
    "validEmail",
    "postalCode",
    "businessId",
    "timezone",
];

impl Record {
    /// A new contact; `dateAdded` and `dateUpdated` are kept when given (seeding), else `now`.
    pub(super) fn new(id: &str, location: &str, fields: &Map<String, Value>, now: i64) -> Self {
        let mut record = Self(Map::new());
        record.take(fields);
        record.set("id", json!(id));
        record.set("locationId", json!(location));
        for (key, value) in [("type", json!("lead")), ("dateAdded", json!(iso(now)))] {
            record.0.entry(key).or_insert(value);
        }
        let added = record.0.get("dateAdded").cloned().unwrap_or_default();
        record.0.entry("dateUpdated").or_insert(added);
        record
    }

    /// Applies a partial change (`null` clears) and stamps `dateUpdated`.
    pub(super) fn patch(&mut self, fields: &Map<String, Value>, now: i64) -> Touched {
        let before = self.clone();
        self.take(fields);
        self.set("dateUpdated", json!(iso(now)));
        let differs = |key: &str| before.0.get(key) != self.0.get(key);
        Touched { tags: differs("tags"), dnd: differs("dnd") || differs("dndSettings") }
    }

    /// Folds a merged-away contact in: its addresses and numbers survive as additional ones, blanks are filled.
    pub(super) fn absorb(&mut self, other: &Self, now: i64) {
        for (single, list, key) in [("email", "additionalEmails", "email"), ("phone", "additionalPhones", "phone")] {
            let Some(value) = other.0.get(single) else { continue };
            if self.0.get(single).is_some_and(|own| own != value) {
                let entries = self.0.entry(list).or_insert_with(|| json!([]));
                if let Value::Array(entries) = entries {
                    entries.push(json!({key: value}));
                }
            }
        }
        for (key, value) in &other.0 {
            self.0.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self.set("dateUpdated", json!(iso(now)));
    }

    fn take(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            // Callers may hand over a search item, whose street is `address`.
            let key = if key == "address" { "address1" } else { key };
            if !DERIVED.contains(&key) && key != "id" {
                self.set(key, value.clone());
            }
        }
    }

    fn set(&mut self, key: &str, value: Value) {
        if is_empty(&value) {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// A stored field, if it is not empty.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A stored text field, else `""`.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// First and last name, as typed.
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.text("firstName"), self.text("lastName")).trim().to_owned()
    }

    /// The body of `GET /contacts/{id}`.
    pub(super) fn as_get(&self) -> Value {
        const SEARCH_ONLY: [&str; 6] =
            ["businessName", "phoneLabel", "validEmail", "followers", "opportunities", "inboundDndSettings"];
        let mut shape = self.0.clone();
        shape.retain(|key, _| !SEARCH_ONLY.contains(&key.as_str()));
        for (key, mirror) in [
            ("firstNameLowerCase", self.text("firstName").to_owned()),
            ("lastNameLowerCase", self.text("lastName").to_owned()),
            ("fullNameLowerCase", self.full_name()),
            ("emailLowerCase", self.text("email").to_owned()),
        ] {
            if !mirror.is_empty() {
                shape.insert(key.into(), json!(mirror.to_lowercase()));
            }
        }
        for list in LISTS {
            shape.entry(list).or_insert_with(|| json!([]));
        }
        Value::Object(shape)
    }

    /// An item of `POST /contacts/search`, with its cursor.
    pub(super) fn as_search(&self, cursor: Vec<Value>) -> Value {
        let mut shape = Map::new();
        for key in NULLABLE {
            shape.insert(key.into(), self.0.get(key).cloned().unwrap_or_default());
        }
        for key in ["id", "locationId", "dateAdded", "dateUpdated"] {
            shape.insert(key.into(), self.0.get(key).cloned().unwrap_or_default());
        }
        for key in LISTS.into_iter().chain(["followers", "opportunities"]) {
            shape.insert(key.into(), self.0.get(key).cloned().unwrap_or_else(|| json!([])));
        }
        for key in ["dndSettings", "inboundDndSettings", "attributionSource", "lastAttributionSource"] {
            shape.insert(key.into(), self.0.get(key).cloned().unwrap_or_else(|| json!({})));
        }
        for (key, text) in [
            ("firstNameLowerCase", self.text("firstName").to_owned()),
            ("lastNameLowerCase", self.text("lastName").to_owned()),
            ("contactName", self.full_name()),
        ] {
            shape.insert(key.into(), if text.is_empty() { Value::Null } else { json!(text.to_lowercase()) });
        }
        shape.insert("address".into(), self.0.get("address1").cloned().unwrap_or_default());
        shape.insert("dnd".into(), json!(self.0.get("dnd") == Some(&json!(true))));
        shape.insert("searchAfter".into(), Value::Array(cursor));
        Value::Object(shape)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: Value) -> Record {
        Record::new("abcdefghijklmnopqrst", "loc", fields.as_object().unwrap(), 1_774_792_323_538)
    }

    #[test]
    fn get_omits_what_is_empty_and_search_says_null() {
        let record = record(json!({"firstName": "Zoé", "address": "1 rue A", "city": "", "ssn": "000", "dnd": false}));
        let get = record.as_get();
        assert_eq!(get["address1"], "1 rue A");
        assert_eq!((get.get("city"), get.get("dnd"), get.get("lastNameLowerCase")), (None, None, None));
        assert_eq!((&get["ssn"], &get["tags"], &get["dateUpdated"]), (&json!("000"), &json!([]), &get["dateAdded"]));
        let item = record.as_search(vec![]);
        assert_eq!(
            (&item["address"], &item["city"], &item["contactName"]),
            (&json!("1 rue A"), &Value::Null, &json!("zoé"))
        );
        assert_eq!((item.get("ssn"), item.get("address1"), &item["dnd"]), (None, None, &json!(false)));
    }

    #[test]
    fn a_patch_clears_with_null_and_knows_what_it_touched() {
        let mut record = record(json!({"firstName": "Zoé", "tags": ["a"]}));
        let touched = record.patch(json!({"firstName": null, "tags": ["a", "b"]}).as_object().unwrap(), 0);
        assert_eq!(touched, Touched { tags: true, dnd: false });
        assert_eq!(record.as_get().get("firstName"), None);
    }
}
