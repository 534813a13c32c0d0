//! `carnet brake`: contacts that a sync was stopped from removing or overwriting, and what is to become of them.

use clap::{Args, Subcommand};

use crate::{
    answers::{Braked, Desk},
    config::Settings,
    store::brake::Answer,
};

use super::{
    desk::{desk, opened},
    output,
};

/// Contacts that a brake has stopped.
#[derive(Debug, Args)]
pub struct Brake {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every contact that was stopped, and from what.
    List {
        /// Of this sync only.
        #[arg(long)]
        sync: Option<String>,
    },
    /// Let them go on: they are removed or overwritten although the brake is full.
    Allow(Which),
    /// Leave them as they are in Google; the same is not asked again.
    Discard(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// Ids of CRM contacts.
    #[arg(required_unless_present = "all")]
    contacts: Vec<String>,
    /// All that were stopped.
    #[arg(long, conflicts_with = "contacts")]
    all: bool,
    /// Of this sync only.
    #[arg(long)]
    sync: Option<String>,
}

impl Brake {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, current| self.command.run(&desk(foundation, current), json).await).await
    }
}

impl Command {
    async fn run(self, desk: &Desk, json: bool) -> anyhow::Result<()> {
        let (which, answer) = match self {
            Self::List { sync } => {
                return output::print(json, &desk.braked(sync.as_deref()).await?, |braked| listed(braked));
            }
            Self::Allow(which) => (which, Answer::Allow),
            Self::Discard(which) => (which, Answer::Discard),
        };
        let said = desk.answer_brake(which.sync.as_deref(), &which.contacts, answer).await?;
        output::print(json, &said, |said| match (said.contacts.len(), answer) {
            (0, _) => "Nothing was stopped.".into(),
            (count, Answer::Allow) => format!("Allowed for {count}; it is done now."),
            (count, Answer::Discard) => format!("Remembered for {count}; they stay as they are in Google."),
        })
    }
}

fn listed(braked: &[Braked]) -> String {
    let row = |b: &Braked| {
        let what = b.what.in_words().to_owned();
        vec![b.contact.clone(), b.crm.clone(), b.sync.clone(), what, b.why.clone(), b.since.to_string()]
    };
    let rows: Vec<Vec<String>> = braked.iter().map(row).collect();
    let headings = ["CONTACT", "CRM", "SYNC", "WOULD BE", "WHY", "SINCE"];
    let table = output::table(&headings, &rows, "No brake has stopped anything.");
    if braked.is_empty() {
        return table;
    }
    format!(
        "{table}\nDecide with `carnet brake allow CONTACT…` or `discard CONTACT…`; `--all --sync NAME` is all of a sync."
    )
}
