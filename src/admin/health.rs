//! `/healthz` (the process), `/readyz` (Redis and workers), `/metrics` (Prometheus, with the API token).

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use redis::AsyncCommands;
use tokio::sync::watch;

use super::{
    access::Access,
    failures::{Counted, counted, in_words},
    overview::{STATES, look},
};
use crate::{
    caller::ShutOut,
    queue::{dead, door::Door, retention::backlog},
    store::{
        StoreError,
        current::Current,
        keys::{CrmKeys, WORKERS},
        pool::Pool,
        runs::Runs,
    },
    telemetry,
};

/// A worker that has said nothing for this long is not there.
const WORKER_ALIVE: Duration = Duration::from_secs(30);

/// What health and metrics look at.
#[derive(Clone)]
pub struct Health {
    /// Redis.
    pub pool: Pool,
    /// Whether events are taken.
    pub door: Arc<Door>,
    /// Configuration.
    pub current: watch::Receiver<Arc<Current>>,
    /// Asked for by `/metrics`: any token will do.
    pub access: Access,
    /// Who gives wrong ones too often.
    pub shut_out: Arc<ShutOut>,
}

/// Routes.
pub fn router(health: Health) -> Router {
    // The token is the API's, and so are its failures.
    let failures = Counted { shut_out: health.shut_out.clone(), what: "api", refuse: in_words };
    Router::new()
        .route("/metrics", get(render))
        .route_layer(middleware::from_fn_with_state(failures, counted))
        .route("/readyz", get(readyz))
        .with_state(health)
        .merge(alive())
}

/// `/healthz` alone.
pub fn alive() -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}

/// Whether any worker process has said lately that it lives.
pub async fn worker_alive(pool: &Pool) -> Result<bool, StoreError> {
    let since = pool.clock.now_ms() - i64::try_from(WORKER_ALIVE.as_millis()).unwrap_or(i64::MAX);
    let alive: u64 = pool.get().await?.zcount(WORKERS, since, "+inf").await?;
    Ok(alive > 0)
}

async fn readyz(State(health): State<Health>) -> Response {
    if !health.door.is_open() {
        return (StatusCode::SERVICE_UNAVAILABLE, "Redis is not usable\n").into_response();
    }
    match worker_alive(&health.pool).await {
        Ok(true) => "ready\n".into_response(),
        Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "no worker is running\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "Redis does not answer\n").into_response(),
    }
}

async fn render(State(health): State<Health>, headers: HeaderMap) -> Response {
    if health.access.bearer(&headers).is_none() {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge, "the API token is wanted\n").into_response();
    }
    if let Err(error) = gauge(&health).await {
        tracing::warn!(%error, "some gauges are old");
    }
    telemetry::metrics().render().into_response()
}

/// Gauges are read when somebody looks.
async fn gauge(health: &Health) -> Result<(), StoreError> {
    let current = health.current.borrow().clone();
    for account in current.accounts.keys() {
        let keys = CrmKeys::new(account);
        let (held, waiting) = backlog(&health.pool, &keys).await?;
        let label = account.to_string();
        set("carnet_stream_events", "account", &label, held);
        set("carnet_stream_waiting", "account", &label, waiting);
        set("carnet_dead_letters", "account", &label, dead::count(&health.pool, &keys).await?);
    }
    for sync in &current.syncs {
        let runs = Runs::new(health.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
        let (live, bulk) = runs.waiting().await?;
        set("carnet_dirty_live", "sync", &sync.spec.name, live);
        set("carnet_dirty_bulk", "sync", &sync.spec.name, bulk);
        let stands = look(&health.pool, &current, sync).await?;
        set("carnet_linked", "sync", &stands.name, stands.linked);
        set("carnet_needs_you", "sync", &stands.name, stands.needs_you as u64);
        set("carnet_braked", "sync", &stands.name, stands.braked);
        for state in STATES {
            let is_it = if stands.state == state { 1.0 } else { 0.0 };
            metrics::gauge!("carnet_sync_state", "sync" => stands.name.clone(), "state" => state).set(is_it);
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn set(name: &'static str, label: &'static str, value: &str, number: u64) {
    metrics::gauge!(name, label => value.to_owned()).set(number as f64);
}
