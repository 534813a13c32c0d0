//! A CRM account that does not let us in: written down by whoever meets it, so that people are told; over when it lets us in
//! again, or when it is given another token.

use redis::AsyncCommands;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Tools, crm_token::digest};
use crate::store::{
    StoreError,
    current::{CrmAccess, CrmAccount},
    decode, encode,
    keys::CrmKeys,
    pool::Pool,
};

#[derive(Serialize, Deserialize)]
struct Refused {
    sentence: String,
    /// Digest of the declared token.
    token: String,
}

/// In words why the CRM does not let us in, if it does not.
pub async fn crm_refusal(pool: &Pool, account: &CrmAccount) -> Result<Option<String>, StoreError> {
    let Some(token) = declared(account) else { return Ok(None) };
    let held: Option<String> = pool.get().await?.get(CrmKeys::new(&account.key).refused()).await?;
    let refused = held.map(|text| decode::<Refused>("a refusal", &text)).transpose()?;
    Ok(refused.filter(|refused| refused.token == digest(token)).map(|refused| refused.sentence))
}

impl Tools {
    /// The CRM does not let us in.
    pub async fn crm_refuses(&self, account: &CrmAccount, sentence: String) -> Result<(), StoreError> {
        let Some(token) = declared(account) else { return Ok(()) };
        let text = encode("a refusal", &Refused { sentence, token: digest(token) })?;
        Ok(self.pool.get().await?.set(CrmKeys::new(&account.key).refused(), text).await?)
    }

    /// The CRM has answered.
    pub async fn crm_lets_in(&self, account: &CrmAccount) -> Result<(), StoreError> {
        Ok(self.pool.get().await?.del(CrmKeys::new(&account.key).refused()).await?)
    }
}

fn declared(account: &CrmAccount) -> Option<&SecretString> {
    match account.access.as_ref()? {
        CrmAccess::Static(token) => Some(token),
        CrmAccess::Oauth { refresh, .. } => Some(refresh),
    }
}
