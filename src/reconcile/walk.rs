//! One run, from its cursor on: count the CRM's contacts if that was never done, read them against the links, wait until
//! everything marked is worked off. The cursor and what a page marked are one write, so it resumes at the page.

mod entries;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    claim::{CrmAccessFailure, Tools, other_writer},
    contact::Contact,
    crm::highlevel::{Access, CrmFailure, Cursor, Page},
    plan::{
        filter::{Outside, Place, place},
        link::{Link, LinkState},
        triage::{Triage, triage},
    },
    queue::{
        dead,
        dispatch::{Marking, mark_page},
    },
    store::{
        StoreError, begun,
        brake::{Brake, Standing},
        census::Census,
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        lease::Lease,
        ledger::LedgerView,
        runs::{Listed, Run, RunKind, RunState, Runs},
    },
    work::{identifiers, wanted},
};

use super::{
    absence::note,
    missed::missed,
    proof::{Prover, ask_for_listing},
    written::written,
};

/// Why a run stands still for now; it is taken up later.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// Redis, or another process has the run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The CRM.
    #[error(transparent)]
    Crm(#[from] CrmFailure),
    /// No token for the CRM.
    #[error(transparent)]
    Access(#[from] CrmAccessFailure),
}

pub(super) struct Walk<'a> {
    pub(super) tools: &'a Tools,
    pub(super) sync: &'a Arc<SyncSpec>,
    pub(super) runs: Runs,
    pub(super) keys: CrmKeys,
    pub(super) stop: &'a CancellationToken,
}

impl<'a> Walk<'a> {
    pub fn new(tools: &'a Tools, sync: &'a Arc<SyncSpec>, runs: Runs, stop: &'a CancellationToken) -> Self {
        Self { tools, sync, runs, keys: CrmKeys::new(&sync.account.key), stop }
    }

    /// Goes on until the run is over, interrupted, or told to stop.
    pub async fn go(&self, mut run: Run, ring: &(dyn Fn() + Send + Sync)) -> Result<(), Interrupted> {
        let (key, fence) = (self.keys.run_lease(&self.sync.id), self.keys.run_fence(&self.sync.id));
        let (pool, length) = (&self.tools.pool, self.tools.settings.tune.lease);
        let Some(mut lease) = Lease::claim(pool, key, fence, &self.tools.holder, length).await? else { return Ok(()) };
        // As it is now that nobody else writes it: another process may have ended it.
        match self.runs.current().await?.filter(|now| now.id == run.id && !now.is_over()) {
            Some(now) => run = now,
            None => return Ok(lease.release().await?),
        }
        let mut ended = Ok(());
        if !self.is_cancelled().await? {
            ended = self.steps(&mut run, &mut lease, ring).await;
        }
        if self.is_cancelled().await? {
            ended = self.call_off(&mut lease).await;
        }
        let ended = self.told(run, ended).await;
        lease.release().await?;
        ended
    }

    /// What stands in the way is written down, while the run is still ours.
    async fn told(&self, mut run: Run, ended: Result<(), Interrupted>) -> Result<(), Interrupted> {
        match ended {
            // The list goes in circles: reading on would never end.
            Err(Interrupted::Crm(failure @ CrmFailure::Stuck)) => {
                self.prover().finish(&self.runs, run, RunState::Failed, Some(failure.to_string())).await?;
                Ok(())
            }
            Err(interrupted) if !matches!(interrupted, Interrupted::Store(_)) => {
                run.error = Some(interrupted.to_string());
                self.runs.save(&run).await?;
                Err(interrupted)
            }
            ended => ended,
        }
    }

