//! The slow road: every CRM contact page by page against the links, so that what a webhook missed is repaired. It decides
//! nothing new: what differs is marked dirty with what the page said, and goes through the same plan and push, behind live
//! contacts. It removes nothing by absence.

mod preview;
mod report;
mod undo;
mod walk;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    claim::{Tools, backoff},
    config::declared::Every,
    store::{
        StoreError,
        current::SyncSpec,
        journal,
        keys::CrmKeys,
        runs::{Run, RunState, Runs, undo_lane},
        seal::random_text,
    },
    work::Bell,
};

pub use preview::{Plan, PreviewError, preview};
pub use report::report;
pub use undo::{LEFT, Stays, UndoError, UndoPlan, What, begin, choose, plan, undos_of};
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
                if self.is_resting(&sync.id) || !lock(&self.busy).insert(sync.id.clone()) {
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

    /// Takes up the run in progress, or begins one that is due.
    pub async fn advance(&self, sync: &Arc<SyncSpec>, stop: &CancellationToken) -> Result<(), Interrupted> {
        let Some(google) = &sync.google else { return Ok(()) };
        let keys = CrmKeys::new(&sync.account.key);
        let runs = Runs::new(self.tools.pool.clone(), keys.clone(), &sync.id);
        let run = match runs.current().await? {
            Some(run) if !run.is_over() => run,
            _ => match self.due(sync, &runs).await? {
                Some(why) => {
                    let id = random_text(6).map_err(|e| StoreError::Unreadable("a run id", e.to_string()))?;
                    let mut run = Run::begin(id, &why, RunState::Counting, self.tools.pool.clock.now());
                    run.journal_from = Some(journal::end(&self.tools.pool, &keys, &google.subject).await?);
                    runs.begin(&run, self.tools.now().installation.epoch).await?;
                    tracing::info!(sync = %sync.spec.name, run = %run.id, %why, "reconcile begins");
                    run
                }
                None => return Ok(()),
            },
        };
        // A run that was asked for right after `carnet apply` goes by what was applied.
        let current = self.tools.fresh().await?;
        let Some(sync) = current.sync_with_id(&sync.id) else { return Ok(()) };
        if sync.account.is_limited() {
            let said = "limited mode: without access to the CRM nothing can be reconciled".to_owned();
            runs.finish(run, RunState::Failed, Some(said)).await?;
            return Ok(());
        }
        let ring = || self.bell.ring(&google.subject, Instant::now());
        walk::Walk::new(&self.tools, sync, runs, stop).go(run, &ring).await
    }

    async fn due(&self, sync: &SyncSpec, runs: &Runs) -> Result<Option<String>, StoreError> {
        if let Some(why) = runs.wanted().await? {
            return Ok(Some(why));
        }
        // Whatever Redis lost is found again by a run of every sync. Asked of the state rather than told by whoever finds the
        // loss: that may be a worker or another process, or one that is killed before it can tell.
        let epoch = self.tools.now().installation.epoch;
        if sync.epoch < epoch && !sync.account.is_limited() && runs.epoch().await? != Some(epoch) {
            return Ok(Some("redis".to_owned()));
        }
        let Every::Interval(interval) = sync.spec.every else { return Ok(None) };
        if sync.account.is_limited() || runs.paused().await?.is_some() {
            return Ok(None);
        }
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let due =
            runs.last_run().await?.is_none_or(|last| self.tools.pool.clock.now_ms().saturating_sub(last) >= interval);
        Ok(due.then(|| "timer".to_owned()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
