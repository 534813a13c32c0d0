//! Undoing a run: what would be taken back, and the run that takes it back.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::reconcile::undo::{UndoError, What, begin, choose, plan};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    apply: bool,
}

/// The plan, and with `apply` the id of the run that carries it out.
pub(super) async fn undo(
    State(api): State<Arc<Api>>,
    which: Result<Path<(String, String)>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiFailure> {
    let Path((sync, run)) = which?;
    let wanted = "the body is JSON that says whether it is to be done: {\"apply\": false} or {\"apply\": true}";
    let Wanted { apply } = serde_json::from_slice(&body?).map_err(|_| ApiFailure::bad_body(wanted))?;
    let current = api.tools.fresh().await?;
    let sync = current.sync_named(&sync).ok_or_else(|| ApiFailure::no_sync(&sync))?;
    let what = What::Run(Box::new(choose(&api.tools, sync, Some(&run)).await?));
    let plan = plan(&api.tools, sync, &what).await?;
    let begun = if apply { Some(begin(&api.tools, sync, &what).await?.id) } else { None };
    Ok(Json(json!({ "plan": plan, "run": begun })))
}

impl From<UndoError> for ApiFailure {
    fn from(error: UndoError) -> Self {
        match &error {
            UndoError::NoSuchRun(_) => Self::not_there(error.code(), error.to_string()),
            UndoError::Busy | UndoError::Halt(_) | UndoError::Store(_) | UndoError::Registry(_) => {
                tracing::warn!(%error, "an undo could not be looked at");
                Self::unavailable(error.code(), error.to_string())
            }
            _ => Self::conflict(error.code(), error.to_string()),
        }
    }
}
