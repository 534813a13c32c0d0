//! What the owner of the Google account does in Google Contacts, and what must still be there afterwards.

use serde_json::{Value, json};

use super::World;

impl World {
    /// The user does something in the Google account; `path` as in the simulator's control API.
    pub async fn user(&self, method: &str, path: &str, body: Value) -> Value {
        self.google(method, &format!("accounts/{}/{path}", self.subject), &body).await
    }

    /// The user puts labels on a contact and takes others off.
    pub async fn user_labels(&self, resource: &str, add: &[&str], remove: &[&str]) {
        let path = format!("contacts/{}/labels", resource.trim_start_matches("people/"));
        self.user("POST", &path, json!({ "add": add, "remove": remove })).await;
    }

    /// One contact with etag, time and the names of its labels.
    pub async fn contact(&self, resource: &str) -> Value {
        let dump = self.google_dump().await;
        let found = dump["contacts"].as_array().into_iter().flatten().find(|c| c["resourceName"] == resource);
        found.cloned().unwrap_or_else(|| panic!("no {resource}"))
    }

    /// The one contact whose stamp names this CRM contact.
    pub async fn only(&self, contact: &str) -> Value {
        let mut found = self.stamped(contact).await;
        assert_eq!(found.len(), 1, "{contact}: {found:#?}");
        found.remove(0)
    }

    /// The names of all labels that users make.
    pub async fn label_names(&self) -> Vec<String> {
        let dump = self.google_dump().await;
        let groups = dump["groups"].as_array().into_iter().flatten().filter(|g| g["system"] == false);
        groups.filter_map(|g| g["name"].as_str().map(str::to_owned)).collect()
    }

    /// Contacts that Carnet never touched, whole.
    pub async fn strangers(&self) -> Vec<Value> {
        let dump = self.google_dump().await;
        let contacts = dump["contacts"].as_array().into_iter().flatten();
        contacts.filter(|c| !c["person"]["clientData"].is_array()).cloned().collect()
    }
}

/// The names of a contact's labels, sorted.
pub fn labels(contact: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        contact["labels"].as_array().into_iter().flatten().filter_map(|l| l.as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

/// Whether the stamp on a contact says that we have let go of it.
pub fn is_released(contact: &Value) -> bool {
    contact["person"]["clientData"][0]["value"].as_str().is_some_and(|stamp| stamp.contains(";released;"))
}

/// A person's resource name.
pub fn resource(person: &Value) -> String {
    super::text(person, "resourceName")
}
