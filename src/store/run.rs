//! One run: where it is, and what it came to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::proofs::Proof;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Counting the CRM's contacts (before anything may be matched by e-mail or phone).
    Counting,
    /// Reading the CRM page by page and marking what differs.
    Reading,
    /// Waiting until everything marked has been worked off.
    Writing,
    /// Finished.
    Done,
    /// Given up; `error` says why.
    Failed,
    /// Stopped by a person; what it had not come to is left as it was.
    Cancelled,
}

/// What a run goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Every contact of the CRM account.
    #[default]
    Reconcile,
    /// The entries of a preview; `of` is its id.
    Preview,
    /// Contacts of dead letters, looked at again.
    Replay,
    /// What another run wrote, taken back; `of` is that run's id.
    Undo,
}

/// What a walk through the CRM's whole list told, beside its contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listed {
    /// The greatest number of contacts that the CRM said to have during the walk.
    pub most: u64,
    /// The number that it said last; `None` when it never said.
    pub last: Option<u64>,
    /// Entries whose id could not be read.
    pub nameless: u64,
    /// Whether it was concluded who is absent.
    pub concluded: bool,
    /// Contacts of the sync that the CRM did not list.
    pub absent: u64,
    /// Those that were stopped by the brake unread, because they were too many.
    pub held: u64,
    /// Why nothing was concluded, in words.
    pub doubt: Option<String>,
}

/// One pass over a sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Random id.
    pub id: String,
    /// What it goes through.
    #[serde(default)]
    pub kind: RunKind,
    /// The preview that it applies, or the run that it undoes.
    #[serde(default)]
    pub of: Option<String>,
    /// What it wrote stands in the journal behind this entry.
    #[serde(default)]
    pub journal_from: Option<String>,
    /// Why it was started: `timer`, `asked`, `first`, `redis` (Redis was lost or went back), `filter` (it changed during
    /// the run before), `reconnect` (the CRM or the Google account was connected anew).
    pub why: String,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The CRM's cursor of the next page.
    pub cursor: Option<serde_json::Value>,
    /// CRM contacts read.
    #[serde(default)]
    pub seen: u64,
    /// CRM contacts in all, as the CRM says.
    pub total: Option<u64>,
    /// Contacts outside the filter or unrecognisable.
    #[serde(default)]
    pub outside: u64,
    /// Contacts that were as they should be.
    #[serde(default)]
    pub unchanged: u64,
    /// Contacts marked for writing.
    #[serde(default)]
    pub marked: u64,
    /// Contacts that could not be read (their path is in the log).
    #[serde(default)]
    pub unreadable: u64,
    /// Twins folded.
    #[serde(default)]
    pub twins: u64,
    /// Whether the contacts that are not ours are looked at before it and after it, as a first run does.
    #[serde(default)]
    pub proves: bool,
    /// What those two looks came to.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// Whose contacts it wrote, where it did not look.
    #[serde(default)]
    pub written: Option<Written>,
    /// What else was noticed, in words.
    #[serde(default)]
    pub noticed: Option<String>,
    /// What the CRM's list as a whole said.
    #[serde(default)]
    pub listed: Listed,
    /// Counters of what became of the marked ones (`created`, `updated`, …), filled at the end and when asked.
    #[serde(default)]
    pub counts: BTreeMap<String, i64>,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// When its phase began, and how much of it was done then; a rate is counted from there.
    #[serde(default)]
    pub phase_began: Option<Timestamp>,
    /// Contacts of the phase that were done when it began.
    #[serde(default)]
    pub phase_done: u64,
    /// Those outside by reason, as a code.
    #[serde(default)]
    pub outside_because: BTreeMap<String, u64>,
    /// When the last whole reconcile before this one began: what changed since then should have come by webhook.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Contacts whose change never arrived by webhook.
    #[serde(default)]
    pub repaired: u64,
}

/// Contacts in Google that a run wrote, by what they were before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// It made them.
    pub made: u64,
    /// The owner's, recognised and linked by it.
    pub linked: u64,
    /// They bore Carnet's mark.
    pub ours: u64,
    /// They bore none, and were linked all the same: somebody had taken the mark out.
    pub unmarked: u64,
}

impl Run {
    /// A run that begins at this time.
    pub fn begin(id: String, why: &str, state: RunState, started: Timestamp) -> Self {
        Self {
            id,
            kind: RunKind::Reconcile,
            of: None,
            journal_from: None,
            why: why.to_owned(),
            state,
            started,
            finished: None,
            cursor: None,
            seen: 0,
            total: None,
            outside: 0,
            unchanged: 0,
            marked: 0,
            unreadable: 0,
            twins: 0,
            proves: false,
            proof: None,
            written: None,
            noticed: None,
            listed: Listed::default(),
            counts: BTreeMap::new(),
            error: None,
            phase_began: Some(started),
            phase_done: 0,
            outside_because: BTreeMap::new(),
            since: None,
            repaired: 0,
        }
    }

    /// Goes on to the next state, of which so many contacts are done already.
    pub fn enter(&mut self, state: RunState, done: u64, now: Timestamp) {
        self.state = state;
        self.phase_began = Some(now);
        self.phase_done = done;
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.state, RunState::Done | RunState::Failed | RunState::Cancelled)
    }

    /// Marked contacts not worked off yet.
    pub fn left(&self) -> i64 {
        self.counts.get("left").copied().unwrap_or(0)
    }
}
