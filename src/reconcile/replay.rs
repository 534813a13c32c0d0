//! Replaying dead letters: what would become of their contacts now, and the run that looks at them again. A letter stays until its
//! contact is done with, so a replay that is cancelled or killed loses none, and one that fails again is found under its reason.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    drafts::{Drafts, PreviewError},
    new_run,
};
use crate::{
    claim::{Pause, Tools, pause_of},
    plan::entry::{Action, Entry},
    queue::dead::DeadLetter,
    store::{
        StoreError,
        current::SyncSpec,
        keys::CrmKeys,
        replayed,
        runs::{Run, RunKind, RunState, Runs},
    },
};

/// Why nothing is replayed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum ReplayError {
    #[error("run {run} of \"{sync}\" is going on; wait for its end, or `carnet sync cancel {sync}`")]
    Running { sync: String, run: String },
    #[error("the sync \"{0}\" is paused; `carnet sync resume {0}` lets it go on")]
    Paused(String),
    #[error("the Google account \"{0}\" is not connected yet; `carnet apply` prints the link to connect it")]
    NotConnected(String),
    #[error("the Google account \"{google}\" is paused: {}", sentence.trim_end_matches('.'))]
    AccountPaused { google: String, sentence: String },
    #[error(transparent)]
    Preview(#[from] PreviewError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReplayError {
    /// A short stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Running { .. } => "still_running",
            Self::Paused(_) => "paused",
            Self::NotConnected(_) => "not_connected",
            Self::AccountPaused { .. } => "account_paused",
            Self::Preview(_) => "cannot_look",
            Self::Store(_) => "unavailable",
        }
    }
}

/// What a replay would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// It is as it should be by now, or is not to be there: the letter goes.
    Superseded,
    /// Something would be written. Whether Google takes it is seen then.
    WouldWrite,
    /// It would not be done with.
    WouldFail,
    /// Nobody can tell before (limited mode).
    Unknown,
}

/// One letter, looked at before it is replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// The letter.
    pub id: String,
    /// The CRM contact.
    pub contact: String,
    /// What would happen.
    pub outlook: Outlook,
    /// In words.
    pub how: String,
}

/// A sync whose letters stay as they are for now; others go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotNow {
    /// By its configured name.
    pub sync: String,
    /// How many of its letters were meant.
    pub letters: usize,
    /// [`ReplayError::code`].
    pub code: &'static str,
    /// Why, in words.
    pub sentence: String,
}

impl NotNow {
    /// Because of this.
    pub fn new(sync: &SyncSpec, letters: &[DeadLetter], why: &ReplayError) -> Self {
        let (sync, letters) = (sync.spec.name.clone(), letters.len());
        Self { sync, letters, code: why.code(), sentence: why.to_string() }
    }
}

/// Letters looked at in one go.
const CHUNK: usize = 100;

/// What would happen to these letters of one sync now; nothing is written.
pub async fn foresee(
    tools: &Arc<Tools>,
    sync: &Arc<SyncSpec>,
    letters: &[DeadLetter],
) -> Result<Vec<Foreseen>, ReplayError> {
    let mut drafts = match Drafts::open(tools, sync).await {
        Ok(drafts) => drafts,
        Err(PreviewError::Limited) => {
            let how = "it is looked at again from what its webhooks said";
            return Ok(letters.iter().map(|letter| foreseen(letter, Outlook::Unknown, how.to_owned())).collect());
        }
        Err(error) => return Err(error.into()),
    };
    let mut all = Vec::with_capacity(letters.len());
    for chunk in letters.chunks(CHUNK) {
        let contacts = chunk.iter().map(|letter| (letter.contact.clone(), None)).collect();
        let decided: BTreeMap<String, Option<Entry>> =
            drafts.of(contacts).await?.into_iter().map(|one| (one.contact, one.entry)).collect();
        for letter in chunk {
            let (outlook, how) = match decided.get(&letter.contact) {
                Some(None) => (Outlook::Superseded, "it is as it should be by now".to_owned()),
                Some(Some(entry)) => outlook(entry),
                None => (Outlook::Unknown, "there was no time to look at it".to_owned()),
            };
            all.push(foreseen(letter, outlook, how));
        }
    }
    Ok(all)
}

fn outlook(entry: &Entry) -> (Outlook, String) {
    let outlook = match entry.action {
        _ if entry.is_acted_on() => Outlook::WouldWrite,
        Action::Skip | Action::Refused | Action::NeedsYou => Outlook::Superseded,
        _ => Outlook::WouldFail,
    };
    (outlook, format!("{}: {}", entry.action, entry.why))
}

fn foreseen(letter: &DeadLetter, outlook: Outlook, how: String) -> Foreseen {
    Foreseen { id: letter.id.clone(), contact: letter.contact.clone(), outlook, how }
}

/// Whether a replay of this sync could begin now.
pub async fn may_begin(tools: &Tools, sync: &SyncSpec) -> Result<(), ReplayError> {
    let name = &sync.spec.name;
    let Some(google) = &sync.google else { return Err(ReplayError::NotConnected(sync.spec.google.clone())) };
    if let Some(Pause { sentence, .. }) = pause_of(&tools.pool, google).await? {
        return Err(ReplayError::AccountPaused { google: google.name.clone(), sentence });
    }
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    if runs.paused().await?.is_some() {
        return Err(ReplayError::Paused(name.clone()));
    }
    match runs.current().await?.filter(|run| !run.is_over()) {
        Some(run) => Err(ReplayError::Running { sync: name.clone(), run: run.id }),
        None => Ok(()),
    }
}

/// Begins the run that looks at the contacts of these letters again. Whoever runs reconciles takes it up.
pub async fn begin(tools: &Tools, sync: &SyncSpec, letters: &[DeadLetter]) -> Result<Run, ReplayError> {
    may_begin(tools, sync).await?;
    let (name, keys) = (&sync.spec.name, CrmKeys::new(&sync.account.key));
    let runs = Runs::new(tools.pool.clone(), keys.clone(), &sync.id);
    let mut run = new_run(tools, sync, "replay", RunState::Reading).await?;
    run.kind = RunKind::Replay;
    run.total = Some(letters.len() as u64);
    let contacts: Vec<&str> = letters.iter().map(|letter| letter.contact.as_str()).collect();
    replayed::keep(&tools.pool, &keys, &run.id, &contacts).await?;
    if let Some(run) = runs.begin(&run, None).await? {
        return Err(ReplayError::Running { sync: name.clone(), run });
    }
    tracing::info!(sync = %name, run = %run.id, letters = letters.len(), "dead letters are replayed");
    Ok(run)
}
