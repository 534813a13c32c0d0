//! Labels: the sync's own and those of tags, found or created, and remembered with the account.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use redis::AsyncCommands;

use crate::{
    claim::{Account, Halt},
    config::mapping::TAG_LABELS,
    google::{Group, call::Call, failure::Failure, person::ClientDataValue},
    plan::stamp::{STAMP_KEY, STAMP_LIMIT},
    store::{StoreError, decode, encode, keys::GoogleKeys},
};

/// The resource name of the label `name`; made when there is none. `fresh`: Google is asked, not our memory.
///
/// A label that the user renamed is still the one: it is known by its resource name as long as that exists.
pub async fn ensure(account: &mut Account, name: &str, fresh: bool) -> Result<String, Halt> {
    let key = GoogleKeys::new(account.subject()).state();
    let (sure, once) = (format!("label:{}", folded(name)), format!("was-label:{}", folded(name)));
    let (known, earlier) = remembered(account, &key, &sure, &once).await?;
    if let Some(resource) = known.filter(|_| !fresh) {
        return Ok(resource);
    }
    let groups = groups(account).await?;
    let resource = match found(account, &groups, name, earlier.as_deref()) {
        Some(resource) => resource,
        None => create(account, name).await?,
    };
    if groups.iter().any(|g| g.resource_name == resource && folded(&g.name) != folded(name)) {
        account.count("labels-renamed", 1);
    }
    // Its owner had deleted the one that there was.
    if earlier.is_some_and(|earlier| earlier != resource) {
        account.count("labels-made", 1);
    }
    remember(account, &key, &[(sure, &resource), (once, &resource)]).await?;
    Ok(resource)
}

async fn remembered(
    account: &Account,
    key: &str,
    sure: &str,
    once: &str,
) -> Result<(Option<String>, Option<String>), StoreError> {
    Ok(account.tools.pool.get().await?.hmget(key, &[sure, once]).await?)
}

/// Which of these labels `name` is, if any; nothing is made.
pub(super) async fn known_as(account: &Account, groups: &[Group], name: &str) -> Result<Option<String>, StoreError> {
    let (key, fold) = (GoogleKeys::new(account.subject()).state(), folded(name));
    let (_, earlier) = remembered(account, &key, &format!("label:{fold}"), &format!("was-label:{fold}")).await?;
    Ok(found(account, groups, name, earlier.as_deref()))
}

async fn remember(account: &Account, key: &str, fields: &[(String, &String)]) -> Result<(), StoreError> {
    let _: () = account.tools.pool.get().await?.hset_multiple(key, fields).await?;
    Ok(())
}

/// The resource name of a label as we last knew it; Google is not asked.
pub async fn known(account: &Account, name: &str) -> Result<Option<String>, StoreError> {
    let key = GoogleKeys::new(account.subject()).state();
    let (sure, once) = (format!("label:{}", folded(name)), format!("was-label:{}", folded(name)));
    let (known, earlier) = remembered(account, &key, &sure, &once).await?;
    Ok(known.or(earlier))
}

/// The resource names of all labels that there are.
pub async fn existing(account: &mut Account) -> Result<BTreeSet<String>, Halt> {
    Ok(groups(account).await?.into_iter().map(|group| group.resource_name).collect())
}

/// Forgets which labels there are: they are looked for before the next write.
pub async fn forget(account: &Account) -> Result<(), StoreError> {
    let key = GoogleKeys::new(account.subject()).state();
    let mut connection = account.tools.pool.get().await?;
    let fields: Vec<String> = connection.hkeys(&key).await?;
    let labels: Vec<String> = fields.into_iter().filter(|f| f.starts_with("label:")).collect();
    if !labels.is_empty() {
        let _: () = connection.hdel(key, labels).await?;
    }
    Ok(())
}

/// The resource names of labels that a sync gives beside its own, by folded name; those that are not there are made. A sync
/// makes [`TAG_LABELS`] at the most: further ones, and names that Google does not take, are left out, and that is said.
pub async fn ensure_all(account: &mut Account, sync: &str, names: &[String]) -> Result<BTreeMap<String, String>, Halt> {
    let key = GoogleKeys::new(account.subject()).state();
    let names: BTreeMap<String, &String> = names.iter().map(|name| (folded(name), name)).collect();
    let mut known = BTreeMap::new();
    let mut missing = Vec::new();
    for (fold, name) in &names {
        let (sure, earlier) = remembered(account, &key, &format!("label:{fold}"), &format!("was-label:{fold}")).await?;
        match sure {
            Some(resource) => drop(known.insert(fold.clone(), resource)),
            None => missing.push((fold.clone(), (*name).clone(), earlier)),
        }
    }
    if missing.is_empty() {
        return Ok(known);
    }
    let groups = groups(account).await?;
    let mut made = made_for(account, sync).await?;
    for (fold, name, earlier) in missing {
        let resource = match found(account, &groups, &name, earlier.as_deref()) {
            Some(resource) => resource,
            None if !may_make(&made, &fold) => {
                tracing::warn!(sync, "a tag got no label: the sync has made {TAG_LABELS}, which is as many as it may");
                continue;
            }
            None => {
                made.insert(fold.clone());
                let text = encode("labels of a sync", &made)?;
                remember(account, &key, &[(format!("tag-labels:{sync}"), &text)]).await?;
                match create(account, &name).await {
                    Ok(resource) => resource,
                    // A name that Google keeps for itself, or does not like: no reason to hold up the contact.
                    Err(Halt::Failure(Failure::AlreadyExists | Failure::Invalid { .. })) => {
                        tracing::warn!(sync, "a tag got no label: Google does not take its name");
                        continue;
                    }
                    Err(halt) => return Err(halt),
                }
            }
        };
        let fields = [(format!("label:{fold}"), &resource), (format!("was-label:{fold}"), &resource)];
        remember(account, &key, &fields).await?;
        known.insert(fold, resource);
    }
    Ok(known)
}

