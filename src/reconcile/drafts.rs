//! Decisions in pencil, some contacts at a time: the Google account is claimed for each handful only, so that live changes go on
//! while somebody looks at a long plan.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    claim::{Account, CrmAccessFailure, Halt, Pause, Tools, passes, pause_of, refresh, rest},
    contact::Contact,
    crm::highlevel::{Access, CrmFailure, Cursor, Page},
    plan::link::Link,
    store::{
        StoreError, begun,
        current::{Current, GoogleAccount, SyncSpec},
        ledger::LedgerView,
    },
    work::{Decided, Pencil, draft},
};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No Google account yet.
    #[error("the Google account \"{0}\" is not connected yet; `carnet apply` prints the link to connect it")]
    NotConnected(String),
    /// Limited mode.
    #[error("the CRM account has no token: in limited mode there is nothing to read, so nothing to preview")]
    Limited,
    /// Nothing is asked of it for now.
    #[error("the Google account \"{google}\" is paused: {}", sentence.trim_end_matches('.'))]
    #[expect(missing_docs, reason = "its name, and why in words")]
    Paused { google: String, sentence: String },
    /// Another worker has the account for long.
    #[error("the Google account is busy; try again in a minute")]
    Busy,
    /// The CRM.
    #[error(transparent)]
    Crm(#[from] CrmFailure),
    /// No CRM token.
    #[error(transparent)]
    Access(#[from] CrmAccessFailure),
    /// Google.
    #[error(transparent)]
    Halt(#[from] Halt),
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a handful is tried again when Google does not answer.
const TRIES: u64 = 5;
/// The longest wait for Google that somebody who looks at a plan sits out.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long another worker may have the account.
const CLAIMED_WITHIN: Duration = Duration::from_secs(60);

/// Who drafts for one sync.
pub(super) struct Drafts<'a> {
    pub tools: &'a Arc<Tools>,
    pub sync: &'a Arc<SyncSpec>,
    pub current: Arc<Current>,
    google: &'a Arc<GoogleAccount>,
    view: LedgerView,
    pencil: Pencil,
}

impl<'a> Drafts<'a> {
    /// Brings the listing up to date; what it says then holds for the whole plan.
    pub async fn open(tools: &'a Arc<Tools>, sync: &'a Arc<SyncSpec>) -> Result<Self, PreviewError> {
        let google = sync.google.as_ref().ok_or_else(|| PreviewError::NotConnected(sync.spec.google.clone()))?;
        if sync.account.is_limited() {
            return Err(PreviewError::Limited);
        }
        let current = tools.fresh().await?;
        let view = LedgerView::new(tools.pool.clone(), &sync.account.key, &google.subject);
        let mut drafts = Self { tools, sync, current, google, view, pencil: Pencil::default() };
        let mut failures = 0;
        loop {
            let mut account = drafts.claim().await?;
            let looked = async {
                refresh(&mut account).await?;
                Pencil::sharpen(&mut account, &sync.id).await
            };
            let looked = Box::pin(looked).await;
            account.release().await?;
            match looked {
                Ok(pencil) => {
                    drafts.pencil = pencil;
                    return Ok(drafts);
                }
                Err(halt) => drafts.wait(halt, &mut failures).await?,
            }
        }
    }

    /// What would become of these contacts; those that come without a reading are read.
    pub async fn of(&mut self, mut left: Vec<(String, Option<Contact>)>) -> Result<Vec<Decided>, PreviewError> {
        let (mut decided, mut failures) = (Vec::with_capacity(left.len()), 0);
        while !left.is_empty() {
            let mut account = self.claim().await?;
            account.listed = Some(Instant::now());
            let drafted = Box::pin(draft(&mut account, self.sync, &self.current, &mut self.pencil, left.clone())).await;
            account.release().await?;
            match drafted {
                Ok(some) => {
                    let done: BTreeSet<&str> = some.iter().map(|one| one.contact.as_str()).collect();
                    left.retain(|(contact, _)| !done.contains(contact.as_str()));
                    decided.extend(some);
                }
                Err(halt) => self.wait(halt, &mut failures).await?,
            }
        }
        Ok(decided)
    }

    /// The links of these contacts.
    pub async fn links(&self, contacts: &[String]) -> Result<Vec<Option<Link>>, StoreError> {
        self.view.links(contacts).await
    }

    /// Whether an update of each of these contacts was begun of which nobody knows whether it was done.
    pub async fn are_open(&self, contacts: &[String]) -> Result<Vec<bool>, StoreError> {
        let Some(google) = &self.sync.google else { return Ok(vec![false; contacts.len()]) };
        begun::are_open(&self.tools.pool, &self.view.keys, &google.subject, contacts).await
    }

    /// One page of the CRM's list, when its turn has come.
    pub async fn page(&self, cursor: Option<&Cursor>) -> Result<Page, PreviewError> {
        let (tools, account) = (self.tools, &self.sync.account);
        loop {
            let token = tools.crm_token(account).await?;
            let access =
                Access { account: &account.key, token: &token, region: &account.region, wants: &self.sync.wants };
            match tools.highlevel.page(access, cursor, tools.settings.tune.crm_page).await {
                Err(CrmFailure::RateLimited { retry_after }) => tokio::time::sleep(retry_after).await,
                page => return Ok(page?),
            }
        }
    }

    async fn claim(&self) -> Result<Account, PreviewError> {
        // Whoever looks on does not wait for the end of a pause.
        if let Some(Pause { sentence, .. }) = pause_of(&self.tools.pool, self.google).await? {
            return Err(PreviewError::Paused { google: self.google.name.clone(), sentence });
        }
        Account::claim_within(self.tools, self.google, CLAIMED_WITHIN).await?.ok_or(PreviewError::Busy)
    }

    async fn wait(&self, halt: Halt, failures: &mut u64) -> Result<(), PreviewError> {
        Ok(sit_out(self.tools, halt, failures).await?)
    }
}

/// Waits as a worker would, unless that is too long for somebody who looks on.
pub(super) async fn sit_out(tools: &Tools, halt: Halt, failures: &mut u64) -> Result<(), Halt> {
    let passes = passes(&halt, *failures);
    let wait = rest(&tools.settings.tune, &halt, *failures);
    *failures += u64::from(!matches!(halt, Halt::NotNow(_)));
    if !passes || *failures > TRIES || wait > PATIENCE || tools.stop.is_cancelled() {
        return Err(halt);
    }
    tokio::time::sleep(wait).await;
    Ok(())
}
