//! A run as it goes on, as Server-Sent Events: `progress` with each change, and `report` at its end, which ends the stream.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, failure::ApiFailure};
use crate::{
    answers::{Declined, Desk},
    reconcile::{PAUSED, Progress, Report, progress},
    store::{
        StoreError,
        current::SyncSpec,
        runs::{Run, Runs},
    },
};

/// Who may watch at the same time; each looks into Redis with every sweep.
pub(super) const WATCHERS: usize = 100;

/// A run in progress.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Running {
    run: String,
    /// Whether it stands still.
    paused: bool,
    #[serde(flatten)]
    progress: Progress,
    /// What it did so far.
    report: Report,
}

impl Running {
    /// The run in progress or the last one, as it stands now; `None` while there is none.
    pub async fn look(runs: &Runs, now: Timestamp) -> Result<Option<(Run, Self)>, StoreError> {
        let paused = runs.held_up().await?.paused;
        let run = runs.current().await?;
        Ok(run.map(|run| (run.clone(), Self::of(&run, paused, now))))
    }

    fn of(run: &Run, paused: bool, now: Timestamp) -> Self {
        let mut progress = progress(run, now);
        if paused {
            progress = Progress { phase: PAUSED, per_second: None, seconds_left: None, ..progress };
        }
        Self { run: run.id.clone(), paused, progress, report: Report::of(run) }
    }

    /// What must change before anything is said again: not the rate alone, which changes by itself.
    fn says(&self) -> (&'static str, u64, u64, String) {
        (self.progress.phase, self.progress.done, self.progress.total, self.report.sentence.clone())
    }
}

/// The runs of a sync, or its undos while one of these goes on: the sync is paused meanwhile.
pub(super) async fn going_on(desk: &Desk, sync: &SyncSpec) -> Result<Runs, StoreError> {
    let undos = desk.undos(sync);
    let is_undone = undos.current().await?.is_some_and(|run| !run.is_over());
    Ok(if is_undone { undos } else { desk.runs(sync) })
}

/// Somebody who watches a run.
struct Watcher {
    api: Arc<Api>,
    runs: Runs,
    /// Which, once it has been seen.
    run: Option<String>,
    said: Option<(&'static str, u64, u64, String)>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn watch(
    State(api): State<Arc<Api>>,
    sync: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiFailure> {
    let Path(name) = sync?;
    let desk = api.desk().await?;
    let runs = going_on(&desk, desk.sync(&name)?).await?;
    if runs.current().await?.is_none() && runs.wanted().await?.is_none() {
        return Err(Declined::NeverRun(name).into());
    }
    let place = api.watchers.clone().try_acquire_owned().map_err(|_| ApiFailure::too_many_watchers())?;
    let watcher = Watcher { api, runs, run: None, said: None, over: false, _place: place };
    let events = stream::unfold(watcher, async |mut watcher| watcher.next().await.map(|event| (event, watcher)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

impl Watcher {
    /// The next thing to say; `None` ends the stream: the run is over, the service stops, or Redis does not answer.
    async fn next(&mut self) -> Option<Result<Event, Infallible>> {
        while !self.over && !self.api.tools.stop.is_cancelled() {
            if let Some(event) = self.look().await.ok()? {
                return Some(Ok(event));
            }
            tokio::select! {
                () = self.api.tools.stop.cancelled() => return None,
                () = tokio::time::sleep(self.api.tools.settings.tune.sweep) => {}
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Option<Event>, StoreError> {
        let Some((run, running)) = Running::look(&self.runs, self.api.tools.pool.clock.now()).await? else {
            return Ok(None);
        };
        // One that was asked for is waited for, rather than the last one told again.
        if self.run.is_none() && run.is_over() && self.runs.wanted().await?.is_some() {
            return Ok(None);
        }
        let watched = self.run.get_or_insert(run.id.clone()).clone();
        if watched != run.id {
            // It ended between two looks, and another one has begun.
            self.over = true;
            return Ok(self.runs.run_of(&watched).await?.and_then(|run| event("report", &Report::of(&run))));
        }
        if run.is_over() {
            self.over = true;
            return Ok(event("report", &running.report));
        }
        let says = Some(running.says());
        if self.said == says {
            return Ok(None);
        }
        self.said = says;
        Ok(event("progress", &running))
    }
}

fn event(name: &str, value: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(value).ok()
}
