//! `carnet dead`: list, show, replay, discard.

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::{
    app::foundation::Foundation,
    config::Settings,
    queue::{
        dead::{self, DeadLetter},
        dispatch::{Marking, mark},
    },
    store::{current::Current, keys::CrmKeys},
};

use super::{desk::opened, output};

/// Dead letters.
#[derive(Debug, Args)]
pub struct Dead {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All dead letters, oldest first.
    List,
    /// One dead letter. What the contact holds is masked.
    Show {
        /// Its id.
        id: String,
        /// Show what the CRM and Google said, unmasked.
        #[arg(long)]
        reveal: bool,
    },
    /// Look at these contacts again, from their current state.
    Replay {
        /// Ids of dead letters.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Take dead letters away for good.
    Discard {
        /// Ids of dead letters.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

impl Dead {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, current| self.command.run(foundation, current, json).await).await
    }
}

impl Command {
    async fn run(self, foundation: &Foundation, current: &Current, json: bool) -> anyhow::Result<()> {
        match self {
            Self::List => list(foundation, current, json).await,
            Self::Show { id, reveal } => show(foundation, current, &id, reveal, json).await,
            Self::Replay { ids } => {
                for id in &ids {
                    replay(foundation, current, id).await?;
                }
                let done = serde_json::json!({ "replayed": ids });
                output::print(json, &done, |_| {
                    format!("{} will be looked at again from their current state.", ids.len())
                })
            }
            Self::Discard { ids } => {
                for id in &ids {
                    let (keys, _) = find(foundation, current, id).await?;
                    dead::discard(&foundation.pool, &keys, id).await?;
                }
                let done = serde_json::json!({ "discarded": ids });
                output::print(json, &done, |_| format!("{} discarded.", ids.len()))
            }
        }
    }
}

fn sync_name(current: &Current, id: &str) -> String {
    current.sync_with_id(id).map_or_else(|| format!("(gone: {id})"), |s| s.spec.name.clone())
}

async fn list(foundation: &Foundation, current: &Current, json: bool) -> anyhow::Result<()> {
    let mut letters = Vec::new();
    for account in current.accounts.keys() {
        letters.extend(dead::list(&foundation.pool, &CrmKeys::new(account)).await?);
    }
    let letters: Vec<DeadLetter> = letters.into_iter().map(mask).collect();
    output::print(json, &letters, |letters| {
        let rows: Vec<Vec<String>> = letters
            .iter()
            .map(|l| {
                let sync = sync_name(current, &l.sync);
                vec![l.id.clone(), l.last.clone(), sync, l.contact.clone(), l.reason.clone(), l.sentence.clone()]
            })
            .collect();
        output::table(
            &["ID", "SINCE", "SYNC", "CONTACT", "REASON", "WHAT HAPPENED"],
            &rows,
            "There are no dead letters.",
        )
    })
}

/// What the contact holds is not for lists.
fn mask(letter: DeadLetter) -> DeadLetter {
    let hide = |text: &str| if text.is_empty() { String::new() } else { "(hidden; show --reveal)".to_owned() };
    DeadLetter { payload: hide(&letter.payload), answer: hide(&letter.answer), ..letter }
}

async fn show(foundation: &Foundation, current: &Current, id: &str, reveal: bool, json: bool) -> anyhow::Result<()> {
    let (_, letter) = find(foundation, current, id).await?;
    let letter = if reveal { letter } else { mask(letter) };
    output::print(json, &letter, |l| {
        let sync = sync_name(current, &l.sync);
        format!(
            "{}\nsync      {sync}\ncontact   {}\nreason    {} ({})\nattempts  {}, first {}, last {}\nCRM said  {}\nanswer    {}",
            l.id, l.contact, l.sentence, l.reason, l.attempts, l.first, l.last, l.payload, l.answer
        )
    })
}

async fn find(foundation: &Foundation, current: &Current, id: &str) -> anyhow::Result<(CrmKeys, DeadLetter)> {
    // Redis would call any other text an invalid stream id.
    let is_id = id.split_once('-').is_some_and(|(a, b)| [a, b].iter().all(|p| p.parse::<u64>().is_ok()));
    anyhow::ensure!(is_id, "\"{id}\" is no id of a dead letter; `carnet dead list` shows them");
    for account in current.accounts.keys() {
        let keys = CrmKeys::new(account);
        if let Some(letter) = dead::get(&foundation.pool, &keys, id).await? {
            return Ok((keys, letter));
        }
    }
    anyhow::bail!("there is no dead letter {id}; it may have been replayed or discarded")
}

/// Marks the contact first, then takes the letter away: a replay that dies in between is only repeated.
async fn replay(foundation: &Foundation, current: &Current, id: &str) -> anyhow::Result<()> {
    let (keys, letter) = find(foundation, current, id).await?;
    let sync = current
        .sync_with_id(&letter.sync)
        .with_context(|| format!("the sync of dead letter {id} is gone; discard the letter"))?;
    let contacts = [(letter.contact, None)];
    let marking = Marking { sync: &sync.id, run: None, contacts: &contacts, run_body: None };
    mark(&foundation.pool, &keys, marking).await?;
    dead::discard(&foundation.pool, &keys, id).await?;
    Ok(())
}
