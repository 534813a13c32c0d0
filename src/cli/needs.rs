//! `carnet needs`: questions that only a person can decide.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use redis::AsyncCommands;
use serde::Serialize;

use crate::{
    app::foundation::Foundation,
    config::Settings,
    plan::identity::Suggestion,
    queue::dispatch::{Marking, mark},
    store::{
        current::{Current, SyncSpec},
        keys::CrmKeys,
        ledger::LedgerView,
        registry::{Refusal, Registry},
    },
    work::{Decision, Need},
};

use super::{apply::stop_local, output};

/// Questions that a person must decide.
#[derive(Debug, Args)]
pub struct Needs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All questions with their candidates.
    List,
    /// The CRM contact is this Google contact.
    Link {
        /// The CRM contact's id.
        contact: String,
        /// The Google contact, `people/c…`.
        resource: String,
    },
    /// The CRM contact is nobody who is in Google: make a new one.
    Create {
        /// The CRM contact's id.
        contact: String,
    },
    /// Leave the CRM contact out of Google for good.
    Skip {
        /// The CRM contact's id.
        contact: String,
    },
}

#[derive(Debug, Serialize)]
struct Waiting {
    sync: String,
    contact: String,
    why: String,
    candidates: Vec<Suggestion>,
}

impl Needs {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let foundation = Foundation::open(&settings).await?;
        let current = foundation.current(foundation.installation().clone()).await?;
        let done = self.command.run(&foundation, &current, json).await;
        stop_local(foundation, done).await
    }
}

impl Command {
    async fn run(self, foundation: &Foundation, current: &Current, json: bool) -> anyhow::Result<()> {
        let (contact, decision) = match self {
            Self::List => return list(foundation, current, json).await,
            Self::Link { contact, resource } => {
                anyhow::ensure!(
                    resource.starts_with("people/"),
                    "a Google contact is written people/c…, as `carnet needs list` prints it"
                );
                (contact, Some(Decision::Link(resource)))
            }
            Self::Create { contact } => (contact, Some(Decision::Create)),
            Self::Skip { contact } => (contact, None),
        };
        decide(foundation, current, &contact, decision.as_ref()).await?;
        let done = serde_json::json!({ "contact": contact, "decision": decision });
        output::print(json, &done, |_| format!("Decided and remembered for {contact}."))
    }
}

async fn waiting(foundation: &Foundation, current: &Current) -> anyhow::Result<Vec<(String, Need)>> {
    let mut all = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for sync in &current.syncs {
        let Some(google) = &sync.google else { continue };
        // Syncs of one CRM account and one Google account share their questions.
        if seen.insert((sync.account.key.clone(), google.subject.clone())) {
            let view = LedgerView::new(foundation.pool.clone(), &sync.account.key, &google.subject);
            all.extend(view.needs::<Need>().await?);
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}

async fn list(foundation: &Foundation, current: &Current, json: bool) -> anyhow::Result<()> {
    let waiting: Vec<Waiting> = waiting(foundation, current)
        .await?
        .into_iter()
        .map(|(contact, need)| Waiting {
            sync: current.sync_with_id(&need.sync).map_or_else(String::new, |s| s.spec.name.clone()),
            contact,
            why: need.question.why,
            candidates: need.question.candidates,
        })
        .collect();
    output::print(json, &waiting, |waiting| {
        if waiting.is_empty() {
            return "Nothing needs you.".into();
        }
        let mut lines = Vec::new();
        for need in waiting {
            lines.push(format!("{}  ({}): {}", need.contact, need.sync, need.why));
            lines.extend(need.candidates.iter().map(|c| format!("    {}  {}", c.resource, c.evidence)));
        }
        lines.push("Decide with `carnet needs link CONTACT people/c…`, `create CONTACT` or `skip CONTACT`.".into());
        lines.join("\n")
    })
}

async fn decide(
    foundation: &Foundation,
    current: &Current,
    contact: &str,
    decision: Option<&Decision>,
) -> anyhow::Result<()> {
    let need = waiting(foundation, current).await?.into_iter().find(|(id, _)| id == contact);
    let (_, need) = need.with_context(|| format!("nothing is asked about \"{contact}\"; see `carnet needs list`"))?;
    let sync = current.sync_with_id(&need.sync).context("the sync that asked is gone")?;
    let google = sync.google.as_ref().context("the Google account is not connected")?;
    let keys = CrmKeys::new(&sync.account.key);
    let mut connection = foundation.pool.get().await?;
    match decision {
        Some(decision) => {
            let text = serde_json::to_string(decision)?;
            let _: () = connection.hset(keys.decisions(&google.subject), contact, text).await?;
        }
        None => refuse(foundation, sync, &google.subject, contact).await?,
    }
    // What is left out needs no look, and a worker that has not read the refusal yet would ask again.
    if decision.is_some() {
        let contacts = [(contact.to_owned(), None)];
        let marking = Marking { sync: &sync.id, run: None, contacts: &contacts, run_body: None };
        mark(&foundation.pool, &keys, marking).await?;
    }
    let _: () = connection.hdel(keys.needs(&google.subject), contact).await?;
    Ok(())
}

async fn refuse(foundation: &Foundation, sync: &SyncSpec, subject: &str, contact: &str) -> anyhow::Result<()> {
    let key = Registry::refusal_key(subject, &sync.account.key, contact);
    let insert = |registry: &mut Registry| registry.refusals.insert(key.clone(), Refusal::Skipped).is_none();
    foundation.registry.change(&foundation.installation().id, insert).await?;
    Ok(())
}
