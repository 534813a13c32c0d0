//! Brings what is known of a Google account's persons up to date: by sync token, or with a full listing in a new epoch and
//! when Google no longer takes the token.

use std::time::{Duration, Instant};

use crate::{
    contact::AccountKey,
    google::{
        failure::{Class, Failure},
        people::ListCursor,
        person::Person,
    },
    plan::{identifiers::identifiers_of_person, stamp},
    store::{
        StoreError,
        listing::{Listing, ListingFacts},
    },
};

use super::{
    Account, Halt,
    moved::mark_moved,
    others::{self, Seen},
};

/// Brings the listing up to date. In a new epoch nothing is listed before every write of the lost one must be visible:
/// [`Halt::NotNow`] until then.
pub async fn refresh(account: &mut Account) -> Result<(), Halt> {
    let tools = account.tools.clone();
    let installation = tools.now().installation.clone();
    let listing = Listing::new(tools.pool.clone(), account.subject());
    let asked = tools.pool.clock.now_ms();
    match listing.facts().await?.filter(|f| f.epoch == installation.epoch) {
        Some(facts) => match changes(account, &listing, &facts).await {
            Err(Halt::Failure(failure)) if failure.class() == Class::Relist => {
                wait_between_listings(account, &facts, asked)?;
                tracing::info!("the sync token is no longer taken; listing everything");
                full(account, &listing, installation.epoch, asked).await?
            }
            other => other?,
        },
        None => {
            wait_for_visibility(account, &installation)?;
            full(account, &listing, installation.epoch, asked).await?
        }
    }
    account.listed = Some(Instant::now());
    Ok(())
}

fn wait_for_visibility(account: &Account, installation: &crate::store::installation::Installation) -> Result<(), Halt> {
    // The first epoch has nothing behind it.
    if installation.epoch <= 1 {
        return Ok(());
    }
    let tune = &account.tools.settings.tune;
    let window = i64::try_from((tune.propagation + tune.google_timeout).as_millis()).unwrap_or(i64::MAX);
    let left = installation.epoch_at.saturating_add(window) - account.tools.pool.clock.now_ms();
    match u64::try_from(left) {
        Ok(left) if left > 0 => Err(Halt::NotNow(Duration::from_millis(left))),
        _ => Ok(()),
    }
}

/// Google refuses the token of a listing that has just been made: another one at once would most likely end the same way.
fn wait_between_listings(account: &Account, facts: &ListingFacts, now: i64) -> Result<(), Halt> {
    let window = i64::try_from(account.tools.settings.tune.propagation.as_millis()).unwrap_or(i64::MAX);
    match u64::try_from(facts.full.saturating_add(window) - now) {
        Ok(left) if left > 0 => Err(Halt::NotNow(Duration::from_millis(left))),
        _ => Ok(()),
    }
}

async fn full(account: &mut Account, listing: &Listing, epoch: u64, at: i64) -> Result<(), Halt> {
    let mut persons = std::collections::BTreeMap::new();
    let mut cursor = ListCursor::default();
    loop {
        let page = account.list(&cursor).await?;
        let region = region(account);
        for person in page.people.iter().filter(|p| !p.is_deleted()) {
            // A page may repeat a person; the later one counts.
            persons.insert(person.resource_name.clone(), marks(person, &region));
        }
        match (page.next, page.sync_token) {
            (Some(next), _) => cursor = next,
            (None, Some(token)) => {
                let facts = ListingFacts { epoch, sync_token: token, at, full: at };
                let known = listing.all().await?.into_iter();
                let lost: Vec<_> = known.filter(|(name, _)| !persons.contains_key(name)).collect();
                mark_moved(account, &lost).await?;
                let persons: Vec<_> = persons.into_iter().collect();
                let fence = account.lease.token.clone();
                return Ok(listing.replace(&fence, &persons, &facts).await?);
            }
            (None, None) => return Err(no_token()),
        }
    }
}

async fn changes(account: &mut Account, listing: &Listing, facts: &ListingFacts) -> Result<(), Halt> {
    let at = account.tools.pool.clock.now_ms();
    let (mut changes, mut seen) = (Vec::new(), Vec::new());
    let mut cursor = ListCursor::changes_since(facts.sync_token.clone());
    let token = loop {
        let page = account.list(&cursor).await?;
        let region = region(account);
        for person in &page.people {
            let name = person.resource_name.clone();
            for old in person.metadata.iter().flat_map(|m| &m.previous_resource_names) {
                changes.push((old.clone(), None));
            }
            if person.is_deleted() {
                changes.push((name, None));
            } else {
                let marks = marks(person, &region);
                seen.push(Seen::of(person, &marks));
                changes.push((name, Some(marks)));
            }
        }
        match (page.next, page.sync_token) {
            (Some(next), _) => cursor = next,
            (None, Some(token)) => break token,
            (None, None) => return Err(no_token()),
        }
    };
    let lost: Vec<String> = changes.iter().filter(|(_, marks)| marks.is_none()).map(|(name, _)| name.clone()).collect();
    let known_by = listing.marks(&lost).await?;
    mark_moved(account, &lost.into_iter().zip(known_by).collect::<Vec<_>>()).await?;
    others::notice(account, listing, &seen).await?;
    // The token is advanced last: what it stands for has been written.
    let fence = account.lease.token.clone();
    let facts = ListingFacts { sync_token: token, at, ..facts.clone() };
    Ok(listing.update(&fence, &changes, &facts).await?)
}

/// The last page must carry a token; without one the listing cannot be continued and is not believed.
fn no_token() -> Halt {
    Halt::Failure(Failure::Server { status: 200 })
}

/// Phone region for numbers that Google has no canonical form of: that of the account's first sync.
pub fn region(account: &Account) -> String {
    let current = account.tools.now();
    current.syncs_of(account.subject()).next().map_or_else(String::new, |s| s.account.region.clone())
}

/// What a person can be found by: hashed identifiers and our unreleased stamps.
pub fn marks(person: &Person, region: &str) -> Vec<String> {
    let identifiers = identifiers_of_person(person, region).into_iter().map(|i| i.to_string());
    let stamps = stamp::stamps_of(person).into_iter().map(|s| match s.released {
        false => stamp::stamp_mark(&s.account, &s.contact),
        true => released_mark(&s.account, &s.contact),
    });
    identifiers.chain(stamps).collect()
}

/// The mark of a released stamp: the person was let go, and is recognised when the contact comes back.
pub fn released_mark(account: &AccountKey, contact: &str) -> String {
    format!("r{}", stamp::stamp_mark(account, contact))
}

/// Notes persons as they are after a write or a direct read.
pub async fn note(account: &Account, persons: &[(String, Option<&Person>)]) -> Result<(), StoreError> {
    let region = region(account);
    let changes: Vec<_> = persons.iter().map(|(name, p)| (name.clone(), p.map(|p| marks(p, &region)))).collect();
    Listing::new(account.tools.pool.clone(), account.subject()).note(&account.lease.token, &changes).await
}
