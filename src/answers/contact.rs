//! Where a contact is: how it stands with each sync, what waits, and what was done with it lately. No value of the contact's.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Declined, Desk, Pair, Question, name_of,
    words::{link_code, sentence, state, waits},
};
use crate::{
    plan::{
        link::{Link, LinkState},
        stamp::Origin,
    },
    queue::dead,
    store::{
        StoreError,
        brake::{self, Brake},
        census::Census,
        current::{CrmAccount, SyncSpec},
        journal,
        keys::CrmKeys,
        runs::Runs,
    },
};

/// One CRM contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactView {
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact.
    pub contact: String,
    /// How it stands with each sync of the account, in the order they are declared in.
    pub syncs: Vec<Standing>,
    /// What was done with it lately, newest first; syncs are named here.
    pub journal: Vec<journal::Entry>,
}

/// How a contact stands with one sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The sync.
    pub sync: String,
    /// The Google account's configured name.
    pub google: String,
    /// `up to date`, `waiting`, `paused`, `needs you` or `failed`.
    pub state: &'static str,
    /// The same in words, with what can be done.
    pub sentence: String,
    /// `managed`, `managed-by-another-sync`, `let-go`, `trashing`, `deleted-in-google`, `deleted-in-crm` or `none`.
    pub link: &'static str,
    /// The Google contact, `people/c…`, where there is one.
    pub resource: Option<String>,
    /// `created` or `adopted`.
    pub origin: Option<Origin>,
    /// The CRM's version of the contact that was last written.
    pub version: Option<Timestamp>,
    /// Why its owner does not want it: `deleted`, `opted-out` or `skipped`.
    pub refusal: Option<&'static str>,
    /// What waits to be done.
    pub waiting: Option<Waiting>,
    /// What the brake has stopped.
    pub braked: Option<BrakedView>,
    /// Whether a person decided that it stays as it is, when the brake had stopped it. Said in the sentence.
    #[serde(skip)]
    pub discarded: bool,
    /// What a person is asked.
    pub question: Option<Question>,
    /// What could not be done, oldest first.
    pub dead_letters: Vec<DeadLetterView>,
}

/// What a sync was stopped from doing to a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrakedView {
    /// `removal` or `overwrite`.
    pub what: brake::Kind,
    /// Why, in words.
    pub why: String,
}

/// A contact that waits to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Since when.
    pub since: Option<Timestamp>,
    /// Looked at then.
    pub due: Option<Timestamp>,
    /// Tries so far.
    pub tries: u64,
    /// Why as a code, if it is not just its turn that has to come.
    pub code: Option<String>,
    /// Why in words.
    pub why: &'static str,
}

/// A dead letter without what the contact holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeadLetterView {
    /// For `carnet dead`.
    pub id: String,
    /// Reason as a code.
    pub reason: String,
    /// Reason in words.
    pub sentence: String,
    /// When it was given up (RFC 3339).
    pub last: String,
}

/// Journal entries that are shown.
const SHOWN: usize = 10;

impl Desk {
    /// Where a contact is. `crm` is `{crm name}/{account id}`, needed only when several CRM accounts have one of this id.
    pub async fn contact(&self, contact: &str, crm: Option<&str>) -> Result<ContactView, Declined> {
        let account = self.account_with(contact, crm).await?;
        self.contact_in(contact, &account).await
    }

    async fn contact_in(&self, contact: &str, account: &CrmAccount) -> Result<ContactView, Declined> {
        let mut view =
            ContactView { crm: name_of(account), contact: contact.to_owned(), syncs: vec![], journal: vec![] };
        let keys = CrmKeys::new(&account.key);
        let in_crm = Census::new(self.pool.clone(), keys.clone()).knows(contact).await?;
        let questions = self.questions().await?;
        for pair in self.pairs().into_iter().filter(|pair| pair.account.key == account.key) {
            for sync in &pair.syncs {
                let question = questions.iter().find(|q| q.contact == contact && q.sync == sync.spec.name);
                view.syncs.push(self.standing(&pair, sync, contact, question, in_crm).await?);
            }
            let entries = journal::of_contact(&self.pool, &keys, pair.subject, contact, SHOWN).await?;
            view.journal.extend(entries.into_iter().map(|entry| self.named(entry)));
        }
        view.journal.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        view.journal.truncate(SHOWN);
        let nothing = |s: &Standing| s.link == "none" && s.state == "up to date" && s.refusal.is_none();
        if !in_crm && view.journal.is_empty() && view.syncs.iter().all(nothing) {
            return Err(Declined::NoContact(contact.to_owned()));
        }
        Ok(view)
    }

