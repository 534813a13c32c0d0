//! A Google access token for an account, refreshed when needed.

use secrecy::SecretString;

use crate::{
    google::{
        OauthFailure,
        oauth::{OauthApp, Refreshed},
    },
    store::{StoreError, current::GoogleAccount, registry::GoogleConnection},
};

use super::Tools;

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessFailure {
    /// No OAuth app is configured.
    #[error("no Google OAuth app is configured; set CARNET_GOOGLE_CLIENT_ID and CARNET_GOOGLE_CLIENT_SECRET")]
    NoApp,
    /// Google refused or did not answer.
    #[error(transparent)]
    Oauth(#[from] OauthFailure),
}

impl Tools {
    /// The OAuth app of this account: its own, or the service's.
    pub fn google_app(&self, own: Option<&(String, SecretString)>) -> Result<OauthApp, AccessFailure> {
        let service = || {
            let settings = &self.settings;
            settings.google_client_id.clone().zip(settings.google_client_secret.clone())
        };
        let (client_id, client_secret) = own.cloned().or_else(service).ok_or(AccessFailure::NoApp)?;
        Ok(OauthApp { client_id, client_secret })
    }

    /// An access token for this account.
    pub async fn google_token(&self, google: &GoogleAccount) -> Result<SecretString, AccessFailure> {
        let app = self.google_app(google.app.as_ref())?;
        self.access_tokens.get(&google.subject, || self.refresh_google(app, google)).await
    }

    async fn refresh_google(&self, app: OauthApp, google: &GoogleAccount) -> Result<Refreshed, AccessFailure> {
        let fresh = self.google_oauth.refresh(&app, &google.refresh).await?;
        // Google seldom sends a new refresh token; the old one may then end.
        if let Some(refresh) = &fresh.refresh {
            self.keep_google_refresh(google, refresh).await;
        }
        if let Some(ends_in) = fresh.ends_in {
            let ends = self.pool.clock.now_ms() + i64::try_from(ends_in.as_millis()).unwrap_or(i64::MAX / 2);
            if let Err(error) = self.note_end(google, ends).await {
                tracing::warn!(%error, "when the connection to Google ends could not be kept");
            }
        }
        Ok(fresh)
    }

    async fn keep_google_refresh(&self, google: &GoogleAccount, refresh: &SecretString) {
        use secrecy::ExposeSecret;
        let Ok(sealed) = self.registry.sealer().seal("google", refresh.expose_secret()) else { return };
        let kept = self.change_connection(&google.subject, |connection| connection.refresh.clone_from(&sealed));
        if let Err(error) = kept.await {
            tracing::error!(%error, "a new Google refresh token could not be kept; the old one is used on");
        }
    }

    /// Changes what the registry holds of a connection, if it is there.
    pub(super) async fn change_connection(
        &self,
        subject: &str,
        change: impl Fn(&mut GoogleConnection),
    ) -> Result<(), StoreError> {
        let installation = self.now().installation.id.clone();
        let changed = self.registry.change(&installation, |registry| {
            match registry.google.values_mut().find(|connection| connection.subject == subject) {
                Some(connection) => change(connection),
                None => return false,
            }
            true
        });
        changed.await.map(drop).map_err(|e| StoreError::Unreadable("the registry", e.to_string()))
    }
}
