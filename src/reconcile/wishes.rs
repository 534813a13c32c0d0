//! What a run does about the wishes of people while it goes on: it stands still, goes on, or ends; and what else it waits for.

use std::time::{Duration, Instant};

use redis::AsyncCommands;

use crate::{
    claim::pause_of,
    store::{
        StoreError,
        keys::GoogleKeys,
        lease::Lease,
        runs::{Run, RunState},
    },
};

use super::{
    progress::progress,
    walk::{Interrupted, Walk},
};

impl Walk<'_> {
    /// Stands still while the sync is paused. Whether the run goes on: neither cancelled, nor is this process told to stop.
    pub(super) async fn may_go_on(&self, run: &mut Run, lease: &mut Lease) -> Result<bool, StoreError> {
        let mut stood = false;
        while !self.stop.is_cancelled() {
            let held_up = self.runs.held_up().await?;
            if held_up.cancelled {
                return Ok(false);
            }
            if !held_up.paused || !self.is_declared() {
                if stood {
                    self.count_anew(run).await?;
                }
                return Ok(true);
            }
            stood = true;
            self.pause(lease).await?;
        }
        Ok(false)
    }

    /// Waits because the CRM asks to. Whether that long: not when the run is cancelled, or this process told to stop.
    pub(super) async fn rests(&self, wait: Duration) -> Result<bool, StoreError> {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.stop.is_cancelled() || self.is_cancelled().await? {
                return Ok(false);
            }
            let look = self.tools.settings.tune.sweep / 4;
            tokio::time::sleep(look.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(true)
    }

    /// The time that it stood still says nothing of how fast it is.
    async fn count_anew(&self, run: &mut Run) -> Result<(), StoreError> {
        run.counts = self.runs.counts(&run.id).await?;
        let now = self.tools.pool.clock.now();
        run.enter(run.state, progress(run, now).done, now);
        self.runs.save(run).await
    }

    pub(super) fn is_declared(&self) -> bool {
        self.tools.now().sync_with_id(&self.sync.id).is_some()
    }

    pub(super) async fn is_cancelled(&self) -> Result<bool, StoreError> {
        Ok(self.runs.held_up().await?.cancelled)
    }

    /// Ends the run because somebody wishes so. Its marks go while nobody works on the Google account: by the worker that has it,
    /// or here.
    pub(super) async fn call_off(&self, lease: &mut Lease) -> Result<(), Interrupted> {
        let Some(run) = self.runs.current().await?.filter(|run| !run.is_over()) else { return Ok(()) };
        let Some(google) = &self.sync.google else { return Ok(()) };
        self.runs.marks_no_more(&run.id).await?;
        while self.runs.to_drop().await?.is_some() {
            if self.stop.is_cancelled() {
                return Ok(());
            }
            let (keys, length) = (GoogleKeys::new(&google.subject), self.tools.settings.tune.lease);
            let (pool, holder) = (&self.tools.pool, &self.tools.holder);
            match Lease::claim(pool, keys.lease(), keys.fence(), holder, length).await? {
                Some(account) => {
                    self.runs.drop_marks(&run.id, &google.subject).await?;
                    account.release().await?;
                }
                None => self.pause(lease).await?,
            }
        }
        let done = self.prover().finish(&self.runs, run, RunState::Cancelled, None).await?;
        tracing::info!(sync = %self.sync.spec.name, run = %done.id, counts = ?done.counts, "reconcile cancelled");
        Ok(())
    }

    /// Whether the worker that has the Google account is still to read what its owner changed, and fold twins. A paused account is
    /// not waited for.
    pub(super) async fn is_being_listed(&self) -> Result<bool, StoreError> {
        let Some(google) = &self.sync.google else { return Ok(false) };
        let asked: bool =
            self.tools.pool.get().await?.hexists(GoogleKeys::new(&google.subject).state(), "refresh").await?;
        Ok(asked && pause_of(&self.tools.pool, google).await?.is_none())
    }
}
