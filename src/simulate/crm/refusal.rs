//! The error answer of HighLevel: `{statusCode, message (text or list), error}`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request refused, with the vendor's body.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: Value,
}

impl Refusal {
    /// One message.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: Value::String(message.into()) }
    }

    /// Validation answers a list of messages.
    pub(super) fn invalid(messages: Vec<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: json!(messages) }
    }

    /// Another resource than the token's.
    pub(super) fn foreign() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The token does not have access to this location.")
    }

    /// Something addressed by id is not there.
    pub(super) fn unknown(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} with id {id} not found"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({"statusCode": self.status.as_u16(), "message": self.message, "error": error});
        (self.status, Json(body)).into_response()
    }
}

/// Reads a JSON body; anything else is a 400, as the vendor's parser answers.
pub(super) fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))
}
