//! What people ask about contacts and decide on them: questions answered, one contact looked at, a refusal taken back, a brake
//! released; and what they wish of a sync's runs. The command line and the API both come here. Nothing is written to Google: a
//! decision is remembered, and its contact marked.

mod brake;
mod contact;
mod dead;
mod forget;
mod questions;
mod refusals;
mod runs;
mod words;

use std::{collections::BTreeSet, sync::Arc};

use redis::AsyncCommands as _;

use crate::{
    contact::AccountKey,
    queue::dispatch::{Marking, mark},
    store::{
        StoreError,
        current::{CrmAccount, Current, SyncSpec},
        keys::CrmKeys,
        ledger::LedgerView,
        pool::Pool,
        registry::{RegistryError, RegistryStore},
    },
    work::Decision,
};

pub use brake::{Braked, Said};
pub use contact::{BrakedView, ContactView, DeadLetterView, Standing, Waiting};
pub use dead::{Found, Letter, Sorted, Which, by_sync, time};
pub use forget::{Erased, Erasing, Forgot, Whom};
pub use questions::{Answer, Question};
pub use refusals::{Refused, Restored};
pub use runs::{Asked, Cancelling, Stands};

/// Where questions are answered.
pub struct Desk {
    pool: Pool,
    registry: RegistryStore,
    current: Arc<Current>,
}

/// Why what was asked for cannot be done. Each has a code for machines and says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Declined {
    #[error("nothing is asked about \"{0}\"; see `carnet needs list`")]
    NoQuestion(String),
    #[error("several syncs ask about \"{contact}\": {}; say which, with --sync", syncs.join(", "))]
    SeveralAsk { contact: String, syncs: Vec<String> },
    #[error("no brake has stopped \"{0}\"; see `carnet brake list`")]
    NotBraked(String),
    #[error("the brakes of several syncs have stopped \"{contact}\": {}; say which, with --sync", syncs.join(", "))]
    SeveralBrakes { contact: String, syncs: Vec<String> },
    #[error("a Google contact is written people/c…, as `carnet needs list` prints it")]
    NoResource,
    #[error("there is no CRM account \"{0}\"; it is written CRM-NAME/ACCOUNT-ID, as in the declared state")]
    NoAccount(String),
    #[error("nothing is known of a contact \"{0}\"; ids are the CRM's own, and upper and lower case differ")]
    NoContact(String),
    #[error("several CRM accounts have a contact \"{contact}\": {}; say which, with --crm", accounts.join(", "))]
    SeveralAccounts { contact: String, accounts: Vec<String> },
    #[error(
        "there is nothing to restore: \"{0}\" was neither deleted in Google, nor its label taken off, nor left out"
    )]
    NothingToRestore(String),
    #[error("\"{0}\" is no id of a dead letter; `carnet dead list` shows them")]
    NoLetterId(String),
    #[error("there is no dead letter {0}; its contact may have been done with, or the letter discarded")]
    NoLetter(String),
    #[error("dead letter {0} is of an undo; `carnet sync undo` of the same run tries again what it had to give up")]
    LetterOfAnUndo(String),
    #[error("the sync of dead letter {0} is gone; `carnet dead discard {0} --because …` takes it away")]
    OrphanedLetter(String),
    #[error("\"{0}\" is no time; write 2026-11-28T09:00:00Z, 2026-11-28 or an age such as 36h or 7d")]
    NoTime(String),
    #[error("there is no sync named \"{name}\"; {}", there_are(syncs))]
    NoSync { name: String, syncs: Vec<String> },
    #[error("the sync \"{sync}\" has no run \"{run}\"; `carnet sync runs {sync}` lists those of the last 90 days")]
    NoRun { sync: String, run: String },
    #[error("the sync \"{0}\" has not run yet; `carnet sync run {0}` does it now")]
    NeverRun(String),
    #[error("the sync \"{0}\" is paused; `carnet sync resume {0}` first")]
    Paused(String),
    #[error("an undo of \"{0}\" is going on; wait for its end, or it would be written again at once")]
    Undoing(String),
    #[error("the sync \"{sync}\" cannot run: {why}")]
    CannotRun { sync: String, why: &'static str },
    #[error("nothing is running for the sync \"{0}\", so there is nothing to cancel")]
    NothingRuns(String),
    #[error("nothing is held of such a person; name the CRM contact's id, an e-mail address or a phone number")]
    NobodyMeant,
    #[error("several contacts are meant: {}; name one by its id (and --crm), or all of them with --all", .0.join(", "))]
    SeveralMeant(Vec<String>),
    #[error(
        "the CRM account {0} is still declared; take it out of the declared state first, and its syncs (`carnet apply`)"
    )]
    StillDeclared(String),
    #[error("nothing was erased yet: {0} running processes do not know of it; run it again")]
    ProcessesBehind(usize),
    #[error("nothing was erased yet: a worker holds the Google account for long; run it again")]
    AccountBusy,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Declined {
    /// Several contacts, where one was asked for.
    fn several(meant: &[forget::Meant]) -> Self {
        Self::SeveralMeant(meant.iter().map(|one| format!("{} in {}", one.contact, one.account.name)).collect())
    }

    /// A short stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoQuestion(_) => "no_question",
            Self::SeveralAsk { .. } => "several_syncs_ask",
            Self::NotBraked(_) => "not_braked",
            Self::SeveralBrakes { .. } => "several_brakes",
            Self::NoResource => "no_resource",
            Self::NoAccount(_) => "no_account",
            Self::NoContact(_) => "no_contact",
            Self::SeveralAccounts { .. } => "several_accounts",
            Self::NothingToRestore(_) => "nothing_to_restore",
            Self::NoLetterId(_) | Self::NoLetter(_) => "no_letter",
            Self::LetterOfAnUndo(_) => "of_an_undo",
            Self::OrphanedLetter(_) => "sync_is_gone",
            Self::NoTime(_) => "no_time",
            Self::NoSync { .. } => "no_sync",
            Self::NoRun { .. } | Self::NeverRun(_) => "no_run",
            Self::Paused(_) => "paused",
            Self::Undoing(_) => "undo_is_running",
            Self::CannotRun { .. } => "cannot_run",
            Self::NothingRuns(_) => "nothing_runs",
            Self::NobodyMeant => "no_person",
            Self::SeveralMeant(_) => "several_persons",
            Self::StillDeclared(_) => "still_declared",
            Self::ProcessesBehind(_) | Self::AccountBusy => "busy",
            Self::Store(_) | Self::Registry(_) => "unavailable",
        }
    }
}

