//! What happens to every request: a name for the log, a line about its answer, an end to waiting for its body.

use std::time::{Duration, Instant};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tracing::Instrument as _;

use crate::caller::{Caller, RequestId};

const ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of a body that is no webhook: the longest form or call is far shorter.
const BODY: usize = 256 * 1024;

/// Gives the request an id that its answer and all its log lines carry, with the client's address; a line about the answer at
/// the level `debug`. The path is logged as the route, because real ones carry credentials.
pub(super) async fn traced(mut request: Request, next: Next) -> Response {
    let id = format!("{:016x}", rand::random::<u64>());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", id, client = %Caller::of(request.extensions()));
    let header = HeaderValue::try_from(id).ok();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = usual(request.method());
    async move {
        let began = Instant::now();
        let mut response = next.run(request).await;
        let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis());
        tracing::debug!(method, route = route.as_deref().unwrap_or("none"), status, ms, "answered");
        if let Some(id) = header {
            response.headers_mut().insert(ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

/// A method may be any word of any length.
fn usual(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// For forms and calls: the body must be there whole within this time before anybody looks at the request. Webhooks have a
/// stricter door of their own.
pub(super) async fn body_within(State(time): State<Duration>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(time, to_bytes(body, BODY)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(_)) => refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large or was cut short"),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"),
    }
}

fn refused(status: StatusCode, code: &str, sentence: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "sentence": sentence } }))).into_response()
}
