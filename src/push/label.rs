//! The sync's label: found or created, and remembered with the account.

use redis::AsyncCommands;

use crate::{
    claim::{Account, Halt},
    google::{call::Call, failure::Failure},
    store::{StoreError, keys::GoogleKeys},
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
    let resource = match find(account, name, earlier.as_deref()).await? {
        Some(resource) => resource,
        None => create(account, name).await?,
    };
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

async fn remember(account: &Account, key: &str, fields: &[(String, &String)]) -> Result<(), StoreError> {
    let _: () = account.tools.pool.get().await?.hset_multiple(key, fields).await?;
    Ok(())
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

/// Google compares label names without regard to case and outer blanks; accounts from before 2021 may hold several of one
/// name: the one with the most contacts is meant.
async fn find(account: &mut Account, name: &str, earlier: Option<&str>) -> Result<Option<String>, Halt> {
    let token = account.pay(Call::Groups).await?;
    let result = account.tools.people.groups(&token).await;
    let groups = account.heard(Call::Groups, &token, result).await.map_err(Halt::Failure)?;
    if let Some(renamed) = groups.iter().find(|g| g.is_users() && earlier == Some(g.resource_name.as_str())) {
        return Ok(Some(renamed.resource_name.clone()));
    }
    let mut same: Vec<_> = groups.into_iter().filter(|g| g.is_users() && folded(&g.name) == folded(name)).collect();
    same.sort_by(|a, b| (b.member_count, &a.resource_name).cmp(&(a.member_count, &b.resource_name)));
    Ok(same.into_iter().next().map(|g| g.resource_name))
}

async fn create(account: &mut Account, name: &str) -> Result<String, Halt> {
    let token = account.pay(Call::CreateGroup).await?;
    let result = account.tools.people.create_group(&token, name).await;
    match account.heard(Call::CreateGroup, &token, result).await {
        Ok(group) => Ok(group.resource_name),
        // Somebody made it between our look and our call, or an earlier call of ours did and its answer was lost.
        Err(Failure::AlreadyExists) => find(account, name, None).await?.ok_or(Halt::Failure(Failure::AlreadyExists)),
        Err(failure) => Err(Halt::Failure(failure)),
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}
