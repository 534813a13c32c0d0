//! What is in Google, and what its owner does there.

use carnet::simulate;
use serde_json::{Value, json};

use super::{LABEL, World};

impl World {
    /// Everything in the Google account.
    pub async fn google_dump(&self) -> Value {
        self.google("GET", &format!("accounts/{}", self.subject), &Value::Null).await
    }

    /// The contacts in the Google account.
    pub async fn people(&self) -> Vec<Value> {
        simulate::truth::people(&self.google_dump().await)
    }

    /// The user's own contacts; answers their resource names.
    pub async fn google_seed(&self, people: &[Value]) -> Vec<String> {
        let made = self.google("POST", &format!("accounts/{}/contacts", self.subject), &json!(people)).await;
        made["resourceNames"].as_array().into_iter().flatten().filter_map(|n| n.as_str().map(str::to_owned)).collect()
    }

    /// The user edits a contact.
    pub async fn user_edits(&self, resource: &str, fields: Value) {
        let id = resource.trim_start_matches("people/");
        self.google("PATCH", &format!("accounts/{}/contacts/{id}", self.subject), &fields).await;
    }

    /// The user deletes a contact.
    pub async fn user_deletes(&self, resource: &str) {
        let id = resource.trim_start_matches("people/");
        self.google("DELETE", &format!("accounts/{}/contacts/{id}", self.subject), &Value::Null).await;
    }

    /// The contacts that carry the label.
    pub async fn labelled(&self) -> Vec<Value> {
        let dump = self.google_dump().await;
        let groups = dump["groups"].as_array().cloned().unwrap_or_default();
        let Some(label) = groups.iter().find(|g| g["name"] == LABEL).and_then(|g| g["resourceName"].as_str()) else {
            return Vec::new();
        };
        simulate::truth::people(&dump).into_iter().filter(|p| has_label(p, label)).collect()
    }

    /// The contacts whose stamp names this CRM contact.
    pub async fn stamped(&self, contact: &str) -> Vec<Value> {
        let people = self.people().await;
        people.into_iter().filter(|p| p["clientData"].to_string().contains(contact)).collect()
    }
}

pub fn has_label(person: &Value, label: &str) -> bool {
    person["memberships"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|m| m["contactGroupMembership"]["contactGroupResourceName"] == label)
}

/// The texts of a list field.
pub fn values(person: &Value, field: &str) -> Vec<String> {
    let list = person[field].as_array().into_iter().flatten();
    list.filter_map(|item| item["value"].as_str().map(str::to_owned)).collect()
}
