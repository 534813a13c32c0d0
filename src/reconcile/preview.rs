//! A plan not applied: what a run would do now, in numbers.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    claim::{Account, CrmAccessFailure, Halt, Tools, refresh},
    contact::Contact,
    crm::highlevel::{Access, CrmFailure},
    plan::{filter::Outside, identity::Verdict, link::Link},
    store::{
        StoreError,
        census::Census,
        current::{GoogleAccount, SyncSpec},
        keys::CrmKeys,
        ledger::LedgerView,
    },
    work::{Found, identifiers, look_up},
};

use super::walk::{Differs, differs};

/// What a run would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// CRM contacts read.
    pub seen: u64,
    /// Made anew in Google.
    pub create: u64,
    /// Recognised among what is in Google, and linked.
    pub adopt: u64,
    /// Linked and different.
    pub update: u64,
    /// Taken out of the sync.
    pub remove: u64,
    /// For a person to decide.
    pub needs_you: u64,
    /// As they should be.
    pub unchanged: u64,
    /// Left alone: the owner deleted it in Google or took its label off, or somebody decided to leave it out.
    pub refused: u64,
    /// Outside the filter, or without a name, company, e-mail and phone.
    pub outside: u64,
    /// Those by reason.
    pub outside_because: BTreeMap<Outside, u64>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No Google account yet.
    #[error("the Google account \"{0}\" is not connected yet; `carnet apply` prints the link to connect it")]
    NotConnected(String),
    /// Limited mode.
    #[error("the CRM account has no token: in limited mode there is nothing to read, so nothing to preview")]
    Limited,
    /// Another worker has the account for long, or it is paused.
    #[error("the Google account is busy or paused; try again in a minute, or look at `carnet doctor`")]
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

/// Reads the whole CRM account and the Google listing, writes nothing to Google, and counts what a run would do.
pub async fn preview(tools: &Arc<Tools>, sync: &Arc<SyncSpec>) -> Result<Plan, PreviewError> {
    let google = sync.google.as_ref().ok_or_else(|| PreviewError::NotConnected(sync.spec.google.clone()))?;
    if sync.account.is_limited() {
        return Err(PreviewError::Limited);
    }
    let mut account = claim(tools, google).await?;
    let listed = refresh(&mut account).await;
    account.release().await?;
    listed?;
    let mut plan = Plan::default();
    let unlinked = read(tools, sync, &mut plan).await?;
    let mut adopted = HashSet::new();
    for chunk in unlinked.chunks(200) {
        let mut account = claim(tools, google).await?;
        let found = look_up(&mut account, sync, &chunk.iter().collect::<Vec<_>>()).await;
        account.release().await?;
        for found in found? {
            match found {
                Found::Stamped(_) | Found::Twins(_) => plan.update += 1,
                Found::Ladder(Verdict::Create, _) => plan.create += 1,
                Found::Ladder(Verdict::Adopt { resource, .. }, _) if adopted.insert(resource.clone()) => {
                    plan.adopt += 1
                }
                Found::Ladder(..) | Found::CountFirst | Found::Heir(_) | Found::Nobody => plan.needs_you += 1,
                // Read again when its turn comes; most likely one that is there.
                Found::Unknown => plan.adopt += 1,
            }
        }
    }
    Ok(plan)
}

/// Waits a while for the account: a worker lets go after each slice.
async fn claim(tools: &Arc<Tools>, google: &Arc<GoogleAccount>) -> Result<Account, PreviewError> {
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(60) {
        if let Some(account) = Account::claim(tools, google).await? {
            return Ok(account);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(PreviewError::Busy)
}

/// Walks the CRM: counts what is linked, answers what is not.
async fn read(tools: &Tools, sync: &SyncSpec, plan: &mut Plan) -> Result<Vec<Contact>, PreviewError> {
    let keys = CrmKeys::new(&sync.account.key);
    let census = Census::new(tools.pool.clone(), keys);
    let subject = sync.google.as_ref().map(|g| g.subject.clone()).unwrap_or_default();
    let view = LedgerView::new(tools.pool.clone(), &sync.account.key, &subject);
    let current = tools.now();
    let mut unlinked = Vec::new();
    let mut cursor = None;
    loop {
        let token = tools.crm_token(&sync.account).await?;
        let access =
            Access { account: &sync.account.key, token: &token, region: &sync.account.region, wants: &sync.wants };
        let page = match tools.highlevel.page(access, cursor.as_ref(), tools.settings.tune.crm_page).await {
            Err(CrmFailure::RateLimited { retry_after }) => {
                tokio::time::sleep(retry_after).await;
                continue;
            }
            page => page?,
        };
        let ids: Vec<String> = page.contacts.iter().map(|c| c.id.clone()).collect();
        let links = view.links::<Link>(&ids).await?;
        let noted: Vec<_> = page.contacts.iter().map(|c| (c.id.clone(), Some(identifiers(c, sync)))).collect();
        census.note(&noted).await?;
        for (contact, link) in page.contacts.into_iter().zip(links) {
            plan.seen += 1;
            let followed = link.as_ref().is_some_and(Link::is_followed);
            match differs(sync, &contact, link.as_ref()) {
                _ if current.refuses(sync, &contact.id) => plan.refused += 1,
                Differs::No => plan.unchanged += 1,
                Differs::Outside(why) => plan.leave_out(why),
                Differs::ReadFirst if followed => plan.remove += 1,
                Differs::Yes if followed => plan.update += 1,
                Differs::Yes | Differs::ReadFirst => unlinked.push(contact),
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    census.set_complete().await?;
    Ok(unlinked)
}

impl Plan {
    fn leave_out(&mut self, why: Outside) {
        self.outside += 1;
        *self.outside_because.entry(why).or_default() += 1;
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seen, create, adopt, update, remove, needs_you, unchanged, refused, outside, outside_because } =
            self;
        let because: Vec<String> = outside_because.iter().map(|(why, count)| format!("{count}: {why}")).collect();
        let because = if because.is_empty() { String::new() } else { format!(" ({})", because.join("; ")) };
        write!(
            f,
            "Of {seen} contacts in the CRM, {create} would be created in Google, {adopt} were recognised there and would be linked, \
             {update} would be updated, {remove} would be taken out, and {unchanged} are as they should be. \
             {needs_you} need you to decide, {refused} stay as their owner left them, and {outside} are left out{because}."
        )
    }
}
