//! What people wish of a run: that there is one, that it stands still, that it ends. Wishes are kept in the sync's state, and whoever
//! holds the run carries them out, so that they outlive every process.
//!
//! A run is cancelled in three steps: the wish (`cancel`), which stops every call for its marks; `drop`, said by the holder of the
//! run once it marks nothing any more; and then its marks go, by whoever holds the Google account, so that no worker is in the
//! middle of one.

use redis::AsyncCommands;

use super::{
    StoreError, encode,
    runs::{Lane, Run, Runs},
};

/// Contacts that one step lets go of.
const CHUNK: u64 = 500;

/// The last run, and whether it is over ([`Run::is_over`]). KEYS 2 its key.
macro_rules! run_of {
    () => {
        "
local body = redis.call('HGET', KEYS[2], 'body')
local run = body and cjson.decode(body)
local over = not run or run.state == 'done' or run.state == 'failed' or run.state == 'cancelled'"
    };
}

/// Answers the id of the run in progress, or an empty text and the id of the last one.
const ASK: &str = concat!(
    run_of!(),
    "
-- A run through the entries of a preview is no answer to the wish for a whole one, which comes after it.
if not over and (run.kind or 'reconcile') == 'reconcile' then return { run.id, '' } end
redis.call('HSET', KEYS[1], 'wanted', ARGV[1])
return { '', run and run.id or '' }"
);

/// Answers the id of the run that will end, or an empty text and whether one was wanted.
const CANCEL: &str = concat!(
    run_of!(),
    "
local wanted = redis.call('HDEL', KEYS[1], 'wanted')
if over then return { '', wanted } end
redis.call('HSET', KEYS[1], 'cancel', run.id)
return { run.id, wanted }"
);

/// Begins a run unless another one is in progress; answers that one's id.
const BEGIN: &str = concat!(
    run_of!(),
    "
if not over then return run.id end
redis.call('HSET', KEYS[2], 'body', ARGV[1])
redis.call('HSET', KEYS[3], ARGV[2] .. ':left', 0)
redis.call('HDEL', KEYS[1], 'cancel', 'drop')
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[3])
  redis.call('HDEL', KEYS[1], 'wanted')
end
return ''"
);

/// Adds to the counters of a run that has not ended: it has a `left` until then.
const ADD: &str = "
if redis.call('HEXISTS', KEYS[1], ARGV[1] .. ':left') == 0 then return 0 end
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[1] .. ':' .. ARGV[i], ARGV[i + 1]) end
return 1";

/// What became of the wish for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This one is in progress: it is joined.
    Joined(String),
    /// One begins soon; the last one was this.
    Soon(Option<String>),
}

/// What became of the wish that the run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// This one ends.
    Ending(String),
    /// It had not begun; nobody wants it any more.
    NotBegun,
    /// There is none.
    Nothing,
}

/// What holds up the work of a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldUp {
    /// Everything stands still.
    pub paused: bool,
    /// The run in progress ends: nothing more is done for it.
    pub cancelled: bool,
}

impl HeldUp {
    /// Whether contacts of this lane wait.
    pub fn concerns(self, lane: Lane) -> bool {
        self.paused || (self.cancelled && lane == Lane::Bulk)
    }
}

impl Runs {
    /// Asks for a run unless one is in progress, in one step: two who ask at once get the same one.
    pub async fn ask(&self, why: &str) -> Result<Asked, StoreError> {
        let (running, last): (String, String) = self.script(ASK, why).await?;
        Ok(if running.is_empty() {
            Asked::Soon(Some(last).filter(|id| !id.is_empty()))
        } else {
            Asked::Joined(running)
        })
    }

    /// Begins this run, in one step with the look whether another is in progress; answers the id of that one. `epoch`: it goes
    /// through everything, in this epoch of Redis, and is no longer wanted.
    pub async fn begin(&self, run: &Run, epoch: Option<u64>) -> Result<Option<String>, StoreError> {
        let mut connection = self.pool.get().await?;
        let running: String = redis::Script::new(BEGIN)
            .key(self.keys.sync(&self.sync))
            .key(self.keys.run(&self.sync))
            .key(self.keys.run_counts())
            .arg(encode("a run", run)?)
            .arg(&run.id)
            .arg(epoch.map(|epoch| epoch.to_string()).unwrap_or_default())
            .invoke_async(&mut connection)
            .await?;
        Ok(Some(running).filter(|id| !id.is_empty()))
    }

