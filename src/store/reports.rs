//! How runs end, and what is kept of them: a list of reports, newest first, for 90 days.

use redis::AsyncCommands;
use serde_json::Value;

use super::{
    StoreError, decode, encode,
    runs::{Run, RunKind, RunState, Runs},
};

/// Reports at the most: a run every 15 minutes for the whole time.
const KEPT: isize = 10_000;
/// How long a report is kept.
const KEPT_DAYS: i64 = 90;
const DAY_MS: i64 = 86_400_000;
/// Reports read at a time, when one is looked for.
const PAGE: isize = 200;
/// Old reports that go with each new one: more than one is added each time.
const AGED_OUT: usize = 20;

impl Runs {
    /// Ends a run, all in one write: its report is kept, its counters go, nobody's wish to end it is left.
    pub async fn finish(&self, mut run: Run, state: RunState, error: Option<String>) -> Result<Run, StoreError> {
        run.counts = self.counts(&run.id).await?;
        run.twins += u64::try_from(run.counts.get("twins").copied().unwrap_or(0)).unwrap_or(0);
        run.state = state;
        run.error = error;
        run.finished = Some(self.pool.clock.now());
        let (reports, sync) = (self.keys.reports(&self.sync), self.keys.sync(&self.sync));
        let fields: Vec<String> = run.counts.keys().map(|n| format!("{}:{n}", run.id)).collect();
        let mut write = redis::pipe();
        write.atomic().hset(self.keys.run(&self.sync), "body", encode("a run", &run)?);
        write.lpush(&reports, compact(&run)?).ltrim(&reports, 0, KEPT - 1);
        write.hset(&sync, "last_run", self.pool.clock.now_ms()).hdel(&sync, &["cancel", "drop"]);
        write.del(self.keys.seen(&self.sync, &run.id));
        // A preview that is applied, or a replay, looks at some contacts only: the next reconcile is due as before.
        if run.kind == RunKind::Reconcile {
            write.hset(&sync, "last_reconcile", self.pool.clock.now_ms());
        }
        if state == RunState::Done && run.proof.is_some() {
            write.hset(&sync, "proved", 1);
        }
        if state == RunState::Done && run.kind == RunKind::Reconcile {
            write.hset(&sync, "whole", run.started.as_millisecond());
        }
        if !fields.is_empty() {
            write.hdel(self.keys.run_counts(), fields);
        }
        let _: () = write.query_async(&mut self.pool.get().await?).await?;
        self.age_out().await?;
        Ok(run)
    }

    /// Whether a run has looked at what is not ours, before and after, and came to its end.
    pub async fn has_proved(&self) -> Result<bool, StoreError> {
        Ok(self.pool.get().await?.hexists(self.keys.sync(&self.sync), "proved").await?)
    }

    /// When the last reconcile that came to its end began (ms).
    pub async fn whole(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.pool.get().await?.hget(self.keys.sync(&self.sync), "whole").await?)
    }

    /// From here on nobody can tell what a webhook should have told: what was written is taken back.
    pub async fn forget_whole(&self) -> Result<(), StoreError> {
        Ok(self.pool.get().await?.hdel(self.keys.sync(&self.sync), "whole").await?)
    }

    /// Runs that are over, newest first.
    pub async fn reports(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        let most = isize::try_from(most).unwrap_or(KEPT);
        self.page(0, most - 1).await
    }

    /// The run of this id, in progress or over.
    pub async fn run_of(&self, id: &str) -> Result<Option<Run>, StoreError> {
        if let Some(run) = self.current().await?.filter(|run| run.id == id) {
            return Ok(Some(run));
        }
        let mut from = 0;
        loop {
            let page = self.page(from, from + PAGE - 1).await?;
            let is_last = page.len() < usize::try_from(PAGE).unwrap_or(0);
            if let Some(run) = page.into_iter().find(|run| run.id == id) {
                return Ok(Some(run));
            }
            if is_last {
                return Ok(None);
            }
            from += PAGE;
        }
    }

    async fn page(&self, from: isize, to: isize) -> Result<Vec<Run>, StoreError> {
        let held: Vec<String> = self.pool.get().await?.lrange(self.keys.reports(&self.sync), from, to).await?;
        held.iter().map(|text| decode("a report", text)).collect()
    }

    async fn age_out(&self) -> Result<(), StoreError> {
        let reports = self.keys.reports(&self.sync);
        let since = self.pool.clock.now_ms() - KEPT_DAYS * DAY_MS;
        let mut connection = self.pool.get().await?;
        for _ in 0..AGED_OUT {
            let oldest: Option<String> = connection.lindex(&reports, -1).await?;
            let Some(oldest) = oldest.map(|text| decode::<Run>("a report", &text)).transpose()? else { return Ok(()) };
            if oldest.finished.is_none_or(|at| at.as_millisecond() >= since) {
                return Ok(());
            }
            let _: Option<String> = connection.rpop(&reports, None).await?;
        }
        Ok(())
    }
}

/// Without what says nothing: most runs find nothing to do, and thousands of them are kept.
fn compact(run: &Run) -> Result<String, StoreError> {
    let mut value = serde_json::to_value(run).map_err(|e| StoreError::Unreadable("a run", e.to_string()))?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !says_nothing(value));
        if let Some(Value::Object(counts)) = fields.get_mut("counts") {
            counts.retain(|_, value| !says_nothing(value));
        }
    }
    encode("a run", &value)
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_uneventful_report_is_short_and_comes_back_whole() {
        let begun = Run::begin("a1".into(), "timer", RunState::Done, Timestamp::UNIX_EPOCH);
        let run = Run { seen: 25_000, counts: [("created".into(), 0), ("updated".into(), 2)].into(), ..begun };
        let text = compact(&run).expect("JSON");
        assert!(text.len() < 300, "{text}");
        let back: Run = decode("a report", &text).expect("a run");
        assert_eq!(back, Run { counts: [("updated".into(), 2)].into(), ..run });
    }
}
