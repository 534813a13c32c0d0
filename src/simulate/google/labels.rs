//! Labels, and which contacts may have them. Names are unique without regard to case and outer blanks; system groups cannot be
//! changed, and most of them take no new members.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    account::{Account, Tombstone},
    refusal::Refusal,
};

pub const MY_CONTACTS: &str = "contactGroups/myContacts";

pub struct Group {
    pub name: String,
    /// The shown name of a system group.
    pub system: Option<&'static str>,
    pub client_data: Vec<Value>,
    pub revision: u64,
    pub at: i64,
}

/// The groups that every account has.
pub fn system(now: i64) -> BTreeMap<Arc<str>, Group> {
    let names = [
        ("myContacts", "My Contacts"),
        ("starred", "Starred"),
        ("friends", "Friends"),
        ("family", "Family"),
        ("coworkers", "Coworkers"),
        ("blocked", "Blocked"),
    ];
    let one = |(name, shown): (&str, &'static str)| {
        let group = Group { name: name.into(), system: Some(shown), client_data: Vec::new(), revision: 0, at: now };
        (Arc::from(format!("contactGroups/{name}")), group)
    };
    names.into_iter().map(one).collect()
}

/// Labels as a client gives them for a contact that has `held`.
///
/// # Errors
/// 400 for an unknown group, and for a new membership in a system group that takes none.
pub fn resolve(account: &Account, given: &[String], held: &[Arc<str>]) -> Result<Vec<Arc<str>>, Refusal> {
    let one = |name: &String| {
        let known = account.groups.get_key_value(name.as_str());
        let (key, group) = known.ok_or_else(|| Refusal::invalid(format!("Contact group {name} does not exist.")))?;
        if !takes_members(key, group) && !held.contains(key) {
            return Err(Refusal::invalid(format!("Contacts cannot be added to the system group {name}.")));
        }
        Ok(key.clone())
    };
    given.iter().map(one).collect()
}

pub fn takes_members(key: &str, group: &Group) -> bool {
    group.system.is_none() || matches!(key, MY_CONTACTS | "contactGroups/starred")
}

/// # Errors
/// 400 for an empty name, 409 for one that is taken.
pub fn add(account: &mut Account, name: &str, client_data: Vec<Value>) -> Result<Arc<str>, Refusal> {
    refuse_name(account, name, None)?;
    let key: Arc<str> = format!("contactGroups/{:x}", account.fresh_id()).into();
    let group =
        Group { name: name.trim().into(), system: None, client_data, revision: account.commit(), at: account.now };
    account.groups.insert(key.clone(), group);
    Ok(key)
}

/// # Errors
/// 400 for an empty name, 409 for one that another group has.
pub fn rename(account: &mut Account, key: &Arc<str>, name: &str) -> Result<(), Refusal> {
    refuse_name(account, name, Some(key))?;
    let revision = account.commit();
    if let Some(group) = account.groups.get_mut(key) {
        (group.name, group.revision, group.at) = (name.trim().into(), revision, account.now);
    }
    Ok(())
}

/// Takes a label away. Contacts that had no other go to `myContacts`, or all members to the trash.
pub fn remove(account: &mut Account, key: &Arc<str>, with_members: bool) {
    let members: Vec<(u64, Vec<Arc<str>>)> = account.members(key).map(|c| (c.id, c.current.labels.clone())).collect();
    for (id, mut labels) in members {
        if with_members {
            account.discard(id);
            continue;
        }
        labels.retain(|l| l != key);
        if labels.is_empty() {
            labels.push(MY_CONTACTS.into());
        }
        account.relabel(id, labels);
    }
    account.groups.remove(key);
    let tombstone = Tombstone { revision: account.commit(), at: account.now };
    account.gone_groups.insert(key.clone(), tombstone);
}

fn refuse_name(account: &Account, name: &str, own: Option<&Arc<str>>) -> Result<(), Refusal> {
    let folded = name.trim().to_lowercase();
    if folded.is_empty() {
        return Err(Refusal::invalid("Contact group name must not be empty."));
    }
    let same = |group: &Group| {
        group.name.to_lowercase() == folded || group.system.is_some_and(|shown| shown.to_lowercase() == folded)
    };
    let taken = account.groups.iter().any(|(key, group)| Some(key) != own && same(group));
    if taken { Err(Refusal::duplicate_label()) } else { Ok(()) }
}
