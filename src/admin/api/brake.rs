//! Contacts that a brake has stopped, and what people say about them.

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
use crate::{answers::Said, store::brake::Answer};

type Which = Result<Path<String>, PathRejection>;
type Body = Result<Bytes, BytesRejection>;

/// Which of the contacts that were stopped; all must be asked for by name.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Stopped {
    Contacts(Vec<String>),
    All(bool),
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiFailure> {
    Ok(Json(json!({ "braked": api.desk().await?.braked(None).await? })))
}

pub(super) async fn allow(State(api): State<Arc<Api>>, sync: Which, body: Body) -> Result<Json<Said>, ApiFailure> {
    answer(&api, sync, body, Answer::Allow).await
}

pub(super) async fn discard(State(api): State<Arc<Api>>, sync: Which, body: Body) -> Result<Json<Said>, ApiFailure> {
    answer(&api, sync, body, Answer::Discard).await
}

async fn answer(api: &Api, sync: Which, body: Body, answer: Answer) -> Result<Json<Said>, ApiFailure> {
    let Path(sync) = sync?;
    let wanted = "the body is JSON that says which contacts: {\"contacts\": [\"…\"]} or {\"all\": true}";
    let contacts = match serde_json::from_slice(&body?) {
        Ok(Stopped::Contacts(contacts)) if !contacts.is_empty() => contacts,
        Ok(Stopped::All(true)) => Vec::new(),
        _ => return Err(ApiFailure::bad_body(wanted)),
    };
    Ok(Json(api.desk().await?.answer_brake(Some(&sync), &contacts, answer).await?))
}
