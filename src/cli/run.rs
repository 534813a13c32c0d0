//! `carnet sync run` and `cancel`: what they wait for is done by the service, or here when there is none.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    admin::health::worker_alive,
    answers::Cancelling,
    app::{self, foundation::Foundation},
    config::Settings,
    reconcile::{Report, count, report},
    store::runs::{Run, RunState, Runs},
};

use super::{
    apply::stop_local,
    desk::desk,
    output,
    progress::{ended, follow},
    sync::{named, runs_of},
    tools::tools,
};

/// Plan, run with progress, report. Without a running service the work is done in this process.
pub async fn run(foundation: Foundation, settings: Settings, name: &str, json: bool) -> anyhow::Result<()> {
    let (runs, last) = match ask(&foundation, &settings, name, json).await {
        Ok(asked) => asked,
        Err(declined) => return stop_local(foundation, Err(declined)).await,
    };
    until_done(foundation, settings, &runs, last.as_deref(), json).await.map(drop)
}

/// Waits for the run after `before`, with progress, and prints its report.
pub async fn until_done(
    foundation: Foundation,
    settings: Settings,
    runs: &Runs,
    before: Option<&str>,
    json: bool,
) -> anyhow::Result<Run> {
    let done = worked_at(foundation, settings, follow(runs, before, !json)).await?;
    output::print(json, &done, report)?;
    match done.state {
        RunState::Done => Ok(done),
        RunState::Cancelled => anyhow::bail!("the run was cancelled"),
        _ => anyhow::bail!("the run failed"),
    }
}

/// Shows what a run would do and asks for it, or joins the one in progress. Answers the last one that is over, if a new one begins.
async fn ask(
    foundation: &Foundation,
    settings: &Settings,
    name: &str,
    json: bool,
) -> anyhow::Result<(Runs, Option<String>)> {
    let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
    let sync = named(&current, name)?;
    let runs = runs_of(foundation, sync);
    let is_idle = runs.current().await?.is_none_or(|run| run.is_over());
    if is_idle && runs.paused().await?.is_none() {
        let plan = count(&tools(foundation, settings, &current)?, sync).await?;
        if !json {
            println!("{plan}");
        }
    }
    let asked = desk(foundation, &current).ask_for_run(name).await?;
    if let Some(run) = &asked.run
        && !json
    {
        println!("Run {run} is in progress; this joins it.");
    }
    Ok((runs, asked.last))
}

/// Ends the run in progress and waits for what it came to. Without a running service this process does what is to be done.
pub async fn cancel(foundation: Foundation, settings: Settings, name: &str, json: bool) -> anyhow::Result<()> {
    let (runs, cancelling) = match wish_its_end(&foundation, name).await {
        Ok(wished) => wished,
        Err(declined) => return stop_local(foundation, Err(declined)).await,
    };
    let Some(run) = &cancelling.run else {
        output::print(json, &cancelling, |_| "The run that was asked for does not begin.".to_owned())?;
        return stop_local(foundation, Ok(())).await;
    };
    let done = worked_at(foundation, settings, ended(&runs, run)).await?;
    output::print(json, &Report::of(&done), |report| report.sentence.clone())
}

async fn wish_its_end(foundation: &Foundation, name: &str) -> anyhow::Result<(Runs, Cancelling)> {
    let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
    let cancelling = desk(foundation, &current).cancel(name).await?;
    Ok((runs_of(foundation, named(&current, name)?), cancelling))
}

/// Waits for what others work at; if nobody does, or no longer, this process works meanwhile.
pub async fn worked_at<T>(
    foundation: Foundation,
    settings: Settings,
    waiting: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let pool = foundation.pool.clone();
    let mut waiting = std::pin::pin!(waiting);
    while worker_alive(&pool).await? {
        tokio::select! {
            done = &mut waiting => return stop_local(foundation, done).await,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    let stop = CancellationToken::new();
    let tasks = app::work_in_background(foundation, settings, stop.clone()).await?;
    let done = waiting.await;
    stop.cancel();
    tasks.wait().await;
    done
}
