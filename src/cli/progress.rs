//! What a person sees while a run goes on: a bar, or plain lines when standard error is no terminal.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::{
    reconcile::{PAUSED, Progress, progress},
    store::runs::{Run, Runs},
    telemetry,
};

/// Waits for the run after `before` to end, and shows how far it is.
pub async fn follow(runs: &Runs, before: Option<&str>, show: bool) -> anyhow::Result<Run> {
    let mut shown = Shown::new(show)?;
    loop {
        if let Some(run) = runs.current().await?.filter(|run| before != Some(run.id.as_str())) {
            shown.update(&run, runs.held_up().await?.paused);
            if run.is_over() {
                shown.bar.finish_and_clear();
                return Ok(run);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A bar under which log lines do not get mixed.
pub fn bar(length: u64, template: &str) -> anyhow::Result<ProgressBar> {
    let bar = telemetry::bars().add(ProgressBar::new(length));
    bar.set_style(ProgressStyle::with_template(template)?);
    Ok(bar)
}

/// Waits until this run is over.
pub async fn ended(runs: &Runs, run: &str) -> anyhow::Result<Run> {
    loop {
        if let Some(run) = runs.run_of(run).await?.filter(Run::is_over) {
            return Ok(run);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Without a terminal a line is printed with each phase, and then as often as this.
const LINE_EVERY: Duration = Duration::from_secs(10);

struct Shown {
    bar: ProgressBar,
    /// Without a terminal: what the last line said, and when.
    line: Option<(&'static str, Instant)>,
}

impl Shown {
    fn new(show: bool) -> anyhow::Result<Self> {
        let bar = if show { bar(0, "{msg:24} {wide_bar} {pos}/{len} {prefix}")? } else { ProgressBar::hidden() };
        let line = (show && !std::io::stderr().is_terminal()).then(|| ("", Instant::now()));
        Ok(Self { bar, line })
    }

    fn update(&mut self, run: &Run, paused: bool) {
        let mut told = progress(run, Timestamp::now());
        if paused {
            told = Progress { phase: PAUSED, per_second: None, seconds_left: None, ..told };
        }
        self.bar.set_length(told.total);
        self.bar.set_position(told.done);
        self.bar.set_prefix(pace(&told));
        self.bar.set_message(run.error.clone().unwrap_or_else(|| told.phase.to_owned()));
        if self.line.is_some_and(|(said, at)| said != told.phase || at.elapsed() > LINE_EVERY) && !run.is_over() {
            self.line = Some((told.phase, Instant::now()));
            eprintln!("{}", line(&told));
        }
    }
}

/// `reading the CRM: 300 of 1200, 25.0 a second, 36 s left`
fn line(told: &Progress) -> String {
    let Progress { phase, done, total, .. } = told;
    // At the beginning of a phase there may be nothing to count yet.
    match (total, pace(told)) {
        (0, _) => (*phase).to_owned(),
        (_, pace) if pace.is_empty() => format!("{phase}: {done} of {total}"),
        (_, pace) => format!("{phase}: {done} of {total}, {pace}"),
    }
}

fn pace(told: &Progress) -> String {
    let rate = told.per_second.map(|rate| format!("{rate:.1} a second"));
    let left = told.seconds_left.map(|seconds| match seconds {
        0..120 => format!("{seconds} s left"),
        _ => format!("{} min left", seconds.div_ceil(60)),
    });
    rate.into_iter().chain(left).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known() {
        let told = |total, per_second, seconds_left| {
            line(&Progress { phase: "reading the CRM", done: 30, total, per_second, seconds_left })
        };
        assert_eq!(told(0, None, None), "reading the CRM");
        assert_eq!(told(90, None, None), "reading the CRM: 30 of 90");
        assert_eq!(told(90, Some(2.0), Some(30)), "reading the CRM: 30 of 90, 2.0 a second, 30 s left");
        assert_eq!(told(900, Some(2.0), Some(421)), "reading the CRM: 30 of 900, 2.0 a second, 8 min left");
    }
}
