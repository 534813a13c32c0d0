//! Google's ways to say no, with its exact texts and shapes where they are known. One constructor for each, so that the
//! wording lives here only.

use serde_json::{Value, json};

/// An error answer: `{"error":{code,message,status,details?}}`.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub http: u16,
    pub status: &'static str,
    pub message: String,
    pub details: Vec<Value>,
    /// Seconds, for the header of that name.
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub fn new(http: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { http, status, message: message.into(), details: Vec::new(), retry_after: None }
    }

    fn with(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    pub fn body(&self) -> Value {
        let mut error = json!({"code": self.http, "message": self.message, "status": self.status});
        if !self.details.is_empty() {
            error["details"] = Value::from(self.details.clone());
        }
        json!({ "error": error })
    }

    /// The `google.rpc.Status` of one contact in a batch.
    pub fn item(&self) -> Value {
        let mut status = json!({"code": rpc_code(self.status), "message": self.message});
        if !self.details.is_empty() {
            status["details"] = Value::from(self.details.clone());
        }
        status
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// A request that does not fit the schema: `field` is a path into it, empty for the whole.
    pub fn violation(field: &str, description: &str) -> Self {
        let violation = if field.is_empty() {
            json!({"description": description})
        } else {
            json!({"field": field, "description": description})
        };
        Self::invalid(description)
            .with(json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}))
    }

    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "Requested entity was not found.")
    }

    pub fn internal() -> Self {
        Self::new(500, "INTERNAL", "Internal error encountered.")
    }

    pub fn no_etag() -> Self {
        Self::invalid(
            "Request must set person.etag or person.metadata.sources.etag for the source that is being updated.",
        )
    }

    /// `what` is `person.etag` or `person.metadata.sources.etag`. A stale etag is a 400, not a 409 or 412.
    pub fn stale(what: &str) -> Self {
        let message = format!(
            "Request {what} is different than the current {what}. Clear local cache and get the latest person."
        );
        Self::new(400, "FAILED_PRECONDITION", message)
    }

    pub fn duplicate_label() -> Self {
        Self::new(409, "ALREADY_EXISTS", "Contact group name already exists.")
    }

    pub fn concurrent() -> Self {
        Self::new(409, "ABORTED", "The operation was aborted.")
    }

    /// The account holds as many contacts as it can. Which code Google uses is not known, hence the mode.
    pub fn full(as_429: bool) -> Self {
        let message = "MY_CONTACTS_OVERFLOW_COUNT: the account holds the maximum number of contacts.";
        if as_429 { Self::new(429, "RESOURCE_EXHAUSTED", message) } else { Self::invalid(message) }
    }

    pub fn no_credential() -> Self {
        Self::unauthenticated("Request is missing required authentication credential.")
    }

    pub fn bad_credential() -> Self {
        Self::unauthenticated("Request had invalid authentication credentials.")
    }

    fn unauthenticated(first: &str) -> Self {
        let rest = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
                    https://developers.google.com/identity/sign-in/web/devconsole-project.";
        Self::new(401, "UNAUTHENTICATED", format!("{first} {rest}"))
    }

    pub fn scope(rpc: &str) -> Self {
        let metadata = json!({"method": rpc, "service": "people.googleapis.com"});
        Self::new(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.").with(error_info(
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "googleapis.com",
            Some(metadata),
        ))
    }

    /// A quota of `quota.rs` is used up.
    pub fn over_quota(metric: &str, per: &str, limit_id: &str, metric_id: &str) -> Self {
        let message = format!(
            "Quota exceeded for quota metric '{metric}' and limit '{metric} {per}' of service \
             'people.googleapis.com' for consumer 'project_number:1000'."
        );
        let metadata = json!({
            "consumer": "projects/1000", "service": "people.googleapis.com",
            "quota_limit": limit_id, "quota_metric": format!("people.googleapis.com/{metric_id}"),
        });
        Self::new(429, "RESOURCE_EXHAUSTED", message).with(error_info(
            "RATE_LIMIT_EXCEEDED",
            "googleapis.com",
            Some(metadata),
        ))
    }

    /// The hidden limit of the account's storage; may last hours.
    pub fn storage_quota() -> Self {
        let violation = json!({"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"});
        Self::exhausted()
            .with(json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}))
    }

    /// A 429 that does not say of what.
    pub fn exhausted() -> Self {
        Self::new(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
    }

    pub fn sync_token_expired(as_410: bool) -> Self {
        let message = "Sync token is expired. Clear local cache and retry call without the sync token.";
        Self::new(if as_410 { 410 } else { 400 }, "FAILED_PRECONDITION", message).with(error_info(
            "EXPIRED_SYNC_TOKEN",
            "people.googleapis.com",
            None,
        ))
    }

    /// A batch that failed because of some of its contacts; `kind` is `Create` or `Update`.
    pub fn batch(kind: &str, first: &Self, errors: Value) -> Self {
        Self::new(first.http, first.status, first.message.clone()).with(json!({
            "@type": format!("type.googleapis.com/google.people.v1.Batch{kind}ContactsErrorDetails"),
            "contactErrors": errors,
        }))
    }
}

fn error_info(reason: &str, domain: &str, metadata: Option<Value>) -> Value {
    let mut info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain});
    if let Some(metadata) = metadata {
        info["metadata"] = metadata;
    }
    info
}

/// The number of a `google.rpc.Code` name.
fn rpc_code(status: &str) -> u8 {
    match status {
        "INVALID_ARGUMENT" => 3,
        "NOT_FOUND" => 5,
        "ALREADY_EXISTS" => 6,
        "RESOURCE_EXHAUSTED" => 8,
        "FAILED_PRECONDITION" => 9,
        "ABORTED" => 10,
        _ => 13,
    }
}

/// The status name that goes with an HTTP code.
pub fn status_name(http: u16) -> &'static str {
    match http {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
