//! Taking back what a run wrote, or all that a sync ever wrote: which run, what would happen, and the run that does it. The
//! sync is paused first, or its next reconcile would undo the undo.

mod carry;
mod collect;
mod plan;

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;

use crate::{
    claim::{Halt, Tools},
    store::{
        StoreError,
        current::SyncSpec,
        keys::CrmKeys,
        lease::Lease,
        pauses,
        registry::RegistryError,
        runs::{Run, RunKind, RunState, Runs, undo_lane},
    },
    work::{How, unsettled},
};

use super::new_run;
use collect::runs_that_wrote;

pub(super) use carry::advance;
pub use plan::{Stays, UndoPlan, plan};

/// A run older than this stays: its contacts have a life of their own by then.
const UNDOABLE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Reports in which the last run that wrote something is looked for: more than a run every hour for 30 days.
const LOOKED_THROUGH: usize = 3_000;
/// Why a sync that was left is paused.
pub const LEFT: &str = "left";

/// What is to be taken back.
#[derive(Clone, Debug)]
pub enum What {
    /// What this run wrote.
    Run(Box<Run>),
    /// The sync leaves.
    Leave(How),
}

impl What {
    /// How its contacts are dealt with.
    pub fn how(&self) -> How {
        match self {
            Self::Run(_) => How::Undo,
            Self::Leave(how) => *how,
        }
    }

    /// The run that is undone.
    pub fn of(&self) -> Option<&str> {
        match self {
            Self::Run(run) => Some(&run.id),
            Self::Leave(_) => None,
        }
    }
}

/// Why nothing can be taken back. Each has a code for machines and says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum UndoError {
    #[error("the Google account \"{0}\" is not connected yet; `carnet apply` prints the link to connect it")]
    NotConnected(String),
    #[error("the sync has no run \"{0}\" that ended; without a run, the last one that wrote something is undone")]
    NoSuchRun(String),
    #[error("no run of the last 30 days wrote anything: there is nothing to undo")]
    NothingWritten,
    #[error("run {0} ended more than 30 days ago; only younger ones can be undone")]
    TooOld(String),
    #[error("run {run} was undone already, by run {by}; nothing is left to do")]
    Already { run: String, by: String },
    #[error("run {0} is still going on; wait for its end first")]
    Running(String),
    #[error("another undo of this sync is going on; wait for its end first")]
    Undoing,
    #[error(
        "of {0} contacts it is not known yet whether Google made them, because the answer was lost; Carnet finds out within \
         minutes while the service runs and the sync is not paused: try again then"
    )]
    Unsettled(usize),
    #[error("the Google account is busy or paused; try again in a minute, or look at `carnet doctor`")]
    Busy,
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl UndoError {
    /// A short stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "not_connected",
            Self::NoSuchRun(_) => "no_such_run",
            Self::NothingWritten => "nothing_written",
            Self::TooOld(_) => "too_old",
            Self::Already { .. } => "already_undone",
            Self::Running(_) => "still_running",
            Self::Undoing => "undo_is_running",
            Self::Unsettled(_) => "unsettled",
            Self::Busy => "google_busy",
            Self::Halt(_) => "google_failed",
            Self::Store(_) | Self::Registry(_) => "unavailable",
        }
    }
}

/// The undos of a sync.
pub fn undos_of(tools: &Tools, sync: &SyncSpec) -> Runs {
    Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &undo_lane(&sync.id))
}

/// The run of this id, or the last one that wrote something, if it can be undone.
pub async fn choose(tools: &Tools, sync: &SyncSpec, run: Option<&str>) -> Result<Run, UndoError> {
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let undone = undos_of(tools, sync).reports(LOOKED_THROUGH).await?;
    let chosen = match run {
        Some(id) => find(tools, sync, id).await?.ok_or_else(|| UndoError::NoSuchRun(id.to_owned()))?,
        None => {
            let ended = runs.reports(LOOKED_THROUGH).await?;
            // One that was cut short may have written without counting it: no answer came.
            let first = ended.iter().find(|run| has_written(run) || run.state != RunState::Done);
            let wrote = match first.is_some_and(|run| !has_written(run)) {
                true => runs_that_wrote(tools, sync).await?,
                false => BTreeSet::new(),
            };
            let is_it = |run: &Run| has_written(run) || (run.state != RunState::Done && wrote.contains(&run.id));
            ended.into_iter().find(is_it).ok_or(UndoError::NothingWritten)?
        }
    };
    // One that had to give contacts up may be tried again.
    let is_whole = |undo: &Run| undo.state == RunState::Done && undo.counts.get("dead").is_none_or(|dead| *dead == 0);
    if let Some(by) = undone.iter().find(|u| u.of.as_ref() == Some(&chosen.id) && is_whole(u)) {
        return Err(UndoError::Already { run: chosen.id, by: by.id.clone() });
    }
    let ended = chosen.finished.unwrap_or(chosen.started);
    if tools.pool.clock.now().duration_since(ended) > UNDOABLE {
        return Err(if run.is_some() { UndoError::TooOld(chosen.id) } else { UndoError::NothingWritten });
    }
    Ok(chosen)
}

