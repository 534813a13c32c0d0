//! `carnet sync`: list, preview, apply, run, pause, resume, cancel, what the runs came to, undo and leave.

use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::{
    admin::overview::look_at_all,
    answers::Stands,
    app::foundation::Foundation,
    config::Settings,
    reconcile::Report,
    store::{
        current::{Current, SyncSpec},
        keys::CrmKeys,
        runs::{RunKind, Runs},
    },
};

use super::{
    deed,
    desk::{desk, opened},
    output,
    preview::{Apply, Show},
    run,
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
    Preview(Show),
    /// Do what a preview says, and nothing else.
    Apply(Apply),
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
    /// End the run in progress: what it has written stays, what it had not come to is left as it was.
    Cancel {
        /// The sync's name.
        name: String,
    },
    /// The runs of the last 90 days, newest first.
    Runs {
        /// The sync's name.
        name: String,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// What a run did; without an id the one in progress, or the last.
    Report {
        /// The sync's name.
        name: String,
        /// The run's id.
        run: Option<String>,
    },
    Undo(Undo),
    Leave(Leave),
}

impl Sync {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        match self.command {
            Command::Run { name } => run::run(deed::open(&settings).await?, settings, &name, json).await,
            Command::Apply(apply) => apply.run(deed::open(&settings).await?, settings, json).await,
            Command::Cancel { name } => run::cancel(deed::open(&settings).await?, settings, &name, json).await,
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
            Self::Preview(show) => show.run(foundation, current, settings, json).await,
            Self::Pause { name } => output::print(json, &desk(foundation, current).pause(&name).await?, stands),
            Self::Resume { name } => output::print(json, &desk(foundation, current).resume(&name).await?, stands),
            Self::Runs { name, limit } => {
                let history = desk(foundation, current).history(&name, limit).await?;
                output::print(json, &history.iter().map(Report::of).collect::<Vec<_>>(), |reports| table_of(reports))
            }
            Self::Report { name, run } => {
                let run = desk(foundation, current).run(&name, run.as_deref()).await?;
                output::print(json, &Report::of(&run), |report| report.sentence.clone())
            }
            Self::Run { .. } | Self::Apply(_) | Self::Cancel { .. } | Self::Undo(_) | Self::Leave(_) => Ok(()),
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
                let numbers =
                    [l.linked, l.waiting, l.needs_you as u64 + l.braked, l.refused, l.dead].map(|n| n.to_string());
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

fn stands(stands: &Stands) -> String {
    let Stands { sync, paused } = stands;
    format!("{sync} {}.", if *paused { "is paused; what changes meanwhile is collected" } else { "goes on" })
}

fn table_of(reports: &[Report]) -> String {
    let row = |report: &Report| {
        let state = word(&report.state);
        let why = if report.kind == RunKind::Reconcile { report.why.clone() } else { word(&report.kind) };
        let numbers = [
            report.seen,
            report.created,
            report.adopted,
            report.updated,
            report.removed,
            report.needs_you,
            report.failed,
            report.repaired,
        ];
        let mut row = vec![report.run.clone(), report.started.strftime("%Y-%m-%d %H:%M:%S").to_string(), why, state];
        row.extend(numbers.map(|number| number.to_string()));
        row
    };
    let headings = [
        "RUN",
        "BEGAN (UTC)",
        "WHY",
        "STATE",
        "SEEN",
        "CREATED",
        "ADOPTED",
        "UPDATED",
        "REMOVED",
        "NEED YOU",
        "FAILED",
        "REPAIRED",
    ];
    let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
    output::table(&headings, &rows, "It has not run yet.")
}

/// The word of a state or kind, as in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}
