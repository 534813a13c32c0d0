//! The journal of one CRM account and one Google account: every write and every decision, newest last. Writes are entered by
//! `ledger`, together with what they change; here it is read, and what people decide is added.

use jiff::Timestamp;
use redis::{AsyncCommands, streams::StreamRangeReply};
use serde::Serialize;

use super::{StoreError, keys::CrmKeys, pool::Pool};

mod writes;

pub use writes::{Write, by_ids, is_whole, scan};

/// One entry, without the values that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The sync's id; empty for what concerns no single one.
    pub sync: String,
    /// The run that it belongs to, or empty.
    pub run: String,
    /// What was done, as a code: `created`, `updated`, `trashed`, `restored`, …
    pub action: String,
    /// Why, in words.
    pub reason: String,
    /// The Google contact, `people/c…`, or empty.
    pub resource: String,
    /// The fields that were written, as Google calls them.
    pub fields: Vec<String>,
}

/// Entries read at a time.
const PAGE: usize = 500;
/// Pages that are looked through for one contact: the journal has no index.
const PAGES: usize = 20;

/// The newest entries about a contact, newest first, of the last 10,000 in the journal.
pub async fn of_contact(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    contact: &str,
    most: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut connection = pool.get().await?;
    let mut found = Vec::new();
    let mut before = "+".to_owned();
    for _ in 0..PAGES {
        let page: StreamRangeReply = connection.xrevrange_count(keys.journal(subject), &before, "-", PAGE).await?;
        let Some(last) = page.ids.last() else { break };
        before = format!("({}", last.id);
        let its = page.ids.iter().filter(|entry| entry.get::<String>("contact").as_deref() == Some(contact));
        found.extend(its.map(|entry| read(|name| entry.get(name).unwrap_or_default())));
        if found.len() >= most {
            break;
        }
    }
    found.truncate(most);
    Ok(found)
}

/// Id of the newest entry; `0-0` when there is none.
pub async fn end(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<String, StoreError> {
    let newest: StreamRangeReply = pool.get().await?.xrevrange_count(keys.journal(subject), "+", "-", 1).await?;
    Ok(newest.ids.into_iter().next().map_or_else(|| "0-0".to_owned(), |entry| entry.id))
}

/// Enters a decision of a person about a contact.
pub async fn note(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    contact: &str,
    (action, reason): (&str, &str),
) -> Result<(), StoreError> {
    enter(pool, keys, subject, &[("contact", contact), ("action", action), ("reason", reason)]).await
}

/// Enters what happens now, as the fields of an [`Entry`].
pub async fn enter(pool: &Pool, keys: &CrmKeys, subject: &str, fields: &[(&str, &str)]) -> Result<(), StoreError> {
    let at = pool.clock.now_ms().to_string();
    let fields = [&[("at", at.as_str())], fields].concat();
    let limit = redis::streams::StreamMaxlen::Approx(super::ledger::JOURNAL_LENGTH);
    let _: String = pool.get().await?.xadd_maxlen(keys.journal(subject), limit, "*", &fields).await?;
    Ok(())
}

/// Drops what is older than 90 days.
pub async fn trim(pool: &Pool, keys: &CrmKeys, subject: &str) -> Result<u64, StoreError> {
    const KEPT_MS: i64 = 90 * 24 * 3_600_000;
    let oldest = pool.clock.now_ms().saturating_sub(KEPT_MS).max(0);
    let mut command = redis::cmd("XTRIM");
    command.arg(keys.journal(subject)).arg("MINID").arg("~").arg(oldest);
    Ok(command.query_async(&mut pool.get().await?).await?)
}

fn read(get: impl Fn(&str) -> String) -> Entry {
    let at = get("at").parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let mask = get("mask");
    Entry {
        at,
        sync: get("sync"),
        run: get("run"),
        action: get("action"),
        reason: get("reason"),
        resource: get("resource"),
        fields: mask.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
    }
}
