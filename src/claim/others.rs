//! Another program that writes the same contacts: many of those that we keep changed in Google by somebody else between two
//! looks, or many new ones that are copies of ours. A person's own edits are few; what is noticed is said, and nothing done.

use std::collections::BTreeSet;

use jiff::Timestamp;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use crate::{
    google::person::{Person, update_time},
    plan::{
        link::Link,
        stamp::{Stamp, stamps_of},
    },
    store::{StoreError, decode, encode, keys::GoogleKeys, ledger::LedgerView, listing::Listing, pool::Pool},
};

use super::Account;

/// From this many on it is hardly a person.
const MANY_CHANGED: usize = 10;
const MANY_COPIES: usize = 3;
/// What was noticed is told for a week.
const TOLD_MS: i64 = 7 * 86_400_000;

/// What was noticed in a Google account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherWriter {
    /// When (ms).
    pub at: i64,
    /// Contacts that we keep and that somebody else changed since the look before.
    pub changed: usize,
    /// New contacts with an e-mail address or phone number of one that we keep.
    pub copies: usize,
}

impl std::fmt::Display for OtherWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { changed, copies, .. } = self;
        f.write_str("Another program seems to write to this Google account: ")?;
        match (*changed >= MANY_CHANGED, *copies >= MANY_COPIES) {
            (true, false) => write!(f, "{changed} contacts that Carnet keeps were changed there by somebody else")?,
            (false, _) => write!(f, "{copies} new contacts look like copies of ones that Carnet keeps")?,
            (true, true) => write!(
                f,
                "{changed} contacts that Carnet keeps were changed there by somebody else, and {copies} new ones look like copies"
            )?,
        }
        f.write_str(". Turn off any other tool that syncs the CRM with this account")
    }
}

/// A person of a listing of changes.
pub(super) struct Seen {
    name: String,
    marks: Vec<String>,
    stamps: Vec<Stamp>,
    time: Option<Timestamp>,
}

impl Seen {
    pub(super) fn of(person: &Person, marks: &[String]) -> Self {
        let stamps = stamps_of(person).into_iter().filter(|stamp| !stamp.released).collect();
        let time = update_time(person).and_then(|text| text.parse().ok());
        Self { name: person.resource_name.clone(), marks: marks.to_vec(), stamps, time }
    }
}

/// Looks through what changed since the listing before, which must not know of it yet.
pub(super) async fn notice(account: &Account, listing: &Listing, seen: &[Seen]) -> Result<(), StoreError> {
    let changed = changed(account, seen).await?;
    let copies = copies(listing, seen).await?;
    if changed < MANY_CHANGED && copies < MANY_COPIES {
        return Ok(());
    }
    let pool = &account.tools.pool;
    let noticed = OtherWriter { at: pool.clock.now_ms(), changed, copies };
    tracing::warn!(google = %account.google.name, "{noticed}");
    let key = GoogleKeys::new(account.subject()).state();
    let _: () = pool.get().await?.hset(key, "other-writer", encode("what was noticed", &noticed)?).await?;
    Ok(())
}

/// What was noticed lately, if anything.
pub async fn other_writer(pool: &Pool, subject: &str) -> Result<Option<OtherWriter>, StoreError> {
    let held: Option<String> = pool.get().await?.hget(GoogleKeys::new(subject).state(), "other-writer").await?;
    let noticed = held.map(|text| decode::<OtherWriter>("what was noticed", &text)).transpose()?;
    Ok(noticed.filter(|noticed| pool.clock.now_ms() - noticed.at < TOLD_MS))
}

/// How many carry our last write still, and a later change that is not ours.
async fn changed(account: &Account, seen: &[Seen]) -> Result<usize, StoreError> {
    let (pool, current) = (&account.tools.pool, account.tools.now());
    let mut changed = BTreeSet::new();
    let keys: BTreeSet<_> = current.syncs_of(account.subject()).map(|sync| &sync.account.key).collect();
    for key in keys {
        let ours = |one: &Seen| one.stamps.iter().find(|stamp| stamp.account == *key).cloned().zip(one.time);
        let ours: Vec<_> = seen.iter().filter_map(|one| Some((&one.name, ours(one)?))).collect();
        let contacts: Vec<String> = ours.iter().map(|(_, (stamp, _))| stamp.contact.clone()).collect();
        let view = LedgerView::new(pool.clone(), key, account.subject());
        for ((name, (stamp, time)), link) in ours.iter().zip(view.links::<Link>(&contacts).await?) {
            if link.is_some_and(|link| is_somebody_elses(&link, stamp, *time)) {
                changed.insert((*name).clone());
            }
        }
    }
    Ok(changed.len())
}

/// A write of ours that was never written down has another operation in its stamp.
fn is_somebody_elses(link: &Link, stamp: &Stamp, time: Timestamp) -> bool {
    let written = link.update_time.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    link.op == stamp.op && written.is_some_and(|written| time > written)
}

/// How many are new, not ours, and have an e-mail address or phone number of one that is.
async fn copies(listing: &Listing, seen: &[Seen]) -> Result<usize, StoreError> {
    let strangers: Vec<&Seen> = seen.iter().filter(|one| one.stamps.is_empty()).collect();
    let names: Vec<String> = strangers.iter().map(|one| one.name.clone()).collect();
    let known = listing.marks(&names).await?;
    let new: Vec<&Seen> =
        strangers.into_iter().zip(known).filter(|(_, marks)| marks.is_empty()).map(|(one, _)| one).collect();
    let identifying = |mark: &&String| mark.starts_with("e:") || mark.starts_with("p:");
    let wanted: BTreeSet<String> = new.iter().flat_map(|one| &one.marks).filter(identifying).cloned().collect();
    let shared = listing.persons(&wanted.into_iter().collect::<Vec<_>>()).await?;
    let others: Vec<String> = shared.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let marks = listing.marks(&others).await?;
    let is_kept = |marks: &[String]| marks.iter().any(|mark| mark.starts_with("s:"));
    let kept: BTreeSet<&String> =
        others.iter().zip(&marks).filter(|(_, marks)| is_kept(marks)).map(|(name, _)| name).collect();
    let is_copy = |one: &&Seen| {
        let mut same = one.marks.iter().filter_map(|mark| shared.get(mark)).flatten();
        same.any(|name| kept.contains(name))
    };
    Ok(new.iter().copied().filter(is_copy).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_was_noticed_and_what_to_do() {
        let said = |changed, copies| OtherWriter { at: 0, changed, copies }.to_string();
        assert!(said(12, 0).contains("12 contacts that Carnet keeps were changed there by somebody else. Turn off"));
        assert!(said(2, 5).contains("5 new contacts look like copies of ones that Carnet keeps. Turn off"));
        assert!(said(12, 5).contains("and 5 new ones look like copies. Turn off"));
    }
}
