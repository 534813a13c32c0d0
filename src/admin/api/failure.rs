//! What the API answers when it cannot do what was asked: a status, a code for machines and a sentence for people.

use axum::{
    Json,
    extract::rejection::{BytesRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    answers::Declined,
    store::{StoreError, tokens::Scope},
};

/// An answer that is no success.
pub(super) struct ApiFailure {
    status: StatusCode,
    code: &'static str,
    sentence: String,
}

impl ApiFailure {
    pub fn new(status: StatusCode, code: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, code, sentence: sentence.into() }
    }

    pub fn no_token() -> Self {
        let sentence = "send the API token (CARNET_API_TOKEN) as Authorization: Bearer";
        Self::new(StatusCode::UNAUTHORIZED, "no_token", sentence)
    }

    pub fn small_scope(wanted: Scope) -> Self {
        let sentence = format!("this asks for a token of the scope {} (`carnet token create`)", wanted.name());
        Self::new(StatusCode::FORBIDDEN, "small_scope", sentence)
    }

    pub fn shut_out(seconds: u64) -> Self {
        let sentence = format!("too many wrong API tokens came from your address; come again in {seconds} seconds");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "shut_out", sentence)
    }

    pub fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            "there is nothing here; /api/v1/openapi.json describes the API",
        )
    }

    pub fn wrong_method() -> Self {
        let sentence = "this path takes another method; /api/v1/openapi.json describes the API";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", sentence)
    }

    pub fn too_many_watchers() -> Self {
        let sentence = "too many watch runs at the moment; look at the run itself, or try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_watchers", sentence)
    }

    pub fn no_sync(name: &str) -> Self {
        let sentence = format!("there is no sync named \"{name}\"; `carnet sync list` shows which there are");
        Self::new(StatusCode::NOT_FOUND, "no_sync", sentence)
    }

    pub fn bad_query(sentence: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", sentence)
    }

    /// The service ends while something is still being done.
    pub fn stopped() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service is stopping; try again in a moment")
    }

    pub fn not_there(code: &'static str, sentence: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, sentence)
    }

    pub fn conflict(code: &'static str, sentence: String) -> Self {
        Self::new(StatusCode::CONFLICT, code, sentence)
    }

    pub fn unavailable(code: &'static str, sentence: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence)
    }

    pub fn bad_body(sentence: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_body", sentence)
    }
}

impl From<Declined> for ApiFailure {
    fn from(declined: Declined) -> Self {
        let status = match declined {
            Declined::NoQuestion(_)
            | Declined::NoContact(_)
            | Declined::NoLetterId(_)
            | Declined::NoLetter(_)
            | Declined::NoAccount(_)
            | Declined::NoSync { .. }
            | Declined::NoRun { .. }
            | Declined::NeverRun(_)
            | Declined::NobodyMeant
            | Declined::NotBraked(_) => StatusCode::NOT_FOUND,
            Declined::NoResource | Declined::NoTime(_) => StatusCode::BAD_REQUEST,
            Declined::LetterOfAnUndo(_) | Declined::OrphanedLetter(_) => StatusCode::CONFLICT,
            Declined::Paused(_) | Declined::Undoing(_) => StatusCode::CONFLICT,
            Declined::CannotRun { .. } | Declined::NothingRuns(_) => StatusCode::CONFLICT,
            Declined::SeveralAsk { .. }
            | Declined::SeveralAccounts { .. }
            | Declined::SeveralBrakes { .. }
            | Declined::SeveralMeant(_)
            | Declined::StillDeclared(_)
            | Declined::NothingToRestore(_) => StatusCode::CONFLICT,
            Declined::ProcessesBehind(_) | Declined::AccountBusy => StatusCode::SERVICE_UNAVAILABLE,
            Declined::Store(_) | Declined::Registry(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status.is_server_error() {
            tracing::warn!(error = %declined, "a call of the API failed");
        }
        Self::new(status, declined.code(), declined.to_string())
    }
}

impl From<StoreError> for ApiFailure {
    fn from(error: StoreError) -> Self {
        Declined::from(error).into()
    }
}

impl From<PathRejection> for ApiFailure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "bad_path", rejection.body_text())
    }
}

impl From<QueryRejection> for ApiFailure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "bad_query", rejection.body_text())
    }
}

impl From<BytesRejection> for ApiFailure {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), "bad_body", rejection.body_text())
    }
}

impl IntoResponse for ApiFailure {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "sentence": self.sentence } });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
