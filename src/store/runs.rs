//! State of each sync and its runs: what is wanted, what is going on, what was reported.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{
    StoreError, decode, encode,
    keys::CrmKeys,
    pool::{Connection, Pool},
    proofs::Proof,
};

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
    /// What it wrote stands in the journal behind this entry …
    #[serde(default)]
    pub journal_from: Option<String>,
    /// … up to and with this one, once it has ended.
    #[serde(default)]
    pub journal_to: Option<String>,
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

impl Run {
    /// A run that begins at this time.
    pub fn begin(id: String, why: &str, state: RunState, started: Timestamp) -> Self {
        Self {
            id,
            kind: RunKind::Reconcile,
            of: None,
            journal_from: None,
            journal_to: None,
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

/// Which dirty contacts of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// From events.
    Live,
    /// From reconciles; they wait behind live ones.
    Bulk,
}

/// Runs and state of one sync.
#[derive(Clone)]
pub struct Runs {
    pub(super) pool: Pool,
    pub(super) keys: CrmKeys,
    pub(super) sync: String,
}

/// Contacts that Google takes in one batch.
const BATCH: usize = 200;
/// The longest that contacts of a run wait for their batch to fill (ms); the CRM may stand still.
const BATCH_FILLS_MS: i64 = 5_000;

/// Where the undos of a sync run: they have marks, runs and reports of their own, which no pause of the sync stops.
pub fn undo_lane(sync: &str) -> String {
    format!("{sync}~undo")
}

impl Runs {
    /// Of the sync with this id.
    pub fn new(pool: Pool, keys: CrmKeys, sync: &str) -> Self {
        Self { pool, keys, sync: sync.to_owned() }
    }

    /// Asks for a run; one that is going on is joined by the caller instead.
    pub async fn want(&self, why: &str) -> Result<(), StoreError> {
        let _: () = self.pool.get().await?.hset(self.keys.sync(&self.sync), "wanted", why).await?;
        Ok(())
    }

    /// What is wanted, if anything.
    pub async fn wanted(&self) -> Result<Option<String>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "wanted").await?)
    }

    /// Why the sync is paused, if it is.
    pub async fn paused(&self) -> Result<Option<String>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "paused").await?)
    }

    /// Pauses or resumes.
    pub async fn set_paused(&self, why: Option<&str>) -> Result<(), StoreError> {
        let mut connection = self.pool.get().await?;
        let key = self.keys.sync(&self.sync);
        let _: () = match why {
            Some(why) => connection.hset(key, "paused", why).await?,
            None => connection.hdel(key, "paused").await?,
        };
        Ok(())
    }

    /// The run in progress or the last one, with its counters.
    pub async fn current(&self) -> Result<Option<Run>, StoreError> {
        let mut connection = self.pool.get().await?;
        let body: Option<String> = connection.hget(self.keys.run(&self.sync), "body").await?;
        let Some(mut run) = body.map(|b| decode::<Run>("a run", &b)).transpose()? else { return Ok(None) };
        if !run.is_over() {
            run.counts = self.counts(&run.id).await?;
        }
        Ok(Some(run))
    }

    /// Counters of a run.
    pub async fn counts(&self, run: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        const NAMES: [&str; 27] = [
            "left",
            "created",
            "adopted",
            "updated",
            "unchanged",
            "removed",
            "needs-you",
            "refused",
            "dead",
            "skipped",
            "again",
            "braked",
            "let-go",
            "adopted-email",
            "adopted-phone",
            "adopted-decided",
            "adopted-stamp",
            "twins",
            "labels-made",
            "labels-renamed",
            "units-read",
            "units-write",
            "calls",
            "trashed",
            "reverted",
            "kept",
            "nothing",
        ];
        let fields: Vec<String> = NAMES.iter().map(|n| format!("{run}:{n}")).collect();
        let held: Vec<Option<i64>> = self.pool.get().await?.hmget(self.keys.run_counts(), &fields).await?;
        Ok(NAMES.iter().zip(held).filter_map(|(n, v)| Some(((*n).to_owned(), v?))).collect())
    }

    /// Begins a run in this epoch of Redis: it is no longer wanted.
    pub async fn begin(&self, run: &Run, epoch: u64) -> Result<(), StoreError> {
        let mut connection = self.pool.get().await?;
        let state = self.keys.sync(&self.sync);
        // One write: a run that is there and still wanted would be followed by another one.
        let _: () = redis::pipe()
            .atomic()
            .hset(self.keys.run(&self.sync), "body", encode("a run", run)?)
            .hset(self.keys.run_counts(), format!("{}:left", run.id), 0)
            .hset(&state, "epoch", epoch)
            .hdel(&state, &["wanted", "cancel", "drop"])
            .query_async(&mut connection)
            .await?;
        Ok(())
    }

    /// The epoch in which the last run began, as far as this Redis knows.
    pub async fn epoch(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "epoch").await?)
    }

    /// Writes where the run is.
    pub async fn save(&self, run: &Run) -> Result<(), StoreError> {
        let body = encode("a run", run)?;
        let _: () = self.pool.get().await?.hset(self.keys.run(&self.sync), "body", body).await?;
        Ok(())
    }

    /// When the last run ended (ms).
    pub async fn last_run(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "last_run").await?)
    }

    /// How many contacts wait: `(live, bulk)`.
    pub async fn waiting(&self) -> Result<(u64, u64), StoreError> {
        let mut connection = self.pool.get().await?;
        let live: u64 = connection.zcard(self.keys.due(&self.sync)).await?;
        let bulk: u64 = connection.zcard(self.keys.bulk(&self.sync)).await?;
        Ok((live, bulk))
    }

    /// Dirty contacts of a lane that are due: `(contact, mark)`.
    pub async fn due(
        &self,
        lane: Lane,
        now: i64,
        most: usize,
    ) -> Result<Vec<(String, super::ledger::Mark)>, StoreError> {
        let mut connection = self.pool.get().await?;
        let key = self.lane(lane);
        let limit = isize::try_from(most).unwrap_or(isize::MAX);
        let contacts: Vec<String> = connection.zrangebyscore_limit(key, "-inf", now, 0, limit).await?;
        let waits = lane == Lane::Bulk && contacts.len() < most.min(BATCH);
        if contacts.is_empty() || (waits && self.fills_until(&mut connection).await?.is_some_and(|until| until > now)) {
            return Ok(Vec::new());
        }
        let marks: Vec<Option<String>> = connection.hmget(self.keys.marks(&self.sync), &contacts).await?;
        contacts
            .into_iter()
            .zip(marks)
            .filter_map(|(contact, mark)| Some((contact, mark?)))
            .map(|(contact, mark)| Ok((contact, decode("a mark", &mark)?)))
            .collect()
    }

    /// The mark of one contact and when it is due (ms), if it is dirty.
    pub async fn mark_of(&self, contact: &str) -> Result<Option<(super::ledger::Mark, Option<i64>)>, StoreError> {
        let mut connection = self.pool.get().await?;
        let held: Option<String> = connection.hget(self.keys.marks(&self.sync), contact).await?;
        let Some(mark) = held.map(|text| decode::<super::ledger::Mark>("a mark", &text)).transpose()? else {
            return Ok(None);
        };
        let lane = if mark.bulk { Lane::Bulk } else { Lane::Live };
        let due: Option<f64> = connection.zscore(self.lane(lane), contact).await?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
        Ok(Some((mark, due.map(|score| score as i64))))
    }

    /// When the next contact of these lanes is due (ms), if any waits.
    pub async fn next_due(&self, lanes: &[Lane]) -> Result<Option<i64>, StoreError> {
        let mut connection = self.pool.get().await?;
        let mut next: Option<i64> = None;
        for lane in lanes {
            let mut due = first(&mut connection, &self.lane(*lane)).await?;
            if *lane == Lane::Bulk && due.is_some() {
                due = due.max(self.fills_until(&mut connection).await?);
            }
            next = match (next, due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(next)
    }

    /// While a run still reads and fewer contacts wait than go in one batch, more are about to come: until then (ms) it is
    /// worth waiting for them, because Google charges a batch whole.
    async fn fills_until(&self, connection: &mut Connection) -> Result<Option<i64>, StoreError> {
        let key = self.keys.bulk(&self.sync);
        let waiting: usize = connection.zcard(&key).await?;
        let body: Option<String> = connection.hget(self.keys.run(&self.sync), "body").await?;
        let reads = match body.map(|body| decode::<Run>("a run", &body)).transpose()? {
            Some(run) => matches!(run.state, RunState::Counting | RunState::Reading),
            None => false,
        };
        if waiting >= BATCH || !reads {
            return Ok(None);
        }
        Ok(first(connection, &key).await?.map(|oldest| oldest + BATCH_FILLS_MS))
    }

    fn lane(&self, lane: Lane) -> String {
        match lane {
            Lane::Live => self.keys.due(&self.sync),
            Lane::Bulk => self.keys.bulk(&self.sync),
        }
    }

    /// Which of these contacts wait to be looked at.
    pub async fn marked(&self, contacts: &[String]) -> Result<Vec<bool>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.marks(&self.sync), contacts).await?;
        Ok(held.iter().map(Option::is_some).collect())
    }

    /// What a reconcile page said of these contacts, as JSON.
    pub async fn readings(&self, contacts: &[String]) -> Result<Vec<Option<String>>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.pool.get().await?.hmget(self.keys.readings(&self.sync), contacts).await?)
    }
}

/// The lowest score of a sorted set (ms).
async fn first(connection: &mut Connection, key: &str) -> Result<Option<i64>, StoreError> {
    let first: HashMap<String, f64> = connection.zrange_withscores(key, 0, 0).await?;
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
    Ok(first.into_values().next().map(|score| score as i64))
}
