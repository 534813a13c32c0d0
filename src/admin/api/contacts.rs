//! One contact: where it is, and what its owner refused taken back.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde_json::{Value, json};

use super::{Api, failure::ApiFailure};
use crate::answers::{ContactView, Restored};

/// The CRM's name, its account, and the contact in it.
type Which = Result<Path<(String, String, String)>, PathRejection>;

pub(super) async fn show(State(api): State<Arc<Api>>, which: Which) -> Result<Json<ContactView>, ApiFailure> {
    let Path((crm, account, contact)) = which?;
    Ok(Json(api.desk().await?.contact(&contact, Some(&format!("{crm}/{account}"))).await?))
}

pub(super) async fn restore(State(api): State<Arc<Api>>, which: Which) -> Result<Json<Restored>, ApiFailure> {
    let Path((crm, account, contact)) = which?;
    Ok(Json(api.desk().await?.restore(&contact, Some(&format!("{crm}/{account}"))).await?))
}

pub(super) async fn refused(State(api): State<Arc<Api>>) -> Result<Json<Value>, ApiFailure> {
    Ok(Json(json!({ "refused": api.desk().await?.refused() })))
}
