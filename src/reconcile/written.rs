//! Whose contacts a run wrote, as the journal has it: what a run says that did not look at everything before and after.

use std::collections::BTreeMap;

use crate::{
    claim::Tools,
    plan::stamp::is_stamped,
    store::{
        StoreError,
        current::SyncSpec,
        journal::{self, is_whole, scan},
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

/// Of this run, up to now; `None` where the journal does not go back so far.
pub(super) async fn written(tools: &Tools, sync: &SyncSpec, run: &Run) -> Result<Option<Written>, StoreError> {
    let (Some(google), Some(from)) = (&sync.google, &run.journal_from) else { return Ok(None) };
    let (keys, mut contacts) = (CrmKeys::new(&sync.account.key), BTreeMap::<String, Was>::new());
    if !is_whole(&tools.pool, &keys, &google.subject, from).await? {
        return Ok(None);
    }
    scan(&tools.pool, &keys, &google.subject, from, |_, write| {
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
    let is_told = write.mask.is_empty() || write.mask.iter().any(|field| field == "clientData");
    if is_told && !is_stamped(&write.before) { Was::Unmarked } else { Was::Ours }
}
