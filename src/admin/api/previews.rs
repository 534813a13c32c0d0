//! Previews: made, read page by page, applied.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::{
    reconcile::{self, Action, ApplyError, Entry, Preview, PreviewError},
    store::current::SyncSpec,
};

/// Entries of an answer, unless it says how many.
const PAGE: usize = 100;
const PAGE_MOST: usize = 1_000;

/// The sync's name, and the preview's id or `last`.
type Which = Result<Path<(String, String)>, PathRejection>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    limit: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Decided {
    anyway: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    only: Option<String>,
    #[serde(default)]
    offset: usize,
    count: Option<usize>,
}

pub(super) async fn make(
    State(api): State<Arc<Api>>,
    sync: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Preview>, ApiFailure> {
    let Path(name) = sync?;
    let wanted: Wanted = said(&body?, "the body is JSON: {\"limit\": 5}, or empty")?;
    if wanted.limit == Some(0) {
        return Err(ApiFailure::bad_body("a preview of no contact shows nothing; leave \"limit\" out for all"));
    }
    let sync = api.sync(&name).await?;
    let tools = api.tools.clone();
    // It goes on if whoever asked goes away: it may take a while, and is then the last one.
    let made = tokio::spawn(async move { reconcile::preview(&tools, &sync, wanted.limit).await }).await;
    Ok(Json(made.map_err(|_| ApiFailure::stopped())??))
}

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    which: Which,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<Value>, ApiFailure> {
    let Query(paging) = paging?;
    let (sync, preview) = api.preview(which).await?;
    let mut kinds = Action::ALL.to_vec();
    if let Some(only) = paging.only {
        let asked: Result<Vec<Action>, String> = only.split(',').map(str::parse).collect();
        let asked = asked.map_err(|e| ApiFailure::bad_query(&e))?;
        kinds.retain(|kind| asked.contains(kind));
    }
    let kinds: Vec<&str> = kinds.into_iter().map(Action::code).collect();
    let count = paging.count.unwrap_or(PAGE).clamp(1, PAGE_MOST);
    let store = reconcile::previews_of(&api.tools, &sync);
    let entries: Vec<Entry> = store.entries(&preview.id, &kinds, paging.offset, count).await?;
    let next = (entries.len() == count).then(|| paging.offset + count);
    Ok(Json(json!({ "preview": preview, "entries": entries, "next": next })))
}

pub(super) async fn apply(
    State(api): State<Arc<Api>>,
    which: Which,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiFailure> {
    let decided: Decided = said(&body?, "the body is JSON: {\"anyway\": true}, or empty")?;
    let (sync, preview) = api.preview(which).await?;
    let changes = reconcile::check(&api.tools, &sync, &preview).await?;
    if changes.total > 0 && !decided.anyway {
        let sentence = "the preview no longer fits: look at a new one, or send {\"anyway\": true}";
        let error = json!({ "code": "does_not_fit", "sentence": sentence });
        return Ok((StatusCode::CONFLICT, Json(json!({ "error": error, "changes": changes }))).into_response());
    }
    let run = reconcile::begin(&api.tools, &sync, &preview).await?;
    Ok(Json(json!({ "run": run.id, "preview": preview.id, "changes": changes })).into_response())
}

impl Api {
    async fn sync(&self, name: &str) -> Result<Arc<SyncSpec>, ApiFailure> {
        let current = self.tools.fresh().await?;
        current.sync_named(name).cloned().ok_or_else(|| ApiFailure::no_sync(name))
    }

    async fn preview(&self, which: Which) -> Result<(Arc<SyncSpec>, Preview), ApiFailure> {
        let Path((name, id)) = which?;
        let sync = self.sync(&name).await?;
        let preview = reconcile::find(&self.tools, &sync, (id != "last").then_some(id.as_str())).await?;
        Ok((sync, preview))
    }
}

/// What a body says, which may be empty.
fn said<T: DeserializeOwned + Default>(body: &[u8], wanted: &str) -> Result<T, ApiFailure> {
    if body.is_empty() || body == b"null" {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|_| ApiFailure::bad_body(wanted))
}

impl From<PreviewError> for ApiFailure {
    fn from(error: PreviewError) -> Self {
        let (status, code) = match &error {
            PreviewError::NotConnected(_) => (StatusCode::CONFLICT, "not_connected"),
            PreviewError::Limited => (StatusCode::CONFLICT, "limited"),
            PreviewError::Busy => (StatusCode::CONFLICT, "busy"),
            PreviewError::Paused { .. } => (StatusCode::CONFLICT, "paused"),
            PreviewError::Crm(_) | PreviewError::Access(_) => (StatusCode::BAD_GATEWAY, "crm"),
            PreviewError::Halt(_) => (StatusCode::BAD_GATEWAY, "google"),
            PreviewError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<ApplyError> for ApiFailure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Preview(error) => error.into(),
            ApplyError::Store(error) => error.into(),
            ApplyError::NotThere(_) => Self::new(StatusCode::NOT_FOUND, "no_preview", error.to_string()),
            ApplyError::Running(_) => Self::new(StatusCode::CONFLICT, "running", error.to_string()),
            ApplyError::Paused(_) => Self::new(StatusCode::CONFLICT, "paused", error.to_string()),
        }
    }
}
