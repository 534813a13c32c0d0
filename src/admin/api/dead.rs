//! Dead letters: looked at, replayed, discarded.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Bearer, failure::ApiFailure};
use crate::{
    answers::{Desk, Found, Letter, Sorted, Which, by_sync},
    reconcile::replay::{NotNow, ReplayError, begin, foresee, may_begin},
    store::tokens::Scope,
};

type Body = Result<Bytes, BytesRejection>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    reveal: bool,
}

/// Which letters, and whether it is to be done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    ids: Vec<String>,
    all: Option<Which>,
    #[serde(default)]
    apply: bool,
    because: Option<String>,
}

const WANTED: &str = "the body is JSON that says which letters: {\"ids\": [\"…\"]} or {\"all\": {\"reason\": \"…\"}} (reason, \
                      sync, contact, since and until; {} takes all), and with \"apply\": true it is done";

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Value>, ApiFailure> {
    let known = "the filter knows reason, sync, contact, since and until";
    let Query(which) = which.map_err(|_| ApiFailure::bad_query(known))?;
    let letters: Vec<Letter> = api.desk().await?.dead_letters(&which).await?.iter().map(Found::listed).collect();
    Ok(Json(json!({ "letters": letters })))
}

/// One letter, masked; with `?reveal=true` as it is, which the journal keeps.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(bearer): Extension<Bearer>,
    id: Result<Path<String>, PathRejection>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Result<Json<Letter>, ApiFailure> {
    let Path(id) = id?;
    let reveal = shown.is_ok_and(|Query(shown)| shown.reveal);
    if reveal && bearer.scope < Scope::Admin {
        return Err(ApiFailure::small_scope(Scope::Admin));
    }
    let desk = api.desk().await?;
    let found = desk.dead_letter(&id).await?;
    Ok(Json(if reveal { desk.reveal(&found).await? } else { found.masked() }))
}

/// What would happen to each letter; with `apply` the runs that look at them again, one for each sync.
pub(super) async fn replay(State(api): State<Arc<Api>>, body: Body) -> Result<Json<Value>, ApiFailure> {
    let wanted = wanted(body)?;
    let mut sorted = by_sync(found(&api.desk().await?, &wanted).await?);
    if wanted.all.is_none() {
        sorted = sorted.whole()?;
    }
    let Sorted { of_syncs, of_undos, orphans } = sorted;
    if wanted.all.is_none() && wanted.apply {
        // All or none: one that cannot begin is told before another has begun.
        for (sync, _) in &of_syncs {
            may_begin(&api.tools, sync).await?;
        }
    }
    let (mut answers, mut not_now) = (Vec::new(), Vec::new());
    for (sync, letters) in &of_syncs {
        let name = &sync.spec.name;
        let answer = match wanted.apply {
            true => begin(&api.tools, sync, letters).await.map(|run| json!({ "sync": name, "run": run.id })),
            false => foresee(&api.tools, sync, letters).await.map(|all| json!({ "sync": name, "letters": all })),
        };
        match answer {
            Ok(answer) => answers.push(answer),
            Err(why) if wanted.all.is_some() => not_now.push(NotNow::new(sync, letters, &why)),
            Err(why) => return Err(why.into()),
        }
    }
    Ok(Json(json!({ "syncs": answers, "not_now": not_now, "of_undos": of_undos, "sync_is_gone": orphans })))
}

/// How many there are; with `apply` they are taken away.
pub(super) async fn discard(State(api): State<Arc<Api>>, body: Body) -> Result<Json<Value>, ApiFailure> {
    let wanted = wanted(body)?;
    let desk = api.desk().await?;
    let letters = found(&desk, &wanted).await?;
    if !wanted.apply {
        return Ok(Json(json!({ "letters": letters.len() })));
    }
    let because = wanted.because.filter(|because| !because.trim().is_empty());
    let because = because.ok_or_else(|| ApiFailure::bad_body("\"because\" says why; the journal keeps it"))?;
    Ok(Json(json!({ "discarded": desk.discard_letters(&letters, &because).await? })))
}

fn wanted(body: Body) -> Result<Wanted, ApiFailure> {
    let wanted: Wanted = serde_json::from_slice(&body?).map_err(|_| ApiFailure::bad_body(WANTED))?;
    match wanted.ids.is_empty() == wanted.all.is_none() {
        true => Err(ApiFailure::bad_body(WANTED)),
        false => Ok(wanted),
    }
}

async fn found(desk: &Desk, wanted: &Wanted) -> Result<Vec<Found>, ApiFailure> {
    Ok(match &wanted.all {
        Some(which) => desk.dead_letters(which).await?,
        None => desk.dead_letters_of(&wanted.ids).await?,
    })
}

impl From<ReplayError> for ApiFailure {
    fn from(error: ReplayError) -> Self {
        match &error {
            ReplayError::Preview(_) | ReplayError::Store(_) => {
                tracing::warn!(%error, "dead letters could not be replayed");
                Self::unavailable(error.code(), error.to_string())
            }
            _ => Self::conflict(error.code(), error.to_string()),
        }
    }
}
