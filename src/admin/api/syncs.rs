//! How syncs stand.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Api,
    events::{Running, going_on},
    failure::ApiFailure,
};
use crate::admin::overview::{SyncOverview, look, look_at_all};

#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    overview: SyncOverview,
    running: Option<Running>,
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiFailure> {
    let current = api.tools.fresh().await?;
    Ok(Json(json!({ "syncs": look_at_all(&api.tools.pool, &current).await? })))
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    sync: Result<Path<String>, PathRejection>,
) -> Result<Json<Shown>, ApiFailure> {
    let Path(name) = sync?;
    let (current, desk) = (api.tools.fresh().await?, api.desk().await?);
    let sync = desk.sync(&name)?;
    let overview = look(&api.tools.pool, &current, sync).await?;
    let running = Running::look(&going_on(&desk, sync).await?, api.tools.pool.clock.now()).await?;
    Ok(Json(Shown { overview, running: running.filter(|(run, _)| !run.is_over()).map(|(_, running)| running) }))
}
