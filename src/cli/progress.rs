//! What a person sees while a run goes on: a bar, or plain lines when standard error is no terminal.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    store::runs::{Run, RunKind, RunState, Runs},
    telemetry,
};

/// Waits for the run after `before` to end, and shows how far it is.
pub async fn follow(runs: &Runs, before: Option<&str>, show: bool) -> anyhow::Result<Run> {
    let mut shown = Shown::new(show)?;
    loop {
        if let Some(run) = runs.current().await?.filter(|run| before != Some(run.id.as_str())) {
            shown.update(&run);
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

struct Shown {
    bar: ProgressBar,
    /// Without a terminal, lines are printed instead: what the last one said.
    line: Option<&'static str>,
}

impl Shown {
    fn new(show: bool) -> anyhow::Result<Self> {
        let bar = if show { bar(0, "{msg:24} {wide_bar} {pos}/{len} {eta}")? } else { ProgressBar::hidden() };
        Ok(Self { bar, line: (show && !std::io::stderr().is_terminal()).then_some("") })
    }

    fn update(&mut self, run: &Run) {
        let (phase, done, all) = how_far(run);
        self.bar.set_length(all);
        self.bar.set_position(done);
        self.bar.set_message(run.error.clone().unwrap_or_else(|| phase.to_owned()));
        if self.line.is_some_and(|said| said != phase) && !run.is_over() {
            self.line = Some(phase);
            // At the beginning of a phase there may be nothing to count yet.
            match all {
                0 => eprintln!("{phase}"),
                _ => eprintln!("{phase}: {done} of {all}"),
            }
        }
    }
}

fn how_far(run: &Run) -> (&'static str, u64, u64) {
    let seen = || (run.seen, run.total.unwrap_or(run.seen));
    let ((done, all), phase) = match run.state {
        RunState::Counting => (seen(), "counting the CRM"),
        RunState::Reading if run.kind == RunKind::Undo => (seen(), "reading the journal"),
        RunState::Reading => (seen(), "reading the CRM"),
        _ => {
            let left = u64::try_from(run.left()).unwrap_or(0);
            ((run.marked.saturating_sub(left), run.marked), "writing to Google")
        }
    };
    (phase, done, all)
}
