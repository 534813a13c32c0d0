//! What is known of a Google account's persons: for each the hashes of its identifiers and our stamps, and an index from
//! each to the persons. No name, address or number stands in it. Kept up by sync token; started anew in each epoch.

use std::collections::{BTreeMap, HashMap};

use redis::AsyncCommands;

use super::{StoreError, decode, encode, keys::GoogleKeys, pool::Pool};

/// The listing of one Google account.
#[derive(Clone)]
pub struct Listing {
    pool: Pool,
    keys: GoogleKeys,
}

/// Facts about a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingFacts {
    /// The epoch in which the full listing was made.
    pub epoch: u64,
    /// Continues the listing.
    pub sync_token: String,
    /// When it was last brought up to date (ms).
    pub at: i64,
    /// When everything was last listed (ms).
    pub full: i64,
}

impl Listing {
    /// Of this Google account.
    pub fn new(pool: Pool, subject: &str) -> Self {
        Self { pool, keys: GoogleKeys::new(subject) }
    }

    /// Its facts; `None` when there is no complete listing.
    pub async fn facts(&self) -> Result<Option<ListingFacts>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.listing_facts()).await?;
        let number = |key: &str| held.get(key).and_then(|v| v.parse::<i64>().ok());
        let (Some(token), Some(epoch), Some(at)) = (held.get("sync_token"), number("epoch"), number("at")) else {
            return Ok(None);
        };
        let full = number("full").unwrap_or(0);
        Ok(Some(ListingFacts { epoch: u64::try_from(epoch).unwrap_or(0), sync_token: token.clone(), at, full }))
    }

    /// Replaces the whole listing. The facts are written last: a half-written one counts as none.
    pub async fn replace(
        &self,
        token: &str,
        persons: &[(String, Vec<String>)],
        facts: &ListingFacts,
    ) -> Result<(), StoreError> {
        self.write(token, &[], &BTreeMap::new(), true).await?;
        for chunk in persons.chunks(500) {
            let chunk: Vec<_> = chunk.iter().map(|(p, m)| (p.clone(), Some(m.clone()))).collect();
            self.write(token, &chunk, &BTreeMap::new(), false).await?;
        }
        self.write(token, &[], &fields(facts), false).await
    }

    /// Applies changes since the last time; `None`: the person is gone.
    pub async fn update(
        &self,
        token: &str,
        changes: &[(String, Option<Vec<String>>)],
        facts: &ListingFacts,
    ) -> Result<(), StoreError> {
        for chunk in changes.chunks(500) {
            self.write(token, chunk, &BTreeMap::new(), false).await?;
        }
        self.write(token, &[], &fields(facts), false).await
    }

    /// Notes one or more persons that were just written or read, outside a listing.
    pub async fn note(&self, token: &str, changes: &[(String, Option<Vec<String>>)]) -> Result<(), StoreError> {
        self.write(token, changes, &BTreeMap::new(), false).await
    }

    /// Gives it up: the next time everything is listed anew.
    pub async fn forget(&self) -> Result<(), StoreError> {
        Ok(self.pool.get().await?.del(self.keys.listing_facts()).await?)
    }

    /// Which persons have each of these marks (identifiers or stamps).
    pub async fn persons(&self, marks: &[String]) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let mut found = BTreeMap::new();
        if marks.is_empty() {
            return Ok(found);
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.listing_index(), marks).await?;
        for (mark, persons) in marks.iter().zip(held) {
            if let Some(text) = persons {
                found.insert(mark.clone(), decode("a listing entry", &text)?);
            }
        }
        Ok(found)
    }

    /// What each of these persons is known by; nothing for one that is not known.
    pub async fn marks(&self, persons: &[String]) -> Result<Vec<Vec<String>>, StoreError> {
        if persons.is_empty() {
            return Ok(Vec::new());
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.listing(), persons).await?;
        held.into_iter().map(|text| text.map_or_else(|| Ok(Vec::new()), |t| entry(&t))).collect()
    }

    /// Every person, with what it is known by.
    pub async fn all(&self) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.listing()).await?;
        held.into_iter().map(|(person, text)| Ok((person, entry(&text)?))).collect()
    }

    /// Whether this person is known.
    pub async fn contains(&self, person: &str) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.hexists(self.keys.listing(), person).await?)
    }

    /// How many persons are known.
    pub async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.pool.get().await?.hlen(self.keys.listing()).await?)
    }

    /// The rest of every mark that begins so.
    pub async fn known_by(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let marks: Vec<String> = self.pool.get().await?.hkeys(self.keys.listing_index()).await?;
        Ok(marks.iter().filter_map(|mark| mark.strip_prefix(prefix)).map(str::to_owned).collect())
    }

    /// Every stamp that more than one person carries: `(stamp, persons)`.
    pub async fn twins(&self) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.listing_index()).await?;
        let mut twins = Vec::new();
        for (mark, text) in held.into_iter().filter(|(mark, _)| mark.starts_with("s:")) {
            let persons: Vec<String> = decode("a listing entry", &text)?;
            if persons.len() > 1 {
                twins.push((mark, persons));
            }
        }
        Ok(twins)
    }

    async fn write(
        &self,
        token: &str,
        persons: &[(String, Option<Vec<String>>)],
        facts: &BTreeMap<&str, String>,
        anew: bool,
    ) -> Result<(), StoreError> {
        let list: Vec<(&str, serde_json::Value)> = persons
            .iter()
            .map(|(person, marks)| (person.as_str(), marks.as_ref().map_or(false.into(), |m| m.clone().into())))
            .collect();
        let written: i64 = redis::Script::new(include_str!("listing.lua"))
            .key(self.keys.fence())
            .key(self.keys.listing())
            .key(self.keys.listing_index())
            .key(self.keys.listing_facts())
            .arg(token)
            .arg(encode("a listing", &list)?)
            .arg(encode("listing facts", facts)?)
            .arg(if anew { "1" } else { "0" })
            .invoke_async(&mut self.pool.get().await?)
            .await?;
        if written < 0 { Err(StoreError::Fenced) } else { Ok(()) }
    }
}

/// What a person is known by. The script writes an empty list as `{}`.
fn entry(text: &str) -> Result<Vec<String>, StoreError> {
    if text == "{}" { Ok(Vec::new()) } else { decode("a listing entry", text) }
}

fn fields(facts: &ListingFacts) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("epoch", facts.epoch.to_string()),
        ("sync_token", facts.sync_token.clone()),
        ("full", facts.full.to_string()),
        ("at", facts.at.to_string()),
    ])
}
