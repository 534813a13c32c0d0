//! The three batches. All items are checked before any is written; errors name every item that is at fault. `prefix` is the
//! fault that commits only the first items.

use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};

use super::{
    account::Account,
    call::Call,
    draft::Draft,
    mask,
    options::BatchUpdateErrors,
    people::{self, Write, check_new, check_update, response},
    refusal::Refusal,
    render::View,
    schema,
};

/// # Errors
/// 400 with `BatchCreateContactsErrorDetails` when any contact is at fault; nothing is written then.
pub fn create(account: &mut Account, call: &Call, prefix: Option<usize>) -> Result<Value, Refusal> {
    let mut body = schema::fit(call.object()?, "BatchCreateContactsRequest", "")?;
    let view = view(&mut body)?;
    let contacts = if let Some(Value::Array(items)) = body.remove("contacts") { items } else { Vec::new() };
    sized("contacts", contacts.len(), 200)?;
    let (mut writes, mut errors) = (Vec::new(), Failures::default());
    for (index, mut item) in contacts.into_iter().enumerate() {
        match wrapped(&mut item).and_then(Draft::from_fitted).and_then(|draft| check_new(account, draft)) {
            Ok(write) => writes.push(write),
            Err(refusal) => errors.add(index.to_string(), refusal),
        }
    }
    errors.refuse("Create")?;
    account.refuse_if_full(writes.len())?;
    let committed = prefix.unwrap_or(usize::MAX);
    let ids: Vec<u64> = writes.into_iter().take(committed).map(|w| account.add(w.content, w.labels)).collect();
    let Some(view) = view else { return Ok(json!({})) };
    let mut created: Vec<Value> = ids.into_iter().map(|id| response(account, id, &view)).collect();
    if account.modes.shuffle {
        created.shuffle(&mut account.rng);
    }
    Ok(json!({ "createdPeople": created }))
}

/// # Errors
/// 400 with `BatchUpdateContactsErrorDetails` when any contact is at fault; what becomes of the others is a mode.
pub fn update(account: &mut Account, call: &Call, prefix: Option<usize>) -> Result<Value, Refusal> {
    let mut body = schema::fit(call.object()?, "BatchUpdateContactsRequest", "")?;
    let fields = mask::update("updateMask", body.get("updateMask").and_then(Value::as_str))?;
    let view = view(&mut body)?;
    let contacts = if let Some(Value::Object(map)) = body.remove("contacts") { map } else { Map::new() };
    sized("contacts", contacts.len(), 200)?;
    let (mut writes, mut errors) = (Vec::new(), Failures::default());
    for (name, person) in contacts {
        let person = if let Value::Object(person) = person { person } else { Map::new() };
        let checked = Draft::from_fitted(person).and_then(|draft| same_name(&name, draft));
        match checked.and_then(|draft| check_update(account, &name, draft, &fields)) {
            Ok(write) => writes.push(write),
            Err(refusal) => errors.add(name, refusal),
        }
    }
    if account.modes.batch_update_errors == BatchUpdateErrors::FailAll {
        errors.refuse("Update")?;
    }
    let mut results = Map::new();
    for (id, Write { content, labels }) in writes.into_iter().take(prefix.unwrap_or(usize::MAX)) {
        account.change(id, content, labels);
        if let Some(view) = &view {
            results.insert(super::contact::resource_name(id), response(account, id, view));
        }
    }
    if account.modes.batch_update_errors == BatchUpdateErrors::ApplyRest {
        errors.refuse("Update")?;
    }
    if view.is_some() {
        results.extend(errors.into_responses());
    }
    Ok(if results.is_empty() { json!({}) } else { json!({ "updateResult": results }) })
}

/// # Errors
/// 404 when any contact is unknown, with nothing deleted, unless a mode passes over them.
pub fn delete(account: &mut Account, call: &Call, prefix: Option<usize>) -> Result<Value, Refusal> {
    let body = schema::fit(call.object()?, "BatchDeleteContactsRequest", "")?;
    let names = body.get("resourceNames").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    sized("resourceNames", names.len(), 500)?;
    let mut ids = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        match people::writable_id(account, name) {
            Ok(id) => ids.push(id),
            Err(_) if account.modes.batch_delete_skips_unknown => {}
            Err(refusal) => return Err(refusal),
        }
    }
    for id in ids.into_iter().take(prefix.unwrap_or(usize::MAX)) {
        account.discard(id);
    }
    Ok(json!({}))
}

/// `None` for an empty `readMask`: then the answer holds no people at all.
fn view(body: &mut Map<String, Value>) -> Result<Option<View>, Refusal> {
    let text = body.get("readMask").and_then(Value::as_str).unwrap_or_default().to_owned();
    let sources = body.remove("sources");
    let sources = sources.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if text.is_empty() {
        return Ok(None);
    }
    View::new(mask::read("readMask", &text)?, sources).map(Some)
}

fn sized(field: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("The number of {field} must be between 1 and {most}, but is {count}.")))
}

fn wrapped(item: &mut Value) -> Result<Map<String, Value>, Refusal> {
    match item["contactPerson"].take() {
        Value::Object(person) => Ok(person),
        _ => Err(Refusal::invalid("Each contact must set contact_person.")),
    }
}

fn same_name(key: &str, draft: Draft) -> Result<Draft, Refusal> {
    if draft.resource_name.as_deref().is_some_and(|name| name != key) {
        return Err(Refusal::invalid("The key of a contact must be its person.resourceName."));
    }
    Ok(draft)
}

/// The contacts that made a batch fail.
#[derive(Default)]
struct Failures {
    first: Option<Refusal>,
    /// Index or resource name → what is wrong.
    items: Map<String, Value>,
}

impl Failures {
    fn add(&mut self, key: String, refusal: Refusal) {
        self.items.insert(key, refusal.item());
        self.first.get_or_insert(refusal);
    }

    fn refuse(&self, kind: &str) -> Result<(), Refusal> {
        let failed = |first| Refusal::batch(kind, first, self.items.clone().into());
        self.first.as_ref().map_or(Ok(()), |first| Err(failed(first)))
    }

    fn into_responses(self) -> impl Iterator<Item = (String, Value)> {
        self.items.into_iter().map(|(name, status)| {
            let response = json!({"requestedResourceName": name, "status": status});
            (name, response)
        })
    }
}
