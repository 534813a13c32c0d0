//! Dead letters: contacts that cannot succeed as they are. Each sync has one letter at the most of a contact; it stays until the
//! contact is done with by whatever way (a later event, a reconcile, a replay), or until a person discards it, or for 90 days.
//! Replaying means: look at the contact again, from its current state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redis::{
    AsyncCommands,
    streams::{StreamId, StreamRangeReply},
};
use serde::{Deserialize, Serialize};

use crate::store::{
    StoreError, decode,
    keys::CrmKeys,
    pool::Pool,
    stream::{WHOLE, each_entry},
};

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Its id in the stream.
    pub id: String,
    /// The CRM contact.
    pub contact: String,
    /// The sync's id.
    pub sync: String,
    /// Whose mark it was: the sync's id, or the lane of its undos.
    pub lane: String,
    /// Reason as a code.
    pub reason: String,
    /// Whose matter it is.
    pub class: Class,
    /// Reason in words.
    pub sentence: String,
    /// Where in the CRM's data or in the contact the trouble is, if that is known.
    pub path: String,
    /// How often it was given up.
    pub rounds: u64,
    /// The tries before it was given up, oldest first; of many the last [`Attempt::KEPT`].
    pub attempts: Vec<Attempt>,
    /// When the contact became dirty that was given up first (RFC 3339).
    pub first: String,
    /// When it was given up last (RFC 3339).
    pub last: String,
    /// What the CRM had said of it, as JSON; holds personal data.
    pub payload: String,
    /// What Google or the CRM answered; may hold personal data.
    pub answer: String,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When (RFC 3339).
    pub at: String,
    /// Why it was put off, as a code.
    pub why: String,
}

impl Attempt {
    /// Tries that are kept.
    pub const KEPT: usize = 20;
}

/// Whose matter a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The contact's own data: it has to be corrected first.
    Data,
    /// A service that did not answer: a replay is worth a try.
    Service,
}

impl Class {
    /// Of this reason.
    pub fn of(reason: &str) -> Self {
        match reason {
            "google_keeps_failing" | "crm_keeps_failing" => Self::Service,
            _ => Self::Data,
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Data => {
                "correct the contact in the CRM: it is then looked at again by itself, or by `carnet dead replay`"
            }
            Self::Service => "once the service answers again, `carnet dead replay` tries again",
        }
    }
}

/// Which letters.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// With this reason.
    pub reason: Option<String>,
    /// Of the sync with this id.
    pub sync: Option<String>,
    /// Of this contact.
    pub contact: Option<String>,
    /// Given up at or after this time.
    pub since: Option<Timestamp>,
    /// Given up before this time.
    pub until: Option<Timestamp>,
}

impl Filter {
    fn takes(&self, letter: &DeadLetter) -> bool {
        let is = |wanted: &Option<String>, there: &str| wanted.as_ref().is_none_or(|wanted| wanted == there);
        let at = letter.last.parse::<Timestamp>().ok();
        is(&self.reason, &letter.reason)
            && is(&self.sync, &letter.sync)
            && is(&self.contact, &letter.contact)
            && self.since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
    }
}

/// The flat fields of a new dead letter, for `settle`, which knows of an older one what to keep.
pub fn fields(letter: &DeadLetter) -> Vec<String> {
    let attempts = serde_json::json!(letter.attempts).to_string();
    let DeadLetter { contact, sync, lane, reason, sentence, path, first, last, payload, answer, .. } = letter;
    let pairs = [
        ("contact", contact),
        ("sync", sync),
        ("lane", lane),
        ("reason", reason),
        ("sentence", sentence),
        ("path", path),
        ("attempts", &attempts),
        ("first", first),
        ("last", last),
        ("payload", payload),
        ("answer", answer),
    ];
    pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.clone()]).collect()
}

/// Letters read at a time: each may hold a whole contact.
const PAGE: usize = 200;

/// Goes through the letters of one CRM account that the filter takes, oldest first.
pub async fn scan(
    pool: &Pool,
    keys: &CrmKeys,
    filter: &Filter,
    mut look: impl FnMut(DeadLetter),
) -> Result<(), StoreError> {
    each_entry(&mut pool.get().await?, &keys.dead(), WHOLE, PAGE, |entry| {
        let letter = read(entry)?;
        if filter.takes(&letter) {
            look(letter);
        }
        Ok(())
    })
    .await
}

/// The letters of one CRM account that the filter takes, oldest first.
pub async fn list(pool: &Pool, keys: &CrmKeys, filter: &Filter) -> Result<Vec<DeadLetter>, StoreError> {
    let mut letters = Vec::new();
    scan(pool, keys, filter, |letter| letters.push(letter)).await?;
    Ok(letters)
}

