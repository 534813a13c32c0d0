//! Who gives wrong tokens or passwords too often is not heard for a while.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::caller::{Caller, ShutOut};

/// Where something is asked for that can be guessed.
#[derive(Clone)]
pub(super) struct Counted {
    pub shut_out: Arc<ShutOut>,
    /// Under which failures are counted.
    pub what: &'static str,
    /// The answer to who is shut out for so many seconds.
    pub refuse: fn(u64) -> Response,
}

/// Around what asks for a token or a password: 401 is a failure, and success is none.
pub(super) async fn counted(State(counted): State<Counted>, request: Request, next: Next) -> Response {
    let visit = counted.shut_out.visit(Caller::of(request.extensions()), counted.what);
    if let Some(seconds) = visit.is_out() {
        let mut response = (counted.refuse)(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return response;
    }
    let response = next.run(request).await;
    match response.status() {
        StatusCode::UNAUTHORIZED => visit.was_wrong(),
        status if status.is_success() || status.is_redirection() => visit.was_right(),
        _ => {}
    }
    response
}

/// For people and for Prometheus.
pub(super) fn in_words(seconds: u64) -> Response {
    let says = format!("Too many failures from your address; come again in {seconds} seconds.\n");
    (StatusCode::TOO_MANY_REQUESTS, says).into_response()
}