/// A run of the sync, or an undo of one, that ended.
async fn find(tools: &Tools, sync: &SyncSpec, id: &str) -> Result<Option<Run>, StoreError> {
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let found = match runs.run_of(id).await? {
        Some(run) => Some(run),
        None => undos_of(tools, sync).run_of(id).await?,
    };
    Ok(found.filter(Run::is_over))
}

fn has_written(run: &Run) -> bool {
    ["created", "adopted", "updated", "removed"].iter().any(|name| run.counts.get(*name).is_some_and(|n| *n > 0))
}

/// Pauses the sync and begins the run that takes it back; whoever works in the background carries it to its end.
pub async fn begin(tools: &Tools, sync: &Arc<SyncSpec>, what: &What) -> Result<Run, UndoError> {
    let google = sync.google.as_ref().ok_or_else(|| UndoError::NotConnected(sync.spec.google.clone()))?;
    let (keys, lane) = (CrmKeys::new(&sync.account.key), undo_lane(&sync.id));
    let runs = Runs::new(tools.pool.clone(), keys.clone(), &sync.id);
    if let Some(run) = runs.current().await?.filter(|run| !run.is_over()) {
        return Err(UndoError::Running(run.id));
    }
    let unsettled = unsettled(tools, sync, &google.subject, what.of()).await?;
    if unsettled > 0 {
        return Err(UndoError::Unsettled(unsettled));
    }
    let (lease, fence) = (keys.run_lease(&lane), keys.run_fence(&lane));
    let claimed = Lease::claim(&tools.pool, lease, fence, &tools.holder, tools.settings.tune.lease).await?;
    let Some(lease) = claimed else { return Err(UndoError::Undoing) };
    let begun = begin_alone(tools, sync, what).await;
    lease.release().await?;
    begun
}

async fn begin_alone(tools: &Tools, sync: &SyncSpec, what: &What) -> Result<Run, UndoError> {
    let (keys, undos) = (CrmKeys::new(&sync.account.key), undos_of(tools, sync));
    if undos.current().await?.is_some_and(|run| !run.is_over()) {
        return Err(UndoError::Undoing);
    }
    let why = serde_json::to_value(what.how()).ok().and_then(|how| how.as_str().map(str::to_owned));
    let mut run = new_run(tools, sync, &why.unwrap_or_default(), RunState::Reading).await?;
    (run.kind, run.proves) = (RunKind::Undo, true);
    run.of = what.of().map(str::to_owned);
    let runs = Runs::new(tools.pool.clone(), keys, &sync.id);
    let paused = run.of.as_ref().map_or_else(|| LEFT.to_owned(), |of| format!("undo of run {of}"));
    pauses::set(&tools.pool, &tools.registry, &tools.now().installation.id, sync, Some(&paused)).await?;
    runs.forget_whole().await?;
    if undos.begin(&run, Some(tools.now().installation.epoch)).await?.is_some() {
        return Err(UndoError::Undoing);
    }
    tracing::info!(sync = %sync.spec.name, run = %run.id, of = ?run.of, "undo begins; the sync is paused");
    Ok(run)
}

/// What a run of the undo lane is to take back, as it was said when it began.
async fn what_of(tools: &Tools, sync: &SyncSpec, run: &Run) -> Result<Option<What>, StoreError> {
    let Some(of) = &run.of else {
        return Ok(serde_json::from_value(run.why.clone().into()).ok().map(What::Leave));
    };
    Ok(find(tools, sync, of).await?.map(|run| What::Run(Box::new(run))))
}
