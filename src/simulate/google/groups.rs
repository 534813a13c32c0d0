//! The `contactGroups` methods. What they do to labels is in `labels.rs`, where the user's own hands find it too.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    account::Account,
    call::Call,
    clock::rfc3339,
    connections::page_size,
    contact::resource_name,
    etag, labels,
    mask::{self, Mask},
    page::{SyncToken, fingerprint},
    refusal::Refusal,
    schema,
};

/// # Errors
/// 400 for wrong parameters or tokens.
pub fn list(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let mask = mask::group("groupFields", call.param("groupFields"))?;
    let size = page_size(call, 30)?;
    let of_page = fingerprint(&["pageSize", "groupFields", "syncToken"].map(|p| call.param(p).unwrap_or_default()));
    let since = call.param("syncToken").map(|t| SyncToken::open(t, account.salt)).transpose()?;
    let offset = match call.param("pageToken") {
        Some(token) => account.find_page(token, of_page)?,
        None => {
            let revision = account.horizon(account.now);
            let sync = SyncToken { revision, full_at: account.now, fingerprint: 0 };
            (account.remember(of_page, Vec::new(), sync, since.is_some()), 0)
        }
    };
    let after = since.map_or(0, |s| s.revision);
    let living =
        account.groups.iter().filter(|(_, g)| since.is_none() || g.revision > after).map(|(key, _)| key.clone());
    let dead = account.gone_groups.iter().filter(|(_, t)| since.is_some() && t.revision > after);
    let keys: Vec<Arc<str>> = living.chain(dead.map(|(key, _)| key.clone())).collect();
    let (cursor, start) = offset;
    let end = keys.len().min(start.saturating_add(size));
    let groups: Vec<Value> =
        keys.get(start..end).unwrap_or_default().iter().map(|k| show(account, k, &mask, 0)).collect();
    let mut answer = json!({"totalItems": keys.len()});
    if !groups.is_empty() {
        answer["contactGroups"] = groups.into();
    }
    if end < keys.len() {
        answer["nextPageToken"] = account.page_token(cursor, end).into();
    } else {
        answer["nextSyncToken"] = account.cursors[cursor].sync.seal(account.salt).into();
    }
    Ok(answer)
}

pub fn get(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let mask = mask::group("groupFields", call.param("groupFields"))?;
    let members = max_members(call)?;
    let (key, _) = account.groups.get_key_value(name).ok_or_else(Refusal::not_found)?;
    let key = key.clone();
    Ok(show(account, &key, &mask, members))
}

pub fn batch_get(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let mask = mask::group("groupFields", call.param("groupFields"))?;
    let members = max_members(call)?;
    let names: Vec<&str> = call.params("resourceNames").collect();
    if names.is_empty() || names.len() > 200 {
        return Err(Refusal::invalid("The number of resourceNames must be between 1 and 200."));
    }
    let mut one = |name: &str| match account.groups.get_key_value(name).map(|(key, _)| key.clone()) {
        Some(key) => json!({"requestedResourceName": name, "contactGroup": show(account, &key, &mask, members)}),
        None => json!({"requestedResourceName": name, "status": Refusal::not_found().item()}),
    };
    let responses: Vec<Value> = names.into_iter().map(&mut one).collect();
    Ok(json!({ "responses": responses }))
}

pub fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let body = schema::fit(call.object()?, "CreateContactGroupRequest", "")?;
    let mask = mask::group("readGroupFields", body.get("readGroupFields").and_then(Value::as_str))?;
    let group = body.get("contactGroup").and_then(Value::as_object).cloned().unwrap_or_default();
    let key = labels::add(account, name_of(&group), client_data_of(&group))?;
    Ok(show(account, &key, &mask, 0))
}

pub fn update(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let body = schema::fit(call.object()?, "UpdateContactGroupRequest", "")?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let mask = mask::group("readGroupFields", text("readGroupFields"))?;
    let fields: Vec<&str> = text("updateGroupFields").unwrap_or("name").split(',').collect();
    if let Some(bad) = fields.iter().find(|f| !matches!(**f, "name" | "clientData")) {
        return Err(Refusal::violation(
            "updateGroupFields",
            &format!("Invalid updateGroupFields mask path: \"{bad}\"."),
        ));
    }
    let sent = body.get("contactGroup").and_then(Value::as_object).cloned().unwrap_or_default();
    let key = user_group(account, name)?;
    if fields.contains(&"name") {
        labels::rename(account, &key, name_of(&sent))?;
    }
    let revision = account.commit();
    if let Some(group) = account.groups.get_mut(&key) {
        (group.revision, group.at) = (revision, account.now);
        if fields.contains(&"clientData") {
            group.client_data = client_data_of(&sent);
        }
    }
    Ok(show(account, &key, &mask, 0))
}

pub fn delete(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let with_members = call.flag("deleteContacts")?;
    let key = user_group(account, name)?;
    labels::remove(account, &key, with_members);
    Ok(json!({}))
}

/// The key of a group that its owner may change.
fn user_group(account: &Account, name: &str) -> Result<Arc<str>, Refusal> {
    match account.groups.get_key_value(name) {
        None => Err(Refusal::not_found()),
        Some((_, group)) if group.system.is_some() => Err(Refusal::invalid("System groups cannot be modified.")),
        Some((key, _)) => Ok(key.clone()),
    }
}

fn name_of(group: &Map<String, Value>) -> &str {
    group.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn client_data_of(group: &Map<String, Value>) -> Vec<Value> {
    group.get("clientData").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn max_members(call: &Call) -> Result<usize, Refusal> {
    usize::try_from(call.number("maxMembers")?.unwrap_or(0))
        .map_err(|_| Refusal::invalid("maxMembers must not be negative."))
}

fn show(account: &mut Account, key: &Arc<str>, mask: &Mask, max_members: usize) -> Value {
    let Some(group) = account.groups.get(key) else { return show_gone(account, key) };
    let shown_name = group.system.map_or_else(|| group.name.clone(), str::to_owned);
    let etag = etag::source(account.salt, fingerprint(&[key]), group.revision).trim_start_matches('#').to_owned();
    let mut shown = json!({"resourceName": &**key, "etag": etag, "formattedName": shown_name});
    for &field in mask {
        match field {
            "name" => shown["name"] = group.name.clone().into(),
            "metadata" => shown["metadata"] = json!({"updateTime": rfc3339(group.at)}),
            "clientData" if !group.client_data.is_empty() => shown["clientData"] = group.client_data.clone().into(),
            "groupType" if group.system.is_some() => shown["groupType"] = "SYSTEM_CONTACT_GROUP".into(),
            "groupType" => shown["groupType"] = "USER_CONTACT_GROUP".into(),
            _ => {}
        }
    }
    let members: Vec<String> = account.members(key).take(max_members).map(|c| resource_name(c.id)).collect();
    if !members.is_empty() {
        shown["memberResourceNames"] = members.into();
    }
    if mask.contains(&"memberCount") {
        let count = account.member_count(key);
        if count > 0 {
            shown["memberCount"] = count.into();
        }
    }
    shown
}

fn show_gone(account: &Account, key: &Arc<str>) -> Value {
    let at = account.gone_groups.get(key).map_or(account.now, |t| t.at);
    json!({"resourceName": &**key, "metadata": {"deleted": true, "updateTime": rfc3339(at)}})
}
