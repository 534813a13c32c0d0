//! Which contacts an undo concerns, and which entries of the journal each of them has.

use std::collections::BTreeMap;

use redis::AsyncCommands;

use super::What;
use crate::{
    claim::Tools,
    plan::link::Link,
    store::{
        StoreError,
        current::SyncSpec,
        decode,
        journal::{Span, is_whole, scan},
        keys::CrmKeys,
    },
    work::{Asked, How},
};

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
    let mut contacts: BTreeMap<String, Asked> =
        held.into_iter().map(|contact| (contact, Asked { how, entries: Vec::new() })).collect();
    if matches!(how, How::LeaveKeep | How::LeaveUnlabel) {
        return Ok(Collected { contacts, is_whole: true });
    }
    let span = match what {
        // To the end: a write whose answer was lost is entered when it shows that it was done.
        What::Run(run) => Span { from: run.journal_from.clone().unwrap_or_else(|| "0-0".into()), to: None },
        What::Leave(_) => Span::whole(),
    };
    scan(pool, &keys, &subject, &span, |id, write| {
        let is_its = write.sync == sync.id && what.of().is_none_or(|run| write.run == run);
        // What was only noticed wrote nothing.
        if !is_its || (write.mask.is_empty() && write.action != "trashed") {
            return;
        }
        let asked = match how.leaves() {
            true => contacts.get_mut(&write.contact),
            false => Some(contacts.entry(write.contact).or_insert_with(|| Asked { how, entries: Vec::new() })),
        };
        if let Some(asked) = asked {
            asked.entries.push(id.to_owned());
        }
    })
    .await?;
    let is_whole = is_whole(pool, &keys, &subject, &span.from).await?;
    Ok(Collected { contacts, is_whole })
}

/// The contacts that the sync holds.
async fn held(tools: &Tools, sync: &SyncSpec, subject: &str) -> Result<Vec<String>, StoreError> {
    let mut connection = tools.pool.get().await?;
    let key = CrmKeys::new(&sync.account.key).links(subject);
    let mut held = Vec::new();
    let mut links = connection.hscan::<_, (String, String)>(key).await?;
    while let Some(next) = links.next_item().await {
        let (contact, text) = next?;
        if decode::<Link>("a link", &text)?.is_held_by(&sync.id) {
            held.push(contact);
        }
    }
    Ok(held)
}
