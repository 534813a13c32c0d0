//! Updates that were begun: what the journal is to say of them, should their answer never be heard. Evidence, not state: it
//! counts only when Google shows the operation's stamp, and the next update of the contact takes its place.

use std::{collections::HashMap, time::Duration};

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, journal::Write, keys::CrmKeys, pool::Pool};

/// An update that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The operation, which is in the stamp that it writes.
    pub op: String,
    /// The journal's entry, as flat fields and values.
    pub entry: Vec<String>,
}

impl Begun {
    /// Until when (ms) Google may yet show it: an answer may take one propagation window, and the listings another. What is not
    /// shown by then did not happen.
    pub fn may_show_until(&self, propagation: Duration) -> i64 {
        let window = i64::try_from(propagation.as_millis()).unwrap_or(i64::MAX);
        self.write().at.saturating_add(window.saturating_mul(2))
    }

    /// What it wrote, if it was done.
    pub fn write(&self) -> Write {
        Write::of_entry(&self.entry)
    }
}

/// Remembers updates that are about to leave, by contact.
pub async fn note(pool: &Pool, keys: &CrmKeys, subject: &str, begun: &[(&str, Begun)]) -> Result<(), StoreError> {
    if begun.is_empty() {
        return Ok(());
    }
    let fields = begun.iter().map(|(contact, begun)| Ok((*contact, encode("an update", begun)?)));
    let fields: Vec<(&str, String)> = fields.collect::<Result<_, StoreError>>()?;
    let _: () = pool.get().await?.hset_multiple(keys.begun(subject), &fields).await?;
    Ok(())
}

/// Every update that is not known to have ended, by contact.
pub async fn all(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<Vec<(String, Begun)>, StoreError> {
    let held: HashMap<String, String> = pool.get().await?.hgetall(keys.begun(subject)).await?;
    held.into_iter().map(|(contact, text)| Ok((contact, decode("an update", &text)?))).collect()
}

/// The update of a contact that was begun last and is not known to have ended.
pub async fn of(pool: &Pool, keys: &CrmKeys, subject: &str, contact: &str) -> Result<Option<Begun>, StoreError> {
    let held: Option<String> = pool.get().await?.hget(keys.begun(subject), contact).await?;
    held.map(|text| decode("an update", &text)).transpose()
}

/// Those of these contacts, in their order.
pub async fn some(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    contacts: &[&str],
) -> Result<Vec<Option<Begun>>, StoreError> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    let held: Vec<Option<String>> = pool.get().await?.hmget(keys.begun(subject), contacts).await?;
    held.into_iter().map(|text| text.map(|text| decode("an update", &text)).transpose()).collect()
}

/// Drops notes as old as the journal's oldest entries: they hold what persons were called.
pub async fn trim(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<(), StoreError> {
    const KEPT_MS: i64 = 90 * 24 * 3_600_000;
    let oldest = pool.clock.now_ms().saturating_sub(KEPT_MS);
    let old = all(pool, keys, subject).await?.into_iter().filter(|(_, begun)| begun.write().at < oldest);
    let old: Vec<String> = old.map(|(contact, _)| contact).collect();
    forget(pool, keys, subject, &old.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Their ends are written down.
pub async fn forget(pool: &Pool, keys: &CrmKeys, subject: &str, contacts: &[&str]) -> Result<(), StoreError> {
    if contacts.is_empty() {
        return Ok(());
    }
    let _: () = pool.get().await?.hdel(keys.begun(subject), contacts).await?;
    Ok(())
}
