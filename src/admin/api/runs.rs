//! Runs of a sync: asked for, paused, going on, cancelled, and what they came to.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::{
    answers::{Asked, Cancelling, Stands},
    reconcile::Report,
};

/// The sync's name.
type Which = Result<Path<String>, PathRejection>;
type Answered<T> = Result<Json<T>, ApiFailure>;

/// Reports of one answer, unless it says otherwise, and at the most.
const REPORTS: usize = 100;
const MOST_REPORTS: usize = 10_000;

#[derive(Deserialize)]
pub(super) struct Page {
    limit: Option<usize>,
}

pub(super) async fn run(State(api): State<Arc<Api>>, which: Which) -> Answered<Asked> {
    Ok(Json(api.desk().await?.ask_for_run(&which?.0).await?))
}

pub(super) async fn pause(State(api): State<Arc<Api>>, which: Which) -> Answered<Stands> {
    Ok(Json(api.desk().await?.pause(&which?.0).await?))
}

pub(super) async fn resume(State(api): State<Arc<Api>>, which: Which) -> Answered<Stands> {
    Ok(Json(api.desk().await?.resume(&which?.0).await?))
}

pub(super) async fn cancel(State(api): State<Arc<Api>>, which: Which) -> Answered<Cancelling> {
    Ok(Json(api.desk().await?.cancel(&which?.0).await?))
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    which: Which,
    page: Result<Query<Page>, QueryRejection>,
) -> Answered<Value> {
    let most = page?.limit.unwrap_or(REPORTS).min(MOST_REPORTS);
    let runs = api.desk().await?.history(&which?.0, most).await?;
    Ok(Json(json!({ "runs": runs.iter().map(Report::of).collect::<Vec<_>>() })))
}

/// `current` is the one in progress, or the last.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    which: Result<Path<(String, String)>, PathRejection>,
) -> Answered<Report> {
    let Path((sync, run)) = which?;
    let run = Some(run.as_str()).filter(|run| *run != "current");
    Ok(Json(Report::of(&api.desk().await?.run(&sync, run).await?)))
}
