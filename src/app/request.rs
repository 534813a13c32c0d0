//! What happens to every request: a name for the log, a line about its answer, an end to waiting for its body.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::{Body, HttpBody as _, to_bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::places::{Share, Shares};
use crate::caller::{Caller, RequestId};

const ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bytes of a body that is no webhook: the longest form or call is far shorter.
const BODY: usize = 256 * 1024;
/// Such bodies at a time: together they take no more than webhooks may.
const BODIES: usize = 256;

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

/// A client has its share of requests at a time, as of connections: through a proxy they come on the proxy's.
pub(super) async fn shared(State(shares): State<Shares>, mut request: Request, next: Next) -> Response {
    if let Some(client) = Caller::of(request.extensions()).network() {
        let Some(share) = shares.take(client) else {
            return put_off("30", "too_many_requests", "too many requests of one client at a time");
        };
        request.extensions_mut().insert(Arc::new(share));
    }
    let _share = request.extensions().get::<Arc<Share>>().cloned();
    next.run(request).await
}

/// How forms and calls come in.
#[derive(Clone)]
pub(super) struct Patience {
    time: Duration,
    room: Arc<Semaphore>,
    /// What is under way when the service is told to stop.
    tasks: TaskTracker,
}

impl Patience {
    /// Each body must be there within this time.
    pub fn new(time: Duration, tasks: TaskTracker) -> Self {
        Self { time, room: Arc::new(Semaphore::new(BODIES)), tasks }
    }
}

/// For forms and calls: the body must be there whole within a time before anybody looks at the request, and all together take
/// so much memory at the most. Webhooks have a stricter door of their own.
pub(super) async fn body_within(State(patience): State<Patience>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(room) = patience.room.clone().try_acquire_many_owned(u32::from(!body.is_end_stream())) else {
        return put_off("5", "busy", "too many requests at a time");
    };
    match tokio::time::timeout(patience.time, to_bytes(body, BODY)).await {
        Ok(Ok(body)) if parts.method == Method::GET || parts.method == Method::HEAD => {
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Ok(Ok(body)) => {
            // It counts for as long as it is worked at, whether or not somebody waits for the answer.
            let held = (room, parts.extensions.get::<Arc<Share>>().cloned());
            let answer = async move {
                let _held = held;
                next.run(Request::from_parts(parts, Body::from(body))).await
            };
            to_its_end(&patience.tasks, answer).await
        }
        Ok(Err(_)) => refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large or was cut short"),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"),
    }
}

/// What was asked for does not end half way because whoever asked is gone: an erasure may take longer than a proxy waits.
async fn to_its_end(tasks: &TaskTracker, answer: impl Future<Output = Response> + Send + 'static) -> Response {
    tasks.spawn(answer.in_current_span()).await.unwrap_or_else(|error| {
        // A bug. Its panic is in the log.
        tracing::error!(%error, "a request was not answered");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong; the log says what")
    })
}

/// To come again after so many seconds.
fn put_off(seconds: &'static str, code: &str, sentence: &str) -> Response {
    ([(RETRY_AFTER, seconds)], refused(StatusCode::TOO_MANY_REQUESTS, code, sentence)).into_response()
}

fn refused(status: StatusCode, code: &str, sentence: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "sentence": sentence } }))).into_response()
}
