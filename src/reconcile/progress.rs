//! How far a run is: pure, from the run alone. The bar of the terminal, the API and its events all show this.

use jiff::Timestamp;
use serde::Serialize;

use crate::store::runs::{Run, RunKind, RunState};

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// What it does, in words.
    pub phase: &'static str,
    /// Contacts of this phase that are done.
    pub done: u64,
    /// Contacts of this phase, as far as is known.
    pub total: u64,
    /// Contacts a second since the phase began; unknown at first.
    pub per_second: Option<f64>,
    /// Seconds until the phase ends, at this rate.
    pub seconds_left: Option<u64>,
}

/// What is paused or about to end says so instead of its phase.
pub const PAUSED: &str = "paused";

/// How far the run is at this time.
pub fn progress(run: &Run, now: Timestamp) -> Progress {
    let (phase, done, total) = phase(run);
    let began = run.phase_began.filter(|_| !run.is_over());
    let seconds = began.map_or(0.0, |began| now.duration_since(began).as_secs_f64());
    let since = done.saturating_sub(run.phase_done);
    let per_second = (seconds >= 1.0 && since > 0).then(|| rounded(as_float(since) / seconds));
    let seconds_left = per_second.filter(|rate| *rate > 0.0).map(|rate| whole(as_float(total - done) / rate));
    Progress { phase, done, total, per_second, seconds_left }
}

fn phase(run: &Run) -> (&'static str, u64, u64) {
    // The CRM's own number may be older than what was read.
    let read = (run.seen, run.total.unwrap_or(0).max(run.seen));
    let (phase, (done, total)) = match run.state {
        RunState::Counting => ("counting the CRM", read),
        RunState::Reading if run.kind == RunKind::Undo => ("reading the journal", read),
        RunState::Reading => ("reading the CRM", read),
        RunState::Writing => {
            let left = u64::try_from(run.left()).unwrap_or(0);
            ("writing to Google", (run.marked.saturating_sub(left), run.marked.max(left)))
        }
        RunState::Done => ("done", (run.marked, run.marked)),
        RunState::Failed => ("failed", (run.marked, run.marked)),
        RunState::Cancelled => ("stopped", (run.marked, run.marked)),
    };
    (phase, done.min(total), total)
}

#[expect(clippy::cast_precision_loss, reason = "contacts are far fewer than 2^52")]
fn as_float(count: u64) -> f64 {
    count as f64
}

fn rounded(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds that fit, never negative")]
fn whole(seconds: f64) -> u64 {
    seconds.ceil().min(1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(state: RunState) -> Run {
        Run { total: Some(400), seen: 100, ..Run::begin("r".into(), "asked", state, Timestamp::UNIX_EPOCH) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    #[test]
    fn a_run_says_how_far_how_fast_and_how_long() {
        let left = |n: i64| [("left".to_owned(), n)].into();
        let writing = Run { marked: 300, counts: left(100), ..run(RunState::Writing) };
        for (run, seconds, phase, done, total, rate, left) in [
            (run(RunState::Counting), 10, "counting the CRM", 100, 400, Some(10.0), Some(30)),
            (run(RunState::Reading), 50, "reading the CRM", 100, 400, Some(2.0), Some(150)),
            // Nothing is known before a second has gone by.
            (run(RunState::Reading), 0, "reading the CRM", 100, 400, None, None),
            // The CRM has grown meanwhile.
            (Run { seen: 500, ..run(RunState::Reading) }, 50, "reading the CRM", 500, 500, Some(10.0), Some(0)),
            (Run { total: None, ..run(RunState::Reading) }, 50, "reading the CRM", 100, 100, Some(2.0), Some(0)),
            (writing.clone(), 100, "writing to Google", 200, 300, Some(2.0), Some(50)),
            // What was written while the CRM was read is not of this phase.
            (Run { phase_done: 150, ..writing.clone() }, 100, "writing to Google", 200, 300, Some(0.5), Some(200)),
            (Run { phase_done: 200, ..writing }, 100, "writing to Google", 200, 300, None, None),
            (Run { marked: 5, ..run(RunState::Done) }, 100, "done", 5, 5, None, None),
            (Run { phase_began: None, ..run(RunState::Reading) }, 100, "reading the CRM", 100, 400, None, None),
        ] {
            let told = progress(&run, at(seconds));
            let wanted = Progress { phase, done, total, per_second: rate, seconds_left: left };
            assert_eq!(told, wanted, "{run:?}");
        }
    }
}
