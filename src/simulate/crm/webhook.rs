//! The bodies HighLevel posts. App events are flat, leave out what is empty, and end with `timestamp` and `webhookId`;
//! workflow bodies are snake case, unsigned, and say "nothing" in three ways.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{
    contact::Record,
    world::{Location, iso},
};

/// A delivery to be.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) location: String,
    /// Empty for INSTALL and UNINSTALL.
    pub(super) contact: String,
    pub(super) webhook_id: String,
    pub(super) body: Vec<u8>,
    /// App events are signed; workflow ones carry headers of the user's own instead.
    pub(super) signed: bool,
    pub(super) headers: Vec<(String, String)>,
    /// Workflow actions have their own URL.
    pub(super) url: Option<String>,
}

/// What the envelope of an app event says.
pub(super) struct Envelope<'a> {
    pub(super) kind: &'a str,
    pub(super) location: &'a str,
    pub(super) app_id: &'a str,
    /// When it is emitted, virtual milliseconds.
    pub(super) at: i64,
    pub(super) webhook_id: String,
}

/// A JSON object whose keys keep their order, which a parsed one would lose.
struct InOrder(Vec<(&'static str, Value)>);

impl Serialize for InOrder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Envelope<'_> {
    /// ContactCreate, ContactUpdate, ContactDelete, ContactTagUpdate or ContactDndUpdate.
    pub(super) fn about(self, record: &Record) -> Event {
        const FIELDS: [&str; 19] = [
            "firstName",
            "lastName",
            "email",
            "phone",
            "address1",
            "city",
            "state",
            "companyName",
            "tags",
            "country",
            "postalCode",
            "website",
            "source",
            "dateAdded",
            "dateOfBirth",
            "dnd",
            "assignedTo",
            "timezone",
            "customFields",
        ];
        let mut fields = self.head();
        fields.push(("id", json!(record.text("id"))));
        for key in FIELDS {
            match record.get(key) {
                Some(value) => fields.push((key, value.clone())),
                // Captures show these two even when empty.
                None if matches!(key, "tags" | "customFields") => fields.push((key, json!([]))),
                None => {}
            }
        }
        if let (Some(settings), "ContactDndUpdate" | "ContactDelete") = (record.get("dndSettings"), self.kind) {
            fields.push(("dndSettings", settings.clone()));
        }
        let manual = json!({"medium": "manual", "mediumId": null, "sessionSource": "CRM UI"});
        fields.push(("attributionSource", record.get("attributionSource").cloned().unwrap_or(manual)));
        self.seal(fields, record.text("id"))
    }

    /// INSTALL or UNINSTALL at a location.
    pub(super) fn installation(self, location: &Location) -> Event {
        let mut fields = self.head();
        fields.push(("companyId", json!(location.company)));
        if self.kind == "INSTALL" {
            fields.push(("installType", json!("Location")));
            fields.push(("isWhitelabelCompany", json!(true)));
            fields.push((
                "whitelabelDetails",
                json!({"domain": "crm.example", "logoUrl": "https://crm.example/logo.png"}),
            ));
            fields.push(("companyName", json!(location.name)));
        }
        self.seal(fields, "")
    }

    fn head(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("type", json!(self.kind)),
            ("locationId", json!(self.location)),
            ("versionId", json!(self.app_id)),
            ("appId", json!(self.app_id)),
        ]
    }

    fn seal(self, mut fields: Vec<(&'static str, Value)>, contact: &str) -> Event {
        fields.push(("timestamp", json!(iso(self.at))));
        fields.push(("webhookId", json!(self.webhook_id)));
        Event {
            kind: self.kind.to_owned(),
            location: self.location.to_owned(),
            contact: contact.to_owned(),
            webhook_id: self.webhook_id,
            body: serde_json::to_vec(&InOrder(fields)).unwrap_or_default(),
            signed: true,
            headers: Vec::new(),
            url: None,
        }
    }
}

/// The fixed body of the workflow action "Webhook". Custom fields sit at top level under their label.
pub(super) fn standard_workflow(id: &str, location: &Location, record: &Record, custom_data: &Value) -> Value {
    let text = |key: &str| json!(record.text(key));
    let tags: Vec<_> =
        record.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut body = Map::new();
    for (key, name) in [
        ("contact_id", "id"),
        ("first_name", "firstName"),
        ("last_name", "lastName"),
        ("email", "email"),
        ("phone", "phone"),
        ("address1", "address1"),
        ("city", "city"),
        ("state", "state"),
        ("country", "country"),
        ("postal_code", "postalCode"),
        ("timezone", "timezone"),
        ("date_created", "dateAdded"),
        ("contact_source", "source"),
        ("contact_type", "type"),
    ] {
        body.insert(key.into(), text(name));
    }
    // The third way of saying nothing: some keys are absent, some "", and this one the word.
    let company = record.text("companyName");
    body.insert("company_name".into(), json!(if company.is_empty() { "null" } else { company }));
    body.insert("full_name".into(), json!(record.full_name()));
    body.insert("full_address".into(), json!(""));
    body.insert("tags".into(), json!(tags.join(",")));
    body.insert("location".into(), json!({"id": id, "name": location.name, "country": "CA"}));
    body.insert("workflow".into(), json!({"id": "simulated-workflow", "name": "Contact → phone"}));
    body.insert("triggerData".into(), json!({}));
    body.insert("customData".into(), custom_data.clone());
    for entry in record.get("customFields").and_then(Value::as_array).into_iter().flatten() {
        let label = location.custom_fields.iter().find(|field| field["id"] == entry["id"]);
        if let Some(name) = label.and_then(|field| field["name"].as_str()) {
            body.insert(name.into(), entry["value"].clone());
        }
    }
    Value::Object(body)
}

/// What a user typically writes into the action "Custom Webhook".
pub(super) fn custom_workflow(id: &str, record: &Record, kind: &str) -> Value {
    json!({"type": kind, "locationId": id, "contact": {
        "id": record.text("id"), "email": record.text("email"), "phone": record.text("phone"),
        "firstName": record.text("firstName"), "lastName": record.text("lastName"),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_event_is_flat_omits_empties_and_ends_with_its_id() {
        let fields = json!({"firstName": "Zoé", "additionalEmails": [{"email": "b@b.example"}], "ssn": "000"});
        let record = Record::new("abcdefghijklmnopqrst", "loc", fields.as_object().unwrap(), 0);
        let envelope =
            Envelope { kind: "ContactCreate", location: "loc", app_id: "app", at: 674, webhook_id: "w-1".into() };
        assert_eq!(
            String::from_utf8(envelope.about(&record).body).unwrap(),
            concat!(
                r#"{"type":"ContactCreate","locationId":"loc","versionId":"app","appId":"app","id":"abcdefghijklmnopqrst","#,
                r#""firstName":"Zoé","tags":[],"dateAdded":"1970-01-01T00:00:00.000Z","customFields":[],"#,
                r#""attributionSource":{"medium":"manual","mediumId":null,"sessionSource":"CRM UI"},"#,
                r#""timestamp":"1970-01-01T00:00:00.674Z","webhookId":"w-1"}"#
            )
        );
    }
}
