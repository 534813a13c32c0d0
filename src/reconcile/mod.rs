//! The slow road: every CRM contact page by page against the links, so that what a webhook missed is repaired. It decides
//! nothing new: what differs is marked dirty with what the page said, and goes through the same plan and push, behind live
//! contacts. What the CRM does not list any more is looked up by itself, and removed only if that is answered by *not found*.

mod absence;
mod apply;
mod drafts;
mod missed;
mod plan;
mod preview;
mod progress;
mod proof;
pub mod replay;
mod report;
pub mod undo;
mod walk;
mod wishes;
mod written;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    claim::{Tools, backoff, connection},
    config::declared::Every,
    store::{
        StoreError,
        current::SyncSpec,
        journal,
        keys::CrmKeys,
        runs::{Run, RunKind, RunState, Runs, undo_lane},
        seal::random_text,
    },
    work::Bell,
};

pub use crate::plan::entry::{Action, Entry};
pub use apply::{ApplyError, Changed, Changes, begin, check, find};
pub use drafts::PreviewError;
pub use plan::Plan;
pub use preview::{Preview, count, preview, previews_of};
pub use progress::{PAUSED, Progress, progress};
pub use report::{Report, report};
pub use walk::Interrupted;

/// Starts runs when they are due or asked for, and takes up those that were interrupted.
#[derive(Clone)]
pub struct Reconciler {
    tools: Arc<Tools>,
    bell: Arc<Bell>,
    busy: Arc<Mutex<HashSet<String>>>,
    resting: Arc<Mutex<HashMap<String, (Instant, u64)>>>,
}

impl Reconciler {
    /// None running yet.
    pub fn new(tools: Arc<Tools>, bell: Arc<Bell>) -> Self {
        Self { tools, bell, busy: Arc::default(), resting: Arc::default() }
    }

