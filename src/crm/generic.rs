//! Any CRM whose payload is described by `[crm.map]`: JSON pointers to fields, or one property an event.

use serde_json::Value;

use super::{
    decode::{Unreadable, decode},
    tidy,
};
use crate::{
    config::declared::Map,
    contact::{Birthday, Contact, Name, Unread, clean},
};

/// The contact inside one event. Always partial: what a payload leaves out says nothing.
///
/// `region` is ISO 3166-1 alpha-2, for phone numbers without `+`. A deletion that carries no fields is a contact with an
/// id and nothing else. A name in one part is never split; it is used only when neither of the two parts is there.
pub fn contact(map: &Map, region: &str, body: &[u8]) -> Result<Contact, Unreadable> {
    let body: Value = decode(body)?;
    let fields = Fields { map, body: &body };
    let country = fields.text("country");
    Ok(Contact {
        id: id(map, &body)?,
        version: tidy::moment(&fields.text("version")),
        created: tidy::moment(&fields.text("created")),
        name: fields.name(),
        company: fields.text("company"),
        title: fields.text("title"),
        emails: tidy::emails(fields.list("emails").iter().flat_map(|text| text.split(';'))),
        phones: tidy::phones(fields.list("phones"), region),
        address: tidy::address(
            &fields.text("street"),
            &fields.text("city"),
            &fields.text("region"),
            &fields.text("postal_code"),
            &country,
        ),
        urls: tidy::texts(fields.list("urls")),
        birthday: Birthday::read(&fields.text("birthday")),
        owner: tidy::optional(&fields.text("owner")),
        owner_name: fields.text("owner_name"),
        tags: tidy::texts(fields.list("tags")),
        dnd: false,
        source: String::new(),
        custom: fields.custom(),
        unread: Unread::default(),
        partial: true,
    })
}

/// `contact`, or the fallback when the payload carries the previous state only.
fn id(map: &Map, body: &Value) -> Result<String, Unreadable> {
    let at = |pointer: &str| body.pointer(pointer).map(scalar).filter(|text| !text.is_empty());
    at(&map.contact).or_else(|| at(map.contact_fallback.as_deref()?)).ok_or_else(|| Unreadable::at(map.contact.clone()))
}

struct Fields<'a> {
    map: &'a Map,
    body: &'a Value,
}

impl Fields<'_> {
    /// Where a field is: at its pointer, else in the one property that the event carries.
    fn value(&self, field: &str) -> Option<&Value> {
        let pointed = self.map.fields.get(field).and_then(|pointer| self.body.pointer(pointer));
        pointed.or_else(|| self.property(field))
    }

    fn property(&self, field: &str) -> Option<&Value> {
        let name = self.body.pointer(self.map.property.as_deref()?)?.as_str()?;
        if self.map.properties.get(name)? != field {
            return None;
        }
        self.body.pointer(self.map.value.as_deref()?)
    }

    fn text(&self, field: &str) -> String {
        self.value(field).map(scalar).unwrap_or_default()
    }

    /// A text, a list of texts, or a list of objects; the one marked `primary` comes first.
    fn list(&self, field: &str) -> Vec<String> {
        match self.value(field) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let mut items: Vec<&Value> = items.iter().collect();
                items.sort_by_key(|item| item.get("primary").and_then(Value::as_bool) != Some(true));
                items.into_iter().map(item_text).collect()
            }
            Some(one) => vec![item_text(one)],
        }
    }

    /// Whatever the map calls `custom:NAME`.
    fn custom(&self) -> Vec<(String, String)> {
        let named = self.map.fields.keys().chain(self.map.properties.values());
        let custom =
            named.filter_map(|field| Some((field.strip_prefix("custom:")?.trim().to_owned(), self.list(field))));
        let mut values: Vec<_> = custom.map(|(name, texts)| (name, texts.join(", "))).collect();
        values.retain(|(name, text)| !name.is_empty() && !text.is_empty());
        values.dedup_by(|a, b| a.0 == b.0);
        values
    }

    fn name(&self) -> Name {
        let name = Name { given: self.text("given"), middle: self.text("middle"), family: self.text("family") };
        if name.given.is_empty() && name.family.is_empty() {
            return Name { given: self.text("name"), ..name };
        }
        name
    }
}

fn item_text(item: &Value) -> String {
    match item {
        Value::Object(parts) => {
            ["value", "email", "phone"].iter().find_map(|key| parts.get(*key)).map(scalar).unwrap_or_default()
        }
        other => scalar(other),
    }
}

