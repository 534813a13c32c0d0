//! Single contacts: create, read, update, delete. The checks of a write are apart from its commit, so that a batch can check
//! all before it writes any.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    account::Account,
    call::Call,
    check,
    contact::{id_of, parse, resource_name},
    draft::Draft,
    etag, labels,
    mask::{self, Mask},
    refusal::Refusal,
    render::View,
};

/// A checked write, ready to be committed.
pub struct Write {
    pub content: Arc<str>,
    pub labels: Vec<Arc<str>>,
}

pub fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let view = View::of_call(written_mask(call)?, call)?;
    let draft = Draft::read(call.object()?, "person")?;
    let write = check_new(account, draft)?;
    account.refuse_if_full(1)?;
    let id = account.add(write.content, write.labels);
    account.show_written(id, &view).ok_or_else(Refusal::internal)
}

pub fn get(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let view = View::of_call(mask::required("personFields", call.param("personFields"))?, call)?;
    if name == "people/me" || name.strip_prefix("people/") == Some(&account.subject) {
        return Ok(myself(account, &view));
    }
    let shown = known_id(account, name).and_then(|id| account.show(id, &view));
    shown.ok_or_else(|| missing(account))
}

pub fn batch_get(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let view = View::of_call(mask::required("personFields", call.param("personFields"))?, call)?;
    let names: Vec<&str> = call.params("resourceNames").collect();
    if names.is_empty() || names.len() > 200 {
        return Err(Refusal::invalid("The number of resourceNames must be between 1 and 200."));
    }
    let mut one = |name: &str| match known_id(account, name).and_then(|id| account.show(id, &view)) {
        Some(person) => json!({"requestedResourceName": name, "httpStatusCode": 200, "person": person}),
        None => {
            let refusal = missing(account);
            json!({"requestedResourceName": name, "httpStatusCode": refusal.http, "status": refusal.item()})
        }
    };
    let responses: Vec<Value> = names.into_iter().map(&mut one).collect();
    Ok(json!({ "responses": responses }))
}

pub fn update(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let fields = mask::update("updatePersonFields", call.param("updatePersonFields"))?;
    let view = View::of_call(written_mask(call)?, call)?;
    let draft = Draft::read(call.object()?, "person")?;
    if draft.resource_name.as_deref().is_some_and(|n| n != name) {
        return Err(Refusal::invalid("person.resourceName does not match the resource name of the request."));
    }
    let (id, write) = check_update(account, name, draft, &fields)?;
    account.change(id, write.content, write.labels);
    account.show_written(id, &view).ok_or_else(Refusal::internal)
}

pub fn delete(account: &mut Account, name: &str) -> Result<Value, Refusal> {
    let id = writable_id(account, name)?;
    account.discard(id);
    Ok(json!({}))
}

/// `personFields` of a create or update: all when absent.
fn written_mask(call: &Call) -> Result<Mask, Refusal> {
    call.param("personFields").map_or(Ok(mask::READABLE.to_vec()), |text| mask::read("personFields", text))
}

/// What a person that is not there gets.
pub fn missing(account: &Account) -> Refusal {
    if account.modes.missing_is_500 { Refusal::internal() } else { Refusal::not_found() }
}

/// The id behind a name, which may be one that the contact had before.
fn known_id(account: &Account, name: &str) -> Option<u64> {
    let id = id_of(name)?;
    Some(account.renamed.get(&id).copied().unwrap_or(id))
}

/// # Errors
/// 400 for a profile or other contact, which cannot be written, 404 for a contact that is not there under this very name.
pub fn writable_id(account: &Account, name: &str) -> Result<u64, Refusal> {
    if name == "people/me" || name.starts_with("otherContacts/") {
        return Err(Refusal::invalid("Only contacts can be modified."));
    }
    id_of(name).filter(|id| account.people.contains_key(id)).ok_or_else(|| missing(account))
}

