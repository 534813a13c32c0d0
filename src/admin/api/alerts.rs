//! What is wrong now.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::alerts::{self, Alert};

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiFailure> {
    let open = alerts::list(&api.tools.pool).await?;
    let told = |alert: &Alert| {
        json!({
            "id": alert.id,
            "kind": alert.kind.code(),
            "about": alert.about,
            "sentence": alert.sentence,
            "to_do": alert.kind.advice(&alert.about),
            "since": alert.began().to_string(),
        })
    };
    Ok(Json(json!({ "alerts": open.iter().map(told).collect::<Vec<_>>() })))
}
