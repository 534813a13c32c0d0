//! `carnet contact`: where one contact is, and what its owner refused taken back.

use clap::{Args, Subcommand};

use crate::{
    answers::{ContactView, Desk, Refused, Standing},
    config::Settings,
    store::journal::Entry,
};

use super::{
    desk::{desk, opened},
    output,
};

/// Where a contact is.
#[derive(Debug, Args)]
pub struct Contact {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How a contact stands with each sync, and what was done with it lately. Values are not shown.
    Show {
        /// The CRM contact's id.
        contact: String,
        /// The CRM account, when several have a contact of this id.
        #[arg(long, value_name = "NAME/ACCOUNT")]
        crm: Option<String>,
    },
    /// Contacts that stay as their owner left them: deleted in Google, label taken off, or left out by an answer.
    Refused,
    /// Make or label such contacts again.
    Restore {
        /// Ids of CRM contacts.
        #[arg(required = true)]
        contacts: Vec<String>,
        /// The CRM account, when several have a contact of this id.
        #[arg(long, value_name = "NAME/ACCOUNT")]
        crm: Option<String>,
    },
}

impl Contact {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, current| self.command.run(&desk(foundation, current), json).await).await
    }
}

impl Command {
    async fn run(self, desk: &Desk, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Show { contact, crm } => output::print(json, &desk.contact(&contact, crm.as_deref()).await?, told),
            Self::Refused => output::print(json, &desk.refused(), |refused| listed(refused)),
            Self::Restore { contacts, crm } => restore(desk, &contacts, crm.as_deref(), json).await,
        }
    }
}

fn told(view: &ContactView) -> String {
    let mut lines = vec![format!("{} in {}", view.contact, view.crm)];
    if view.syncs.is_empty() {
        lines.push("No sync of its CRM account has a connected Google account.".into());
    }
    lines.extend(view.syncs.iter().flat_map(standing));
    if !view.journal.is_empty() {
        lines.push("Lately:".into());
        let rows: Vec<Vec<String>> = view.journal.iter().map(entry).collect();
        lines.push(output::table(&["WHEN", "SYNC", "WHAT", "WHY", "FIELDS"], &rows, ""));
    }
    lines.join("\n")
}

fn standing(standing: &Standing) -> Vec<String> {
    let Standing { sync, google, state, sentence, resource, origin, waiting, question, dead_letters, .. } = standing;
    let mut lines = vec![format!("  {sync} ({google})  {state}: {sentence}")];
    let origin = match origin {
        Some(crate::plan::stamp::Origin::Created) => "made by Carnet",
        _ => "there before Carnet",
    };
    lines.extend(resource.iter().map(|resource| format!("    {resource}, {origin}")));
    if let Some(waiting) = waiting {
        let at = |time: Option<jiff::Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let (since, due) = (at(waiting.since), at(waiting.due));
        lines.push(format!("    since {since}, looked at {due}, {} tries so far", waiting.tries));
    }
    let candidates = question.iter().flat_map(|q| &q.candidates);
    lines.extend(candidates.map(|c| format!("    candidate {}  {}", c.resource, c.evidence)));
    lines.extend(dead_letters.iter().map(|l| format!("    dead letter {} ({}): {}", l.id, l.reason, l.sentence)));
    lines
}

fn entry(entry: &Entry) -> Vec<String> {
    let Entry { at, sync, action, reason, fields, .. } = entry;
    vec![at.to_string(), sync.clone(), action.clone(), reason.clone(), fields.join(", ")]
}

fn listed(refused: &[Refused]) -> String {
    let why = |refusal: &str| match refusal {
        "deleted" => "deleted in Google",
        "opted-out" => "label taken off",
        _ => "left out by an answer",
    };
    let rows: Vec<Vec<String>> = refused
        .iter()
        .map(|r| vec![r.contact.clone(), r.crm.clone(), r.syncs.join(", "), why(r.refusal).to_owned()])
        .collect();
    output::table(&["CONTACT", "CRM", "SYNCS", "WHY"], &rows, "No contact was refused.")
}

/// Those that can be are restored, whatever is wrong with the others.
async fn restore(desk: &Desk, contacts: &[String], crm: Option<&str>, json: bool) -> anyhow::Result<()> {
    let (mut restored, mut declined) = (Vec::new(), Vec::new());
    for contact in contacts {
        match desk.restore(contact, crm).await {
            Ok(done) => restored.push(done),
            Err(why) => declined.push(why.to_string()),
        }
    }
    if !restored.is_empty() {
        output::print(json, &restored, |restored| {
            let lines = restored.iter().map(|r| {
                let syncs = r.syncs.join(", ");
                format!("{} is wanted again; it is made or labelled again if the CRM has it ({syncs}).", r.contact)
            });
            lines.collect::<Vec<_>>().join("\n")
        })?;
    }
    anyhow::ensure!(declined.is_empty(), "{}", declined.join("\n"));
    Ok(())
}
