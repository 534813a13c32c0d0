//! `carnet dead`: list, show, replay, discard.

use std::{collections::BTreeMap, sync::Arc};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    answers::{Found, Letter, Sorted, Which, by_sync},
    app::foundation::Foundation,
    config::Settings,
    queue::dead::{self, DeadLetter},
    reconcile::{
        replay::{Foreseen, NotNow, Outlook, ReplayError, begin, foresee, may_begin},
        report,
    },
    store::{
        current::{Current, SyncSpec},
        keys::CrmKeys,
        runs::{Run, RunState, Runs},
    },
};

use super::{
    apply::stop_local,
    deed,
    desk::{desk, opened},
    output,
    progress::follow,
    run::worked_at,
    tools::tools,
};

/// Dead letters.
#[derive(Debug, Args)]
pub struct Dead {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dead letters, oldest first.
    List {
        #[command(flatten)]
        which: Which,
    },
    /// One dead letter. What the contact holds is masked.
    Show {
        /// Its id.
        id: String,
        /// Show what the CRM and Google said, unmasked; the journal says that it was shown.
        #[arg(long)]
        reveal: bool,
    },
    /// Look at these contacts again, from their current state.
    Replay {
        #[command(flatten)]
        these: These,
        /// Only say what would happen to each.
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// With --all: do it.
        #[arg(long)]
        yes: bool,
    },
    /// Take dead letters away for good.
    Discard {
        #[command(flatten)]
        these: These,
        /// Why; the journal keeps it.
        #[arg(long, value_name = "TEXT")]
        because: String,
        /// With --all: do it.
        #[arg(long)]
        yes: bool,
    },
}

/// Letters by their ids, or all that a filter takes.
#[derive(Debug, Args)]
struct These {
    /// Ids of dead letters.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All, or all that the filter takes. Counted first; done with --yes.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: Which,
}

impl Dead {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        match self.command {
            Command::List { which } => opened(&settings, async |f, c| list(f, c, &which, json).await).await,
            Command::Show { id, reveal } => opened(&settings, async |f, c| show(f, c, &id, reveal, json).await).await,
            Command::Discard { these, because, yes } => {
                opened(&settings, async |f, c| discard(f, c, &these, &because, yes, json).await).await
            }
            Command::Replay { these, dry_run, yes } => {
                let foundation = deed::open(&settings).await?;
                let begun = prepared(&foundation, &settings, &these, dry_run, yes, json).await;
                match begun {
                    Ok(Some(begun)) => carried(foundation, settings, begun, json).await,
                    other => stop_local(foundation, other.map(drop)).await,
                }
            }
        }
    }
}

impl These {
    async fn found(&self, foundation: &Foundation, current: &Arc<Current>) -> anyhow::Result<Vec<Found>> {
        let desk = desk(foundation, current);
        Ok(if self.all { desk.dead_letters(&self.which).await? } else { desk.dead_letters_of(&self.ids).await? })
    }
}

async fn list(foundation: &Foundation, current: &Arc<Current>, which: &Which, json: bool) -> anyhow::Result<()> {
    let letters: Vec<Letter> = desk(foundation, current).dead_letters(which).await?.iter().map(Found::listed).collect();
    output::print(json, &letters, |letters| {
        let rows: Vec<Vec<String>> = letters
            .iter()
            .map(|l| [&l.id, &l.last, &l.sync, &l.contact, &l.reason, &l.sentence].map(Clone::clone).to_vec())
            .collect();
        let none = "There are no dead letters.";
        output::table(&["ID", "SINCE", "SYNC", "CONTACT", "REASON", "WHAT HAPPENED"], &rows, none)
    })
}

async fn show(
    foundation: &Foundation,
    current: &Arc<Current>,
    id: &str,
    reveal: bool,
    json: bool,
) -> anyhow::Result<()> {
    let desk = desk(foundation, current);
    let found = desk.dead_letter(id).await?;
    let letter = if reveal { desk.reveal(&found).await? } else { found.masked() };
    output::print(json, &letter, told)
}

