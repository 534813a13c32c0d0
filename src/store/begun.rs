//! Updates that were begun: what the journal is to say of them, should their answer never be heard. Evidence, not state: it
//! counts only when Google shows the operation's stamp, and the next update of the contact takes its place.

use std::collections::HashMap;

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

/// Their ends are written down.
pub async fn forget(pool: &Pool, keys: &CrmKeys, subject: &str, contacts: &[&str]) -> Result<(), StoreError> {
    if contacts.is_empty() {
        return Ok(());
    }
    let _: () = pool.get().await?.hdel(keys.begun(subject), contacts).await?;
    Ok(())
}
