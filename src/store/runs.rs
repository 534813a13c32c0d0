//! State of each sync and its runs: what is wanted, what is going on, what was reported.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, keys::CrmKeys, pool::Pool};

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
    /// the run before).
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
    pub seen: u64,
    /// CRM contacts in all, as the CRM says.
    pub total: Option<u64>,
    /// Contacts outside the filter or unrecognisable.
    pub outside: u64,
    /// Contacts that were as they should be.
    pub unchanged: u64,
    /// Contacts marked for writing.
    pub marked: u64,
    /// Contacts that could not be read (their path is in the log).
    pub unreadable: u64,
    /// Twins folded.
    pub twins: u64,
    /// Counters of what became of the marked ones (`created`, `updated`, …), filled at the end and when asked.
    #[serde(default)]
    pub counts: BTreeMap<String, i64>,
    /// Why it failed, in words.
    pub error: Option<String>,
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
            counts: BTreeMap::new(),
            error: None,
        }
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
    pool: Pool,
    keys: CrmKeys,
    sync: String,
}

const REPORTS_KEPT: isize = 200;

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
        const NAMES: [&str; 15] = [
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
        self.save(run).await?;
        let mut connection = self.pool.get().await?;
        let key = self.keys.sync(&self.sync);
        let _: () = connection.hset(&key, "epoch", epoch).await?;
        let _: () = connection.hdel(&key, "wanted").await?;
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

    /// Ends a run: its report is kept, its counters go.
    pub async fn finish(&self, mut run: Run, state: RunState, error: Option<String>) -> Result<Run, StoreError> {
        run.counts = self.counts(&run.id).await?;
        run.state = state;
        run.error = error;
        run.finished = Some(self.pool.clock.now());
        self.save(&run).await?;
        let mut connection = self.pool.get().await?;
        let reports = self.keys.reports(&self.sync);
        let _: () = connection.lpush(&reports, encode("a run", &run)?).await?;
        let _: () = connection.ltrim(&reports, 0, REPORTS_KEPT - 1).await?;
        let _: () = connection.hset(self.keys.sync(&self.sync), "last_run", self.pool.clock.now_ms()).await?;
        let fields: Vec<String> = run.counts.keys().map(|n| format!("{}:{n}", run.id)).collect();
        if !fields.is_empty() {
            let _: () = connection.hdel(self.keys.run_counts(), fields).await?;
        }
        Ok(run)
    }

    /// Reports of runs that ended, newest first.
    pub async fn reports(&self) -> Result<Vec<Run>, StoreError> {
        let held: Vec<String> = self.pool.get().await?.lrange(self.keys.reports(&self.sync), 0, -1).await?;
        held.iter().map(|text| decode("a run", text)).collect()
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
        let key = match lane {
            Lane::Live => self.keys.due(&self.sync),
            Lane::Bulk => self.keys.bulk(&self.sync),
        };
        let most = isize::try_from(most).unwrap_or(isize::MAX);
        let contacts: Vec<String> = connection.zrangebyscore_limit(key, "-inf", now, 0, most).await?;
        if contacts.is_empty() {
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
        let lane = if mark.bulk { self.keys.bulk(&self.sync) } else { self.keys.due(&self.sync) };
        let due: Option<f64> = connection.zscore(lane, contact).await?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
        Ok(Some((mark, due.map(|score| score as i64))))
    }

    /// When the next contact is due (ms), if any waits.
    pub async fn next_due(&self) -> Result<Option<i64>, StoreError> {
        let mut connection = self.pool.get().await?;
        let mut next: Option<i64> = None;
        for key in [self.keys.due(&self.sync), self.keys.bulk(&self.sync)] {
            let first: HashMap<String, f64> = connection.zrange_withscores(key, 0, 0).await?;
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
            let due = first.into_values().next().map(|score| score as i64);
            next = match (next, due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(next)
    }

    /// What a reconcile page said of these contacts, as JSON.
    pub async fn readings(&self, contacts: &[String]) -> Result<Vec<Option<String>>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.pool.get().await?.hmget(self.keys.readings(&self.sync), contacts).await?)
    }
}