    /// Runs until `stop`; runs in progress stop at their page and are taken up later.
    pub async fn run(self, stop: CancellationToken) {
        let runs = TaskTracker::new();
        let mut sweep = tokio::time::interval(self.tools.settings.tune.sweep);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = sweep.tick() => {}
            }
            for sync in self.tools.now().syncs.clone() {
                if !lock(&self.busy).insert(sync.id.clone()) {
                    continue;
                }
                runs.spawn(self.clone().look(sync, stop.clone()));
            }
            for sync in self.tools.now().syncs.clone() {
                // Beside a reconcile, which may last: what its sync wrote before may be taken back.
                let lane = undo_lane(&sync.id);
                if !self.is_resting(&lane) && lock(&self.busy).insert(lane) {
                    runs.spawn(self.clone().look_at_undo(sync, stop.clone()));
                }
            }
        }
        runs.close();
        runs.wait().await;
    }

    async fn look(self, sync: Arc<SyncSpec>, stop: CancellationToken) {
        // One that rests because its CRM does not answer is cancelled all the same.
        if self.is_resting(&sync.id) && !self.is_cancelled(&sync).await {
            lock(&self.busy).remove(&sync.id);
            return;
        }
        let ended = self.advance(&sync, &stop).await;
        self.rest(&sync, &sync.id, ended.err());
    }

    async fn look_at_undo(self, sync: Arc<SyncSpec>, stop: CancellationToken) {
        let ended = self.advance_undo(&sync, &stop).await;
        self.rest(&sync, &undo_lane(&sync.id), ended.err().map(Interrupted::Store));
    }

    /// After trouble, a lane is left alone for a while.
    fn rest(&self, sync: &SyncSpec, lane: &str, trouble: Option<Interrupted>) {
        if let Some(error) = trouble {
            let tries = lock(&self.resting).get(lane).map_or(0, |(_, tries)| tries + 1);
            let wait = backoff(&self.tools.settings.tune, tries);
            tracing::warn!(sync = %sync.spec.name, reason = %error, "the reconcile rests");
            lock(&self.resting).insert(lane.to_owned(), (Instant::now() + wait, tries));
        } else {
            lock(&self.resting).remove(lane);
        }
        lock(&self.busy).remove(lane);
    }

    /// Takes up the undo in progress, if there is one.
    pub async fn advance_undo(&self, sync: &Arc<SyncSpec>, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(google) = &sync.google else { return Ok(()) };
        let ring = || self.bell.ring(&google.subject, Instant::now());
        undo::advance(&self.tools, sync, stop, &ring).await
    }

    fn is_resting(&self, sync: &str) -> bool {
        lock(&self.resting).get(sync).is_some_and(|(until, _)| *until > Instant::now())
    }

    async fn is_cancelled(&self, sync: &SyncSpec) -> bool {
        let runs = Runs::new(self.tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
        runs.held_up().await.is_ok_and(|held_up| held_up.cancelled)
    }

    /// When the last whole run began, if what changed since then should have come by webhook.
    async fn since(&self, sync: &SyncSpec, runs: &Runs, why: &str) -> Result<Option<Timestamp>, StoreError> {
        if !missed::can_tell(sync, why) {
            return Ok(None);
        }
        Ok(runs.whole().await?.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }

    /// Takes up the run in progress, or begins one that is due.
    pub async fn advance(&self, sync: &Arc<SyncSpec>, stop: &CancellationToken) -> Result<(), Interrupted> {
        let Some(google) = &sync.google else { return Ok(()) };
        let keys = CrmKeys::new(&sync.account.key);
        let runs = Runs::new(self.tools.pool.clone(), keys.clone(), &sync.id);
        let run = match runs.current().await? {
            Some(run) if !run.is_over() => run,
            _ => match self.due(sync, &runs).await? {
                Some(why) => {
                    let mut run = new_run(&self.tools, sync, &why, RunState::Counting).await?;
                    run.proves = !runs.has_proved().await?;
                    run.since = self.since(sync, &runs, &why).await?;
                    let epoch = self.tools.now().installation.epoch;
                    // A preview may have been applied at this very moment: its run goes first.
                    if runs.begin(&run, Some(epoch)).await?.is_some() {
                        return Ok(());
                    }
                    runs.note_connection(&connection(sync)).await?;
                    tracing::info!(sync = %sync.spec.name, run = %run.id, %why, "reconcile begins");
                    run
                }
                None => return Ok(()),
            },
        };
        // A run that was asked for right after `carnet apply` goes by what was applied.
        let current = self.tools.fresh().await?;
        let Some(sync) = current.sync_with_id(&sync.id) else { return Ok(()) };
        if sync.account.is_limited() && run.kind != RunKind::Replay {
            let said = "limited mode: without access to the CRM nothing can be reconciled".to_owned();
            runs.finish(run, RunState::Failed, Some(said)).await?;
            return Ok(());
        }
        let ring = || self.bell.ring(&google.subject, Instant::now());
        walk::Walk::new(&self.tools, sync, runs, stop).go(run, &ring).await
    }

    async fn due(&self, sync: &SyncSpec, runs: &Runs) -> Result<Option<String>, StoreError> {
        // Whatever Redis lost is found again by a run of every sync, before any other that is wanted: an event that finds nothing
        // counted wants one too, and it would not be known why. Asked of the state rather than told by whoever finds the loss:
        // that may be a worker or another process, or one that is killed before it can tell.
        let epoch = self.tools.now().installation.epoch;
        let begins_by_itself = !sync.account.is_limited() && !sync.spec.is_one_time();
        if sync.epoch < epoch && begins_by_itself && runs.epoch().await? != Some(epoch) {
            return Ok(Some("redis".to_owned()));
        }
        if let Some(why) = runs.wanted().await? {
            return Ok(Some(why));
        }
        if !begins_by_itself || runs.paused().await?.is_some() {
            return Ok(None);
        }
        // Somebody connected anew after it had run: what was refused meanwhile is looked at again.
        if runs.connection().await?.is_some_and(|held| held != connection(sync)) {
            return Ok(Some("reconnect".to_owned()));
        }
        let Every::Interval(interval) = sync.spec.every else { return Ok(None) };
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let now = self.tools.pool.clock.now_ms();
        let due = runs.last_reconcile().await?.is_none_or(|last| now.saturating_sub(last) >= interval);
        Ok(due.then(|| "timer".to_owned()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of the sync that begins now, with its place in the journal. Whoever begins it says what else it is.
async fn new_run(tools: &Tools, sync: &SyncSpec, why: &str, state: RunState) -> Result<Run, StoreError> {
    let id = random_text(6).map_err(|e| StoreError::Unreadable("a run id", e.to_string()))?;
    let mut run = Run::begin(id, why, state, tools.pool.clock.now());
    if let Some(google) = &sync.google {
        let keys = CrmKeys::new(&sync.account.key);
        run.journal_from = Some(journal::end(&tools.pool, &keys, &google.subject).await?);
    }
    Ok(run)
}
