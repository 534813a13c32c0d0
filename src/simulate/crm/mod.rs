//! A pretend HighLevel: the parts of API v2 that a sync reads, marketplace-app and workflow webhooks, and a control API
//! (`control`) that plays the CRM's users and its bad days. Strict where the vendor documents a rule, and hostile where
//! reports differ, so that a client which passes here is safe either way.

mod api;
mod contact;
mod control;
mod deliver;
mod fault;
mod filter;
mod gate;
mod oauth;
mod refusal;
mod search;
mod sign;
mod webhook;
mod world;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, middleware};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

pub use sign::{public_key_pem, sign};
use world::World;

/// How the pretend CRM behaves; [`Options::default`] holds the documented (or else reported) values.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides ids, tokens, chance and the signing key.
    pub seed: u64,
    /// Where app webhooks go; `None` until the control API sets it.
    pub webhook_url: Option<String>,
    /// The marketplace app, sent as `appId` and `versionId` of every event.
    pub app_id: String,
    /// OAuth client: the app id, a dash, a suffix.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// Requests per [`Options::rate_window`] for one app and one resource.
    pub rate_limit: u32,
    /// The burst window, in virtual time.
    pub rate_window: Duration,
    /// How long (virtual time) a change takes to show in the search.
    pub index_lag: Duration,
    /// Real time between two attempts of a delivery that was answered 429.
    pub retry_spacing: Duration,
    /// Attempts after the first; only 429 is tried again.
    pub retries: u32,
    /// Status of `GET /contacts/{id}` for an id that does not exist: 404, or 400 as some accounts report.
    pub unknown_contact: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            webhook_url: None,
            app_id: "66f0c0de5a1e7b0d4c3b2a19".into(),
            client_id: "66f0c0de5a1e7b0d4c3b2a19-m1abcd2e".into(),
            client_secret: "simulated-client-secret".into(),
            rate_limit: 100,
            rate_window: Duration::from_secs(10),
            index_lag: Duration::from_secs(2),
            retry_spacing: Duration::from_secs(600),
            retries: 5,
            unknown_contact: 404,
        }
    }
}

/// What every request shares.
struct Sim {
    options: Options,
    http: reqwest::Client,
    world: Mutex<World>,
    /// Webhooks that are sent at the same time.
    senders: Semaphore,
}

/// A CRM has so many senders, however much there is to send.
const SENDERS: usize = 200;

impl Sim {
    fn new(options: Options) -> Self {
        let world = Mutex::new(World::new(&options));
        // Receivers are near: a proxy of the environment is not for them.
        let http = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
        Self { options, http, world, senders: Semaphore::new(SENDERS) }
    }

    /// Held for the length of a decision, never across an `await`.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the pretend CRM on `listener` until `shutdown`; deliveries still waiting are then abandoned.
///
/// # Errors
/// What the listener answers.
pub async fn serve(listener: TcpListener, options: Options, shutdown: CancellationToken) -> std::io::Result<()> {
    let sim = Arc::new(Sim::new(options));
    let gated = api::routes().merge(oauth::routes()).layer(middleware::from_fn_with_state(sim.clone(), gate::gate));
    let app = Router::new().nest("/control", control::routes()).merge(gated).with_state(sim.clone());
    axum::serve(listener, app).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    sim.world().epoch.cancel();
    Ok(())
}

#[cfg(test)]
mod tests;