/// Ids and owners come as numbers too. Lists and objects are no text.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pipedrive() -> Map {
        toml::from_str(
            r#"
            contact = "/data/id"
            contact_fallback = "/previous/id"
            [fields]
            given = "/data/first_name"
            family = "/data/last_name"
            name = "/data/name"
            emails = "/data/emails"
            phones = "/data/phones"
            owner = "/data/owner_id"
            tags = "/data/label_ids"
            created = "/data/add_time"
            version = "/data/update_time"
            "#,
        )
        .expect("map")
    }

    fn hubspot() -> Map {
        toml::from_str(
            r#"
            contact = "/objectId"
            property = "/propertyName"
            value = "/propertyValue"
            [properties]
            firstname = "given"
            email = "emails"
            hs_additional_emails = "emails"
            phone = "phones"
            [fields]
            version = "/occurredAt"
            "#,
        )
        .expect("map")
    }

    fn read(map: &Map, body: &Value) -> Contact {
        contact(map, "CA", body.to_string().as_bytes()).expect("contact")
    }

    #[test]
    fn a_whole_object_is_read_by_pointers() {
        let contact = read(
            &pipedrive(),
            &json!({
                "meta": { "action": "change", "entity": "person", "attempt": 1 },
                "data": {
                    "id": 41, "name": "Luc Roy", "first_name": "Luc", "last_name": null, "org_id": null,
                    "emails": [{ "value": "", "primary": false }, { "value": "b@x.ca", "primary": false },
                               { "value": "a@x.ca", "label": "work", "primary": true }],
                    "phones": [{ "value": "514 555-0101", "label": "mobile", "primary": true }],
                    "owner_id": 123, "label_ids": [7],
                    "add_time": "2025-06-01T00:00:00Z", "update_time": "2026-01-01T00:00:00Z"
                },
                "previous": { "phones": [] }
            }),
        );
        assert_eq!((contact.id.as_str(), contact.owner.as_deref()), ("41", Some("123")));
        assert_eq!((contact.name.given.as_str(), contact.name.family.as_str()), ("Luc", ""));
        assert_eq!(contact.emails, ["a@x.ca", "b@x.ca"]);
        assert_eq!(contact.phones, ["+15145550101"]);
        assert_eq!(contact.tags, ["7"]);
        assert_eq!(contact.version, "2026-01-01T00:00:00Z".parse().ok());
        assert_eq!(contact.created, "2025-06-01T00:00:00Z".parse().ok());
        assert!(contact.partial);
    }

    #[test]
    fn a_name_in_one_part_is_kept_whole() {
        let contact =
            read(&pipedrive(), &json!({ "data": { "id": "1", "name": "Jean de la Fontaine", "emails": [] } }));
        assert_eq!(contact.name, Name { given: "Jean de la Fontaine".into(), ..Name::default() });
    }

    #[test]
    fn a_deletion_with_the_previous_state_only_is_an_id() {
        let contact = read(&pipedrive(), &json!({ "data": null, "previous": { "id": 9, "name": "X" } }));
        assert_eq!(contact, Contact { id: "9".into(), partial: true, ..Contact::default() });
        let none = super::contact(&pipedrive(), "CA", br#"{"data":null,"previous":null}"#);
        assert_eq!(none, Err(Unreadable::at("/data/id")));
    }

    #[test]
    fn one_property_an_event_fills_its_field_only() {
        let event = |name: &str, value: &str| {
            let at = 1_772_359_200_000_u64;
            json!({ "objectId": 123, "propertyName": name, "propertyValue": value, "occurredAt": at })
        };
        let contact = read(&hubspot(), &event("hs_additional_emails", "a@x.ca; B@x.ca;;a@X.ca"));
        assert_eq!(contact.emails, ["a@x.ca", "B@x.ca"]);
        assert_eq!((contact.name, contact.phones.len()), (Name::default(), 0));
        assert_eq!(contact.version, "2026-03-01T10:00:00Z".parse().ok());
        let unmapped = read(&hubspot(), &event("passport_number", "AB123"));
        let expected = Contact { id: "123".into(), version: unmapped.version, partial: true, ..Contact::default() };
        assert_eq!(unmapped, expected);
    }

    #[test]
    fn lists_may_be_texts_or_objects_and_phones_keep_their_extension() {
        let mut map = Map { contact: "/id".into(), ..Map::default() };
        map.fields.insert("phones".into(), "/p".into());
        for (given, phones) in [
            (json!("514-398-4455;ext=12"), vec!["+15143984455;ext=12"]),
            (json!(["+15145550101", null]), vec!["+15145550101"]),
            (json!([{ "phone": "(514) 555-0101" }, { "other": "x" }]), vec!["+15145550101"]),
            (json!(15145550101_u64), vec!["+15145550101"]),
        ] {
            assert_eq!(read(&map, &json!({ "id": "1", "p": given })).phones, phones);
        }
    }
}
