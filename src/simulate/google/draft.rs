//! A person as a client sends it, taken apart: what is to be stored, and what says which version it was made from.

use serde_json::{Map, Value};

use super::{mask, refusal::Refusal, schema};

#[derive(Default)]
pub struct Draft {
    pub resource_name: Option<String>,
    /// `person.etag`.
    pub etag: Option<String>,
    /// The etag of the CONTACT source.
    pub source_etag: Option<String>,
    /// The lists a client may write, without `memberships`; empty lists are left out.
    pub fields: Map<String, Value>,
    /// The labels given; `None` when there are none.
    pub labels: Option<Vec<String>>,
}

impl Draft {
    /// # Errors
    /// 400 when the person does not fit the schema.
    pub fn read(person: Map<String, Value>, path: &str) -> Result<Self, Refusal> {
        Self::from_fitted(schema::fit(person, "Person", path)?)
    }

    /// From a person that has been through the schema already, as part of a larger request.
    pub fn from_fitted(mut person: Map<String, Value>) -> Result<Self, Refusal> {
        let memberships = person.remove("memberships");
        let mut draft = Self {
            resource_name: text(person.remove("resourceName")),
            etag: text(person.remove("etag")),
            source_etag: person.remove("metadata").and_then(|m| contact_source_etag(&m)),
            labels: memberships.as_ref().map(labels).transpose()?.filter(|l| !l.is_empty()),
            fields: Map::new(),
        };
        for (name, value) in person {
            // A field without a place in an update mask (skills, …) is taken and forgotten.
            if let (true, Value::Array(items)) = (mask::writable(&name), value)
                && !items.is_empty()
            {
                draft.fields.insert(name, items.into_iter().map(keep_what_is_stored).collect());
            }
        }
        Ok(draft)
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.labels.is_none()
    }
}

fn text(value: Option<Value>) -> Option<String> {
    value.and_then(|v| v.as_str().map(str::to_owned)).filter(|t| !t.is_empty())
}

fn contact_source_etag(metadata: &Value) -> Option<String> {
    let sources = metadata.get("sources")?.as_array()?;
    let contact = sources.iter().find(|s| s.get("type").and_then(Value::as_str) == Some("CONTACT"))?;
    text(contact.get("etag").cloned())
}

/// Of an item's metadata only the choice of the user lives on.
fn keep_what_is_stored(mut item: Value) -> Value {
    let Some(fields) = item.as_object_mut() else { return item };
    if let Some(metadata) = fields.remove("metadata")
        && metadata.get("sourcePrimary") == Some(&Value::Bool(true))
    {
        fields.insert("metadata".into(), serde_json::json!({"sourcePrimary": true}));
    }
    item
}

fn labels(memberships: &Value) -> Result<Vec<String>, Refusal> {
    let mut labels = Vec::new();
    for membership in memberships.as_array().into_iter().flatten() {
        // Memberships of a domain are read-only and come back empty from the schema.
        let Some(group) = membership.get("contactGroupMembership") else { continue };
        let name = text(group.get("contactGroupResourceName").cloned())
            .ok_or_else(|| Refusal::invalid("contactGroupMembership must set contactGroupResourceName."))?;
        if !labels.contains(&name) {
            labels.push(name);
        }
    }
    Ok(labels)
}
