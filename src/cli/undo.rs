//! `carnet sync undo` and `carnet sync leave`: what would be taken back, a question, then the run that does it.

use std::{
    io::{BufRead as _, IsTerminal as _},
    sync::Arc,
};

use clap::Args;
use serde::Serialize;

use crate::{
    app::foundation::Foundation,
    claim::Tools,
    config::Settings,
    reconcile::{
        report,
        undo::{Stays, UndoError, UndoPlan, What, begin, choose, plan, undos_of},
    },
    store::{
        current::SyncSpec,
        runs::{Run, RunState},
    },
    work::How,
};

use super::{apply::stop_local, deed, output, progress::follow, run::worked_at, sync::named, tools::tools};

/// Take back what a run wrote.
#[derive(Debug, Args)]
pub struct Undo {
    /// The sync's name.
    name: String,
    /// The run; without it, the last one that wrote something.
    run: Option<String>,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

/// End a sync, and decide what becomes of its contacts.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub struct Leave {
    /// The sync's name.
    name: String,
    /// Everything stays as it is; Carnet lets go of it.
    #[arg(long, group = "how")]
    keep: bool,
    /// The label goes, the contacts stay.
    #[arg(long, group = "how")]
    unlabel: bool,
    /// What it made goes to the trash, what it changed goes back, as far as the journal reaches.
    #[arg(long, group = "how")]
    undo: bool,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

/// What was shown and what was done about it.
#[derive(Debug, Serialize)]
struct Told {
    plan: UndoPlan,
    /// The run that did it; none while nobody has said yes.
    run: Option<Run>,
}

impl Undo {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let chosen = |tools: Arc<Tools>, sync: Arc<SyncSpec>| async move {
            choose(&tools, &sync, self.run.as_deref()).await.map(|run| What::Run(Box::new(run)))
        };
        carry_out(settings, &self.name, self.yes, json, chosen).await
    }
}

impl Leave {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let how = match (self.keep, self.unlabel) {
            (true, _) => How::LeaveKeep,
            (_, true) => How::LeaveUnlabel,
            _ => How::LeaveUndo,
        };
        let chosen = |_: Arc<Tools>, _: Arc<SyncSpec>| async move { Ok(What::Leave(how)) };
        carry_out(settings, &self.name, self.yes, json, chosen).await
    }
}

async fn carry_out<F>(
    settings: Settings,
    name: &str,
    yes: bool,
    json: bool,
    chosen: impl FnOnce(Arc<Tools>, Arc<SyncSpec>) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = Result<What, UndoError>>,
{
    let foundation = deed::open(&settings).await?;
    let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
    let prepared = async {
        let sync = named(&current, name)?.clone();
        let tools = tools(&foundation, &settings, &current)?;
        let what = match chosen(tools.clone(), sync.clone()).await {
            Ok(what) => what,
            Err(done @ UndoError::Already { .. }) => {
                let said = serde_json::json!({ "already": done.to_string() });
                output::print(json, &said, |_| capitalised(&done.to_string()))?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let plan = plan(&tools, &sync, &what).await?;
        Ok(shown(plan, yes, json)?.map(|plan| (tools, sync, what, plan)))
    };
    match prepared.await {
        Ok(Some((tools, sync, what, plan))) => carry(foundation, settings, (&tools, &sync, &what), plan, json).await,
        other => stop_local(foundation, other.map(drop)).await,
    }
}

/// Shows what would happen; answers it if it is to be done.
fn shown(plan: UndoPlan, yes: bool, json: bool) -> anyhow::Result<Option<UndoPlan>> {
    if !json {
        println!("{plan}\n{}", stays(&plan));
    }
    if yes {
        return Ok(Some(plan));
    }
    if json {
        output::print(true, &Told { plan, run: None }, |_| String::new())?;
        return Ok(None);
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        println!("Do it? The sync is paused first. [y/N]");
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if ["y", "yes", "o", "oui"].contains(&answer.trim().to_lowercase().as_str()) {
            return Ok(Some(plan));
        }
    }
    println!("Nothing was changed; with --yes it is done.");
    Ok(None)
}

fn stays(plan: &UndoPlan) -> String {
    let row = |one: &Stays| {
        let what = if one.fields.is_empty() { "all of it".to_owned() } else { one.fields.join(", ") };
        vec![one.contact.clone(), one.resource.clone(), what, one.why.clone()]
    };
    let rows: Vec<Vec<String>> = plan.stays.iter().map(row).collect();
    output::table(&["CONTACT", "IN GOOGLE", "STAYS", "WHY"], &rows, "Nothing of it stays.")
}

/// The run with progress and report. Without a running service the work is done in this process.
async fn carry(
    foundation: Foundation,
    settings: Settings,
    (tools, sync, what): (&Arc<Tools>, &Arc<SyncSpec>, &What),
    plan: UndoPlan,
    json: bool,
) -> anyhow::Result<()> {
    let undos = undos_of(tools, sync);
    let before = undos.current().await?.map(|run| run.id);
    if let Err(error) = begin(tools, sync, what).await {
        return stop_local(foundation, Err(error.into())).await;
    }
    let done = worked_at(foundation, settings, follow(&undos, before.as_deref(), !json)).await?;
    let is_done = done.state == RunState::Done;
    output::print(json, &Told { plan, run: Some(done) }, |told| {
        format!("{}\n{}", told.run.as_ref().map(report).unwrap_or_default(), afterwards(&sync.spec.name, what))
    })?;
    anyhow::ensure!(is_done, "the undo failed");
    Ok(())
}

/// How to go on.
fn afterwards(name: &str, what: &What) -> String {
    match what {
        What::Run(_) => format!(
            "{name} is paused, or its next run would write all of it again. `carnet sync resume {name}` goes on, and writes \
             again what the CRM says: change the filter, the map or the policy first."
        ),
        What::Leave(_) => format!(
            "{name} is paused and holds nothing any more. Take it out of the declared file now and apply that; \
             `carnet sync resume {name}` would begin anew."
        ),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>() + ".")
}
