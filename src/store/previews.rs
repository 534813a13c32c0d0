//! Previews of one sync: what a run would do, as it was when somebody looked. Entries are kept by contact, and contacts
//! by what would be done with them, so that a page of one kind is read without the others. All of it goes by itself after a week: it holds values of contacts.

use redis::AsyncCommands;
use serde::{Serialize, de::DeserializeOwned};

use super::{StoreError, decode, encode, keys::CrmKeys, pool::Pool};

/// Seconds that a preview is kept.
const KEPT: i64 = 7 * 24 * 3_600;

/// The previews of a sync.
#[derive(Clone)]
pub struct Previews {
    pool: Pool,
    keys: CrmKeys,
    sync: String,
}

impl Previews {
    /// Of the sync with this id.
    pub fn new(pool: Pool, keys: CrmKeys, sync: &str) -> Self {
        Self { pool, keys, sync: sync.to_owned() }
    }

    /// Adds entries of one kind, by contact.
    pub async fn add<T: Serialize>(&self, id: &str, kind: &str, entries: &[(&str, &T)]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let texts = entries.iter().map(|(contact, entry)| Ok((*contact, encode("an entry", entry)?)));
        let texts = texts.collect::<Result<Vec<_>, StoreError>>()?;
        let contacts: Vec<&str> = entries.iter().map(|(contact, _)| *contact).collect();
        let (list, hash) = (self.keys.preview_kind(&self.sync, id, kind), self.keys.preview_entries(&self.sync, id));
        let mut connection = self.pool.get().await?;
        let _: () = connection.hset_multiple(&hash, &texts).await?;
        let _: () = connection.expire(&hash, KEPT).await?;
        let _: () = connection.rpush(&list, contacts).await?;
        let _: () = connection.expire(&list, KEPT).await?;
        Ok(())
    }

    /// Writes what there is to say of the whole; only now the preview is there, and the last one.
    pub async fn finish<T: Serialize>(&self, id: &str, body: &T) -> Result<(), StoreError> {
        let kept = KEPT.unsigned_abs();
        let mut connection = self.pool.get().await?;
        let _: () = connection.set_ex(self.keys.preview(&self.sync, id), encode("a preview", body)?, kept).await?;
        let _: () = connection.set_ex(self.keys.last_preview(&self.sync), id, kept).await?;
        Ok(())
    }

    /// What was said of the whole.
    pub async fn body<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, StoreError> {
        let held: Option<String> = self.pool.get().await?.get(self.keys.preview(&self.sync, id)).await?;
        held.map(|text| decode("a preview", &text)).transpose()
    }

    /// Id of the last one.
    pub async fn last(&self) -> Result<Option<String>, StoreError> {
        Ok(self.pool.get().await?.get(self.keys.last_preview(&self.sync)).await?)
    }

    /// Entries of these kinds, one kind after the other: `count` of them from `offset` on.
    pub async fn entries<T: DeserializeOwned>(
        &self,
        id: &str,
        kinds: &[&str],
        offset: usize,
        count: usize,
    ) -> Result<Vec<T>, StoreError> {
        let mut connection = self.pool.get().await?;
        let (mut skip, mut found) = (offset, Vec::new());
        for kind in kinds {
            let key = self.keys.preview_kind(&self.sync, id, kind);
            let length: usize = connection.llen(&key).await?;
            let missing = count - found.len();
            if skip < length && missing > 0 {
                let last = isize::try_from(skip + missing - 1).unwrap_or(isize::MAX);
                let contacts: Vec<String> = connection.lrange(&key, isize::try_from(skip).unwrap_or(0), last).await?;
                found.extend(contacts);
            }
            skip = skip.saturating_sub(length);
        }
        drop(connection);
        Ok(self.of(id, &found).await?.into_iter().flatten().collect())
    }

    /// The entries of these contacts, in their order.
    pub async fn of<T: DeserializeOwned>(&self, id: &str, contacts: &[String]) -> Result<Vec<Option<T>>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.keys.preview_entries(&self.sync, id);
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(key, contacts).await?;
        held.into_iter().map(|text| text.map(|t| decode("an entry", &t)).transpose()).collect()
    }
}
