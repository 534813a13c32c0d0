//! Bodies of HighLevel's workflow actions: the standard one in snake_case with custom fields at the top level under their
//! labels, and the custom one that a user writes, usually with a `contact` object.

use serde_json::{Map, Value};

use super::adapt::value_text;
use crate::{
    contact::{Birthday, Contact, Name, Unread},
    crm::{
        decode::{Unreadable, decode},
        tidy,
    },
};

/// Keys of the standard body and of the custom template that are not custom fields, in every known spelling.
/// `full_address` and `timezone` repeat or describe others; `tags` is one text in which tags with commas fall apart.
const KNOWN: &[&str] = &[
    "id",
    "contact_id",
    "contactId",
    "first_name",
    "firstName",
    "last_name",
    "lastName",
    "full_name",
    "fullName",
    "name",
    "email",
    "phone",
    "tags",
    "address1",
    "address",
    "city",
    "state",
    "country",
    "postal_code",
    "postalCode",
    "timezone",
    "date_created",
    "dateAdded",
    "contact_source",
    "source",
    "full_address",
    "contact_type",
    "company_name",
    "companyName",
    "website",
    "date_of_birth",
    "dateOfBirth",
    "assigned_to",
    "assignedTo",
    "type",
    "event",
    "locationId",
    "location_id",
    "gclid",
    "location",
    "user",
    "workflow",
    "triggerData",
    "contact",
    "attributionSource",
    "lastAttributionSource",
    "customData",
];

/// The contact inside a workflow action's body.
///
/// Always partial and without a version: the body is what the user chose to send, with no time. The owner is only there
/// when the user sends the id; the standard body has the owner's name, which identifies nobody. Tags are not read.
pub fn workflow(body: &[u8], region: &str) -> Result<Contact, Unreadable> {
    let body = Body(decode::<Map<String, Value>>(body)?);
    let id = body.contact_id().ok_or_else(|| Unreadable::at("contact_id"))?;
    Ok(Contact {
        id,
        version: None,
        created: tidy::moment(&body.text(&["date_created", "dateAdded"])),
        name: body.name(),
        company: body.text(&["company_name", "companyName"]),
        title: String::new(),
        emails: tidy::emails([body.text(&["email"])]),
        phones: tidy::phones([body.text(&["phone"])], region),
        address: tidy::address(
            &body.text(&["address1", "address"]),
            &body.text(&["city"]),
            &body.text(&["state"]),
            &body.text(&["postal_code", "postalCode"]),
            &body.text(&["country"]),
        ),
        urls: tidy::texts([body.text(&["website"])]),
        birthday: Birthday::read(&body.text(&["date_of_birth", "dateOfBirth"])),
        owner: tidy::optional(&body.text(&["assigned_to", "assignedTo"])),
        owner_name: body.owner_name(),
        tags: Vec::new(),
        dnd: false,
        source: body.text(&["contact_source", "source"]),
        custom: body.custom(),
        unread: Unread::default(),
        partial: true,
    })
}

struct Body(Map<String, Value>);

impl Body {
    /// The first of these keys that says something, in the `contact` object first, then at the top.
    fn text(&self, keys: &[&str]) -> String {
        let inner = self.0.get("contact").and_then(Value::as_object);
        let look = |map: &Map<String, Value>| keys.iter().find_map(|key| scalar(map.get(*key)?));
        inner.and_then(look).or_else(|| look(&self.0)).unwrap_or_default()
    }

    /// Where the id is depends on who built the workflow.
    fn contact_id(&self) -> Option<String> {
        let within = |key: &str, ids: &[&str]| {
            let map = self.0.get(key)?.as_object()?;
            ids.iter().find_map(|id| scalar(map.get(*id)?))
        };
        let ids = ["contact_id", "contactId"];
        ids.iter()
            .find_map(|id| scalar(self.0.get(*id)?))
            .or_else(|| within("contact", &["id", "contact_id", "contactId"]))
            .or_else(|| within("customData", &ids))
    }

    fn name(&self) -> Name {
        let given = self.text(&["first_name", "firstName"]);
        let family = self.text(&["last_name", "lastName"]);
        if given.is_empty() && family.is_empty() {
            return Name { given: self.text(&["full_name", "fullName", "name"]), ..Name::default() };
        }
        Name { given, family, ..Name::default() }
    }

    /// The standard body has the owner's name, without an id.
    fn owner_name(&self) -> String {
        let user = |key: &str| scalar(self.0.get("user")?.get(key)?);
        ["firstName", "lastName"].iter().filter_map(|key| user(key)).collect::<Vec<_>>().join(" ")
    }

    fn custom(&self) -> Vec<(String, String)> {
        let is_field = |(label, value): &(&String, &Value)| !KNOWN.contains(&label.as_str()) && !value.is_object();
        self.0
            .iter()
            .filter(is_field)
            .map(|(label, value)| (label.trim().to_owned(), value_text(value)))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_) | Value::Number(_) => Some(value_text(value)).filter(|text| !text.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Contact {
        workflow(body.to_string().as_bytes(), "CA").expect("contact")
    }

    #[test]
    fn the_standard_body_is_read_with_custom_fields_by_label_and_without_tags() {
        let contact = read(&json!({
            "Budget range": "500k", "Preferred areas:": ["Laval", "Brossard"], "Empty": "", "contact_id": "c9",
            "first_name": "Noémie", "last_name": "null", "full_name": "Noémie", "email": "n@example.com",
            "phone": "(450) 555-0111", "tags": "vip, Laval, QC", "country": "CA", "date_created": "2026-08-04T10:00:00Z",
            "contact_source": "form", "full_address": "", "company_name": "N/A", "location": { "id": "loc" },
            "user": { "firstName": "O" }, "workflow": { "id": "w" }, "triggerData": {},
            "contact": { "attributionSource": {} }, "customData": { "Email": "other@example.com" }
        }));
        assert_eq!((contact.id.as_str(), contact.name.given.as_str()), ("c9", "Noémie"));
        assert_eq!((contact.name.family.as_str(), contact.company.as_str()), ("", ""));
        assert_eq!(contact.phones, ["+14505550111"]);
        assert_eq!(contact.emails, ["n@example.com"]);
        assert!(contact.tags.is_empty() && contact.partial && contact.version.is_none());
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(contact.custom, [pair("Budget range", "500k"), pair("Preferred areas:", "Laval, Brossard")]);
    }

    #[test]
    fn the_custom_shape_is_read_from_its_contact_object() {
        let contact = read(&json!({
            "type": "contact.updated", "locationId": "loc", "name": "workflow name",
            "contact": { "id": "c1", "email": "", "firstName": "Luc", "last_name": "Roy", "phone": 15145550123_u64 }
        }));
        assert_eq!((contact.id.as_str(), contact.name.family.as_str()), ("c1", "Roy"));
        assert_eq!(contact.phones, ["+15145550123"]);
        assert!(contact.custom.is_empty());
    }

    #[test]
    fn the_id_may_be_in_several_places_and_must_be_somewhere() {
        for body in [json!({ "contactId": "x" }), json!({ "customData": { "contact_id": "x" } })] {
            assert_eq!(read(&body).id, "x");
        }
        let none = workflow(br#"{"contact_id":"","id":"w1"}"#, "CA");
        assert_eq!(none, Err(Unreadable::at("contact_id")), "a bare id may be anything's");
    }
}
