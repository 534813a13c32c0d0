//! State of each sync and its runs: what is wanted, what is going on, what was reported.

use std::collections::{BTreeMap, HashMap};

use redis::AsyncCommands;

pub use super::run::{Listed, Run, RunKind, RunState, Written};
use super::{
    StoreError, decode, encode,
    keys::CrmKeys,
    pool::{Connection, Pool},
};

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

const HURRY: &str = "
local late = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')
for _, contact in ipairs(late) do redis.call('ZADD', KEYS[1], ARGV[1], contact) end
return #late";

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
        // Given back before the next is taken: many who watch a run at once would wait for each other.
        let body: Option<String> = self.pool.get().await?.hget(self.keys.run(&self.sync), "body").await?;
        let Some(mut run) = body.map(|b| decode::<Run>("a run", &b)).transpose()? else { return Ok(None) };
        if !run.is_over() {
            run.counts = self.counts(&run.id).await?;
        }
        Ok(Some(run))
    }

    /// Whether these contacts were on a page of this run, in their order.
    pub async fn has_seen(&self, run: &str, contacts: &[String]) -> Result<Vec<bool>, StoreError> {
        Ok(self.pool.get().await?.smismember(self.keys.seen(&self.sync, run), contacts).await?)
    }

    /// How many contacts of a run are not worked off yet.
    pub async fn left(&self, run: &str) -> Result<i64, StoreError> {
        let left: Option<i64> = self.pool.get().await?.hget(self.keys.run_counts(), format!("{run}:left")).await?;
        Ok(left.unwrap_or(0))
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

    /// When the last reconcile ended (ms).
    pub async fn last_reconcile(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "last_reconcile").await?)
    }

    /// How many contacts wait: `(live, bulk)`.
    pub async fn waiting(&self) -> Result<(u64, u64), StoreError> {
        let mut connection = self.pool.get().await?;
        let live: u64 = connection.zcard(self.keys.due(&self.sync)).await?;
        let bulk: u64 = connection.zcard(self.keys.bulk(&self.sync)).await?;
        Ok((live, bulk))
    }

    /// Whatever waits for a later time is due now: times given by a clock that was ahead would keep it for long.
    pub async fn hurry(&self) -> Result<(), StoreError> {
        let now = self.pool.clock.now_ms();
        let script = redis::Script::new(HURRY);
        let mut connection = self.pool.get().await?;
        for key in [self.keys.due(&self.sync), self.keys.bulk(&self.sync)] {
            let _: u64 = script.key(key).arg(now).invoke_async(&mut connection).await?;
        }
        Ok(())
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

    /// Contacts of a cancelled run that are followed to the end of a call.
    pub async fn dropped(&self) -> Result<Vec<String>, StoreError> {
        let mut connection = self.pool.get().await?;
        let live: Vec<String> = connection.zrange(self.keys.due(&self.sync), 0, -1).await?;
        let mut dropped = Vec::new();
        for contacts in live.chunks(1_000) {
            let marks: Vec<Option<String>> = connection.hmget(self.keys.marks(&self.sync), contacts).await?;
            for (contact, mark) in contacts.iter().zip(marks) {
                let mark = mark.map(|text| decode::<super::ledger::Mark>("a mark", &text)).transpose()?;
                dropped.extend(mark.is_some_and(|mark| mark.dropped).then(|| contact.clone()));
            }
        }
        Ok(dropped)
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
