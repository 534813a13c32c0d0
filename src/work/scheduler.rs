//! Which Google account is worked on next: those whose bell rang, and with every sweep all that have something due. Accounts
//! are independent: each has its own rest after trouble, and none waits for another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::AsyncCommands;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    claim::{Halt, Tools, rest},
    store::{StoreError, keys::WORKERS},
};

use super::{
    Bell,
    slice::{self, Slice},
};

/// The workers of one process.
#[derive(Clone)]
pub struct Workers {
    tools: Arc<Tools>,
    bell: Arc<Bell>,
    /// How many accounts are worked on at the same time.
    room: Arc<Semaphore>,
    states: Arc<Mutex<HashMap<String, State>>>,
}

#[derive(Default)]
struct State {
    busy: bool,
    /// Asked for while busy.
    again: bool,
    not_before: Option<Instant>,
    failures: u64,
}

impl Workers {
    /// None running yet.
    pub fn new(tools: Arc<Tools>, bell: Arc<Bell>) -> Self {
        let room = usize::try_from(tools.settings.tune.workers).unwrap_or(8).max(1);
        Self { tools, bell, room: Arc::new(Semaphore::new(room)), states: Arc::default() }
    }

    /// Works until `stop`, then finishes the slices in flight.
    pub async fn run(self, stop: CancellationToken) {
        let slices = TaskTracker::new();
        let mut sweep = tokio::time::interval(self.tools.settings.tune.sweep);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let subjects: Vec<String> = tokio::select! {
                () = stop.cancelled() => break,
                due = self.bell.due() => due,
                _ = sweep.tick() => {
                    self.say_alive().await;
                    self.tools.now().google.keys().cloned().collect()
                }
            };
            for subject in subjects {
                if self.take(&subject) {
                    slices.spawn(self.clone().slices(subject, stop.clone()));
                }
            }
        }
        slices.close();
        slices.wait().await;
        self.say_gone().await;
    }

    /// Slice after slice of one account, with its turn given up between them.
    async fn slices(self, subject: String, stop: CancellationToken) {
        loop {
            let more = {
                let Ok(_room) = self.room.acquire().await else { break };
                if stop.is_cancelled() { false } else { self.slice(&subject).await }
            };
            if !self.give_back(&subject, more) {
                return;
            }
        }
    }

    /// Whether there is more to do at once.
    async fn slice(&self, subject: &str) -> bool {
        let Some(google) = self.tools.now().google.get(subject).cloned() else { return false };
        let (rested, more) = match slice::work(&self.tools, &google).await {
            Ok(Slice::More) => (None, true),
            Ok(Slice::NotOurs) => (None, false),
            Ok(Slice::Done(next)) => {
                self.ring_at(subject, next);
                (None, false)
            }
            Ok(Slice::Halted(halt)) => (Some(halt), false),
            Err(error) => (Some(Halt::Store(error)), false),
        };
        let Some(halt) = rested else {
            self.with(subject, |s| s.failures = 0);
            return more;
        };
        self.halted(subject, &google.name, &halt).await;
        false
    }

    async fn halted(&self, subject: &str, name: &str, halt: &Halt) {
        if matches!(halt, Halt::Store(StoreError::WentBack)) {
            tracing::error!("Redis went back in time; beginning anew from Google's stamps");
            if let Err(error) = self.tools.guard.went_back(self.tools.now().installation.epoch).await {
                tracing::error!(%error, "the new epoch could not be begun");
            }
        } else {
            tracing::info!(google = %name, reason = %halt, "work on a Google account rests");
        }
        let wait = self.with(subject, |s| {
            let wait = rest(&self.tools.settings.tune, halt, s.failures);
            if !matches!(halt, Halt::NotNow(_) | Halt::HeldUp | Halt::Store(_)) {
                s.failures += 1;
            }
            s.not_before = Some(Instant::now() + wait);
            wait
        });
        self.bell.ring(subject, Instant::now() + wait);
    }

    fn ring_at(&self, subject: &str, due: Option<i64>) {
        let Some(due) = due else { return };
        let wait = u64::try_from(due - self.tools.pool.clock.now_ms()).unwrap_or(0);
        // The sweep finds what is further away.
        if wait < 60_000 {
            self.bell.ring(subject, Instant::now() + Duration::from_millis(wait));
        }
    }

    /// Takes an account unless it is busy or resting.
    fn take(&self, subject: &str) -> bool {
        self.with(subject, |s| {
            if s.busy {
                s.again = true;
                return false;
            }
            if s.not_before.is_some_and(|at| at > Instant::now()) {
                return false;
            }
            s.busy = true;
            true
        })
    }

    /// Whether it goes on.
    fn give_back(&self, subject: &str, more: bool) -> bool {
        self.with(subject, |s| {
            let resting = s.not_before.is_some_and(|at| at > Instant::now());
            let again = std::mem::take(&mut s.again);
            s.busy = (more || again) && !resting;
            s.busy
        })
    }

    fn with<T>(&self, subject: &str, f: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        f(states.entry(subject.to_owned()).or_default())
    }

    async fn say_alive(&self) {
        let said = async {
            let _: () =
                self.tools.pool.get().await?.zadd(WORKERS, &self.tools.holder, self.tools.pool.clock.now_ms()).await?;
            Ok::<_, StoreError>(())
        };
        // Without Redis nobody asks.
        said.await.ok();
    }

    async fn say_gone(&self) {
        let said = async {
            let _: () = self.tools.pool.get().await?.zrem(WORKERS, &self.tools.holder).await?;
            Ok::<_, StoreError>(())
        };
        said.await.ok();
    }
}