fn there_are(syncs: &[String]) -> String {
    match syncs {
        [] => "there is none at all yet, see `carnet apply`".to_owned(),
        syncs => format!("there are: {}", syncs.join(", ")),
    }
}

impl From<redis::RedisError> for Declined {
    fn from(error: redis::RedisError) -> Self {
        StoreError::from(error).into()
    }
}

/// A CRM account and a Google account between which there are syncs; they share links, questions and refusals.
#[derive(Clone)]
struct Pair<'a> {
    account: &'a Arc<CrmAccount>,
    subject: &'a str,
    /// The syncs, as declared; at least one.
    syncs: Vec<&'a Arc<SyncSpec>>,
}

impl Desk {
    /// Over this configuration, which should be fresh.
    pub fn new(pool: Pool, registry: RegistryStore, current: Arc<Current>) -> Self {
        Self { pool, registry, current }
    }

    fn pairs(&self) -> Vec<Pair<'_>> {
        let mut seen: BTreeSet<(&AccountKey, &str)> = BTreeSet::new();
        let mut pairs = Vec::new();
        for sync in &self.current.syncs {
            let Some(google) = &sync.google else { continue };
            if seen.insert((&sync.account.key, &google.subject)) {
                let its = self.current.syncs_of(&google.subject).filter(|s| s.account.key == sync.account.key);
                pairs.push(Pair { account: &sync.account, subject: &google.subject, syncs: its.collect() });
            }
        }
        pairs
    }

    fn view(&self, pair: &Pair<'_>) -> LedgerView {
        LedgerView::new(self.pool.clone(), &pair.account.key, pair.subject)
    }

    /// Remembers a decision; the worker that looks at the contact next acts on it.
    async fn remember(&self, pair: &Pair<'_>, contact: &str, decision: &Decision) -> Result<(), StoreError> {
        let text = crate::store::encode("a decision", decision)?;
        let key = CrmKeys::new(&pair.account.key).decisions(pair.subject);
        let _: () = self.pool.get().await?.hset(key, contact, text).await?;
        Ok(())
    }

    /// Marks the contact for a sync: it is looked at now.
    async fn mark(&self, sync: &SyncSpec, contact: &str) -> Result<(), StoreError> {
        self.mark_all(sync, &[contact.to_owned()]).await
    }

    async fn mark_all(&self, sync: &SyncSpec, contacts: &[String]) -> Result<(), StoreError> {
        let contacts: Vec<(String, Option<String>)> = contacts.iter().map(|contact| (contact.clone(), None)).collect();
        let marking = Marking { sync: &sync.id, run: None, contacts: &contacts, run_body: None };
        mark(&self.pool, &CrmKeys::new(&sync.account.key), marking).await
    }
}

/// `centiva/7m9Drw…`: a CRM account as people write it.
fn name_of(account: &CrmAccount) -> String {
    format!("{}/{}", account.crm.name, account.key.id)
}
