//! Updates that were begun: what the journal is to say of them, should their answer never be heard. Evidence, not state: it
//! counts only when Google shows the operation's stamp, and goes in the step that writes the end down.

use std::{collections::HashMap, time::Duration};

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, journal::Write, keys::CrmKeys, pool::Pool};

/// An update that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The operation, which is in the stamp that it writes; empty for one that moves the contact to the trash.
    pub op: String,
    /// The journal's entry, as flat fields and values.
    pub entry: Vec<String>,
    /// The link to be written down once it is done, as JSON; `None`: it goes.
    pub link: Option<String>,
    /// The Google resource that the contact then lets go of.
    pub disown: Option<String>,
}

impl Begun {
    /// Until when (ms) Google may yet show it: an answer may take one propagation window, and the listings another. What is not
    /// shown by then did not happen.
    pub fn may_show_until(&self, propagation: Duration) -> i64 {
        let window = i64::try_from(propagation.as_millis()).unwrap_or(i64::MAX);
        self.write().at.saturating_add(window.saturating_mul(2))
    }

    /// Whether it moves the contact to the trash: that shows no stamp.
    pub fn is_trashing(&self) -> bool {
        self.op.is_empty()
    }

    /// What it wrote, if it was done.
    pub fn write(&self) -> Write {
        Write::of_entry(&self.entry)
    }
}

/// Those that Google may yet show.
pub fn still_open(mut begun: Vec<Begun>, now: i64, propagation: Duration) -> Vec<Begun> {
    begun.retain(|begun| begun.may_show_until(propagation) >= now);
    begun
}

/// Remembers for each contact the updates that are about to leave, and those before that are [still open](still_open).
pub async fn note(pool: &Pool, keys: &CrmKeys, subject: &str, begun: &[(&str, Vec<Begun>)]) -> Result<(), StoreError> {
    if begun.is_empty() {
        return Ok(());
    }
    let fields = begun.iter().map(|(contact, begun)| Ok((*contact, encode("updates", begun)?)));
    let fields: Vec<(&str, String)> = fields.collect::<Result<_, StoreError>>()?;
    let _: () = pool.get().await?.hset_multiple(keys.begun(subject), &fields).await?;
    Ok(())
}

/// Every update that is not known to have ended, by contact.
pub async fn all(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<Vec<(String, Vec<Begun>)>, StoreError> {
    let held: HashMap<String, String> = pool.get().await?.hgetall(keys.begun(subject)).await?;
    held.into_iter().map(|(contact, text)| Ok((contact, decode("updates", &text)?))).collect()
}

/// The updates of these contacts that are not known to have ended, oldest first, in the order of the contacts.
pub async fn of(pool: &Pool, keys: &CrmKeys, subject: &str, contacts: &[&str]) -> Result<Vec<Vec<Begun>>, StoreError> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    let held: Vec<Option<String>> = pool.get().await?.hmget(keys.begun(subject), contacts).await?;
    held.into_iter().map(|text| text.map_or(Ok(Vec::new()), |text| decode("updates", &text))).collect()
}

/// Whether any update of each of these contacts is not known to have ended.
pub async fn are_open(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    contacts: &[String],
) -> Result<Vec<bool>, StoreError> {
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    Ok(of(pool, keys, subject, &contacts).await?.iter().map(|begun| !begun.is_empty()).collect())
}

/// The operations that were begun last for these contacts certainly did nothing.
pub async fn withdraw(pool: &Pool, keys: &CrmKeys, subject: &str, ops: &[(&str, &str)]) -> Result<(), StoreError> {
    let contacts: Vec<&str> = ops.iter().map(|(contact, _)| *contact).collect();
    let held = of(pool, keys, subject, &contacts).await?;
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for ((contact, op), mut begun) in ops.iter().zip(held) {
        begun.pop_if(|begun| begun.op == *op);
        if begun.is_empty() { gone.push(*contact) } else { left.push((*contact, begun)) }
    }
    forget(pool, keys, subject, &gone).await?;
    note(pool, keys, subject, &left).await
}

/// Drops notes as old as the journal's oldest entries: they hold what persons were called.
pub async fn trim(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<(), StoreError> {
    const KEPT_MS: i64 = 90 * 24 * 3_600_000;
    let oldest = pool.clock.now_ms().saturating_sub(KEPT_MS);
    let is_old = |begun: &Vec<Begun>| begun.iter().all(|begun| begun.write().at < oldest);
    let old = all(pool, keys, subject).await?.into_iter().filter(|(_, begun)| is_old(begun));
    let old: Vec<String> = old.map(|(contact, _)| contact).collect();
    forget(pool, keys, subject, &old.iter().map(String::as_str).collect::<Vec<_>>()).await
}

async fn forget(pool: &Pool, keys: &CrmKeys, subject: &str, contacts: &[&str]) -> Result<(), StoreError> {
    if contacts.is_empty() {
        return Ok(());
    }
    let _: () = pool.get().await?.hdel(keys.begun(subject), contacts).await?;
    Ok(())
}
