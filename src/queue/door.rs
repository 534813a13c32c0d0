//! The door's way into Redis: one multiplexed connection, on which concurrent appends share pipelines. What it cannot store
//! it refuses, so that the sender tries again.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use redis::Pipeline;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use tokio::sync::{Mutex, Notify};

use crate::store::{
    forgotten::Forgotten,
    keys::CrmKeys,
    pool::{ANSWER_WITHIN, Pool, PoolError, Shared},
};

use super::event::{Event, Says};
use crate::contact::AccountKey;

/// Why an event cannot be stored now; the sender should come again.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Refused {
    #[error("it is not known yet whether this Redis is ours")]
    NotReady,
    #[error("too much waits of this account")]
    Full,
    #[error("no connection to Redis: {0}")]
    NoConnection(PoolError),
    #[error("Redis does not take it: {0}")]
    NotTaken(redis::RedisError),
    #[error("Redis does not answer")]
    NoAnswer,
}

/// Appends events to the streams of their CRM accounts.
pub struct Door {
    pool: Pool,
    connection: Mutex<Option<Shared>>,
    open: AtomicBool,
    rung: std::sync::Mutex<BTreeSet<AccountKey>>,
    full: std::sync::Mutex<BTreeSet<AccountKey>>,
    bell: Notify,
    forgotten: std::sync::RwLock<Arc<Forgotten>>,
}

impl Door {
    /// Over this pool; closed until [`Door::set_open`].
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            connection: Mutex::new(None),
            open: AtomicBool::new(false),
            rung: std::sync::Mutex::default(),
            full: std::sync::Mutex::default(),
            bell: Notify::new(),
            forgotten: std::sync::RwLock::default(),
        }
    }

    /// Nothing is stored any more of persons who were erased.
    pub fn set_forgotten(&self, forgotten: &Arc<Forgotten>) {
        self.forgotten.write().unwrap_or_else(PoisonError::into_inner).clone_from(forgotten);
    }

    /// Opens or closes it. Closed means that Redis is not known to be ours: everything is refused, nothing is "unknown".
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Stores all events, or refuses. A refusal may leave some of them stored: the repeat is harmless.
    pub async fn append(&self, events: &[Event]) -> Result<(), Refused> {
        if !self.is_open() {
            return Err(Refused::NotReady);
        }
        if events.iter().any(|e| self.is_full(&e.account)) {
            return Err(Refused::Full);
        }
        // A delivery is of one CRM account, almost always; on a Cluster each account is a slot of its own.
        let mut by_account: BTreeMap<&AccountKey, Pipeline> = BTreeMap::new();
        let forgotten = self.forgotten.read().unwrap_or_else(PoisonError::into_inner).clone();
        for event in events.iter().filter(|event| !forgotten.holds(&event.account, &event.contact)) {
            by_account.entry(&event.account).or_default().add_command(append_command(event)).ignore();
        }
        let mut connection = self.connection().await?;
        let store = async {
            for pipeline in by_account.values() {
                pipeline.query_async::<()>(&mut connection).await?;
            }
            Ok::<_, redis::RedisError>(())
        };
        match tokio::time::timeout(ANSWER_WITHIN, store).await {
            Ok(Ok(())) => {
                self.rung
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(events.iter().map(|e| e.account.clone()));
                self.bell.notify_one();
                Ok(())
            }
            Ok(Err(error)) => {
                self.forget().await;
                Err(Refused::NotTaken(error))
            }
            Err(_) => {
                self.forget().await;
                Err(Refused::NoAnswer)
            }
        }
    }

    /// Says whether as much of a CRM account waits as may: events that nobody has taken, or bodies that nobody has folded.
    pub fn set_full(&self, account: &AccountKey, full: bool) {
        let mut held = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full {
            if held.insert(account.clone()) {
                tracing::error!(%account, "too much waits of this account; further events are refused with 429");
            }
        } else {
            held.remove(account);
        }
    }

    fn is_full(&self, account: &AccountKey) -> bool {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).contains(account)
    }

    /// Waits until something was appended; answers for which CRM accounts since the last time.
    pub async fn rung(&self) -> BTreeSet<AccountKey> {
        self.bell.notified().await;
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn connection(&self) -> Result<Shared, Refused> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok(connection.clone());
        }
        match self.pool.shared().await {
            Ok(connection) => Ok(held.insert(connection).clone()),
            Err(error) => Err(Refused::NoConnection(error)),
        }
    }

    /// A connection that failed once is not used again.
    async fn forget(&self) {
        *self.connection.lock().await = None;
    }
}

fn append_command(event: &Event) -> redis::Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(CrmKeys::new(&event.account).events()).arg("*").arg("v").arg(1);
    command.arg("contact").arg(&event.contact).arg("kind").arg(&event.kind);
    command.arg("says").arg(match event.says {
        Says::Changed => "changed",
        Says::Deleted => "deleted",
    });
    if let Some(id) = &event.id {
        command.arg("id").arg(id);
    }
    // A time far in the future would make every later reading look stale.
    let soon = Timestamp::now() + SignedDuration::from_hours(24);
    if let Some(at) = event.at.filter(|at| *at < soon) {
        command.arg("at").arg(at.as_millisecond());
    }
    command.arg("received").arg(Timestamp::now().as_millisecond()).arg("body").arg(&event.body);
    command
}