/// One dead letter.
pub async fn get(pool: &Pool, keys: &CrmKeys, id: &str) -> Result<Option<DeadLetter>, StoreError> {
    let reply: StreamRangeReply = pool.get().await?.xrange(keys.dead(), id, id).await?;
    reply.ids.first().map(read).transpose()
}

/// The letter that a lane has of a contact.
pub async fn of_contact(
    pool: &Pool,
    keys: &CrmKeys,
    lane: &str,
    contact: &str,
) -> Result<Option<DeadLetter>, StoreError> {
    let id: Option<String> = pool.get().await?.hget(keys.dead_of(lane), contact).await?;
    match id {
        Some(id) => get(pool, keys, &id).await,
        None => Ok(None),
    }
}

/// Of which of these contacts a lane has a letter.
pub async fn has(pool: &Pool, keys: &CrmKeys, lane: &str, contacts: &[String]) -> Result<Vec<bool>, StoreError> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    let held: Vec<Option<String>> = pool.get().await?.hmget(keys.dead_of(lane), contacts).await?;
    Ok(held.iter().map(Option::is_some).collect())
}

/// Contacts of which a lane has a letter.
pub async fn contacts_of(pool: &Pool, keys: &CrmKeys, lane: &str) -> Result<Vec<String>, StoreError> {
    Ok(pool.get().await?.hkeys(keys.dead_of(lane)).await?)
}

/// Takes a dead letter away; `false` when it was gone already.
pub async fn discard(pool: &Pool, keys: &CrmKeys, letter: &DeadLetter) -> Result<bool, StoreError> {
    const DISCARD: &str = "
        if redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[2]) end
        return redis.call('XDEL', KEYS[1], ARGV[1])";
    let gone: u64 = redis::Script::new(DISCARD)
        .key(keys.dead())
        .key(keys.dead_of(&letter.lane))
        .arg(&letter.id)
        .arg(&letter.contact)
        .invoke_async(&mut pool.get().await?)
        .await?;
    Ok(gone > 0)
}

/// How many a CRM account has.
pub async fn count(pool: &Pool, keys: &CrmKeys) -> Result<u64, StoreError> {
    Ok(pool.get().await?.xlen(keys.dead()).await?)
}

/// How many a sync has, or its undos.
pub async fn count_of(pool: &Pool, keys: &CrmKeys, lane: &str) -> Result<u64, StoreError> {
    Ok(pool.get().await?.hlen(keys.dead_of(lane)).await?)
}

/// How many of these there are of each reason.
pub fn by_reason<'l>(letters: impl IntoIterator<Item = &'l DeadLetter>) -> BTreeMap<&'l str, u64> {
    let mut reasons = BTreeMap::new();
    letters.into_iter().for_each(|letter| *reasons.entry(letter.reason.as_str()).or_default() += 1);
    reasons
}

/// How many a sync has that were given up before `before`.
pub async fn count_older(pool: &Pool, keys: &CrmKeys, lane: &str, before: Timestamp) -> Result<usize, StoreError> {
    let ids: Vec<String> = pool.get().await?.hvals(keys.dead_of(lane)).await?;
    let at = |id: &String| id.split('-').next().and_then(|ms| ms.parse::<i64>().ok());
    Ok(ids.iter().filter_map(at).filter(|at| *at < before.as_millisecond()).count())
}

/// Some of those that were given up before `before`, the oldest first.
pub async fn older(pool: &Pool, keys: &CrmKeys, before: Timestamp) -> Result<Vec<DeadLetter>, StoreError> {
    let end = before.as_millisecond().max(0);
    let page: StreamRangeReply = pool.get().await?.xrange_count(keys.dead(), "-", end, PAGE).await?;
    page.ids.iter().map(read).collect()
}

/// Letters that went because there were too many, since this was asked last.
pub async fn crowded_out(pool: &Pool, keys: &CrmKeys) -> Result<u64, StoreError> {
    let lost: Option<u64> = redis::cmd("GETDEL").arg(keys.dead_lost()).query_async(&mut pool.get().await?).await?;
    Ok(lost.unwrap_or(0))
}

fn read(entry: &StreamId) -> Result<DeadLetter, StoreError> {
    let get = |name: &str| entry.get::<String>(name).unwrap_or_default();
    let (reason, attempts) = (get("reason"), get("attempts"));
    Ok(DeadLetter {
        id: entry.id.clone(),
        contact: get("contact"),
        sync: get("sync"),
        lane: get("lane"),
        class: Class::of(&reason),
        reason,
        sentence: get("sentence"),
        path: get("path"),
        rounds: get("rounds").parse().unwrap_or(1),
        attempts: decode("attempts", &attempts)?,
        first: get("first"),
        last: get("last"),
        payload: get("payload"),
        answer: get("answer"),
    })
}
