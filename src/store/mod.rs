//! What Carnet keeps in Redis, and how: one file a subject. Every step that must be atomic is one script in one slot.

pub mod audit;
pub mod backup;
pub mod begun;
pub mod brake;
pub mod census;
pub mod clock;
pub mod control;
pub mod current;
pub mod doors;
pub mod durability;
pub mod erase;
pub mod forgotten;
pub mod highwater;
pub mod installation;
pub mod journal;
pub mod key_file;
pub mod keys;
pub mod lease;
pub mod ledger;
pub mod listing;
pub mod local;
pub mod pauses;
pub mod pool;
pub mod presence;
pub mod previews;
pub mod proofs;
pub mod registry;
pub mod replayed;
pub mod reports;
pub mod run;
pub mod runs;
pub mod seal;
pub mod snapshot;
pub mod stream;
pub mod tokens;

/// Why something could not be read from or written to Redis.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer, or an error as answer; try again later.
    #[error("Redis: {0}")]
    Unavailable(#[from] redis::RedisError),
    /// Another worker holds the Google account now: drop everything, it will be done there.
    #[error("another worker has taken the Google account over")]
    Fenced,
    /// Redis is an older self than this process has seen.
    #[error("Redis is not where it was left: it was restored from an older copy or lost its last writes")]
    WentBack,
    /// Something stored does not decode.
    #[error("{0} in Redis cannot be read: {1}")]
    Unreadable(&'static str, String),
}

impl From<pool::PoolError> for StoreError {
    fn from(error: pool::PoolError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Reads stored JSON; the error names what it was, never what it held.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|e| StoreError::Unreadable(what, format!("{:?} at column {}", e.classify(), e.column())))
}

/// Writes JSON of our own types, which cannot fail but says so if it does.
pub(crate) fn encode<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Unreadable(what, e.to_string()))
}