/// The account owner's profile.
fn myself(account: &Account, view: &View) -> Value {
    let metadata = json!({"primary": true, "source": {"type": "PROFILE", "id": account.subject}});
    let mut me = json!({
        "resourceName": format!("people/{}", account.subject),
        "etag": etag::person(&view.numbers, "#cHJvZmlsZQ==", false),
    });
    if view.mask.contains(&"emailAddresses") {
        me["emailAddresses"] = json!([{"value": account.email, "metadata": metadata}]);
    }
    if view.mask.contains(&"names") {
        let name = account.email.split('@').next().unwrap_or_default();
        me["names"] = json!([{"displayName": name, "givenName": name, "metadata": metadata}]);
    }
    me
}

/// # Errors
/// 400 for an empty person or any rule it breaks.
pub fn check_new(account: &Account, draft: Draft) -> Result<Write, Refusal> {
    if draft.is_empty() {
        return Err(Refusal::invalid("Request must set at least one field of person."));
    }
    let given = draft.labels.unwrap_or_else(|| vec![labels::MY_CONTACTS.to_owned()]);
    let labels = labels::resolve(account, &given, &[])?;
    Ok(Write { content: checked(account, &draft.fields)?, labels })
}

/// # Errors
/// 400 for a missing or stale etag or any rule the result breaks, 404 for an unknown contact.
pub fn check_update(account: &Account, name: &str, draft: Draft, mask: &Mask) -> Result<(u64, Write), Refusal> {
    let id = writable_id(account, name)?;
    let contact = account.people.get(&id).ok_or_else(|| missing(account))?;
    check_etags(account, &draft, &contact.source_etag(account.salt))?;
    let mut labels = contact.current.labels.clone();
    if mask.contains(&"memberships") {
        let given = draft.labels.unwrap_or_default();
        if given.is_empty() {
            return Err(Refusal::invalid("Contact must always be in at least one contact group."));
        }
        labels = labels::resolve(account, &given, &labels)?;
    }
    let mut fields = parse(&contact.current.content);
    let mut sent = draft.fields;
    for &field in mask.iter().filter(|f| **f != "memberships") {
        let before = fields.remove(field);
        let mut after = sent.remove(field);
        if field == "clientData" && account.modes.sticky_client_data {
            after = stick(before, after);
        }
        if let Some(after) = after {
            fields.insert(field.into(), after);
        }
    }
    Ok((id, Write { content: checked(account, &fields)?, labels }))
}

fn checked(account: &Account, fields: &Map<String, Value>) -> Result<Arc<str>, Refusal> {
    check::content(fields, &account.modes.unknown_countries)?;
    let content = serde_json::to_string(fields).map_err(|_| Refusal::internal())?;
    check::size(&content)?;
    Ok(content.into())
}

fn check_etags(account: &Account, draft: &Draft, current: &str) -> Result<(), Refusal> {
    if draft.etag.is_none() && draft.source_etag.is_none() {
        return Err(Refusal::no_etag());
    }
    if let Some(sent) = &draft.etag {
        let opened = etag::open(sent).filter(|o| o.source_etag == current);
        if opened.is_none_or(|o| o.listing && account.modes.refuse_list_etags) {
            return Err(Refusal::stale("person.etag"));
        }
    }
    if draft.source_etag.as_deref().is_some_and(|sent| sent != current) {
        return Err(Refusal::stale("person.metadata.sources.etag"));
    }
    Ok(())
}

/// The legacy behaviour of extended properties: entries never leave, and an empty value reads back as the key.
fn stick(before: Option<Value>, after: Option<Value>) -> Option<Value> {
    let list = |value: Option<Value>| value.and_then(|v| v.as_array().cloned()).unwrap_or_default();
    let mut kept = list(after);
    for item in &mut kept {
        if item["value"].as_str().unwrap_or_default().is_empty() {
            item["value"] = item["key"].clone();
        }
    }
    let lost = list(before).into_iter().filter(|old| !kept.iter().any(|new| new["key"] == old["key"]));
    let lost: Vec<Value> = lost.collect();
    kept.extend(lost);
    (!kept.is_empty()).then(|| kept.into())
}

/// An answer for one contact of a batch.
pub fn response(account: &mut Account, id: u64, view: &View) -> Value {
    let name = resource_name(id);
    let person = account.show_written(id, view);
    json!({"requestedResourceName": name, "httpStatusCode": 200, "status": {}, "person": person})
}
