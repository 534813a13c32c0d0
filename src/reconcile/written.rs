//! Whose contacts a run wrote, as the journal has it: what a run says that did not look at everything before and after.

use std::collections::BTreeMap;

use crate::{
    claim::Tools,
    google::person::Person,
    plan::stamp::stamps_of,
    store::{
        StoreError,
        current::SyncSpec,
        journal::{self, scan},
        keys::CrmKeys,
        runs::{Run, Written},
    },
};

/// What a contact was before the run's first write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    Nothing,
    Unlinked,
    Ours,
    Unmarked,
}

/// Of this run, up to now; `None` without its place in the journal.
pub(super) async fn written(tools: &Tools, sync: &SyncSpec, run: &Run) -> Result<Option<Written>, StoreError> {
    let (Some(google), Some(from)) = (&sync.google, &run.journal_from) else { return Ok(None) };
    let mut contacts: BTreeMap<String, Was> = BTreeMap::new();
    scan(&tools.pool, &CrmKeys::new(&sync.account.key), &google.subject, from, |_, write| {
        if write.sync == sync.id && write.run == run.id && write.has_written() {
            let was = was(&write);
            contacts.entry(write.resource).or_insert(was);
        }
    })
    .await?;
    let of = |kind: Was| contacts.values().filter(|was| **was == kind).count() as u64;
    Ok(Some(Written {
        made: of(Was::Nothing),
        linked: of(Was::Unlinked),
        ours: of(Was::Ours),
        unmarked: of(Was::Unmarked),
    }))
}

fn was(write: &journal::Write) -> Was {
    match write.action.as_str() {
        "created" => return Was::Nothing,
        "adopted" => return Was::Unlinked,
        _ => {}
    }
    // The mark is among the fields that were there before wherever it was written.
    let before: Person = serde_json::from_str(&write.before).unwrap_or_default();
    let is_told = write.mask.is_empty() || write.mask.iter().any(|field| field == "clientData");
    if is_told && stamps_of(&before).is_empty() { Was::Unmarked } else { Was::Ours }
}
