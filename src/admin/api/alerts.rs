//! What is wrong now.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::alerts;

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiFailure> {
    Ok(Json(json!({ "alerts": alerts::list(&api.tools.pool).await? })))
}
