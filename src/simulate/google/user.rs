//! The user in the web interface: edits that need no etag and know no quota, and the dump of everything there is.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    account::{Account, Tombstone},
    call::Call,
    clock::rfc3339,
    contact::{Contact, parse, resource_name},
    draft::Draft,
    labels::{self, MY_CONTACTS},
    op::Cost,
    refusal::Refusal,
    render::memberships,
};

/// # Errors
/// 404 for an unknown path, contact or label, 400 for a body that does not fit.
pub fn act(account: &mut Account, method: &str, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
    match (method, rest) {
        ("POST", ["contacts"]) => seed(account, call),
        ("PUT" | "PATCH", ["contacts", person]) => edit(account, living(account, person)?, method == "PUT", call),
        ("DELETE", ["contacts", person]) => {
            account.discard(living(account, person)?);
            Ok(json!({}))
        }
        ("POST", ["contacts", person, "restore"]) => restore(account, person),
        ("POST", ["contacts", person, "labels"]) => relabel(account, living(account, person)?, &call.json()?),
        ("POST", ["contacts", person, "rename"]) => rename(account, living(account, person)?),
        ("PUT", ["contacts", person, "profile"]) => link_profile(account, living(account, person)?, call),
        ("POST", ["merge"]) => merge(account, &call.json()?),
        ("POST", ["trash", "empty"]) => {
            account.trash.clear();
            Ok(json!({}))
        }
        ("POST", ["groups"]) => {
            let key = labels::add(account, call.json()?["name"].as_str().unwrap_or_default(), Vec::new())?;
            Ok(json!({"resourceName": &*key}))
        }
        ("PATCH", ["groups", group]) => {
            let key = find_label(account, group).ok_or_else(Refusal::not_found)?;
            labels::rename(account, &key, call.json()?["name"].as_str().unwrap_or_default())?;
            Ok(json!({}))
        }
        ("DELETE", ["groups", group]) => {
            let key = find_label(account, group).ok_or_else(Refusal::not_found)?;
            labels::remove(account, &key, false);
            Ok(json!({}))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn seed(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let Value::Array(people) = call.json()? else { return Err(Refusal::invalid("A list of people is expected.")) };
    let mut drafts = Vec::new();
    for (index, person) in people.into_iter().enumerate() {
        let Value::Object(person) = person else { return Err(Refusal::invalid("A person must be an object.")) };
        drafts.push(Draft::read(person, &format!("people[{index}]"))?);
    }
    let mut names = Vec::new();
    for draft in drafts {
        let labels = match draft.labels {
            None => vec![Arc::from(MY_CONTACTS)],
            Some(labels) => labels.iter().map(|l| label(account, l)).collect::<Result<_, _>>()?,
        };
        let id = account.add(Value::from(draft.fields).to_string().into(), labels);
        names.push(resource_name(id));
    }
    Ok(json!({ "resourceNames": names }))
}

fn edit(account: &mut Account, id: u64, whole: bool, call: &Call) -> Result<Value, Refusal> {
    let sent = call.object()?;
    let named: Vec<String> = sent.keys().cloned().collect();
    let draft = Draft::read(sent, "person")?;
    let contact = account.people.get(&id).ok_or_else(Refusal::not_found)?;
    let (mut fields, mut labels) = (contact.fields(), contact.current.labels.clone());
    fields.retain(|field, _| !whole && !named.contains(field));
    fields.extend(draft.fields);
    if let Some(given) = draft.labels {
        labels = given.iter().map(|l| label(account, l)).collect::<Result<_, _>>()?;
    }
    account.change(id, Value::from(fields).to_string().into(), labels);
    Ok(json!({}))
}

fn restore(account: &mut Account, person: &str) -> Result<Value, Refusal> {
    let id = id(person)?;
    let trashed = account.trash.remove(&id).ok_or_else(Refusal::not_found)?;
    account.gone.remove(&id);
    let mut labels = trashed.contact.current.labels.clone();
    labels.retain(|l| account.groups.contains_key(l));
    if labels.is_empty() {
        labels.push(MY_CONTACTS.into());
    }
    account.people.insert(id, trashed.contact);
    account.relabel(id, labels);
    Ok(json!({}))
}

fn relabel(account: &mut Account, id: u64, sent: &Value) -> Result<Value, Refusal> {
    let mut labels = account.people.get(&id).ok_or_else(Refusal::not_found)?.current.labels.clone();
    let names = |key: &str| sent[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in names("remove") {
        let key = find_label(account, name).ok_or_else(Refusal::not_found)?;
        labels.retain(|l| *l != key);
    }
    for name in names("add") {
        let key = label(account, name)?;
        if !labels.contains(&key) {
            labels.push(key);
        }
    }
    account.relabel(id, labels);
    Ok(json!({}))
}

/// The contact lives on under another id; the feed tells the old one.
fn rename(account: &mut Account, old: u64) -> Result<Value, Refusal> {
    let new = account.fresh_id();
    let mut contact = account.people.remove(&old).ok_or_else(Refusal::not_found)?;
    contact.id = new;
    contact.previous.push(old);
    let labels = contact.current.labels.clone();
    for previous in &contact.previous {
        account.renamed.insert(*previous, new);
    }
    account.people.insert(new, contact);
    account.relabel(new, labels);
    Ok(json!({"resourceName": resource_name(new)}))
}

fn link_profile(account: &mut Account, id: u64, call: &Call) -> Result<Value, Refusal> {
    let profile = Draft::read(call.object()?, "person")?;
    if let Some(contact) = account.people.get_mut(&id) {
        contact.profile = Some(Value::from(profile.fields).to_string().into());
    }
    Ok(json!({}))
}

/// The one kept gets the lists and labels of both, but of a singleton only its own, and of the fields in `lose` too; the
/// other leaves no trace in the trash.
fn merge(account: &mut Account, sent: &Value) -> Result<Value, Refusal> {
    let person = |key: &str| living(account, sent[key].as_str().unwrap_or_default());
    let (keep, absorb) = (person("keep")?, person("absorb")?);
    if keep == absorb {
        return Err(Refusal::invalid("A contact cannot be merged with itself."));
    }
    let absorbed = account.people.remove(&absorb).ok_or_else(Refusal::not_found)?;
    let tombstone = Tombstone { revision: account.commit(), at: account.now };
    account.gone.insert(absorb, tombstone);
    let kept = account.people.get(&keep).ok_or_else(Refusal::not_found)?;
    let (mut fields, mut labels) = (kept.fields(), kept.current.labels.clone());
    let is_lost = |field: &str| sent["lose"].as_array().into_iter().flatten().any(|lost| lost == field);
    for (field, theirs) in absorbed.fields().into_iter().filter(|(field, _)| !is_lost(field)) {
        let single = matches!(field.as_str(), "names" | "biographies" | "birthdays" | "genders");
        match (fields.get_mut(&field), theirs) {
            (None, theirs) => {
                fields.insert(field, theirs);
            }
            (Some(Value::Array(ours)), Value::Array(theirs)) if !single => {
                let new: Vec<Value> = theirs.into_iter().filter(|item| !ours.contains(item)).collect();
                ours.extend(new);
            }
            _ => {}
        }
    }
    for label in absorbed.current.labels {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    account.change(keep, Value::from(fields).to_string().into(), labels);
    Ok(json!({}))
}

fn id(person: &str) -> Result<u64, Refusal> {
    let text = person.trim_start_matches("people/").strip_prefix('c').ok_or_else(Refusal::not_found)?;
    text.parse().map_err(|_| Refusal::not_found())
}

fn living(account: &Account, person: &str) -> Result<u64, Refusal> {
    id(person).and_then(|id| if account.people.contains_key(&id) { Ok(id) } else { Err(Refusal::not_found()) })
}

/// A label by resource name, id or name.
fn find_label(account: &Account, label: &str) -> Option<Arc<str>> {
    let by_key =
        account.groups.get_key_value(label).or(account.groups.get_key_value(&*format!("contactGroups/{label}")));
    let by_name = || account.groups.iter().find(|(_, group)| group.name == label);
    by_key.or_else(by_name).map(|(key, _)| key.clone())
}

fn label(account: &mut Account, name: &str) -> Result<Arc<str>, Refusal> {
    find_label(account, name).map_or_else(|| labels::add(account, name, Vec::new()), Ok)
}

/// Contacts and labels sorted by resource name, values in the order they were stored.
pub fn dump(account: &mut Account, units: Cost) -> Value {
    account.purge();
    let contacts: Vec<Value> = account.people.values().map(|c| dump_contact(account, c)).collect();
    let trash: Vec<Value> = account
        .trash
        .values()
        .map(|trashed| {
            let mut shown = dump_contact(account, &trashed.contact);
            shown["trashedAt"] = rfc3339(trashed.at).into();
            shown
        })
        .collect();
    let groups: Vec<Value> = account
        .groups
        .iter()
        .map(|(key, group)| {
            json!({
                "resourceName": &**key, "name": group.name, "system": group.system.is_some(),
                "clientData": group.client_data, "memberCount": account.members(key).count(),
            })
        })
        .collect();
    json!({
        "subject": account.subject, "email": account.email, "now": rfc3339(account.now),
        "contacts": contacts, "trash": trash, "groups": groups, "units": units,
        "limits": account.limits, "modes": account.modes,
    })
}

/// `person` holds nothing but what was written, and can be seeded again.
fn dump_contact(account: &Account, contact: &Contact) -> Value {
    let name = |key: &Arc<str>| account.groups.get(key).map_or_else(|| key.to_string(), |g| g.name.clone());
    let mut person: Map<String, Value> = parse(&contact.current.content);
    person.insert("memberships".into(), memberships(&contact.current.labels).into());
    json!({
        "resourceName": resource_name(contact.id),
        "sourceEtag": contact.source_etag(account.salt),
        "updateTime": rfc3339(contact.current.at),
        "labels": contact.current.labels.iter().map(name).collect::<Vec<_>>(),
        "person": person,
    })
}