    /// Wishes that the run in progress ends, or that the one that is wanted does not begin.
    pub async fn cancel(&self) -> Result<Cancel, StoreError> {
        let (running, wanted): (String, i64) = self.script(CANCEL, "").await?;
        Ok(match (running.is_empty(), wanted) {
            (false, _) => Cancel::Ending(running),
            (true, 0) => Cancel::Nothing,
            (true, _) => Cancel::NotBegun,
        })
    }

    async fn script<T: redis::FromRedisValue>(&self, text: &str, argument: &str) -> Result<T, StoreError> {
        let mut connection = self.pool.get().await?;
        let script = redis::Script::new(text);
        let mut call = script.key(self.keys.sync(&self.sync));
        Ok(call.key(self.keys.run(&self.sync)).arg(argument).invoke_async(&mut connection).await?)
    }

    /// What holds the work up at the moment.
    pub async fn held_up(&self) -> Result<HeldUp, StoreError> {
        let fields = ["paused", "cancel"];
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.sync(&self.sync), &fields).await?;
        let is_said = |at: usize| held.get(at).is_some_and(Option::is_some);
        Ok(HeldUp { paused: is_said(0), cancelled: is_said(1) })
    }

    /// From here on the run marks nothing; its marks may go.
    pub async fn marks_no_more(&self, run: &str) -> Result<(), StoreError> {
        Ok(self.pool.get().await?.hset(self.keys.sync(&self.sync), "drop", run).await?)
    }

    /// The run whose marks are to go.
    pub async fn to_drop(&self) -> Result<Option<String>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "drop").await?)
    }

    /// Lets go of what the run had marked. Only for who holds the Google account: no worker is then in the middle of one.
    pub async fn drop_marks(&self, run: &str, subject: &str) -> Result<(), StoreError> {
        // Events move contacts from lane to lane meanwhile: it is done when a look finds none any more.
        while self.drop_lane(run, subject, "bulk").await? + self.drop_lane(run, subject, "live").await? > 0 {}
        Ok(self.pool.get().await?.hdel(self.keys.sync(&self.sync), "drop").await?)
    }

    async fn drop_lane(&self, run: &str, subject: &str, lane: &str) -> Result<u64, StoreError> {
        let (before, mut first) = (self.left(run).await?, 0);
        loop {
            let (looked_at, still): (u64, u64) = redis::Script::new(include_str!("drop.lua"))
                .key(self.keys.marks(&self.sync))
                .key(self.keys.due(&self.sync))
                .key(self.keys.bulk(&self.sync))
                .key(self.keys.readings(&self.sync))
                .key(self.keys.run_counts())
                .key(self.keys.intents(subject))
                .key(self.keys.links(subject))
                .arg(run)
                .arg(lane)
                .arg(first)
                .arg(CHUNK)
                .arg(&self.sync)
                .invoke_async(&mut self.pool.get().await?)
                .await?;
            if looked_at < CHUNK {
                return Ok(u64::try_from(before - self.left(run).await?).unwrap_or(0));
            }
            first += still;
        }
    }

    /// With what the two sides were reached when the last run began, as a digest.
    pub async fn connection(&self) -> Result<Option<String>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "connection").await?)
    }

    /// Notes it.
    pub async fn note_connection(&self, digest: &str) -> Result<(), StoreError> {
        Ok(self.pool.get().await?.hset(self.keys.sync(&self.sync), "connection", digest).await?)
    }

    /// Adds to counters of a run, if it has not ended.
    pub async fn add(&self, run: &str, counts: &[(&str, u64)]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let script = redis::Script::new(ADD);
        let mut call = script.key(self.keys.run_counts());
        call.arg(run);
        for (name, count) in counts {
            call.arg(*name).arg(*count);
        }
        let _: i64 = call.invoke_async(&mut self.pool.get().await?).await?;
        Ok(())
    }
}
