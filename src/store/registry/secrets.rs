//! What is sealed inside the registry: found, counted, opened, sealed with another key.

use std::{collections::BTreeMap, convert::Infallible};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Registry, SecretProblem};
use crate::{
    config::{declared::Declared, secret::SecretText},
    store::seal::{SealError, Sealer, key_of},
};

impl Registry {
    /// Calls `f` with everything that is sealed inside, and what it is sealed for.
    fn each_sealed<E>(&mut self, mut f: impl FnMut(&str, &mut String) -> Result<(), E>) -> Result<(), E> {
        each_secret(&mut self.declared, |secret| {
            let Some((reference, sealed)) = secret.written().split_once("sealed:") else { return Ok(()) };
            let (reference, mut sealed) = (reference.to_owned(), sealed.to_owned());
            f("declared", &mut sealed)?;
            *secret = SecretText::new(format!("{reference}sealed:{sealed}"));
            Ok(())
        })?;
        self.google.values_mut().try_for_each(|connection| f("google", &mut connection.refresh))?;
        self.crm_tokens.values_mut().try_for_each(|tokens| f("crm", tokens))?;
        self.generated.iter_mut().try_for_each(|(name, sealed)| f(name, sealed))
    }

    /// How many values are sealed with the key of which id; those from before keys had ids under the empty one.
    pub fn sealed_with(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        let count = |_: &str, sealed: &mut String| {
            *counts.entry(key_of(sealed).unwrap_or_default().to_owned()).or_default() += 1;
            Ok::<_, Infallible>(())
        };
        match self.clone().each_sealed(count) {
            Ok(()) => counts,
            Err(never) => match never {},
        }
    }

    /// Whether everything inside opens.
    pub fn opens(&self, sealer: &Sealer) -> Result<(), SealError> {
        self.clone().each_sealed(|purpose, sealed| sealer.open(purpose, sealed).map(drop))
    }

    /// Seals everything inside with the key that seals now.
    pub(super) fn reseal(&mut self, sealer: &Sealer) -> Result<(), SealError> {
        self.each_sealed(|purpose, sealed| {
            if let Some(anew) = sealer.reseal(purpose, sealed)? {
                *sealed = anew;
            }
            Ok::<_, SealError>(())
        })?;
        self.key = sealer.seals_with();
        Ok(())
    }
}

/// Calls `f` with every secret in declared state.
pub fn each_secret<E>(declared: &mut Declared, mut f: impl FnMut(&mut SecretText) -> Result<(), E>) -> Result<(), E> {
    for crm in &mut declared.crm {
        crm.client_secret.iter_mut().try_for_each(&mut f)?;
        crm.signature.iter_mut().flat_map(|s| &mut s.secrets).try_for_each(&mut f)?;
        for account in &mut crm.account {
            account.token.iter_mut().chain(&mut account.refresh_token).try_for_each(&mut f)?;
        }
    }
    for google in &mut declared.google {
        google.refresh_token.iter_mut().chain(&mut google.client_secret).try_for_each(&mut f)?;
    }
    Ok(())
}

/// The sealed part of a stored secret.
fn sealed_part(stored: &str) -> Option<&str> {
    stored.split_once("sealed:").map(|(_, sealed)| sealed)
}

/// A secret as an operator wrote it → as it is stored: `sealed:…`, or the reference and what it led to.
pub fn seal_secret(sealer: &Sealer, secret: &SecretText) -> Result<SecretText, SecretProblem> {
    if sealed_part(secret.written()).is_some() {
        open_secret(sealer, secret)?;
        return Ok(secret.clone());
    }
    let value = secret.resolve()?;
    let sealed = sealer.seal("declared", value.expose_secret())?;
    let reference = if secret.is_reference() { format!("{} ", secret.written()) } else { String::new() };
    Ok(SecretText::new(format!("{reference}sealed:{sealed}")))
}

/// A stored secret → its value.
pub fn open_secret(sealer: &Sealer, stored: &SecretText) -> Result<SecretString, SealError> {
    sealer.open("declared", sealed_part(stored.written()).ok_or(SealError::WrongKey)?)
}

/// A stored secret → as `carnet export` prints it: the reference if it was one, else sealed.
pub fn exported_secret(stored: &SecretText) -> SecretText {
    match stored.written().split_once(" sealed:") {
        Some((reference, _)) => SecretText::new(reference),
        None => stored.clone(),
    }
}
