//! A person erased from everything that is held.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use serde::Deserialize;

use super::{Api, failure::ApiFailure};
use crate::answers::{Erasing, Forgot, Whom};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    person: Option<String>,
    crm: Option<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    everybody: bool,
    #[serde(default)]
    apply: bool,
}

const WANTED: &str = "send {\"person\": a CRM contact's id, an e-mail address or a phone number}, with \"crm\": \"NAME/ACCOUNT\", \
                      \"all\" and \"apply\" as needed; or {\"everybody\": true, \"crm\": …} for an account that is declared no more";

/// What is held; with `apply` it is erased.
pub(super) async fn forget(
    State(api): State<Arc<Api>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Forgot>, ApiFailure> {
    let wanted: Wanted = serde_json::from_slice(&body?).map_err(|_| ApiFailure::bad_body(WANTED))?;
    let Wanted { person, crm, all, everybody, apply } = wanted;
    if person.is_some() == everybody || (everybody && crm.is_none()) {
        return Err(ApiFailure::bad_body(WANTED));
    }
    let settings = &api.tools.settings;
    let (holder, is_private) = (api.tools.holder.as_str(), settings.redis_url.is_none());
    let erasing = apply.then_some(Erasing { holder, lease: settings.tune.lease, is_private });
    Ok(Json(api.desk().await?.forget(&Whom { person, crm, all, everybody }, erasing).await?))
}
