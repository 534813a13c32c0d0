//! Which syncs are paused. It stands beside the runs of a sync, where workers look before every call to Google, and in the
//! registry: a Redis that is lost must not set a sync going again that was paused, least of all one that was undone.

use super::{
    StoreError,
    current::SyncSpec,
    keys::CrmKeys,
    pool::Pool,
    registry::{Registry, RegistryError, RegistryStore},
    runs::Runs,
};
use crate::contact::AccountKey;

/// Pauses a sync, or resumes it.
pub async fn set(
    pool: &Pool,
    registry: &RegistryStore,
    installation: &str,
    sync: &SyncSpec,
    why: Option<&str>,
) -> Result<(), RegistryError> {
    let name = name_of(&sync.account.key, &sync.id);
    let change = |registry: &mut Registry| match why {
        Some(why) => registry.paused.insert(name.clone(), why.to_owned()).as_deref() != Some(why),
        None => registry.paused.remove(&name).is_some(),
    };
    registry.change(installation, change).await?;
    Ok(Runs::new(pool.clone(), CrmKeys::new(&sync.account.key), &sync.id).set_paused(why).await?)
}

/// In a Redis that is new or older: what the registry says holds.
pub async fn hold_again(pool: &Pool, registry: &Registry) -> Result<(), StoreError> {
    for sync in &registry.declared.sync {
        let Some((crm, account)) = sync.crm.split_once('/') else { continue };
        let Some(crm) = registry.declared.crm.iter().find(|known| known.name == crm) else { continue };
        let Some(id) = registry.sync_ids.get(&sync.name) else { continue };
        let account = AccountKey { vendor: crm.vendor().to_owned(), id: account.to_owned() };
        let why = registry.paused.get(&name_of(&account, id));
        Runs::new(pool.clone(), CrmKeys::new(&account), id).set_paused(why.map(String::as_str)).await?;
    }
    Ok(())
}

fn name_of(account: &AccountKey, sync: &str) -> String {
    format!("{account}|{sync}")
}
