//! An error answer as Google sent it, read as far as it can be: the API's JSON with its many kinds of details, or the
//! HTML and plain text of whatever stands before the API. What it means is decided in `classify`.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// An answer with an HTTP status of 300 or more, or the `status` of one contact in an answer to a batch.
#[derive(Default)]
pub(super) struct ErrorAnswer {
    /// HTTP status.
    pub http: u16,
    /// Whether it speaks the API's JSON; a page of a proxy does not.
    pub from_api: bool,
    /// Google's words, or the whole text when it is no JSON.
    pub message: String,
    /// `INVALID_ARGUMENT`, …; empty when unknown.
    pub status: String,
    /// `RATE_LIMIT_EXCEEDED`, `rateLimitExceeded`, …: of `ErrorInfo` details and of the older `errors` list.
    pub reasons: Vec<String>,
    /// Which quota: the metric and the limit of an `ErrorInfo`.
    pub quota: String,
    /// Descriptions of `QuotaFailure` details.
    pub exhausted: Vec<String>,
    /// Paths of `BadRequest` details.
    pub fields: Vec<String>,
    /// Why each contact made a batch fail, by index or resource name.
    pub contacts: BTreeMap<String, RpcStatus>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// `google.rpc.Status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RpcStatus {
    /// gRPC code; 0 is fine.
    pub code: i32,
    /// Google's words.
    pub message: String,
    /// Details, each read by itself: one of an unknown shape must not hide the others.
    pub details: Vec<Value>,
}

#[derive(Deserialize)]
struct Envelope {
    error: ApiError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ApiError {
    message: String,
    status: String,
    details: Vec<Value>,
    /// The older form, which some paths still add.
    errors: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(tag = "@type")]
enum Detail {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        #[serde(default)]
        reason: String,
        #[serde(default)]
        metadata: BTreeMap<String, Value>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.QuotaFailure")]
    QuotaFailure {
        #[serde(default)]
        violations: Vec<Violation>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.BadRequest", rename_all = "camelCase")]
    BadRequest {
        #[serde(default)]
        field_violations: Vec<Violation>,
    },
    #[serde(
        rename = "type.googleapis.com/google.people.v1.BatchCreateContactsErrorDetails",
        alias = "type.googleapis.com/google.people.v1.BatchUpdateContactsErrorDetails",
        rename_all = "camelCase"
    )]
    Batch {
        #[serde(default)]
        contact_errors: BTreeMap<String, RpcStatus>,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
    description: String,
}

impl ErrorAnswer {
    /// Reads an answer's status, its `Retry-After` and its body.
    pub fn read(http: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        let retry_after = retry_after.and_then(|text| wait(text, Timestamp::now()));
        let read = Self { http, retry_after, ..Self::default() };
        match serde_json::from_slice::<Envelope>(body) {
            Ok(Envelope { error }) => read.with_api_error(error),
            Err(_) => Self { message: String::from_utf8_lossy(body).into_owned(), ..read },
        }
    }

    /// Reads the status of one contact in an answer to a batch.
    pub fn of_item(item: &RpcStatus) -> Self {
        let (http, status) = of_rpc_code(item.code);
        let error = ApiError {
            message: item.message.clone(),
            status: status.to_owned(),
            details: item.details.clone(),
            errors: Vec::new(),
        };
        Self { http, ..Self::default() }.with_api_error(error)
    }

    fn with_api_error(mut self, error: ApiError) -> Self {
        self.from_api = true;
        self.message = error.message;
        self.status = error.status;
        let older = error.errors.iter().filter_map(|e| e["reason"].as_str());
        self.reasons.extend(older.map(str::to_owned));
        for detail in error.details.into_iter().filter_map(|d| serde_json::from_value(d).ok()) {
            self.take(detail);
        }
        self
    }

    fn take(&mut self, detail: Detail) {
        match detail {
            Detail::ErrorInfo { reason, metadata } => {
                self.reasons.push(reason);
                for key in ["quota_metric", "quota_limit"] {
                    self.quota.push_str(metadata.get(key).and_then(Value::as_str).unwrap_or_default());
                    self.quota.push(' ');
                }
            }
            Detail::QuotaFailure { violations } => {
                self.exhausted.extend(violations.into_iter().map(|v| v.description));
            }
            Detail::BadRequest { field_violations } => {
                self.fields.extend(field_violations.into_iter().map(|v| v.field).filter(|f| is_path(f)));
            }
            Detail::Batch { contact_errors } => self.contacts.extend(contact_errors),
        }
    }

    /// Whether one of the reasons is one of these.
    pub fn has_reason(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|r| reasons.contains(&r.as_str()))
    }

    /// Whether Google's words hold this, in whatever case.
    pub fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(&words.to_ascii_lowercase())
    }
}

/// A field path is told to people and logs; anything that could be a value is not.
fn is_path(field: &str) -> bool {
    (1..=120).contains(&field.len()) && field.chars().all(|c| c.is_ascii_alphanumeric() || "._[]/".contains(c))
}

/// `Retry-After`: seconds, or an HTTP date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The HTTP status and the name of a gRPC code, after `google/rpc/code.proto`.
fn of_rpc_code(code: i32) -> (u16, &'static str) {
    match code {
        3 | 11 => (400, "INVALID_ARGUMENT"),
        5 => (404, "NOT_FOUND"),
        6 => (409, "ALREADY_EXISTS"),
        7 => (403, "PERMISSION_DENIED"),
        8 => (429, "RESOURCE_EXHAUSTED"),
        9 => (400, "FAILED_PRECONDITION"),
        10 => (409, "ABORTED"),
        14 => (503, "UNAVAILABLE"),
        16 => (401, "UNAUTHENTICATED"),
        _ => (500, "INTERNAL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_of_unknown_shape_does_not_hide_the_others() {
        let body = br#"{"error":{"code":400,"message":"m","status":"FAILED_PRECONDITION","details":[
            {"detail":"no type"},{"@type":"type.googleapis.com/google.rpc.DebugInfo"},
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"EXPIRED_SYNC_TOKEN","domain":"x"}]}}"#;
        let answer = ErrorAnswer::read(400, None, body);
        assert!(answer.from_api && answer.has_reason(&["EXPIRED_SYNC_TOKEN"]));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        for (text, seconds) in [
            ("120", Some(120)),
            ("Sun, 22 Nov 2026 12:00:30 GMT", Some(30)),
            ("Sun, 22 Nov 2026 11:59:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_violation_whose_field_is_a_value_is_left_out() {
        let body = br#"{"error":{"message":"m","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations":[{"field":"contacts[0].contact_person","description":"d"},{"field":"Gwen Roy"}]}]}}"#;
        assert_eq!(ErrorAnswer::read(400, None, body).fields, ["contacts[0].contact_person"]);
    }
}