fn told(letter: &Letter) -> String {
    let Letter { id, crm, sync, contact, reason, sentence, advice, path, rounds, attempts, first, last, .. } = letter;
    let mut lines = vec![
        id.clone(),
        format!("sync      {sync}"),
        format!("contact   {contact} ({crm})"),
        format!("reason    {sentence} ({reason})"),
    ];
    if !path.is_empty() {
        lines.push(format!("where     {path}"));
    }
    lines.push(format!("since     {first}, given up {rounds} times, last {last}"));
    lines.extend(attempts.iter().map(|attempt| format!("tried     {} {}", attempt.at, attempt.why)));
    let payload = letter.payload.as_ref().filter(|payload| !payload.is_null());
    let payload = payload.and_then(|payload| serde_json::to_string_pretty(payload).ok());
    lines.extend(payload.map(|payload| format!("CRM said  {payload}")));
    let answer = letter.answer.as_ref().filter(|answer| !answer.is_empty());
    lines.extend(answer.map(|answer| format!("answer    {answer}")));
    lines.push(format!("to do     {advice}"));
    lines.join("\n")
}

async fn discard(
    foundation: &Foundation,
    current: &Arc<Current>,
    these: &These,
    because: &str,
    yes: bool,
    json: bool,
) -> anyhow::Result<()> {
    let letters = these.found(foundation, current).await?;
    if these.all && !yes {
        let counted = json!({ "letters": letters.len(), "by_reason": by_reason(&letters) });
        return output::print(json, &counted, |_| format!("{}\nWith --yes they are discarded.", counts(&letters)));
    }
    let gone = desk(foundation, current).discard_letters(&letters, because).await?;
    output::print(json, &json!({ "discarded": gone }), |_| format!("{} discarded.", gone.len()))
}

fn by_reason(letters: &[Found]) -> BTreeMap<&str, u64> {
    dead::by_reason(letters.iter().map(|found| &found.letter))
}

fn counts(letters: &[Found]) -> String {
    if letters.is_empty() {
        return "There are no such dead letters.".to_owned();
    }
    let reasons = by_reason(letters).into_iter().map(|(reason, count)| format!("{count} {reason}"));
    format!("{} dead letters: {}.", letters.len(), reasons.collect::<Vec<_>>().join(", "))
}

/// A run that was begun, and the one before it.
struct Begun {
    sync: String,
    runs: Runs,
    run: Run,
    before: Option<String>,
}

/// What was begun, and what could not be.
struct Replaying {
    begun: Vec<Begun>,
    not_now: Vec<NotNow>,
}

