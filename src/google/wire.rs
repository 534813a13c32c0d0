//! Requests and answers of the People API around [`Person`], as they travel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    answer::RpcStatus,
    person::{Field, Person, PersonMetadata},
};

/// The one source that is a contact of the user's own. Without it a read would mix in what profiles say.
pub(super) const CONTACT_SOURCE: &str = "READ_SOURCE_TYPE_CONTACT";

/// Answer of `connections.list`. What is empty is absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct ListAnswer {
    pub connections: Vec<Person>,
    pub next_page_token: Option<String>,
    pub next_sync_token: Option<String>,
    pub total_items: Option<u64>,
}

/// One contact in an answer to a batch.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PersonResponse {
    pub person: Option<Person>,
    pub requested_resource_name: String,
    pub status: RpcStatus,
}

/// Answer of `batchGet`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BatchGetAnswer {
    pub responses: Vec<PersonResponse>,
}

/// Answer of `batchCreateContacts`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BatchCreateAnswer {
    pub created_people: Vec<PersonResponse>,
}

/// Answer of `batchUpdateContacts`: a map by resource name.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BatchUpdateAnswer {
    pub update_result: BTreeMap<String, PersonResponse>,
}

/// Body of `batchDeleteContacts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchDelete<'a> {
    pub resource_names: &'a [&'a str],
}

/// Body of `batchCreateContacts`: each contact is wrapped.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchCreate {
    pub contacts: Vec<Wrapped>,
    /// Never empty: Google would then return nothing, not even resource names.
    pub read_mask: String,
    pub sources: [&'static str; 1],
}

/// One contact of a [`BatchCreate`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wrapped {
    pub contact_person: Person,
}

/// Body of `batchUpdateContacts`: a map, not a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchUpdate {
    pub contacts: BTreeMap<String, Person>,
    pub update_mask: String,
    pub read_mask: String,
    pub sources: [&'static str; 1],
}

/// A contact as a create sends it: without what only Google may say.
pub(super) fn new_body(person: &Person) -> Person {
    Person { resource_name: String::new(), etag: None, metadata: None, ..person.clone() }
}

/// A contact as an update sends it: the fields of the mask, the top-level etag as it was read, and of the metadata the
/// CONTACT source with its etag. Google's pages ask for the one, its error messages for either.
pub(super) fn changed_body(person: &Person, mask: &[Field]) -> Person {
    let sources = person.metadata.iter().flat_map(|m| &m.sources).filter(|s| s.kind == "CONTACT").cloned();
    let mut body = Person {
        resource_name: person.resource_name.clone(),
        etag: person.etag.clone(),
        metadata: Some(PersonMetadata { sources: sources.collect(), ..PersonMetadata::default() }),
        ..Person::default()
    };
    for field in mask {
        body.take(*field, person);
    }
    body
}
