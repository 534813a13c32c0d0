//! A person is erased from everything that is kept of the CRM account: on request, for good. What stays is a keyed hash of the
//! contact's id, so that no later event and no reconcile brings the person back out of the blue. Nothing is written to Google: the
//! contact there is its owner's.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::Serialize;

use super::{Declined, Desk, name_of};
use crate::{
    contact::AccountKey,
    plan::{identifiers::Identifier, link::Link, stamp::stamp_mark},
    store::{
        StoreError,
        census::Census,
        current::CrmAccount,
        erase::{Counts, Erase, accounts, everything, mentioned, subjects},
        journal,
        keys::{CrmKeys, GoogleKeys},
        lease::Lease,
        ledger::LedgerView,
        local::rewrite_log,
        presence::wait_for,
        registry::{Registry, RegistryError},
        seal::{SealError, Sealer},
    },
};

/// What was erased of one contact, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact; empty where everybody was meant.
    pub contact: String,
    /// Whether it was only counted.
    pub dry_run: bool,
    /// Entries by the kind of store.
    pub erased: Counts,
    /// Contacts in Google, `people/c…`, that stay: they are their owner's.
    pub in_google: Vec<String>,
}

/// A CRM account of which something may be kept.
#[derive(Clone)]
pub(super) struct Kept {
    key: AccountKey,
    /// As people write it: `{crm name}/{account id}`; of one that is declared no more, `{vendor}/{account id}`.
    pub name: String,
    /// Default phone region, as far as it is known.
    region: String,
}

/// A contact that is meant.
#[derive(Clone)]
pub(super) struct Meant {
    /// Its CRM account.
    pub account: Kept,
    /// Its id there.
    pub contact: String,
}

/// Who is to be erased, as people say it.
#[derive(Clone, Debug, clap::Args)]
pub struct Whom {
    /// The CRM contact's id, an e-mail address or a phone number.
    #[arg(required_unless_present = "everybody")]
    pub person: Option<String>,
    /// The CRM account, when several have such a contact; of one that is declared no more, VENDOR/ACCOUNT.
    #[arg(long, value_name = "NAME/ACCOUNT")]
    pub crm: Option<String>,
    /// When several contacts are meant: all of them.
    #[arg(long)]
    pub all: bool,
    /// Everybody of a CRM account that is declared no more, and all that was kept of it.
    #[arg(long, requires = "crm", conflicts_with_all = ["person", "all"])]
    pub everybody: bool,
}

/// What it takes to erase, rather than to count.
#[derive(Clone, Copy, Debug)]
pub struct Erasing<'a> {
    /// Whoever asks, in the leases of the Google accounts meanwhile.
    pub holder: &'a str,
    /// As long as workers hold an account.
    pub lease: Duration,
    /// Whether Redis is the private one, whose log on disk is then written anew.
    pub is_private: bool,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forgot {
    /// Each contact that was meant.
    pub persons: Vec<Erased>,
    /// Whether Redis's log on disk holds nothing of them any more.
    pub log_rewritten: bool,
}

impl Desk {
    /// Erases whom a person means; without `erasing` only says what is held.
    pub async fn forget(&self, whom: &Whom, erasing: Option<Erasing<'_>>) -> Result<Forgot, Declined> {
        if whom.everybody {
            return self.forget_everybody(whom.crm.as_deref().unwrap_or_default(), erasing).await;
        }
        let person = whom.person.as_deref().ok_or(Declined::NobodyMeant)?;
        let meant = self.meant(person, whom.crm.as_deref()).await?;
        if meant.len() > 1 && !whom.all {
            return Err(Declined::several(&meant));
        }
        let mut persons = Vec::with_capacity(meant.len());
        for one in &meant {
            persons.push(match erasing {
                Some(erasing) => self.forget_one(one, erasing).await?,
                None => self.kept_of(one).await?,
            });
        }
        self.end(persons, erasing).await
    }

    async fn end(&self, persons: Vec<Erased>, erasing: Option<Erasing<'_>>) -> Result<Forgot, Declined> {
        let log_rewritten = erasing.is_some_and(|erasing| erasing.is_private);
        if log_rewritten {
            rewrite_log(&self.pool).await?;
        }
        Ok(Forgot { persons, log_rewritten })
    }

