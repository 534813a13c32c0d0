//! What happens in the CRM.

use serde_json::{Value, json};

use super::{World, text, until};

impl World {
    /// A new contact, with its webhook; answers its id.
    pub async fn crm_create(&self, contact: Value) -> String {
        let made = self.crm("POST", &format!("locations/{}/contacts", self.location), &contact).await;
        text(&made["contact"], "id")
    }

    /// Changes fields of a contact, with its webhooks.
    pub async fn crm_update(&self, id: &str, fields: Value) {
        self.crm("PUT", &format!("locations/{}/contacts/{id}", self.location), &fields).await;
    }

    /// Deletes a contact, with its webhook.
    pub async fn crm_delete(&self, id: &str) {
        self.crm("DELETE", &format!("locations/{}/contacts/{id}", self.location), &Value::Null).await;
    }

    /// Stores contacts without a webhook.
    pub async fn crm_seed(&self, contacts: &[Value]) {
        self.crm("POST", &format!("locations/{}/seed", self.location), &json!({ "contacts": contacts })).await;
    }

    /// Every contact that the CRM holds.
    pub async fn crm_dump(&self) -> Vec<Value> {
        let dump = self.crm("GET", &format!("locations/{}/contacts", self.location), &Value::Null).await;
        dump["contacts"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until no webhook is under way any more.
    pub async fn delivered(&self) {
        until("the CRM's webhooks to be delivered", async || {
            self.crm("GET", "deliveries", &Value::Null).await["pending"].as_u64() == Some(0)
        })
        .await;
    }
}