/// Whether a sync that has made these labels may make this one.
pub(super) fn may_make(made: &BTreeSet<String>, fold: &str) -> bool {
    made.len() < TAG_LABELS || made.contains(fold)
}

/// Folded names of the labels that a sync has made of tags.
pub(super) async fn made_for(account: &Account, sync: &str) -> Result<BTreeSet<String>, StoreError> {
    let key = GoogleKeys::new(account.subject()).state();
    let held: Option<String> = account.tools.pool.get().await?.hget(key, format!("tag-labels:{sync}")).await?;
    held.map_or_else(|| Ok(BTreeSet::new()), |text| decode("labels of a sync", &text))
}

pub(super) async fn groups(account: &mut Account) -> Result<Vec<Group>, Halt> {
    let token = account.pay(Call::Groups).await?;
    let result = account.tools.people.groups(&token).await;
    account.heard(Call::Groups, &token, result).await.map_err(Halt::Failure)
}

fn found(account: &Account, groups: &[Group], name: &str, earlier: Option<&str>) -> Option<String> {
    among(groups, name, &mark(account, name), earlier)
}

/// The one that we know; or else the one that we made and have not heard of, or heard of in a Redis that was lost; or else
/// one of that name. Google compares names without regard to case and outer blanks; accounts from before 2021 may hold
/// several of one name: the one with the most contacts is meant.
fn among(groups: &[Group], name: &str, mark: &ClientDataValue, earlier: Option<&str>) -> Option<String> {
    let fit = |group: &Group| {
        let known = earlier == Some(group.resource_name.as_str());
        let (made, named) = (group.client_data.contains(mark), folded(&group.name) == folded(name));
        (group.is_users() && (known || made || named)).then_some((known, made, group.member_count))
    };
    let fitting = groups.iter().filter_map(|group| Some((fit(group)?, Reverse(&group.resource_name))));
    fitting.max().map(|(_, Reverse(resource))| resource.clone())
}

/// By which a label that this installation made is known under any name.
fn mark(account: &Account, name: &str) -> ClientDataValue {
    let value = format!("{};{}", account.tools.now().installation.id, folded(name));
    ClientDataValue { key: STAMP_KEY.to_owned(), value: value.chars().take(STAMP_LIMIT).collect() }
}

async fn create(account: &mut Account, name: &str) -> Result<String, Halt> {
    let token = account.pay(Call::CreateGroup).await?;
    let result = account.tools.people.create_group(&token, name, &mark(account, name)).await;
    match account.heard(Call::CreateGroup, &token, result).await {
        Ok(group) => Ok(group.resource_name),
        // Somebody made it between our look and our call, or an earlier call of ours did and its answer was lost.
        Err(Failure::AlreadyExists) => {
            let groups = groups(account).await?;
            found(account, &groups, name, None).ok_or(Halt::Failure(Failure::AlreadyExists))
        }
        Err(failure) => Err(Halt::Failure(failure)),
    }
}

/// The form in which label names are compared.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_that_is_known_goes_before_the_one_that_was_made_and_that_before_one_of_the_name() {
        let mark = ClientDataValue { key: STAMP_KEY.into(), value: "ours;clients".into() };
        let group = |resource: &str, name: &str, members: u64, marked: bool| Group {
            resource_name: resource.into(),
            name: name.into(),
            group_type: "USER_CONTACT_GROUP".into(),
            member_count: members,
            client_data: if marked { vec![mark.clone()] } else { Vec::new() },
        };
        let system = Group { group_type: "SYSTEM_CONTACT_GROUP".into(), ..group("d", "Clients", 99, true) };
        let groups =
            [group("a", "clients ", 9, false), group("b", "Marie", 1, true), group("c", "Paul", 0, false), system];
        let found = |groups: &[Group], earlier| among(groups, "Clients", &mark, earlier);
        assert_eq!(found(&groups, Some("c")).as_deref(), Some("c"));
        assert_eq!(found(&groups, Some("gone")).as_deref(), Some("b"));
        assert_eq!(found(&groups[..1], None).as_deref(), Some("a"));
        assert_eq!(found(&groups[2..], None), None);
        let same = [group("e", "Clients", 1, false), group("f", "Clients", 2, false), group("g", "Clients", 2, false)];
        assert_eq!(found(&same, None).as_deref(), Some("f"), "the one with the most contacts, then the first");
    }
}
