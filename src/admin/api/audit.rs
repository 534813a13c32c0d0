//! The audit log.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::{answers::time, store::audit::since};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    since: Option<String>,
}

/// Who asked for what, oldest first; `since` as on the command line.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, ApiFailure> {
    let Query(asked) = asked.map_err(|_| ApiFailure::bad_query("the filter knows since"))?;
    let pool = &api.tools.pool;
    let from = asked.since.as_deref().map(|text| time(text, pool.clock.now())).transpose()?;
    Ok(Json(json!({ "deeds": since(pool, from).await? })))
}
