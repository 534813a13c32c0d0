//! The persons of a Google account that are not ours: looked at before and after a run, and compared.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    google::{failure::Class, people::ListCursor},
    plan::fingerprint,
    store::{
        StoreError,
        ledger::LedgerView,
        proofs::{Moment, Proof, Proofs},
    },
};

use super::{Account, Halt};

/// Looks as often as runs have asked for; nothing is written to Google.
pub async fn prove(account: &mut Account) -> Result<(), Halt> {
    let proofs = Proofs::new(account.tools.pool.clone(), account.subject());
    let mut wanted = proofs.wanted().await?;
    wanted.sort();
    if wanted.is_empty() {
        return Ok(());
    }
    let look = look(account, &wanted).await?;
    for (run, moment) in wanted {
        match moment {
            Moment::Before => proofs.keep(&run, &look.strangers).await?,
            Moment::After => {
                let proof = match proofs.prints(&run).await? {
                    Some(before) => Some(compare(&before, &look, &linked(account, &before).await?)),
                    None => None,
                };
                proofs.conclude(&run, proof).await?;
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct Look {
    /// Person → fingerprint.
    strangers: BTreeMap<String, String>,
    managed: BTreeSet<String>,
}

/// A look that Google's limit has stopped: it goes on with the page that was refused, if it is soon and for the same runs. Known to
/// this process only; another one begins anew.
struct Stopped {
    wanted: Vec<(String, Moment)>,
    began: Timestamp,
    look: Look,
    at: ListCursor,
}

/// Looks that were stopped, by Google account.
#[derive(Default)]
pub struct StoppedLooks(Mutex<HashMap<String, Stopped>>);

/// Google's page tokens are not promised to live long, and a look is to be of one time.
const SOON: SignedDuration = SignedDuration::from_mins(15);

impl StoppedLooks {
    fn take(
        &self,
        subject: &str,
        wanted: &[(String, Moment)],
        now: Timestamp,
    ) -> Option<(Timestamp, Look, ListCursor)> {
        let stopped = self.lock().remove(subject)?;
        let goes_on = stopped.wanted == wanted && now.duration_since(stopped.began) < SOON;
        goes_on.then_some((stopped.began, stopped.look, stopped.at))
    }

    fn put(&self, subject: String, stopped: Stopped) {
        self.lock().insert(subject, stopped);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Stopped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look(account: &mut Account, wanted: &[(String, Moment)]) -> Result<Look, Halt> {
    let (tools, subject, now) = (account.tools.clone(), account.subject().to_owned(), account.tools.pool.clock.now());
    let (began, mut look, first) =
        tools.stopped_looks.take(&subject, wanted, now).unwrap_or_else(|| (now, Look::default(), ListCursor::plain()));
    let mut cursor = Some(first);
    while let Some(at) = cursor {
        let page = match account.list(&at).await {
            Ok(page) => page,
            Err(halt) => {
                if is_limit(&halt) {
                    tools.stopped_looks.put(subject, Stopped { wanted: wanted.to_vec(), began, look, at });
                }
                return Err(halt);
            }
        };
        for person in page.people {
            match fingerprint::of_stranger(&person) {
                Some(print) => drop(look.strangers.insert(person.resource_name, print)),
                None => drop(look.managed.insert(person.resource_name)),
            }
        }
        cursor = page.next;
    }
    Ok(look)
}

fn is_limit(halt: &Halt) -> bool {
    match halt {
        Halt::NotNow(_) => true,
        Halt::Failure(failure) => failure.class() == Class::Quota,
        _ => false,
    }
}

/// Those of these persons that have a link by now: a listing may be a moment behind an adoption.
async fn linked(account: &Account, before: &BTreeMap<String, String>) -> Result<BTreeSet<String>, StoreError> {
    let (pool, current) = (&account.tools.pool, account.tools.now());
    let names: Vec<String> = before.keys().cloned().collect();
    let mut linked = BTreeSet::new();
    let accounts: BTreeSet<_> = current.syncs_of(account.subject()).map(|sync| &sync.account.key).collect();
    for key in accounts {
        let view = LedgerView::new(pool.clone(), key, account.subject());
        for chunk in names.chunks(1_000) {
            let owners = view.owners(chunk).await?;
            linked.extend(chunk.iter().zip(owners).filter(|(_, owner)| owner.is_some()).map(|(name, _)| name.clone()));
        }
    }
    Ok(linked)
}

fn compare(before: &BTreeMap<String, String>, now: &Look, linked: &BTreeSet<String>) -> Proof {
    let mut proof = Proof::default();
    let own = before.iter().filter(|(name, _)| !now.managed.contains(*name) && !linked.contains(*name));
    for (name, print) in own {
        match now.strangers.get(name) {
            Some(same) if same == print => proof.unchanged += 1,
            another => {
                let count = if another.is_some() { &mut proof.changed } else { &mut proof.gone };
                *count += 1;
                proof.names.push(name.clone());
            }
        }
    }
    proof.names.truncate(Proof::NAMED);
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, print)| ((*name).to_owned(), (*print).to_owned())).collect()
    }

    #[test]
    fn what_is_ours_by_now_is_no_change_and_everything_else_is() {
        let before = prints(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]);
        let now = Look {
            strangers: prints(&[("a", "1"), ("b", "other"), ("e", "5"), ("new", "6")]),
            managed: ["c".to_owned()].into(),
        };
        let proof = compare(&before, &now, &["e".to_owned()].into());
        assert_eq!(proof, Proof { unchanged: 1, changed: 1, gone: 1, names: vec!["b".into(), "d".into()] });
    }
}
