//! The audit log: who asked for what, and what came of it. Names and ids, never what a contact holds.

use jiff::Timestamp;
use redis::streams::{StreamId, StreamMaxlen};
use serde::Serialize;

use super::{
    StoreError,
    keys::AUDIT,
    pool::Pool,
    stream::{WHOLE, each_entry},
};

/// One thing that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// When (RFC 3339).
    pub at: String,
    /// Who: `token NAME`, `admin page` or `command line (USER)`.
    pub actor: String,
    /// What: the command, or the method and path of the call.
    pub action: String,
    /// What came of it: `done`, or a status.
    pub outcome: String,
    /// The address that it came from, for calls.
    pub from: String,
    /// The id of the request, as in the log.
    pub request: String,
}

impl Deed {
    /// Of this actor.
    pub fn new(actor: impl Into<String>, action: impl Into<String>, outcome: impl Into<String>) -> Self {
        Self { actor: actor.into(), action: action.into(), outcome: outcome.into(), ..Self::default() }
    }
}

/// Entries at the most, and for how long (ms).
const KEPT: usize = 100_000;
const KEPT_MS: i64 = 400 * 86_400_000;
/// Entries read at a time.
const PAGE: usize = 1_000;

/// Writes one down.
pub async fn note(pool: &Pool, deed: &Deed) -> Result<(), StoreError> {
    let fields = [
        ("actor", &deed.actor),
        ("action", &deed.action),
        ("outcome", &deed.outcome),
        ("from", &deed.from),
        ("request", &deed.request),
    ];
    let oldest = (pool.clock.now_ms() - KEPT_MS).max(0);
    let mut write = redis::pipe();
    write.xadd_maxlen(AUDIT, StreamMaxlen::Approx(KEPT), "*", &fields);
    write.cmd("XTRIM").arg(AUDIT).arg("MINID").arg("~").arg(oldest).ignore();
    let _: (String,) = write.query_async(&mut pool.get().await?).await?;
    Ok(())
}

/// Those since a time, oldest first.
pub async fn since(pool: &Pool, since: Option<Timestamp>) -> Result<Vec<Deed>, StoreError> {
    let from = since.map_or_else(|| WHOLE.0.to_owned(), |at| at.as_millisecond().max(0).to_string());
    let mut all = Vec::new();
    each_entry(&mut pool.get().await?, AUDIT, (&from, WHOLE.1), PAGE, |entry| {
        all.push(read(entry));
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(all)
}

fn read(entry: &StreamId) -> Deed {
    let field = |name: &str| entry.get::<String>(name).unwrap_or_default();
    let at = entry.id.split('-').next().and_then(|ms| ms.parse().ok());
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    Deed {
        at: at.to_string(),
        actor: field("actor"),
        action: field("action"),
        outcome: field("outcome"),
        from: field("from"),
        request: field("request"),
    }
}