    async fn steps(
        &self,
        run: &mut Run,
        lease: &mut Lease,
        ring: &(dyn Fn() + Send + Sync),
    ) -> Result<(), Interrupted> {
        if run.state == RunState::Counting {
            self.prover().look_before(run).await?;
            ask_for_listing(self.tools, self.sync).await?;
            ring();
            if !Census::new(self.tools.pool.clone(), self.keys.clone()).is_complete().await? {
                self.count(run, lease).await?;
            }
            if !self.may_go_on(run, lease).await? {
                return Ok(());
            }
            run.enter(RunState::Reading, 0, self.tools.pool.clock.now());
            (run.cursor, run.seen, run.listed) = (None, 0, Listed::default());
            self.runs.save(run).await?;
        }
        if run.state == RunState::Reading {
            if run.kind == RunKind::Preview && run.cursor.is_none() {
                self.prover().look_before(run).await?;
                ring();
            }
            match run.kind {
                RunKind::Replay => self.take_chosen(run, lease, ring).await?,
                RunKind::Preview if run.total.is_some_and(|total| total <= ONE_BY_ONE) => {
                    self.take_chosen(run, lease, ring).await?;
                }
                _ => self.read(run, lease, ring).await?,
            }
        }
        if run.state == RunState::Writing {
            if !run.listed.concluded && run.kind == RunKind::Reconcile {
                self.conclude(run).await?;
                ring();
            }
            self.wait(run, lease, ring).await?;
        }
        Ok(())
    }

