//! The sync's label: found or created, and remembered with the account.

use redis::AsyncCommands;

use crate::{
    claim::{Account, Halt},
    google::{call::Call, failure::Failure},
    store::{StoreError, keys::GoogleKeys},
};

/// The resource name of the label `name`; made when there is none. `fresh`: Google is asked, not our memory.
pub async fn ensure(account: &mut Account, name: &str, fresh: bool) -> Result<String, Halt> {
    let key = GoogleKeys::new(account.subject()).state();
    let field = format!("label:{}", folded(name));
    if !fresh {
        let known: Option<String> = account
            .tools
            .pool
            .get()
            .await
            .map_err(StoreError::from)?
            .hget(&key, &field)
            .await
            .map_err(StoreError::from)?;
        if let Some(resource) = known {
            return Ok(resource);
        }
    }
    let resource = match find(account, name).await? {
        Some(resource) => resource,
        None => create(account, name).await?,
    };
    let _: () = account
        .tools
        .pool
        .get()
        .await
        .map_err(StoreError::from)?
        .hset(key, field, &resource)
        .await
        .map_err(StoreError::from)?;
    Ok(resource)
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
async fn find(account: &mut Account, name: &str) -> Result<Option<String>, Halt> {
    let token = account.pay(Call::Groups).await?;
    let result = account.tools.people.groups(&token).await;
    let groups = account.heard(Call::Groups, &token, result).await.map_err(Halt::Failure)?;
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
        Err(Failure::AlreadyExists) => find(account, name).await?.ok_or(Halt::Failure(Failure::AlreadyExists)),
        Err(failure) => Err(Halt::Failure(failure)),
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}
