//! Stamps that outlived their contact: it was let go of when nobody could tell where its person was (merged by its owner, renamed,
//! not listed yet), and now the listing shows it. The contact is looked at once more, and its person let go of.

use crate::{
    claim::{Account, Halt},
    plan::{
        link::{Link, LinkState},
        stamp::stamp_mark,
    },
    queue::dispatch::{Marking, mark},
    store::{
        current::SyncSpec,
        keys::CrmKeys,
        ledger::LedgerView,
        listing::Listing,
        runs::{Lane, Runs},
    },
};

/// Contacts asked for at a time.
const CHUNK: usize = 1_000;

/// Marks the contacts that have a stamp in Google and no link, or that the CRM was known to be rid of. They belong to the run
/// that is going on, behind live contacts: in a Redis that is new, all are without a link, and the run's pages tell of most.
pub async fn mark_orphans(account: &Account, sync: &SyncSpec) -> Result<(), Halt> {
    let pool = &account.tools.pool;
    let listing = Listing::new(pool.clone(), account.subject());
    let view = LedgerView::new(pool.clone(), &sync.account.key, account.subject());
    let keys = CrmKeys::new(&sync.account.key);
    let runs = Runs::new(pool.clone(), keys.clone(), &sync.id);
    // A run that ends marks nothing more, and of a sync that stands still nobody looks at what it had: the next listing tells again.
    if runs.held_up().await?.concerns(Lane::Bulk) {
        return Ok(());
    }
    let run = runs.current().await?.filter(|run| !run.is_over());
    let mut stamped = listing.known_by(&stamp_mark(&sync.account.key, "")).await?;
    let current = account.tools.fresh().await?;
    stamped.retain(|contact| !current.forgotten.holds(&sync.account.key, contact));
    for contacts in stamped.chunks(CHUNK) {
        let links = view.links::<Link>(contacts).await?;
        let gone = contacts
            .iter()
            .zip(links)
            .filter(|(_, link)| link.as_ref().is_none_or(|link| link.state == LinkState::DeletedInCrm));
        let marked: Vec<_> = gone.map(|(contact, _)| (contact.clone(), None)).collect();
        if !marked.is_empty() {
            let run = run.as_ref().map(|run| run.id.as_str());
            let marking = Marking { sync: &sync.id, run, contacts: &marked, run_body: None };
            mark(pool, &keys, marking).await?;
        }
    }
    Ok(())
}
