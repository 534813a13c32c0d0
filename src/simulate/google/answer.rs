//! An answer on its way out: JSON, or the HTML and plain text that Google's front ends send when things go wrong.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    faults::{Body, Rule},
    oauth::{Problem, problem_body},
    refusal::{Refusal, status_name},
};

pub struct Answer {
    pub status: u16,
    headers: Vec<(HeaderName, String)>,
    body: String,
}

impl Answer {
    fn new(status: u16, content_type: &str, body: String) -> Self {
        Self { status, headers: vec![(header::CONTENT_TYPE, content_type.to_owned())], body }
    }

    pub fn json(status: u16, value: &Value) -> Self {
        // Faster than `to_string` on the value, which a full page of contacts feels.
        let body = serde_json::to_string(value).unwrap_or_default();
        Self::new(status, "application/json; charset=UTF-8", body)
    }

    pub fn html(status: u16, html: String) -> Self {
        Self::new(status, "text/html; charset=UTF-8", html)
    }

    pub fn redirect(location: String) -> Self {
        Self { status: 302, headers: vec![(header::LOCATION, location)], body: String::new() }
    }

    pub fn of(result: Result<Value, Refusal>) -> Self {
        result.map_or_else(|refusal| Self::refusal(&refusal), |value| Self::json(200, &value))
    }

    pub fn of_oauth(result: Result<Value, Problem>) -> Self {
        result.map_or_else(|problem| Self::json(problem.0, &problem_body(problem)), |value| Self::json(200, &value))
    }

    pub fn refusal(refusal: &Refusal) -> Self {
        let mut answer = Self::json(refusal.http, &refusal.body());
        if refusal.http == 401 {
            let realm = "Bearer realm=\"https://accounts.google.com/\"".to_owned();
            answer.headers.push((header::WWW_AUTHENTICATE, realm));
        }
        if let Some(seconds) = refusal.retry_after {
            answer.headers.push((header::RETRY_AFTER, seconds.to_string()));
        }
        answer
    }

    /// The error that a rule asks for; 503 when it does not say which.
    pub fn fault(rule: &Rule) -> Self {
        let status = rule.status.unwrap_or(503);
        let text = match status {
            403 => "Request rate higher than configured",
            429 => "Quota exceeded for the current request",
            500 => "Internal error encountered.",
            503 => "The service is currently unavailable.",
            504 => "Deadline expired before operation could complete.",
            _ => "Server Error",
        };
        let mut answer = match rule.body {
            Body::Json => Self::json(status, &Refusal::new(status, status_name(status), text).body()),
            Body::Html => Self::html(status, format!("<!DOCTYPE html><title>Error {status} (Server Error)!!1</title>")),
            Body::Text => Self::new(status, "text/plain; charset=UTF-8", text.to_owned()),
        };
        answer.headers.extend(rule.retry_after.map(|seconds| (header::RETRY_AFTER, seconds.to_string())));
        answer
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.body).into_response();
        response.headers_mut().remove(header::CONTENT_TYPE);
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
