//! Moves events from the streams onto the dirty contacts as the door's bell rings, and with every sweep for what the bell
//! missed (other processes' doors, events from before a restart).

use std::{sync::Arc, time::Instant};

use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    contact::AccountKey,
    queue::{dead, dispatch::dispatch, door::Door, retention::trim},
    store::{StoreError, begun, current::Current, journal, keys::CrmKeys, pool::Pool},
    work::Bell,
};

/// Dispatches until stopped.
pub struct Dispatcher {
    pub(super) settings: Arc<Settings>,
    pub(super) pool: Pool,
    pub(super) door: Arc<Door>,
    pub(super) current: watch::Receiver<Arc<Current>>,
    pub(super) bell: Arc<Bell>,
}

impl Dispatcher {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(self.settings.tune.sweep);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trimmed = Instant::now();
        loop {
            let accounts: Vec<AccountKey> = tokio::select! {
                () = stop.cancelled() => return,
                rung = self.door.rung() => rung.into_iter().collect(),
                _ = sweep.tick() => self.current.borrow().accounts.keys().cloned().collect(),
            };
            // One account's trouble is not another's: on a Cluster a part of them may be out of reach.
            let mut waiting = Trouble::default();
            for account in &accounts {
                if stop.is_cancelled() {
                    return;
                }
                waiting.note(self.drain(account).await);
            }
            waiting.say("events wait in their streams");
            // Trimming is cheap but not needed with every sweep.
            if trimmed.elapsed() > self.settings.tune.sweep * 30 {
                trimmed = Instant::now();
                self.trim().await;
            }
        }
    }

    async fn drain(&self, account: &AccountKey) -> Result<(), StoreError> {
        let current = self.current.borrow().clone();
        let Some(known) = current.accounts.get(account) else { return Ok(()) };
        let syncs: Vec<_> = current.syncs.iter().filter(|s| s.account.key == *account && s.spec.live).collect();
        let ids: Vec<String> = syncs.iter().map(|s| s.id.clone()).collect();
        let keys = CrmKeys::new(account);
        loop {
            let moved = dispatch(&self.pool, &keys, &ids, known.is_limited(), &self.settings.tune).await?;
            if moved.events == 0 {
                return Ok(());
            }
            metrics::counter!("carnet_events_dispatched_total").increment(moved.events);
            let due = Instant::now() + self.settings.tune.coalesce;
            for google in syncs.iter().filter_map(|s| s.google.as_ref()) {
                self.bell.ring(&google.subject, due);
            }
        }
    }

    /// Dead letters that nobody has looked after for long go, and that is said.
    async fn expire(&self, account: &AccountKey, keys: &CrmKeys) -> Result<(), StoreError> {
        let before = self.pool.clock.ago(self.settings.tune.dead_age);
        loop {
            let old = dead::older(&self.pool, keys, before).await?;
            if old.is_empty() {
                break;
            }
            // Said first: if this process ends in between, it is said twice and not never.
            for (reason, count) in dead::by_reason(&old) {
                tracing::warn!(account = %account, reason, count, "dead letters expire; a reconcile tries their contacts again");
            }
            for letter in old {
                if dead::discard(&self.pool, keys, &letter).await? {
                    metrics::counter!("carnet_dead_letters_expired_total", "reason" => letter.reason).increment(1);
                }
            }
        }
        let crowded_out = dead::crowded_out(&self.pool, keys).await?;
        if crowded_out > 0 {
            metrics::counter!("carnet_dead_letters_expired_total", "reason" => "too_many").increment(crowded_out);
            tracing::warn!(account = %account, count = crowded_out, "the oldest dead letters went because there are too many");
        }
        Ok(())
    }

    async fn trim(&self) {
        let current = self.current.borrow().clone();
        let mut untrimmed = Trouble::default();
        for sync in &current.syncs {
            let Some(google) = &sync.google else { continue };
            let keys = CrmKeys::new(&sync.account.key);
            let trimmed = async {
                begun::trim(&self.pool, &keys, &google.subject).await?;
                journal::trim(&self.pool, &keys, &google.subject).await.map(drop)
            };
            untrimmed.note(trimmed.await);
        }
        for account in current.accounts.keys() {
            let keys = CrmKeys::new(account);
            untrimmed.note(trim(&self.pool, &keys, &self.settings.tune).await.map(drop));
            untrimmed.note(self.expire(account, &keys).await);
        }
        untrimmed.say("journals, streams or dead letters could not be trimmed");
    }
}

/// What went wrong for some of many, said once.
#[derive(Default)]
struct Trouble {
    times: u64,
    first: Option<StoreError>,
}

impl Trouble {
    fn note(&mut self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            self.times += 1;
            self.first.get_or_insert(error);
        }
    }

    fn say(self, what: &str) {
        if let Some(error) = self.first {
            tracing::warn!(%error, times = self.times, "{what}");
        }
    }
}
