//! Bad days on both sides, and what they cost.

use serde_json::{Value, json};

use super::World;

impl World {
    /// A fault in the simulated Google, as its control API takes it.
    pub async fn google_fault(&self, rule: Value) {
        self.google("POST", "faults", &rule).await;
    }

    /// A fault in the simulated CRM, as its control API takes it.
    pub async fn crm_fault(&self, fault: Value) {
        self.crm("POST", "faults", &fault).await;
    }

    /// Contacts with this country are refused from now on.
    pub async fn google_knows_no(&self, country: &str) {
        self.google("PATCH", "modes", &json!({"unknown_countries": [country]})).await;
    }

    /// Nothing goes wrong any more.
    pub async fn fair_weather(&self) {
        self.google("DELETE", "faults", &Value::Null).await;
        self.crm("DELETE", "faults", &Value::Null).await;
    }

    /// How many calls of a method Google answered with a status; 0 is no answer.
    pub async fn calls(&self, method: &str, status: u16) -> u64 {
        let log = self.google("GET", "log", &Value::Null).await;
        log["counters"][method][status.to_string()].as_u64().unwrap_or(0)
    }

    /// Another Google account; answers its subject and refresh token.
    pub async fn another_google(&self) -> (String, String) {
        let account = self.google("POST", "accounts", &json!({})).await;
        (super::text(&account, "subject"), super::text(&account, "refresh_token"))
    }
}
