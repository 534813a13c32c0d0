//! Which contacts an undo concerns, and which entries of the journal each of them has.

use std::collections::{BTreeMap, BTreeSet};

use super::What;
use crate::{
    claim::Tools,
    plan::link::Link,
    store::{
        StoreError, begun,
        current::SyncSpec,
        journal::{Write, is_whole, scan},
        keys::CrmKeys,
        ledger::LedgerView,
    },
    work::{Asked, How, open_creates},
};

/// Before the first entry of a journal.
const EVERYTHING: &str = "0-0";

/// What is to be looked at.
pub(super) struct Collected {
    /// Contact → what is wanted of it, in the order in which they are marked.
    pub contacts: BTreeMap<String, Asked>,
    /// Whether the journal still holds everything from the beginning on.
    pub is_whole: bool,
}

/// Goes through the journal, and for a sync that leaves through the links.
pub(super) async fn collect(tools: &Tools, sync: &SyncSpec, what: &What) -> Result<Collected, StoreError> {
    let subject = sync.google.as_ref().map(|google| google.subject.clone()).unwrap_or_default();
    let (pool, keys, how) = (&tools.pool, CrmKeys::new(&sync.account.key), what.how());
    let held = if how.leaves() { held(tools, sync, &subject).await? } else { Vec::new() };
    let mut contacts: BTreeMap<String, Asked> = held.into_iter().map(|contact| (contact, Asked::of(how))).collect();
    let is_its = |write: &Write| write.sync == sync.id && what.of().is_none_or(|run| write.run == run);
    // Before the journal: what is heard of meanwhile is in both. One that a sync leaves may have its stamp, and no link yet.
    for (contact, begun) in begun::all(pool, &keys, &subject).await? {
        let its: Vec<_> = begun.into_iter().filter(|begun| is_its(&begun.write())).collect();
        if !its.is_empty() {
            contacts.entry(contact).or_insert_with(|| Asked::of(how)).begun = its;
        }
    }
    if matches!(how, How::LeaveKeep | How::LeaveUnlabel) {
        return Ok(Collected { contacts, is_whole: true });
    }
    // To the end: a write whose answer was lost is entered when it shows that it was done.
    let from = match what {
        What::Run(run) => run.journal_from.as_deref().unwrap_or(EVERYTHING),
        What::Leave(_) => EVERYTHING,
    };
    scan(pool, &keys, &subject, from, |id, write| {
        if !is_its(&write) || !write.has_written() {
            return;
        }
        let asked = match how.leaves() {
            true => contacts.get_mut(&write.contact),
            false => Some(contacts.entry(write.contact.clone()).or_insert_with(|| Asked::of(how))),
        };
        if let Some(asked) = asked {
            if asked.begun.iter().any(|begun| begun.op == write.op) {
                asked.begun.clear();
            }
            asked.entries.push(id.to_owned());
        }
    })
    .await?;
    let is_whole = is_whole(pool, &keys, &subject, from).await?;
    Ok(Collected { contacts, is_whole })
}

/// Runs of the sync that wrote something, or may have: as the journal says, and what is not known to have ended.
pub(super) async fn runs_that_wrote(tools: &Tools, sync: &SyncSpec) -> Result<BTreeSet<String>, StoreError> {
    let Some(google) = &sync.google else { return Ok(BTreeSet::new()) };
    let (keys, subject) = (CrmKeys::new(&sync.account.key), &google.subject);
    let open = open_creates(tools, sync, subject).await?.into_iter().filter_map(|(_, run)| run);
    let mut runs: BTreeSet<String> = open.collect();
    let begun = begun::all(&tools.pool, &keys, subject).await?.into_iter().flat_map(|(_, begun)| begun);
    runs.extend(begun.map(|begun| begun.write()).filter(|write| write.sync == sync.id).map(|write| write.run));
    scan(&tools.pool, &keys, subject, EVERYTHING, |_, write| {
        if write.sync == sync.id && write.has_written() {
            runs.insert(write.run);
        }
    })
    .await?;
    Ok(runs)
}

/// The contacts that the sync holds.
async fn held(tools: &Tools, sync: &SyncSpec, subject: &str) -> Result<Vec<String>, StoreError> {
    let view = LedgerView::new(tools.pool.clone(), &sync.account.key, subject);
    let mut held = Vec::new();
    view.each::<Link>(|contact, link| held.extend(link.is_held_by(&sync.id).then_some(contact))).await?;
    Ok(held)
}
