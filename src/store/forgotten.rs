//! Persons who were erased: remembered by a keyed hash of their CRM ids, so that no event and no reconcile brings them back, and
//! nobody can read who they were.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use crate::contact::AccountKey;

use super::{
    registry::Registry,
    seal::{SealError, Sealer},
};

/// Name of the generated secret that the hashes are keyed with. It is sealed: a new secret key leaves the hashes as they are.
const PEPPER: &str = "forgotten";

/// Who was erased.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    pepper: Option<SecretString>,
    marks: BTreeSet<String>,
}

impl Forgotten {
    /// As the registry remembers it.
    pub fn open(registry: &Registry, sealer: &Sealer) -> Result<Self, SealError> {
        let pepper = registry.generated.get(PEPPER).map(|sealed| sealer.open(PEPPER, sealed)).transpose()?;
        Ok(Self { pepper, marks: registry.forgotten.clone() })
    }

    /// Whether this contact was erased.
    pub fn holds(&self, account: &AccountKey, contact: &str) -> bool {
        !self.marks.is_empty() && self.mark(account, contact).is_some_and(|mark| self.marks.contains(&mark))
    }

    /// Whether all that was kept of this account was erased, and it was not declared again since.
    pub fn holds_all(&self, account: &AccountKey) -> bool {
        self.holds(account, EVERYBODY)
    }

    /// What stands for this contact.
    pub fn mark(&self, account: &AccountKey, contact: &str) -> Option<String> {
        self.pepper.as_ref().map(|pepper| mark(pepper, account, contact))
    }
}

impl Registry {
    /// Remembers that a contact was erased; `false` when it is known.
    pub fn forget(&mut self, sealer: &Sealer, account: &AccountKey, contact: &str) -> Result<bool, SealError> {
        let (pepper, _) = self.generated(sealer, PEPPER)?;
        let about = format!("|{account}|{contact}");
        let before = self.refusals.len();
        self.refusals.retain(|key, _| !key.ends_with(&about));
        Ok(self.forgotten.insert(mark(&pepper, account, contact)) || self.refusals.len() < before)
    }

    /// Remembers that all that was kept of an account was erased, and keeps nothing of it any more.
    pub fn forget_all(&mut self, sealer: &Sealer, account: &AccountKey) -> Result<(), SealError> {
        self.forget(sealer, account, EVERYBODY)?;
        let (key, about) = (account.to_string(), format!("{account}|"));
        self.crm_tokens.remove(&key);
        self.refusals.retain(|key, _| !key.split_once('|').is_some_and(|(_, rest)| rest.starts_with(&about)));
        Ok(())
    }

    /// An account is there again; who of it was erased stays so.
    pub fn welcome(&mut self, sealer: &Sealer, account: &AccountKey) -> Result<bool, SealError> {
        self.remember(sealer, account, EVERYBODY)
    }

    /// Takes that back; `false` when it was not so.
    pub fn remember(&mut self, sealer: &Sealer, account: &AccountKey, contact: &str) -> Result<bool, SealError> {
        let Some(sealed) = self.generated.get(PEPPER) else { return Ok(false) };
        let pepper = sealer.open(PEPPER, sealed)?;
        Ok(self.forgotten.remove(&mark(&pepper, account, contact)))
    }
}

/// No contact has this id.
const EVERYBODY: &str = "";

fn mark(pepper: &SecretString, account: &AccountKey, contact: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, pepper.expose_secret().as_bytes());
    hex::encode(&hmac::sign(&key, format!("{account}|{contact}").as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_erased_is_known_again_but_cannot_be_read() {
        let sealer = Sealer::new(&"a key".into()).unwrap();
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let mut registry = Registry::default();
        assert!(registry.forget(&sealer, &account, "contact-1").unwrap());
        assert!(!registry.forget(&sealer, &account, "contact-1").unwrap());
        let forgotten = Forgotten::open(&registry, &sealer).unwrap();
        assert!(forgotten.holds(&account, "contact-1") && !forgotten.holds(&account, "contact-2"));
        assert!(!serde_json::to_string(&registry).unwrap().contains("contact-1"));
        assert!(registry.remember(&sealer, &account, "contact-1").unwrap());
        assert!(!Forgotten::open(&registry, &sealer).unwrap().holds(&account, "contact-1"));
    }
}