    /// All that was kept of a CRM account that is declared no more.
    async fn forget_everybody(&self, crm: &str, erasing: Option<Erasing<'_>>) -> Result<Forgot, Declined> {
        let account = self.all_kept().await?.into_iter().find(|account| account.name == crm);
        let Kept { key, name, .. } = account.ok_or_else(|| Declined::NoAccount(crm.to_owned()))?;
        if self.current.accounts.contains_key(&key) {
            return Err(Declined::StillDeclared(name));
        }
        let mut held = Vec::new();
        if let Some(erasing) = erasing {
            let revision =
                self.remember_that(|registry, sealer| registry.forget_all(sealer, &key).map(|()| true)).await?;
            self.all_know(revision).await?;
            held = self.hold_all(&key, &subjects(&self.pool, &key).await?, erasing).await?;
        }
        let erased = everything(&self.pool, &key, erasing.is_some()).await;
        let_go(held).await?;
        let contact = String::new();
        let erased = Erased { crm: name, contact, dry_run: erasing.is_none(), erased: erased?, in_google: Vec::new() };
        self.end(vec![erased], erasing).await
    }

    /// Whether every process goes by this revision of the registry.
    async fn all_know(&self, revision: u64) -> Result<(), Declined> {
        match wait_for(&self.pool, |process| process.revision >= revision).await?.len() {
            0 => Ok(()),
            behind => Err(Declined::ProcessesBehind(behind)),
        }
    }

    /// The CRM accounts that are declared, and those that once were.
    async fn all_kept(&self) -> Result<Vec<Kept>, StoreError> {
        let declared = &self.current.accounts;
        let kept = |account: &Arc<CrmAccount>| Kept {
            key: account.key.clone(),
            name: name_of(account),
            region: account.region.clone(),
        };
        let mut all: Vec<Kept> = declared.values().map(kept).collect();
        for key in accounts(&self.pool).await?.into_iter().filter(|key| !declared.contains_key(key)) {
            all.push(Kept { name: format!("{}/{}", key.vendor, key.id), key, region: String::new() });
        }
        Ok(all)
    }

    /// Who is meant by a contact's id, or else by an e-mail address or a phone number. `crm` is `{crm name}/{account id}`.
    async fn meant(&self, who: &str, crm: Option<&str>) -> Result<Vec<Meant>, Declined> {
        let accounts: Vec<Kept> =
            self.all_kept().await?.into_iter().filter(|account| crm.is_none_or(|crm| account.name == crm)).collect();
        if let (Some(crm), []) = (crm, accounts.as_slice()) {
            return Err(Declined::NoAccount(crm.to_owned()));
        }
        let mut meant = Vec::new();
        for account in &accounts {
            let is_forgotten = self.current.forgotten.holds(&account.key, who);
            if is_forgotten || !self.erase(&account.key, who, false).await?.is_empty() {
                meant.push(Meant { account: account.clone(), contact: who.to_owned() });
            }
        }
        if !meant.is_empty() {
            return Ok(meant);
        }
        for account in accounts {
            let contacts = self.with_address(&account, who).await?;
            meant.extend(contacts.into_iter().map(|contact| Meant { account: account.clone(), contact }));
        }
        if meant.is_empty() { Err(Declined::NobodyMeant) } else { Ok(meant) }
    }

    /// Contacts that have this e-mail address or phone number, or had it in something that is still kept.
    async fn with_address(&self, account: &Kept, who: &str) -> Result<Vec<String>, Declined> {
        let identifier = Identifier::email(who).or_else(|| Identifier::phone(who, &account.region));
        let Some(identifier) = identifier.map(|identifier| identifier.to_string()) else { return Ok(Vec::new()) };
        let census = Census::new(self.pool.clone(), CrmKeys::new(&account.key));
        let holders = census.holders(std::slice::from_ref(&identifier)).await?.remove(&identifier).unwrap_or_default();
        let mut texts = vec![who.trim().to_owned()];
        texts.extend(crate::contact::phone_identity(who, &account.region));
        let mut contacts = mentioned(&self.pool, &account.key, &texts).await?;
        contacts.extend(holders);
        Ok(contacts.into_iter().filter(|contact| !contact.is_empty()).collect())
    }

    /// What is kept of a contact.
    async fn kept_of(&self, meant: &Meant) -> Result<Erased, Declined> {
        let erased = self.erase(&meant.account.key, &meant.contact, false).await?;
        Ok(report(meant, erased, self.in_google(meant).await?, true))
    }

