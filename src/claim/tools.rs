//! What every worker uses: Redis, the two clients, tokens, configuration.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    crm::highlevel::{HighLevel, oauth::Oauth as HighLevelOauth},
    google::{http, oauth::Oauth, people::People, tokens::AccessTokens},
    store::{
        StoreError, current::Current, highwater::Highwater, installation::Guard, pool::Pool, registry::RegistryStore,
    },
};

use super::{google_token::AccessFailure, strangers::StoppedLooks};

/// The clients cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up on this machine: {0}")]
pub struct NoClient(String);

/// Shared by the workers and the reconciles of one process.
pub struct Tools {
    /// Settings of the process.
    pub settings: Arc<Settings>,
    /// Redis.
    pub pool: Pool,
    /// Configuration and credentials.
    pub registry: RegistryStore,
    /// Watches that Redis is ours.
    pub guard: Arc<Guard>,
    /// How far Redis has come.
    pub highwater: Arc<Highwater>,
    /// Configuration now.
    pub current: watch::Receiver<Arc<Current>>,
    /// The People API.
    pub people: People,
    /// Google's token endpoint.
    pub google_oauth: Oauth,
    /// Google access tokens, one refresh at a time.
    pub access_tokens: AccessTokens<AccessFailure>,
    /// HighLevel's API.
    pub highlevel: HighLevel,
    /// HighLevel's token endpoint.
    pub highlevel_oauth: HighLevelOauth,
    /// Looks at people's own contacts that Google's limit has stopped.
    pub stopped_looks: StoppedLooks,
    /// Name of this process in leases.
    pub holder: String,
    /// Told to stop: no further call to Google leaves.
    pub stop: CancellationToken,
}

impl Tools {
    /// Builds the clients.
    pub fn build(
        settings: Arc<Settings>,
        pool: Pool,
        registry: RegistryStore,
        guard: Arc<Guard>,
        highwater: Arc<Highwater>,
        current: watch::Receiver<Arc<Current>>,
        stop: CancellationToken,
    ) -> Result<Self, NoClient> {
        let tls = |e: reqwest::Error| NoClient(e.to_string());
        let client = http::client(settings.tune.google_timeout).map_err(tls)?;
        Ok(Self {
            people: People::new(client.clone(), settings.google_api_url.clone()),
            google_oauth: Oauth::new(
                client,
                settings.google_auth_url.clone(),
                settings.google_token_url.clone(),
                settings.google_userinfo_url.clone(),
            ),
            access_tokens: AccessTokens::new(),
            stopped_looks: StoppedLooks::default(),
            highlevel: HighLevel::new(settings.highlevel_api_url.clone(), &settings.tune).map_err(tls)?,
            highlevel_oauth: HighLevelOauth::new(settings.highlevel_api_url.clone(), &settings.tune).map_err(tls)?,
            holder: format!(
                "{}-{}",
                std::process::id(),
                crate::store::seal::random_text(4).map_err(|e| NoClient(e.to_string()))?
            ),
            settings,
            pool,
            registry,
            guard,
            highwater,
            current,
            stop,
        })
    }

    /// The configuration as this process last looked at it, with every sweep.
    pub fn now(&self) -> Arc<Current> {
        self.current.borrow().clone()
    }

    /// The configuration as it stands in Redis: what was applied or refused a moment ago holds already.
    pub async fn fresh(&self) -> Result<Arc<Current>, StoreError> {
        let known = self.now();
        // A lower one is a Redis that was emptied or went back, which the keeper mends.
        if self.registry.revision().await? <= known.revision {
            return Ok(known);
        }
        let registry = self.registry.load().await?;
        let opened = Current::open(&registry, known.installation.clone(), self.registry.sealer());
        opened.map(Arc::new).map_err(|e| StoreError::Unreadable("the configuration", e.to_string()))
    }
}
