//! `members:modify`: answers 200 and tells in the body what it did not do.

use serde_json::{Map, Value, json};

use super::{account::Account, call::Call, contact::id_of, labels::takes_members, refusal::Refusal, schema};

/// # Errors
/// 404 for an unknown group, 400 for more than 1,000 names or for adding to a group that takes no members.
pub fn modify(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    let body = schema::fit(call.object()?, "ModifyContactGroupMembersRequest", "")?;
    let (add, remove) = (names(&body, "resourceNamesToAdd"), names(&body, "resourceNamesToRemove"));
    let (key, group) = account.groups.get_key_value(name).ok_or_else(Refusal::not_found)?;
    if add.len() + remove.len() > 1000 {
        return Err(Refusal::invalid("At most 1000 resource names can be added and removed."));
    }
    if !add.is_empty() && !takes_members(key, group) {
        return Err(Refusal::invalid("Contacts can only be removed from this system group."));
    }
    let key = key.clone();
    let (mut not_found, mut last) = (Vec::new(), Vec::new());
    for (name, adding) in add.into_iter().map(|n| (n, true)).chain(remove.into_iter().map(|n| (n, false))) {
        let Some(contact) = id_of(name).and_then(|id| account.people.get(&id)) else {
            not_found.push(name);
            continue;
        };
        let (id, mut labels) = (contact.id, contact.current.labels.clone());
        if labels.contains(&key) == adding {
            continue;
        }
        if adding {
            labels.push(key.clone());
        } else if labels.len() == 1 {
            last.push(name);
            continue;
        } else {
            labels.retain(|l| *l != key);
        }
        account.relabel(id, labels);
    }
    let mut answer = json!({});
    if !not_found.is_empty() {
        answer["notFoundResourceNames"] = not_found.into();
    }
    if !last.is_empty() {
        answer["canNotRemoveLastContactGroupResourceNames"] = last.into();
    }
    Ok(answer)
}

fn names<'a>(body: &'a Map<String, Value>, key: &str) -> Vec<&'a str> {
    body.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
