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
    let name = format!("{}|{}", sync.account.key, sync.id);
    let change = |registry: &mut Registry| match why {
        Some(why) => registry.paused.insert(name.clone(), why.to_owned()).as_deref() != Some(why),
        None => registry.paused.remove(&name).is_some(),
    };
    registry.change(installation, change).await?;
    Ok(Runs::new(pool.clone(), CrmKeys::new(&sync.account.key), &sync.id).set_paused(why).await?)
}

/// In a Redis that is new or older: what the registry says holds.
pub async fn hold_again(pool: &Pool, registry: &Registry) -> Result<(), StoreError> {
    for (name, why) in &registry.paused {
        let Some((account, sync)) = name.rsplit_once('|') else { continue };
        let Some((vendor, id)) = account.split_once(':') else { continue };
        let account = AccountKey { vendor: vendor.to_owned(), id: id.to_owned() };
        Runs::new(pool.clone(), CrmKeys::new(&account), sync).set_paused(Some(why)).await?;
    }
    Ok(())
}