    pub(super) fn prover(&self) -> Prover<'_> {
        Prover { tools: self.tools, sync: self.sync }
    }

    async fn count(&self, run: &mut Run, lease: &mut Lease) -> Result<(), Interrupted> {
        let census = Census::new(self.tools.pool.clone(), self.keys.clone());
        while self.may_go_on(run, lease).await? {
            let page = self.page(run, lease).await?;
            count_in(&census, self.sync, &page.contacts).await?;
            run.seen += page.contacts.len() as u64;
            if !advance(run, &page) {
                return Ok(census.set_complete().await?);
            }
            self.runs.save(run).await?;
        }
        Ok(())
    }

    async fn read(&self, run: &mut Run, lease: &mut Lease, ring: &(dyn Fn() + Send + Sync)) -> Result<(), Interrupted> {
        let census = Census::new(self.tools.pool.clone(), self.keys.clone());
        while self.hold_back(run, lease).await? {
            let mut page = self.page(run, lease).await?;
            count_in(&census, self.sync, &page.contacts).await?;
            if run.kind == RunKind::Preview {
                self.keep_entries(run, &mut page).await?;
            }
            let marked = self.differing(run, &page).await?;
            run.unreadable += page.skipped.len() as u64;
            let seen = note(&mut run.listed, &page);
            let more = advance(run, &page);
            if !more && run.kind == RunKind::Preview {
                run.marked += self.mark_unlisted(run, &seen).await?;
            }
            if !more {
                let done = run.marked.saturating_sub(u64::try_from(self.left(run).await?).unwrap_or(0));
                run.enter(RunState::Writing, done, self.tools.pool.clock.now());
            }
            run.marked += marked.len() as u64;
            let body = encode("a run", run)?;
            let marking = Marking { sync: &self.sync.id, run: Some(&run.id), contacts: &marked, run_body: Some(&body) };
            mark_page(&self.tools.pool, &self.keys, marking, &seen).await?;
            ring();
            if !more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The contacts of a page that a worker must look at, with what the page says of them.
    async fn differing(&self, run: &mut Run, page: &Page) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let Some(google) = &self.sync.google else { return Ok(Vec::new()) };
        let view = LedgerView::new(self.tools.pool.clone(), &self.sync.account.key, &google.subject);
        let ids: Vec<String> = page.contacts.iter().map(|c| c.id.clone()).collect();
        let links = view.links::<Link>(&ids).await?;
        let brake = Brake::new(self.tools.pool.clone(), self.keys.clone(), &self.sync.id);
        let standings = brake.standings(&ids).await?;
        let has_letter = dead::has(&self.tools.pool, &self.keys, &self.sync.id, &ids).await?;
        let are_open = begun::are_open(&self.tools.pool, &self.keys, &google.subject, &ids).await?;
        let mut marked = Vec::new();
        let mut differ = Vec::new();
        let all = page.contacts.iter().zip(&links).zip(standings).zip(has_letter).zip(are_open);
        for ((((contact, link), standing), has_letter), is_open) in all {
            run.seen += 1;
            let differs = differs(self.sync, contact, link.as_ref());
            // What the brake has stopped was told of, and waits for its answer.
            if matches!(differs, Differs::Yes | Differs::ReadFirst) && standing == Standing::default() {
                differ.push((contact, link.as_ref()));
            }
            match differs {
                // The brake has stopped it, or it had been given up, and by now it may be as it should be; or nobody knows what
                // became of an update.
                Differs::No | Differs::Outside(_) if has_letter || is_open || standing != Standing::default() => {
                    marked.push((contact.id.clone(), Some(encode("a reading", contact)?)));
                }
                Differs::No => run.unchanged += 1,
                Differs::Outside(why) => {
                    run.outside += 1;
                    *run.outside_because.entry(why.code().to_owned()).or_default() += 1;
                }
                Differs::Yes => marked.push((contact.id.clone(), Some(encode("a reading", contact)?))),
                // A page alone, whose index lags, neither takes a contact out nor brings one back: it is read itself.
                Differs::ReadFirst => marked.push((contact.id.clone(), None)),
            }
        }
        run.repaired += missed(self.tools, self.sync, run, &differ).await?;
        Ok(marked)
    }

    async fn page(&self, run: &mut Run, lease: &mut Lease) -> Result<Page, Interrupted> {
        let cursor: Option<Cursor> = run.cursor.clone().and_then(|c| serde_json::from_value(c).ok());
        loop {
            lease.ensure(self.tools.settings.tune.crm_timeout).await?;
            let account = &self.sync.account;
            let token = match self.tools.crm_token(account).await {
                Err(failure) if failure.is_refusal() => {
                    self.tools.crm_refuses(account, failure.to_string()).await?;
                    return Err(failure.into());
                }
                token => token?,
            };
            let access =
                Access { account: &account.key, token: &token, region: &account.region, wants: &self.sync.wants };
            match self.tools.highlevel.page(access, cursor.as_ref(), self.tools.settings.tune.crm_page).await {
                // Asked to slow down: the page is read a little later.
                Err(CrmFailure::RateLimited { retry_after }) if retry_after < lease.remaining() => {
                    if !self.rests(retry_after).await? {
                        return Err(CrmFailure::RateLimited { retry_after }.into());
                    }
                }
                Err(failure @ (CrmFailure::Unauthorised | CrmFailure::Forbidden { .. })) => {
                    self.tools.crm_refuses(account, failure.to_string()).await?;
                    return Err(failure.into());
                }
                Err(failure) => return Err(failure.into()),
                Ok(page) => {
                    self.tools.crm_lets_in(account).await?;
                    return Ok(self.without_forgotten(page).await?);
                }
            }
        }
    }

    /// Whoever was erased is still on the CRM's list, and only counted.
    async fn without_forgotten(&self, mut page: Page) -> Result<Page, StoreError> {
        let (current, account) = (self.tools.fresh().await?, &self.sync.account.key);
        let (gone, there) = page.contacts.into_iter().partition(|c| current.forgotten.holds(account, &c.id));
        page.contacts = there;
        let gone: Vec<Contact> = gone;
        page.forgotten = gone.iter().filter_map(|contact| current.forgotten.mark(account, &contact.id)).collect();
        Ok(page)
    }

    /// Does not read far ahead of what is written. Whether to read on.
    async fn hold_back(&self, run: &mut Run, lease: &mut Lease) -> Result<bool, StoreError> {
        let most = i64::try_from(self.tools.settings.tune.backlog_max).unwrap_or(i64::MAX);
        while self.may_go_on(run, lease).await? {
            if !self.is_declared() || self.left(run).await? <= most {
                return Ok(true);
            }
            self.pause(lease).await?;
        }
        Ok(false)
    }

    async fn wait(&self, run: &mut Run, lease: &mut Lease, ring: &(dyn Fn() + Send + Sync)) -> Result<(), Interrupted> {
        let proof = loop {
            if self.left(run).await? == 0
                && !self.is_being_listed().await?
                && let Some(proof) = self.prover().proof(run, ring).await?
            {
                break proof;
            }
            if !self.may_go_on(run, lease).await? {
                return Ok(());
            }
            if !self.is_declared() {
                let said = "the sync was removed while it ran".to_owned();
                self.prover().finish(&self.runs, run.clone(), RunState::Failed, Some(said)).await?;
                return Ok(());
            }
            self.pause(lease).await?;
        };
        ring();
        // What the last slice spent is taken down right after its last contact.
        self.pause(lease).await?;
        let mut run = run.clone();
        run.proof = proof;
        if run.proof.is_none() {
            run.written = written(self.tools, self.sync, &run).await?;
        }
        if let Some(google) = &self.sync.google {
            let noticed = other_writer(&self.tools.pool, &google.subject).await?;
            run.noticed = noticed.filter(|it| it.at >= run.started.as_millisecond()).map(|it| it.to_string());
        }
        let declared = self.tools.fresh().await?;
        // Pages that were read before the filter changed were looked at with the old one.
        if run.kind == RunKind::Reconcile
            && declared.sync_with_id(&self.sync.id).is_some_and(|now| !now.spec.has_filter_of(&self.sync.spec))
        {
            self.runs.want("filter").await?;
        }
        let done = self.prover().finish(&self.runs, run, RunState::Done, None).await?;
        tracing::info!(sync = %self.sync.spec.name, run = %done.id, seen = done.seen, marked = done.marked, counts = ?done.counts, "reconcile done");
        Ok(())
    }

    pub(super) async fn pause(&self, lease: &mut Lease) -> Result<(), StoreError> {
        pause(self.tools, lease).await
    }

    pub(super) async fn left(&self, run: &Run) -> Result<i64, StoreError> {
        self.runs.left(&run.id).await
    }
}

