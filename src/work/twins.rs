//! What a refreshed listing shows: persons that went or changed their name, and twins (two persons with the stamp of one contact).

use std::collections::BTreeSet;

use crate::{
    google::call::Call,
    plan::{link::Link, stamp::stamps_of, twin::is_surplus_twin},
    queue::dispatch::{Marking, mark},
    store::{current::SyncSpec, keys::CrmKeys, ledger::LedgerView, listing::Listing},
};

use super::{Account, Halt, listing::Refreshed, matching::read, note};

/// Marks the contacts whose person went or changed its name: they are looked at in their turn.
pub async fn mark_changed(account: &Account, refreshed: &Refreshed) -> Result<(), Halt> {
    let names: Vec<String> =
        refreshed.gone.iter().chain(refreshed.renamed.iter().map(|(old, _)| old)).cloned().collect();
    if names.is_empty() {
        return Ok(());
    }
    let tools = &account.tools;
    for sync in tools.now().syncs_of(account.subject()) {
        let view = LedgerView::new(tools.pool.clone(), &sync.account.key, account.subject());
        let owners = view.owners(&names).await?;
        let contacts: BTreeSet<String> = owners.into_iter().flatten().collect();
        let contacts: Vec<String> = contacts.into_iter().collect();
        let links = view.links::<Link>(&contacts).await?;
        // The digest would say "unchanged": it is forgotten by marking only those this sync holds, and the reading decides.
        let marked: Vec<(String, Option<String>)> = contacts
            .into_iter()
            .zip(links)
            .filter(|(_, link)| link.as_ref().is_some_and(|l| l.holders.contains_key(&sync.id)))
            .map(|(contact, _)| (contact, None))
            .collect();
        if !marked.is_empty() {
            let marking = Marking { sync: &sync.id, run: None, contacts: &marked, run_body: None };
            mark(&tools.pool, &CrmKeys::new(&sync.account.key), marking).await?;
        }
    }
    Ok(())
}

/// Folds twins of one sync's CRM account: the surplus person goes to the trash if it is exactly what we wrote and nothing
/// more; else both stay, to be looked at by a person. Answers how many were folded.
pub async fn fold(account: &mut Account, sync: &SyncSpec) -> Result<u64, Halt> {
    let listing = Listing::new(account.tools.pool.clone(), account.subject());
    let view = LedgerView::new(account.tools.pool.clone(), &sync.account.key, account.subject());
    let mut folded = 0;
    for (_, names) in listing.twins().await? {
        let persons = read(account, &names).await?;
        let mut twins: Vec<_> = persons.into_values().flatten().collect();
        twins.sort_by(|a, b| a.resource_name.cmp(&b.resource_name));
        let Some(contact) = twins.iter().flat_map(stamps_of).find(|s| s.account == sync.account.key && !s.released)
        else {
            continue;
        };
        let twins: Vec<_> = twins
            .into_iter()
            .filter(|p| {
                stamps_of(p)
                    .iter()
                    .any(|s| s.account == sync.account.key && s.contact == contact.contact && !s.released)
            })
            .collect();
        let link = view.links::<Link>(std::slice::from_ref(&contact.contact)).await?.into_iter().next().flatten();
        let label = link.as_ref().and_then(|l| l.holders.get(&sync.id)).cloned().unwrap_or_default();
        let kept = link.as_ref().map(|l| l.resource.clone()).filter(|r| twins.iter().any(|p| p.resource_name == *r));
        let kept = kept.or_else(|| twins.first().map(|p| p.resource_name.clone())).unwrap_or_default();
        for twin in twins.iter().filter(|p| p.resource_name != kept) {
            let changed = !is_surplus_twin(twin, &sync.account.key, &contact.contact, &label);
            if changed || has_more(account, &twin.resource_name).await? {
                tracing::warn!(sync = %sync.spec.name, contact = %contact.contact, "a twin in Google was changed by its owner; merge the two there");
                continue;
            }
            let token = account.pay(Call::Delete).await?;
            let result = account.tools.people.delete(&token, &twin.resource_name).await;
            account.heard(Call::Delete, &token, result).await.map_err(Halt::Failure)?;
            note(account, &[(twin.resource_name.clone(), None)]).await?;
            folded += 1;
            tracing::info!(sync = %sync.spec.name, contact = %contact.contact, "a twin in Google was folded");
        }
    }
    Ok(folded)
}

async fn has_more(account: &mut Account, resource: &str) -> Result<bool, Halt> {
    let token = account.pay(Call::Get).await?;
    let result = account.tools.people.has_more(&token, resource).await;
    account.heard(Call::Get, &token, result).await.map_err(Halt::Failure)
}
