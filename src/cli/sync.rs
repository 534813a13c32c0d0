//! `carnet sync`: list, preview, run, pause, resume; undo and leave have a file of their own.

use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{health::worker_alive, overview::look_at_all},
    app::{self, foundation::Foundation},
    config::Settings,
    reconcile::{preview, report},
    store::{
        current::{Current, SyncSpec},
        keys::CrmKeys,
        runs::{Run, RunState, Runs},
    },
};

use super::{
    desk::opened,
    output,
    progress::follow,
    tools::tools,
    undo::{Leave, Undo},
};

/// Look at syncs and run them.
#[derive(Debug, Args)]
pub struct Sync {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every sync with its state.
    List,
    /// What a run would do, without doing it.
    Preview {
        /// The sync's name.
        name: String,
    },
    /// Run a full reconcile now and wait for its report.
    Run {
        /// The sync's name.
        name: String,
    },
    /// Stop writing; changes are collected meanwhile.
    Pause {
        /// The sync's name.
        name: String,
    },
    /// Go on.
    Resume {
        /// The sync's name.
        name: String,
    },
    Undo(Undo),
    Leave(Leave),
}

impl Sync {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        match self.command {
            Command::Run { name } => run(Foundation::open(&settings).await?, settings, &name, json).await,
            Command::Undo(undo) => undo.run(settings, json).await,
            Command::Leave(leave) => leave.run(settings, json).await,
            command => {
                opened(&settings, async |foundation, current| command.run(foundation, current, &settings, json).await)
                    .await
            }
        }
    }
}

impl Command {
    async fn run(
        self,
        foundation: &Foundation,
        current: &Arc<Current>,
        settings: &Settings,
        json: bool,
    ) -> anyhow::Result<()> {
        match self {
            Self::List => list(foundation, current, json).await,
            Self::Preview { name } => {
                let tools = tools(foundation, settings, current)?;
                let plan = preview(&tools, named(current, &name)?).await?;
                output::print(json, &plan, ToString::to_string)
            }
            Self::Pause { name } => pause(foundation, current, &name, Some("asked")).await,
            Self::Resume { name } => pause(foundation, current, &name, None).await,
            Self::Run { .. } | Self::Undo(_) | Self::Leave(_) => Ok(()),
        }
    }
}

/// The sync of this name, or which there are.
pub fn named<'a>(current: &'a Current, name: &str) -> anyhow::Result<&'a Arc<SyncSpec>> {
    let names = || current.syncs.iter().map(|s| s.spec.name.as_str()).collect::<Vec<_>>().join(", ");
    current.sync_named(name).with_context(|| match current.syncs.is_empty() {
        true => format!("there is no sync named \"{name}\"; there is none at all yet, see `carnet apply`"),
        false => format!("there is no sync named \"{name}\"; there are: {}", names()),
    })
}

/// The runs of a sync.
pub fn runs_of(foundation: &Foundation, sync: &SyncSpec) -> Runs {
    Runs::new(foundation.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id)
}

async fn list(foundation: &Foundation, current: &Current, json: bool) -> anyhow::Result<()> {
    let listed = look_at_all(&foundation.pool, current).await?;
    output::print(json, &listed, |listed| {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|l| {
                let state = l.why.as_ref().map_or_else(|| l.state.to_owned(), |why| format!("{}: {why}", l.state));
                let numbers = [l.linked, l.waiting, l.needs_you as u64, l.refused, l.dead].map(|n| n.to_string());
                let mut row = vec![l.name.clone()];
                row.extend(numbers);
                row.push(l.last_run.map_or_else(|| "never".into(), |at| at.to_string()));
                row.push(state);
                row
            })
            .collect();
        let headings = ["SYNC", "LINKED", "WAITING", "NEEDS YOU", "REFUSED", "DEAD", "LAST RUN", "STATE"];
        output::table(&headings, &rows, "There is no sync yet; declare one with `carnet apply`.")
    })
}

async fn pause(foundation: &Foundation, current: &Current, name: &str, why: Option<&str>) -> anyhow::Result<()> {
    let sync = named(current, name)?;
    runs_of(foundation, sync).set_paused(why).await?;
    if why.is_none()
        && let Some(google) = &sync.google
    {
        crate::claim::resume(&foundation.pool, &google.subject).await?;
    }
    println!("{name} {}.", if why.is_some() { "is paused; what changes meanwhile is collected" } else { "goes on" });
    Ok(())
}

/// Plan, run with progress, report. Without a running service the work is done in this process.
async fn run(foundation: Foundation, settings: Settings, name: &str, json: bool) -> anyhow::Result<()> {
    let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
    let sync = named(&current, name)?.clone();
    let runs = runs_of(&foundation, &sync);
    let running = runs.current().await?.filter(|run| !run.is_over());
    if running.is_none() {
        let plan = preview(&tools(&foundation, &settings, &current)?, &sync).await?;
        if !json {
            println!("{plan}");
        }
        runs.want("asked").await?;
    }
    let before = runs.current().await?.filter(Run::is_over).map(|run| run.id);
    let stop = CancellationToken::new();
    let mut background = None;
    if !worker_alive(&foundation.pool).await? {
        background = Some(app::work_in_background(foundation, settings, stop.clone()).await?);
    }
    let done = follow(&runs, before.as_deref(), !json).await;
    stop.cancel();
    if let Some(tasks) = background {
        tasks.wait().await;
    }
    let done = done?;
    output::print(json, &done, report)?;
    anyhow::ensure!(done.state == RunState::Done, "the run failed");
    Ok(())
}
