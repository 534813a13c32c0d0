//! The census: which identifiers the contacts of a CRM account have, hashed, so that "unique in the CRM" can be told.

use std::collections::BTreeMap;

use redis::AsyncCommands;

use super::{StoreError, decode, encode, keys::CrmKeys, pool::Pool};

/// The census of one CRM account.
#[derive(Clone)]
pub struct Census {
    pool: Pool,
    keys: CrmKeys,
}

impl Census {
    /// Of this account.
    pub fn new(pool: Pool, keys: CrmKeys) -> Self {
        Self { pool, keys }
    }

    /// Notes the identifiers of some contacts; `None`: the contact is gone.
    pub async fn note(&self, contacts: &[(String, Option<Vec<String>>)]) -> Result<(), StoreError> {
        if contacts.is_empty() {
            return Ok(());
        }
        let list: Vec<(&str, serde_json::Value)> = contacts
            .iter()
            .map(|(contact, marks)| (contact.as_str(), marks.as_ref().map_or(false.into(), |m| m.clone().into())))
            .collect();
        let _: i64 = redis::Script::new(include_str!("census.lua"))
            .key(self.keys.census())
            .key(self.keys.census_contacts())
            .arg(encode("a census page", &list)?)
            .invoke_async(&mut self.pool.get().await?)
            .await?;
        Ok(())
    }

    /// The CRM contacts that have each of these identifiers (8 of them at the most).
    pub async fn holders(&self, identifiers: &[String]) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let mut found = BTreeMap::new();
        if identifiers.is_empty() {
            return Ok(found);
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.census(), identifiers).await?;
        for (identifier, contacts) in identifiers.iter().zip(held) {
            if let Some(contacts) = contacts {
                found.insert(identifier.clone(), decode("a census entry", &contacts)?);
            }
        }
        Ok(found)
    }

    /// Whether this contact was ever read in the CRM, and has not been found gone since.
    pub async fn knows(&self, contact: &str) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.hexists(self.keys.census_contacts(), contact).await?)
    }

    /// Whether every contact of the CRM account has been counted once.
    pub async fn is_complete(&self) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.hexists(self.keys.census_facts(), "complete").await?)
    }

    /// Says so.
    pub async fn set_complete(&self) -> Result<(), StoreError> {
        let _: () = self.pool.get().await?.hset(self.keys.census_facts(), "complete", self.pool.clock.now_ms()).await?;
        Ok(())
    }
}
