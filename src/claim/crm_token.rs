//! A HighLevel token for a CRM account. An OAuth refresh token is single-use: its successor is in the registry, on disk first, before
//! the new access token is used.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    crm::highlevel::{
        CrmFailure,
        oauth::{App, Credential, TokenFailure, Tokens},
    },
    store::{
        current::{CrmAccess, CrmAccount},
        registry::RegistryError,
    },
};

use super::Tools;

/// Why there is no CRM token.
#[derive(Debug, thiserror::Error)]
pub enum CrmAccessFailure {
    /// The CRM refused or did not answer.
    #[error(transparent)]
    Token(#[from] TokenFailure),
    /// The stored tokens do not open, or there are none to use.
    #[error("the stored tokens of the CRM account cannot be used; connect it again")]
    NoToken,
}

impl CrmAccessFailure {
    /// Whether it lasts until somebody mends it.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NoToken => true,
            Self::Token(failure) => !matches!(
                failure,
                TokenFailure::Crm(CrmFailure::RateLimited { .. } | CrmFailure::Transient { .. })
                    | TokenFailure::NotStored(_)
            ),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    access: String,
    refresh: String,
    expires: Timestamp,
    /// Digest of the declared refresh token that these come from: another one declared since begins anew.
    declared: String,
}

impl Tools {
    /// A token that the CRM accepts for this account.
    pub async fn crm_token(&self, account: &CrmAccount) -> Result<SecretString, CrmAccessFailure> {
        let (client_id, client_secret, declared) = match &account.access {
            None => return Err(CrmAccessFailure::NoToken),
            Some(CrmAccess::Static(token)) => return Ok(token.clone()),
            Some(CrmAccess::Oauth { client_id, client_secret, refresh, .. }) => (client_id, client_secret, refresh),
        };
        // The registry, not the copy in `current`: another process may have rotated a moment ago.
        let kept = self.kept_tokens(account, declared).await?;
        if let Some(token) =
            kept.as_ref().and_then(|t| Credential::Oauth(t.clone()).bearer(self.pool.clock.now()).cloned())
        {
            return Ok(token);
        }
        let refresh = kept.map_or_else(|| declared.clone(), |t| t.refresh);
        let app = App { id: client_id, secret: client_secret };
        let persist = |tokens: Tokens| self.keep_tokens(account, declared, tokens);
        let tokens = self.highlevel_oauth.refresh(&account.key, app, &refresh, persist).await?;
        Ok(tokens.access)
    }

    async fn kept_tokens(
        &self,
        account: &CrmAccount,
        declared: &SecretString,
    ) -> Result<Option<Tokens>, CrmAccessFailure> {
        let registry = self.registry.load().await.map_err(|_| CrmAccessFailure::NoToken)?;
        let Some(sealed) = registry.crm_tokens.get(&account.key.to_string()) else { return Ok(None) };
        let opened = self.registry.sealer().open("crm", sealed).map_err(|_| CrmAccessFailure::NoToken)?;
        let kept: Kept = serde_json::from_str(opened.expose_secret()).map_err(|_| CrmAccessFailure::NoToken)?;
        if kept.declared != digest(declared) {
            return Ok(None);
        }
        Ok(Some(Tokens {
            access: kept.access.into(),
            refresh: kept.refresh.into(),
            expires: kept.expires,
            location: None,
            company: None,
        }))
    }

    async fn keep_tokens(
        &self,
        account: &CrmAccount,
        declared: &SecretString,
        tokens: Tokens,
    ) -> Result<(), RegistryError> {
        let kept = Kept {
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.expose_secret().to_owned(),
            expires: tokens.expires,
            declared: digest(declared),
        };
        let text = crate::store::encode("tokens", &kept)?;
        let sealed = self.registry.sealer().seal("crm", &text)?;
        let key = account.key.to_string();
        let installation = self.now().installation.id.clone();
        self.registry
            .change(&installation, |registry| {
                registry.crm_tokens.insert(key.clone(), sealed.clone());
                true
            })
            .await?;
        Ok(())
    }
}

pub(super) fn digest(secret: &SecretString) -> String {
    hex::encode(&Sha256::digest(secret.expose_secret().as_bytes())[..8])
}
