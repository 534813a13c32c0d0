//! A person erased from everything that is held.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::{answers::Declined, store::local::rewrite_log};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    person: String,
    crm: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    apply: bool,
}

const WANTED: &str = "send {\"person\": a CRM contact's id, an e-mail address or a phone number}, with \"crm\": \"NAME/ACCOUNT\", \
                      \"all\" and \"apply\" as needed";

/// What is held; with `apply` it is erased.
pub(super) async fn forget(
    State(api): State<Arc<Api>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiFailure> {
    let wanted: Wanted = serde_json::from_slice(&body?).map_err(|_| ApiFailure::bad_body(WANTED))?;
    let desk = api.desk().await?;
    let meant = desk.meant(&wanted.person, wanted.crm.as_deref()).await?;
    if meant.len() > 1 && !wanted.all {
        return Err(Declined::several(&meant).into());
    }
    let mut persons = Vec::with_capacity(meant.len());
    for one in &meant {
        persons.push(match wanted.apply {
            true => desk.forget(one, &api.tools.holder, api.tools.settings.tune.lease).await?,
            false => desk.kept_of(one).await?,
        });
    }
    let log_rewritten = wanted.apply && api.tools.settings.redis_url.is_none();
    if log_rewritten {
        rewrite_log(desk.pool()).await?;
    }
    Ok(Json(json!({ "persons": persons, "log_rewritten": log_rewritten })))
}
