//! The end of a demonstration: quiet, one last reconcile, and both sides laid side by side.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    cli::{progress::follow, sync},
    queue::retention::backlog,
    simulate::truth::{Evidence, Verdict, judge},
    store::{
        current::SyncSpec,
        keys::CrmKeys,
        ledger::LedgerView,
        runs::{Run, RunState, Runs},
    },
    work::Need,
};

use super::{
    service::{LABEL, Service},
    world::World,
};

/// However much there is to do, it is done by then.
const QUIET_WITHIN: Duration = Duration::from_secs(60);

/// What was found.
pub struct Judged {
    /// The last reconcile.
    pub last_run: Run,
    /// CRM contacts that a person must decide on.
    pub waiting: BTreeSet<String>,
    /// The comparison.
    pub verdict: Verdict,
}

impl Judged {
    /// Waits until nothing is under way, reconciles once more, and compares. `before` is the last run so far.
    pub async fn after_quiet(
        service: &Service,
        world: &World,
        sync: &SyncSpec,
        before: Option<&str>,
        show: bool,
    ) -> anyhow::Result<Self> {
        let runs = sync::runs_of(&service.beside, sync);
        wait_for_quiet(service, world, sync, &runs).await?;
        runs.want("asked").await?;
        let last_run = follow(&runs, before, show).await?;
        anyhow::ensure!(last_run.state == RunState::Done, "the last reconcile failed");
        wait_for_quiet(service, world, sync, &runs).await?;
        let waiting = needing_you(service, world, sync).await?;
        let crm = world.crm_now().await?;
        let (google, groups) = world.google_now().await?;
        let verdict = judge(&Evidence {
            crm: &crm,
            google: &google,
            groups: &groups,
            label: LABEL,
            before: &world.before,
            waiting: &waiting,
            edited: &BTreeSet::new(),
        });
        Ok(Self { last_run, waiting, verdict })
    }

    /// The table, and what it means.
    pub fn describe(&self) -> String {
        let word = match self.verdict.is_clean() {
            true => {
                "Yes: every contact of the CRM is in Google once, as it should be, and nothing of the owner's was touched."
            }
            false => "No: this differs.",
        };
        let waiting = match self.waiting.len() {
            0 => String::new(),
            n => format!("\n{n} contacts are left for a person to decide, because two people may be meant."),
        };
        format!("{word}{waiting}\n\n{}", self.verdict)
    }
}

/// Every webhook delivered and dispatched, no contact dirty.
async fn wait_for_quiet(service: &Service, world: &World, sync: &SyncSpec, runs: &Runs) -> anyhow::Result<()> {
    let keys = CrmKeys::new(&sync.account.key);
    let began = Instant::now();
    loop {
        let under_way = world.webhooks_under_way().await?;
        let (_, undispatched) = backlog(&service.beside.pool, &keys).await?;
        let (live, bulk) = runs.waiting().await?;
        if under_way + undispatched + live + bulk == 0 {
            return Ok(());
        }
        anyhow::ensure!(
            began.elapsed() < QUIET_WITHIN,
            "after {} s there is still work: {under_way} webhooks under way, {undispatched} events in the stream, {} contacts \
             waiting",
            QUIET_WITHIN.as_secs(),
            live + bulk
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn needing_you(service: &Service, world: &World, sync: &SyncSpec) -> anyhow::Result<BTreeSet<String>> {
    let view = LedgerView::new(service.beside.pool.clone(), &sync.account.key, &world.subject);
    Ok(view.needs::<Need>().await?.into_iter().map(|(contact, _)| contact).collect())
}
