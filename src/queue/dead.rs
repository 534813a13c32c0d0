//! Dead letters: contacts that cannot succeed as they are, kept with reason and attempts until replayed or discarded.
//! Replaying means: look at the contact again, from its current state.

use std::collections::BTreeMap;

use redis::{AsyncCommands, streams::StreamRangeReply};
use serde::Serialize;

use crate::store::{StoreError, keys::CrmKeys, pool::Pool};

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its id in the stream.
    pub id: String,
    /// The CRM contact.
    pub contact: String,
    /// The sync's id.
    pub sync: String,
    /// Reason as a code.
    pub reason: String,
    /// Reason in words.
    pub sentence: String,
    /// How often it was tried.
    pub attempts: String,
    /// First and last time (RFC 3339).
    pub first: String,
    /// When it was given up.
    pub last: String,
    /// What the CRM had said of it, as JSON; holds personal data.
    pub payload: String,
    /// What Google or the CRM answered; may hold personal data.
    pub answer: String,
}

/// The flat fields of a new dead letter, for `settle`.
pub fn fields(letter: &DeadLetter) -> Vec<String> {
    let DeadLetter { id: _, contact, sync, reason, sentence, attempts, first, last, payload, answer } = letter;
    let pairs = [
        ("contact", contact),
        ("sync", sync),
        ("reason", reason),
        ("sentence", sentence),
        ("attempts", attempts),
        ("first", first),
        ("last", last),
        ("payload", payload),
        ("answer", answer),
    ];
    pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.clone()]).collect()
}

/// The dead letters of one CRM account, oldest first.
pub async fn list(pool: &Pool, keys: &CrmKeys) -> Result<Vec<DeadLetter>, StoreError> {
    let reply: StreamRangeReply = pool.get().await?.xrange_all(keys.dead()).await?;
    Ok(reply.ids.into_iter().map(|entry| read(entry.id.clone(), |name| entry.get(name))).collect())
}

/// One dead letter.
pub async fn get(pool: &Pool, keys: &CrmKeys, id: &str) -> Result<Option<DeadLetter>, StoreError> {
    let reply: StreamRangeReply = pool.get().await?.xrange(keys.dead(), id, id).await?;
    Ok(reply.ids.into_iter().next().map(|entry| read(entry.id.clone(), |name| entry.get(name))))
}

/// Takes a dead letter away; `false` when it was gone already.
pub async fn discard(pool: &Pool, keys: &CrmKeys, id: &str) -> Result<bool, StoreError> {
    let gone: u64 = pool.get().await?.xdel(keys.dead(), &[id]).await?;
    Ok(gone > 0)
}

/// How many there are.
pub async fn count(pool: &Pool, keys: &CrmKeys) -> Result<u64, StoreError> {
    Ok(pool.get().await?.xlen(keys.dead()).await?)
}

fn read(id: String, get: impl Fn(&str) -> Option<String>) -> DeadLetter {
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    for name in ["contact", "sync", "reason", "sentence", "attempts", "first", "last", "payload", "answer"] {
        fields.insert(name, get(name).unwrap_or_default());
    }
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    DeadLetter {
        id,
        contact: take("contact"),
        sync: take("sync"),
        reason: take("reason"),
        sentence: take("sentence"),
        attempts: take("attempts"),
        first: take("first"),
        last: take("last"),
        payload: take("payload"),
        answer: take("answer"),
    }
}
