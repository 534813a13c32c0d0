//! Changes that never arrived by webhook: a reconcile finds the contact different although its last change is older than any webhook
//! under way, and nothing that came says why.

use jiff::Timestamp;

use crate::{
    claim::Tools,
    contact::Contact,
    plan::link::Link,
    queue::{dead, retention::backlog},
    store::{
        StoreError,
        current::SyncSpec,
        keys::CrmKeys,
        ledger::LedgerView,
        runs::{Run, Runs},
    },
    work::wanted,
};

/// Whether a run that begins for this reason can tell: the others find what was changed by us, by a loss of Redis, or for the first
/// time.
pub(super) fn can_tell(sync: &SyncSpec, why: &str) -> bool {
    sync.spec.live && !matches!(why, "first" | "filter" | "redis")
}

/// How many of these contacts, which differ, no webhook has told of.
pub(super) async fn missed(
    tools: &Tools,
    sync: &SyncSpec,
    run: &Run,
    differ: &[(&Contact, Option<&Link>)],
) -> Result<u64, StoreError> {
    let (Some(since), Some(google)) = (run.since, &sync.google) else { return Ok(0) };
    let slack = tools.settings.tune.coalesce_max + tools.settings.tune.stale_read;
    let until = tools.pool.clock.now() - slack;
    let changed = differ.iter().filter(|(contact, link)| is_news(sync, contact, *link, since..until));
    let contacts: Vec<String> = changed.map(|(contact, _)| contact.id.clone()).collect();
    let keys = CrmKeys::new(&sync.account.key);
    // What waits in the stream has arrived.
    if contacts.is_empty() || backlog(&tools.pool, &keys).await?.1 > 0 {
        return Ok(0);
    }
    let marked = Runs::new(tools.pool.clone(), keys.clone(), &sync.id).marked(&contacts).await?;
    let asked = LedgerView::new(tools.pool.clone(), &sync.account.key, &google.subject).asked(&contacts).await?;
    let dead = dead::has(&tools.pool, &keys, &sync.id, &contacts).await?;
    let current = tools.now();
    let told = contacts
        .iter()
        .zip(marked)
        .zip(asked)
        .zip(dead)
        .filter(|(((contact, marked), asked), dead)| *marked || *asked || *dead || current.refuses(sync, contact));
    Ok((contacts.len() - told.count()) as u64)
}

/// Whether it says something else than was written, and has said so since a time that a webhook has had.
fn is_news(sync: &SyncSpec, contact: &Contact, link: Option<&Link>, when: std::ops::Range<Timestamp>) -> bool {
    contact.version.is_some_and(|version| when.contains(&version))
        && link.is_none_or(|link| link.digest != wanted(sync, contact).digest())
}