    /// Erases a contact. May be broken off anywhere and done again.
    async fn forget_one(&self, meant: &Meant, erasing: Erasing<'_>) -> Result<Erased, Declined> {
        let Meant { account, contact } = meant;
        let in_google = self.in_google(meant).await?;
        // First nothing new is taken in; then nobody writes any more what he has in hand; then it goes.
        let revision = self.close_the_door(&account.key, contact).await?;
        self.all_know(revision).await?;
        let subjects = subjects(&self.pool, &account.key).await?;
        let held = self.hold_all(&account.key, &subjects, erasing).await?;
        let erased = self.erase(&account.key, contact, true).await;
        let noted = self.note_erasure(&account.key, &subjects, &erased).await;
        let_go(held).await?;
        noted?;
        Ok(report(meant, erased?, in_google, false))
    }

    async fn note_erasure(
        &self,
        account: &AccountKey,
        subjects: &BTreeSet<String>,
        erased: &Result<Counts, StoreError>,
    ) -> Result<(), StoreError> {
        if !erased.as_ref().is_ok_and(|counts| !counts.is_empty()) {
            return Ok(());
        }
        for subject in subjects {
            let entry = ("forgotten", "a person was erased on request");
            journal::note(&self.pool, &CrmKeys::new(account), subject, "", entry).await?;
        }
        Ok(())
    }

    async fn erase(&self, account: &AccountKey, contact: &str, really: bool) -> Result<Counts, StoreError> {
        let stamp = stamp_mark(account, contact);
        Erase { pool: &self.pool, account, contact, stamp: &stamp, really }.run().await
    }

    async fn in_google(&self, meant: &Meant) -> Result<Vec<String>, StoreError> {
        let mut resources = Vec::new();
        for subject in subjects(&self.pool, &meant.account.key).await? {
            let view = LedgerView::new(self.pool.clone(), &meant.account.key, &subject);
            let links = view.links::<Link>(std::slice::from_ref(&meant.contact)).await?;
            resources.extend(links.into_iter().flatten().map(|link| link.resource).filter(|r| !r.is_empty()));
        }
        Ok(resources)
    }

    /// Remembers who is erased; answers the revision of the registry that says so.
    async fn close_the_door(&self, account: &AccountKey, contact: &str) -> Result<u64, Declined> {
        self.remember_that(|registry, sealer| registry.forget(sealer, account, contact)).await
    }

    /// Changes the registry; answers its revision.
    async fn remember_that(
        &self,
        mut how: impl FnMut(&mut Registry, &Sealer) -> Result<bool, SealError>,
    ) -> Result<u64, Declined> {
        let mut failed = None;
        let sealer = self.registry.sealer().clone();
        let change = |registry: &mut Registry| match how(registry, &sealer) {
            Ok(new) => new,
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        let registry = self.registry.change(&self.current.installation.id, change).await?;
        failed.map_or(Ok(registry.revision), |error| Err(RegistryError::from(error).into()))
    }

    async fn hold_all(
        &self,
        account: &AccountKey,
        subjects: &BTreeSet<String>,
        erasing: Erasing<'_>,
    ) -> Result<Vec<Lease>, Declined> {
        let mut held = Vec::with_capacity(subjects.len());
        for subject in subjects {
            held.push(self.hold(account, subject, erasing).await?);
        }
        Ok(held)
    }

    /// Takes the Google account from its worker once that lets go after its slice, and locks out one that was held up.
    async fn hold(&self, account: &AccountKey, subject: &str, erasing: Erasing<'_>) -> Result<Lease, Declined> {
        let Erasing { holder, lease: length, .. } = erasing;
        let keys = GoogleKeys::new(subject);
        let asked = tokio::time::Instant::now();
        loop {
            if let Some(lease) = Lease::claim(&self.pool, keys.lease(), keys.fence(), holder, length).await? {
                crate::store::ledger::fence(&self.pool, account, subject, &lease.token).await?;
                return Ok(lease);
            }
            if asked.elapsed() > length * 2 {
                return Err(Declined::AccountBusy);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn let_go(held: Vec<Lease>) -> Result<(), StoreError> {
    for lease in held {
        lease.release().await?;
    }
    Ok(())
}

fn report(meant: &Meant, erased: Counts, in_google: Vec<String>, dry_run: bool) -> Erased {
    let (crm, contact) = (meant.account.name.clone(), meant.contact.clone());
    Erased { crm, contact, dry_run, erased, in_google }
}