/// Waits a moment until the next look at what is left.
pub(super) async fn pause(tools: &Tools, lease: &mut Lease) -> Result<(), StoreError> {
    let look = tools.settings.tune.sweep / 4;
    lease.ensure(look * 4).await?;
    tokio::time::sleep(look).await;
    Ok(())
}

/// Counts contacts of the CRM in.
pub(super) async fn count_in(census: &Census, sync: &SyncSpec, contacts: &[Contact]) -> Result<(), StoreError> {
    let noted: Vec<_> = contacts.iter().map(|c| (c.id.clone(), Some(identifiers(c, sync)))).collect();
    census.note(&noted).await
}

/// Contacts of a preview that are read one by one. More are read as the CRM lists them.
pub(super) const ONE_BY_ONE: u64 = 500;

pub(super) enum Differs {
    No,
    /// Not wanted, and not there.
    Outside(Outside),
    Yes,
    ReadFirst,
}

/// Whether a worker must look at a contact.
pub(super) fn differs(sync: &SyncSpec, contact: &Contact, link: Option<&Link>) -> Differs {
    let held = link.is_some_and(|l| l.is_held_by(&sync.id));
    let digest = wanted(sync, contact).digest();
    let triage = triage(link, &digest, contact.version, &sync.id);
    match place(&sync.spec, contact) {
        _ if triage == Triage::Older => {}
        Place::Inside => {}
        Place::Outside(_) if held => return Differs::ReadFirst,
        Place::Untold(_) if held => {}
        Place::Outside(why) | Place::Untold(why) => return Differs::Outside(why),
    }
    match triage {
        Triage::Look if link.is_some_and(|l| l.state == LinkState::DeletedInCrm) => Differs::ReadFirst,
        Triage::Look => Differs::Yes,
        Triage::Unchanged if link.is_some_and(|l| !l.follows(&sync.id, &sync.rule)) => Differs::Yes,
        Triage::Unchanged | Triage::Older | Triage::Refused => Differs::No,
    }
}

/// Moves the run to the next page; whether there is one.
fn advance(run: &mut Run, page: &Page) -> bool {
    if run.kind != RunKind::Preview {
        run.total = page.total.or(run.total);
    }
    run.error = None;
    run.cursor = page.next.as_ref().and_then(|cursor| serde_json::to_value(cursor).ok());
    run.cursor.is_some()
}
