//! What must be true in the end, whatever happened: one Google contact per CRM contact, with the CRM's newest state.

use carnet::simulate;
use serde_json::{Value, json};

use super::{World, crm_options, google::values, text};

impl World {
    /// What is wrong in Google: CRM contacts that are not there once and as the CRM has them, and stamps of contacts that the
    /// CRM does not have. Every contact of the story has a phone number.
    pub async fn wrongs(&self) -> Vec<String> {
        let (crm, labelled) = (self.crm_dump().await, self.labelled().await);
        let people = self.people().await;
        let mut wrongs = Vec::new();
        for contact in &crm {
            let id = text(contact, "id");
            let stamped: Vec<&Value> = people.iter().filter(|p| is_held(p, &id)).collect();
            let [person] = stamped.as_slice() else {
                wrongs.push(format!("{id} is in Google {} times: {contact}", stamped.len()));
                continue;
            };
            if values(person, "phoneNumbers") != [text(contact, "phone")] {
                wrongs.push(format!("{id} has another phone: {contact} {}", person["phoneNumbers"]));
            }
            if !labelled.iter().any(|l| l["resourceName"] == person["resourceName"]) {
                wrongs.push(format!("{id} has no label"));
            }
        }
        let known: Vec<String> = crm.iter().map(|c| text(c, "id")).collect();
        let strangers = people.iter().filter(|p| p["clientData"].to_string().contains(";held;"));
        let strangers = strangers.filter(|p| !known.iter().any(|id| is_held(p, id)));
        wrongs.extend(strangers.map(|p| format!("not in the CRM: {} {}", p["names"], p["clientData"])));
        wrongs
    }

    /// Posts a webhook of a contact, signed as the CRM signs; answers status and `Retry-After`.
    pub async fn knock(&self, url: &str, contact: &str) -> (u16, Option<String>) {
        let (body, signature) = self.told_of(contact);
        let request = self.http.post(format!("{url}/webhooks/centiva")).header("content-type", "application/json");
        let request = request.header("X-GHL-Signature", signature);
        let answer = request.body(body).send().await.expect("the door answers");
        let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(str::to_owned);
        (answer.status().as_u16(), after)
    }

    /// The body of a webhook of a contact, and its signature.
    pub fn told_of(&self, contact: &str) -> (String, String) {
        let body = json!({"type": "ContactUpdate", "locationId": self.location, "id": contact}).to_string();
        let signature = simulate::crm::sign(crm_options().seed, body.as_bytes());
        (body, signature)
    }

    /// Every answer that the CRM's webhooks were given, one list a delivery.
    pub async fn attempts(&self) -> Vec<Vec<u64>> {
        let log = self.crm("GET", "deliveries", &Value::Null).await;
        let deliveries = log["deliveries"].as_array().cloned().unwrap_or_default();
        let list = |d: &Value| d["attempts"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        deliveries.iter().map(list).collect()
    }
}

/// Whether the person has an unreleased stamp of this contact.
fn is_held(person: &Value, contact: &str) -> bool {
    let entries = person["clientData"].as_array().into_iter().flatten();
    entries.filter_map(|e| e["value"].as_str()).any(|stamp| stamp.contains(contact) && stamp.contains(";held;"))
}

/// A contact of a story, told from the others by its number.
pub fn person(name: &str, number: usize) -> Value {
    json!({
        "firstName": name,
        "lastName": format!("Person{number}"),
        "email": format!("{name}{number}@example.com").to_lowercase(),
        "phone": phone(number),
    })
}

/// A phone number for each number below 10,000.
pub fn phone(number: usize) -> String {
    format!("+1514555{number:04}")
}