/// Says what would happen, or begins the runs: one for each sync. Of all letters, those of a sync that cannot be looked at now
/// are left and told of: one account without access must not keep a hundred others waiting.
async fn prepared(
    foundation: &Foundation,
    settings: &Settings,
    these: &These,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> anyhow::Result<Option<Replaying>> {
    let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
    let letters = these.found(foundation, &current).await?;
    let mut counted = counts(&letters);
    let mut sorted = by_sync(letters);
    if !these.all {
        sorted = sorted.whole()?;
    }
    counted.push_str(&left_out(&sorted));
    let tools = tools(foundation, settings, &current)?;
    let mut not_now = Vec::new();
    if dry_run || (these.all && !yes) {
        // First what is known at once: to look at each takes its time.
        if !json {
            println!("{counted}");
        }
        let mut all = Vec::new();
        for (sync, letters) in &sorted.of_syncs {
            match foresee(&tools, sync, letters).await {
                Ok(some) => all.extend(some),
                Err(why) if these.all => not_now.push(NotNow::new(sync, letters, &why)),
                Err(why) => return Err(why.into()),
            }
        }
        let Sorted { of_undos, orphans, .. } = &sorted;
        let left = json!({ "letters": all, "not_now": not_now, "of_undos": of_undos, "sync_is_gone": orphans });
        output::print(json, &left, |_| foretold(&all, &not_now))?;
        return Ok(None);
    }
    if !these.all {
        // All or none: one that cannot begin is told before another has begun.
        for (sync, _) in &sorted.of_syncs {
            may_begin(&tools, sync).await?;
        }
    }
    if sorted.of_syncs.is_empty() {
        output::print(json, &json!({ "runs": [] }), |_| counted)?;
        return Ok(None);
    }
    let mut begun = Vec::with_capacity(sorted.of_syncs.len());
    for (sync, letters) in sorted.of_syncs {
        match begin_one(foundation, &tools, &sync, &letters).await {
            Ok(one) => begun.push(one),
            Err(why) if these.all => not_now.push(NotNow::new(&sync, &letters, &why)),
            Err(why) => return Err(why.into()),
        }
    }
    anyhow::ensure!(!begun.is_empty(), "{}", told_of(&not_now));
    Ok(Some(Replaying { begun, not_now }))
}

fn told_of(not_now: &[NotNow]) -> String {
    let lines = not_now.iter().map(|one| format!("{} ({} letters): {}", one.sync, one.letters, one.sentence));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is not replayed, and why.
fn left_out(sorted: &Sorted) -> String {
    let mut said = String::new();
    if !sorted.of_undos.is_empty() {
        let count = sorted.of_undos.len();
        said.push_str(&format!(" {count} are of undos: `carnet sync undo` of the same run tries them again."));
    }
    if !sorted.orphans.is_empty() {
        let count = sorted.orphans.len();
        said.push_str(&format!(" {count} are of syncs that are gone: `carnet dead discard` takes them away."));
    }
    said
}

async fn begin_one(
    foundation: &Foundation,
    tools: &Arc<crate::claim::Tools>,
    sync: &Arc<SyncSpec>,
    letters: &[DeadLetter],
) -> Result<Begun, ReplayError> {
    let runs = Runs::new(foundation.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let before = runs.current().await?.map(|run| run.id);
    let run = begin(tools, sync, letters).await?;
    Ok(Begun { sync: sync.spec.name.clone(), runs, run, before })
}

fn foretold(all: &[Foreseen], not_now: &[NotNow]) -> String {
    let mut said = Vec::new();
    if !all.is_empty() {
        said.push(foreseen(all));
    }
    if !not_now.is_empty() {
        said.push(format!("These cannot be looked at now, and would stay:\n{}", told_of(not_now)));
    }
    if said.is_empty() {
        said.push("There is nothing to replay.".to_owned());
    }
    said.join("\n")
}

fn foreseen(all: &[Foreseen]) -> String {
    let count = |outlook: Outlook| all.iter().filter(|one| one.outlook == outlook).count();
    let rows: Vec<Vec<String>> =
        all.iter().map(|one| vec![one.id.clone(), one.contact.clone(), word(one.outlook), one.how.clone()]).collect();
    let table = output::table(&["ID", "CONTACT", "WOULD", "WHY"], &rows, "");
    format!(
        "Of them {} would be written, {} are done with anyway, {} would fail again, of {} nobody can tell before.\n\
         {table}\nNothing was done; `--yes` with --all, or ids without --dry-run, replays them.",
        count(Outlook::WouldWrite),
        count(Outlook::Superseded),
        count(Outlook::WouldFail),
        count(Outlook::Unknown),
    )
}

fn word(outlook: Outlook) -> String {
    let word = match outlook {
        Outlook::Superseded => "be done with",
        Outlook::WouldWrite => "be written",
        Outlook::WouldFail => "fail again",
        Outlook::Unknown => "be looked at",
    };
    word.to_owned()
}

/// Waits for the runs, one after the other.
async fn carried(
    foundation: Foundation,
    settings: Settings,
    Replaying { begun, not_now }: Replaying,
    json: bool,
) -> anyhow::Result<()> {
    let follow_all = async {
        let mut done = Vec::with_capacity(begun.len());
        for Begun { sync, runs, run, before } in &begun {
            let ended = follow(runs, before.as_deref(), !json).await?;
            anyhow::ensure!(ended.id == run.id, "another run of \"{sync}\" began at the same moment; replay again");
            done.push((sync.clone(), ended));
        }
        Ok(done)
    };
    let done = worked_at(foundation, settings, follow_all).await?;
    let runs: Vec<_> = done.iter().map(|(sync, run)| json!({ "sync": sync, "run": run })).collect();
    output::print(json, &json!({ "runs": runs, "not_now": not_now }), |_| {
        let mut lines: Vec<String> = done.iter().map(|(sync, run)| format!("{sync}: {}", report(run))).collect();
        if !not_now.is_empty() {
            lines.push(format!("These could not begin, and are as they were:\n{}", told_of(&not_now)));
        }
        lines.join("\n")
    })?;
    anyhow::ensure!(done.iter().all(|(_, run)| run.state == RunState::Done), "a replay did not come to its end");
    Ok(())
}
