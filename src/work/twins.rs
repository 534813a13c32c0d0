//! Twins: two persons with the stamp of one contact, which a refreshed listing shows.

use crate::{
    claim::{Account, Halt, note},
    google::{call::Call, person::Person},
    plan::{link::Link, stamp::stamps_of, twin::is_surplus_twin},
    store::{current::SyncSpec, journal, keys::CrmKeys, ledger::LedgerView, listing::Listing},
};

use super::matching::read;

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
        let original = Original { contact: &contact.contact, label: &label, kept: &kept };
        for twin in twins.iter().filter(|p| p.resource_name != kept) {
            match fold_one(account, sync, twin, &original).await? {
                Folded::Yes => folded += 1,
                Folded::Gone => {}
                Folded::Theirs => tracing::warn!(
                    sync = %sync.spec.name,
                    contact = %contact.contact,
                    "a twin in Google was changed by its owner; merge the two there"
                ),
            }
        }
    }
    Ok(folded)
}

/// What a twin doubles.
struct Original<'a> {
    contact: &'a str,
    label: &'a str,
    /// The person that stays.
    kept: &'a str,
}

/// What became of a twin.
enum Folded {
    Yes,
    Gone,
    /// Its owner has changed it.
    Theirs,
}

async fn fold_one(
    account: &mut Account,
    sync: &SyncSpec,
    twin: &Person,
    original: &Original<'_>,
) -> Result<Folded, Halt> {
    let Original { contact, label, kept } = *original;
    let is_ours = |twin: &Person| is_surplus_twin(twin, &sync.account.key, contact, label, &sync.spec.map);
    if !is_ours(twin) {
        return Ok(Folded::Theirs);
    }
    let name = &twin.resource_name;
    // The budget is waited for before the last reading, so that the call follows it at once.
    let token = account.pay(Call::Delete).await?;
    let Some(twin) = read(account, std::slice::from_ref(name)).await?.into_values().flatten().next() else {
        return Ok(Folded::Gone);
    };
    if !is_ours(&twin) || has_more(account, name).await? {
        return Ok(Folded::Theirs);
    }
    let result = account.tools.people.delete(&token, name).await;
    account.heard(Call::Delete, &token, result).await.map_err(Halt::Failure)?;
    let reason = format!("it was a twin of {kept}, exactly as we wrote it");
    let entry = [
        ("sync", sync.id.as_str()),
        ("contact", contact),
        ("action", "trashed"),
        ("reason", &reason),
        ("resource", name),
    ];
    journal::enter(&account.tools.pool, &CrmKeys::new(&sync.account.key), account.subject(), &entry).await?;
    note(account, &[(name.clone(), None)]).await?;
    tracing::info!(sync = %sync.spec.name, contact = %contact, "a twin in Google was folded");
    Ok(Folded::Yes)
}

/// Whether the person holds something that we never read, such as a photo.
pub(super) async fn has_more(account: &mut Account, resource: &str) -> Result<bool, Halt> {
    let token = account.pay(Call::Get).await?;
    let result = account.tools.people.has_more(&token, resource).await;
    account.heard(Call::Get, &token, result).await.map_err(Halt::Failure)
}
