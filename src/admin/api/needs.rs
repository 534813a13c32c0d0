//! Questions that wait for a person, and their answers.

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
use crate::answers::Answer;

/// The sync that asks, and the CRM contact.
type Question = Result<Path<(String, String)>, PathRejection>;
type Answered = Result<Json<Value>, ApiFailure>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    resource: String,
}

pub(super) async fn list(State(api): State<Arc<Api>>) -> Answered {
    Ok(Json(json!({ "needs": api.desk().await?.questions().await? })))
}

pub(super) async fn link(
    State(api): State<Arc<Api>>,
    question: Question,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    let wanted = "the body is JSON that names the Google contact: {\"resource\": \"people/c…\"}";
    let link: Link = serde_json::from_slice(&body?).map_err(|_| ApiFailure::bad_body(wanted))?;
    answer(&api, question, Answer::Link(link.resource)).await
}

pub(super) async fn create(State(api): State<Arc<Api>>, question: Question) -> Answered {
    answer(&api, question, Answer::Create).await
}

pub(super) async fn skip(State(api): State<Arc<Api>>, question: Question) -> Answered {
    answer(&api, question, Answer::Skip).await
}

async fn answer(api: &Api, question: Question, answer: Answer) -> Answered {
    let Path((sync, contact)) = question?;
    let question = api.desk().await?.answer(&contact, Some(&sync), &answer).await?;
    Ok(Json(json!({ "sync": question.sync, "crm": question.crm, "contact": question.contact, "answer": answer })))
}
