//! Contacts whose person went, or has another name now: the listing tells, and they are looked at in their turn.

use std::collections::BTreeSet;

use crate::{
    plan::{link::Link, stamp::stamp_mark},
    queue::dispatch::{Marking, mark},
    store::{StoreError, keys::CrmKeys, ledger::LedgerView},
};

use super::Account;

/// A name that a listing no longer has, and what it was known by until now: identifiers and stamps.
pub(super) type Lost = (String, Vec<String>);

/// Marks the contacts that the lost names belong to: those linked to them, and those whose stamp they had (a person that
/// its owner merged out of two is more than one contact's).
pub(super) async fn mark_moved(account: &Account, lost: &[Lost]) -> Result<(), StoreError> {
    if lost.is_empty() {
        return Ok(());
    }
    let tools = &account.tools;
    let names: Vec<String> = lost.iter().map(|(name, _)| name.clone()).collect();
    for sync in tools.now().syncs_of(account.subject()) {
        let view = LedgerView::new(tools.pool.clone(), &sync.account.key, account.subject());
        let mut contacts: BTreeSet<String> = view.owners(&names).await?.into_iter().flatten().collect();
        let ours = stamp_mark(&sync.account.key, "");
        let known_by = lost.iter().flat_map(|(_, marks)| marks);
        contacts.extend(known_by.filter_map(|mark| mark.strip_prefix(&ours)).map(str::to_owned));
        let contacts: Vec<String> = contacts.into_iter().collect();
        let links = view.links::<Link>(&contacts).await?;
        let held = contacts.into_iter().zip(links);
        let held = held.filter(|(_, link)| link.as_ref().is_some_and(|l| l.holders.contains_key(&sync.id)));
        let marked: Vec<(String, Option<String>)> = held.map(|(contact, _)| (contact, None)).collect();
        if !marked.is_empty() {
            let marking = Marking { sync: &sync.id, run: None, contacts: &marked, run_body: None };
            mark(&tools.pool, &CrmKeys::new(&sync.account.key), marking).await?;
        }
    }
    Ok(())
}
