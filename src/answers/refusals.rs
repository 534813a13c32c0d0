//! What owners do not want, and how it is taken back: contacts deleted in Google, labels taken off, questions answered with
//! *leave it out*.

use serde::Serialize;

use super::{Declined, Desk, Pair, name_of};
use crate::{
    contact::AccountKey,
    plan::link::{Link, LinkState},
    store::{
        current::SyncSpec,
        journal,
        keys::CrmKeys,
        registry::{Refusal, Registry},
    },
    work::Decision,
};

/// A contact that stays as its owner left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact.
    pub contact: String,
    /// `deleted`, `opted-out` or `skipped`.
    pub refusal: &'static str,
    /// The syncs that leave it alone.
    pub syncs: Vec<String>,
}

/// A refusal that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact.
    pub contact: String,
    /// What it had been: `deleted`, `opted-out`, `skipped` or `forgotten`.
    pub was: Vec<&'static str>,
    /// The syncs that look at it now.
    pub syncs: Vec<String>,
}

impl Desk {
    /// Every contact that stays as its owner left it, by CRM account and contact.
    pub fn refused(&self) -> Vec<Refused> {
        let mut all = Vec::new();
        for pair in self.pairs() {
            for (contact, refusal) in self.current.refusals_between(pair.subject, &pair.account.key) {
                let syncs = names(&left_alone(&pair, refusal));
                let (crm, contact) = (name_of(pair.account), contact.to_owned());
                all.push(Refused { crm, contact, refusal: refusal.code(), syncs });
            }
        }
        all.sort_by(|a, b| (&a.crm, &a.contact, &a.syncs).cmp(&(&b.crm, &b.contact, &b.syncs)));
        all
    }

    /// Takes back what keeps a contact out of Google, in every account of it, and marks it: it is made or labelled again. `crm`
    /// is `{crm name}/{account id}`, needed only when several CRM accounts have a contact of this id.
    pub async fn restore(&self, contact: &str, crm: Option<&str>) -> Result<Restored, Declined> {
        let account = self.account_with(contact, crm).await?;
        let mut restored = Restored { crm: name_of(&account), contact: contact.to_owned(), was: vec![], syncs: vec![] };
        if self.current.forgotten.holds(&account.key, contact) {
            self.remember_person(&account.key, contact).await?;
            restored.was.push("forgotten");
        }
        let was_forgotten = !restored.was.is_empty();
        for pair in self.pairs().into_iter().filter(|pair| pair.account.key == account.key) {
            if was_forgotten {
                for sync in &pair.syncs {
                    self.mark(sync, contact).await?;
                    restored.syncs.push(sync.spec.name.clone());
                }
                continue;
            }
            let key = Registry::refusal_key(pair.subject, &account.key, contact);
            let link = self.view(&pair).links::<Link>(&[contact.to_owned()]).await?.into_iter().flatten().next();
            let refusal = match self.current.refusals.get(&key) {
                Some(refusal) => refusal.clone(),
                // Taken back before, by somebody who did not get to the end.
                None if link.is_some_and(|link| link.state == LinkState::DeletedInGoogle) => Refusal::Deleted,
                None => continue,
            };
            let syncs = left_alone(&pair, &refusal);
            self.take_back(&pair, contact, &key, &refusal, &syncs).await?;
            restored.was.push(refusal.code());
            restored.syncs.extend(names(&syncs));
        }
        if restored.was.is_empty() {
            return Err(Declined::NothingToRestore(contact.to_owned()));
        }
        Ok(restored)
    }

    /// A person who was erased may be taken in again.
    async fn remember_person(&self, account: &AccountKey, contact: &str) -> Result<(), Declined> {
        let sealer = self.registry.sealer().clone();
        // What does not open leaves everything as it is; the contact then stays erased.
        let take = |registry: &mut Registry| registry.remember(&sealer, account, contact).unwrap_or(false);
        self.registry.change(&self.current.installation.id, take).await?;
        Ok(())
    }

    /// In this order it may be broken off anywhere and done again.
    async fn take_back(
        &self,
        pair: &Pair<'_>,
        contact: &str,
        key: &str,
        refusal: &Refusal,
        syncs: &[&SyncSpec],
    ) -> Result<(), Declined> {
        if *refusal != Refusal::Skipped {
            self.remember(pair, contact, &Decision::Restore).await?;
        }
        let keys = CrmKeys::new(&pair.account.key);
        let why = match refusal {
            Refusal::Deleted => "somebody wants it back that was deleted in Google",
            Refusal::OptedOut(_) => "somebody wants it back whose label was taken off",
            Refusal::Skipped => "somebody wants it back that was left out",
        };
        journal::note(&self.pool, &keys, pair.subject, contact, ("restored", why)).await?;
        let take = |registry: &mut Registry| registry.refusals.remove(key).is_some();
        self.registry.change(&self.current.installation.id, take).await?;
        for sync in syncs {
            self.mark(sync, contact).await?;
        }
        Ok(())
    }
}

/// The syncs that a refusal keeps from the contact.
fn left_alone<'a>(pair: &Pair<'a>, refusal: &Refusal) -> Vec<&'a SyncSpec> {
    pair.syncs.iter().filter(|sync| refusal.concerns(&sync.id)).map(|sync| &***sync).collect()
}

fn names(syncs: &[&SyncSpec]) -> Vec<String> {
    syncs.iter().map(|sync| sync.spec.name.clone()).collect()
}