    async fn standing(
        &self,
        pair: &Pair<'_>,
        sync: &SyncSpec,
        contact: &str,
        question: Option<&Question>,
        in_crm: bool,
    ) -> Result<Standing, StoreError> {
        let keys = CrmKeys::new(&pair.account.key);
        let link = self.view(pair).links::<Link>(&[contact.to_owned()]).await?.into_iter().flatten().next();
        let mut refusals = self.current.refusals_between(pair.subject, &pair.account.key);
        let refusal = refusals.find(|(its, refusal)| *its == contact && refusal.concerns(&sync.id));
        let runs = Runs::new(self.pool.clone(), keys.clone(), &sync.id);
        let letter = dead::of_contact(&self.pool, &keys, &sync.id, contact).await?;
        let brake = Brake::new(self.pool.clone(), keys.clone(), &sync.id);
        let stopped = brake.standings(&[contact.to_owned()]).await?.into_iter().next().unwrap_or_default();
        let known = link.as_ref().filter(|l| l.state != LinkState::DeletedInCrm);
        let mut standing = Standing {
            sync: sync.spec.name.clone(),
            google: sync.spec.google.clone(),
            link: link_code(link.as_ref(), &sync.id),
            resource: known.map(|l| l.resource.clone()),
            origin: known.map(|l| l.origin),
            version: link.as_ref().and_then(|l| l.version),
            refusal: refusal.map(|(_, refusal)| refusal.code()),
            waiting: waiting(&runs, contact).await?,
            discarded: stopped.word.is_some_and(|word| word.answer == brake::Answer::Discard),
            braked: stopped.held.map(|held| BrakedView { what: held.kind, why: held.why }),
            question: question.cloned(),
            dead_letters: letter.into_iter().map(DeadLetterView::of).collect(),
            ..Standing::default()
        };
        standing.state = state(&standing, runs.paused().await?.is_some());
        standing.sentence = sentence(&standing, contact, in_crm);
        Ok(standing)
    }

    fn named(&self, entry: journal::Entry) -> journal::Entry {
        let sync = self.current.sync_with_id(&entry.sync).map_or_else(String::new, |s| s.spec.name.clone());
        journal::Entry { sync, ..entry }
    }

    /// The CRM account that is meant: the named one, the only one, or the only one that knows the contact.
    pub(super) async fn account_with(&self, contact: &str, crm: Option<&str>) -> Result<Arc<CrmAccount>, Declined> {
        let accounts: Vec<&Arc<CrmAccount>> = self.current.accounts.values().collect();
        if let Some(crm) = crm {
            let named = accounts.into_iter().find(|account| name_of(account) == crm);
            return named.cloned().ok_or_else(|| Declined::NoAccount(crm.to_owned()));
        }
        if let [only] = accounts.as_slice() {
            return Ok((*only).clone());
        }
        let mut knowing = Vec::new();
        for account in accounts {
            match self.contact_in(contact, account).await {
                Ok(_) => knowing.push(account.clone()),
                Err(Declined::NoContact(_)) => {}
                Err(other) => return Err(other),
            }
        }
        if knowing.len() > 1 {
            let accounts = knowing.iter().map(|account| name_of(account)).collect();
            return Err(Declined::SeveralAccounts { contact: contact.to_owned(), accounts });
        }
        knowing.pop().ok_or_else(|| Declined::NoContact(contact.to_owned()))
    }
}

impl DeadLetterView {
    fn of(letter: dead::DeadLetter) -> Self {
        let dead::DeadLetter { id, reason, sentence, last, .. } = letter;
        Self { id, reason, sentence, last }
    }
}

async fn waiting(runs: &Runs, contact: &str) -> Result<Option<Waiting>, StoreError> {
    let Some((mark, due)) = runs.mark_of(contact).await? else { return Ok(None) };
    let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
    let why = waits(mark.why.as_deref());
    Ok(Some(Waiting { since: time(mark.first), due: due.and_then(time), tries: mark.tries, code: mark.why, why }))
}
