//! Why a call to HighLevel failed, by what the caller should do; the sentences hold no personal data.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::http::Answer;
use crate::crm::decode::{Unreadable, decode};

/// A call that brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrmFailure {
    /// Refresh the token if it can be refreshed, else pause the CRM account.
    #[error("the CRM does not accept the token; check that it was not rotated or revoked, and connect again")]
    Unauthorised,
    /// Pause the CRM account: the token is good but may not do this; a refresh does not help.
    #[error("the token may not read this; grant it the permission {scope} for this CRM account")]
    Forbidden {
        /// The scope that the call needs.
        scope: &'static str,
    },
    /// Come back after this time.
    #[error("the CRM asks to slow down; next try in {} s", retry_after.as_secs())]
    RateLimited {
        /// From now on.
        retry_after: Duration,
    },
    /// Do not repeat: the request itself is refused.
    #[error("the CRM refuses the request (HTTP {status}): {message}")]
    Invalid {
        /// HTTP status.
        status: u16,
        /// The CRM's reason; anything that looks like an address or a number is left out.
        message: String,
    },
    /// Repeat later, with growing intervals.
    #[error("the CRM did not answer: {reason}")]
    Transient {
        /// What happened.
        reason: String,
    },
    /// Do not repeat at once; the CRM's answer has changed its shape, or something between answers for it.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Give up this walk: its cursor came back to where it was, and it would never end.
    #[error("the CRM's contact list does not move on; the listing is given up and starts again at the next reconcile")]
    Stuck,
}

#[derive(Deserialize)]
struct Complaint {
    /// A text, or a list of them from validation.
    #[serde(default)]
    message: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    error_description: Value,
}

impl Answer {
    /// The body of a success; any other answer by its class. `scope` is what the call needs.
    pub(super) fn accept(self, scope: &'static str) -> Result<Vec<u8>, CrmFailure> {
        if (200..300).contains(&self.status) { Ok(self.body) } else { Err(self.refusal(scope)) }
    }

    fn refusal(&self, scope: &'static str) -> CrmFailure {
        let complaint = self.complaint();
        match (self.status, complaint) {
            // Reported, not documented: a missing scope is a 401 whose message says so.
            (401, Some(said)) if said.to_lowercase().contains("scope") => CrmFailure::Forbidden { scope },
            (401, _) => CrmFailure::Unauthorised,
            (403, Some(_)) => CrmFailure::Forbidden { scope },
            (408 | 425, _) => self.transient(),
            (400..500, Some(said)) => CrmFailure::Invalid { status: self.status, message: without_values(&said) },
            // HTML from a proxy or firewall in between, a redirect, a 5xx: not the CRM's word on this request.
            _ => self.transient(),
        }
    }

    fn transient(&self) -> CrmFailure {
        CrmFailure::Transient { reason: format!("HTTP {}", self.status) }
    }

    /// What the CRM says is wrong, when the answer is its own JSON.
    pub(super) fn complaint(&self) -> Option<String> {
        let complaint: Complaint = decode(&self.body).ok()?;
        let mut said = Vec::new();
        for part in [complaint.message, complaint.error, complaint.error_description] {
            match part {
                Value::String(text) => said.push(text),
                Value::Array(texts) => said.extend(texts.iter().filter_map(Value::as_str).map(str::to_owned)),
                _ => {}
            }
        }
        Some(said.join("; "))
    }

    /// Whether the CRM itself says that the contact does not exist.
    ///
    /// A 404 counts only with the API's JSON, and not when it is the route that is unknown: a moved API or a proxy must
    /// not read as thousands of deletions. A 400 that says "Contact … not found" is not documented but clear.
    pub(super) fn is_gone(&self) -> bool {
        let Some(said) = self.complaint().map(|said| said.to_lowercase()) else { return false };
        match self.status {
            404 => !said.starts_with("cannot "),
            400 => said.starts_with("contact") && said.contains("not found"),
            _ => false,
        }
    }
}

/// E-mail addresses and anything with several digits are left out, and the rest is cut: it may quote what was sent.
fn without_values(message: &str) -> String {
    let is_value = |word: &str| word.contains('@') || word.chars().filter(char::is_ascii_digit).count() > 3;
    let words: Vec<&str> =
        message.split_whitespace().take(30).map(|word| if is_value(word) { "…" } else { word }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn answers_fall_into_classes() {
        let scope = "contacts.readonly";
        let invalid = |status, message: &str| CrmFailure::Invalid { status, message: message.into() };
        let transient = |reason: &str| CrmFailure::Transient { reason: reason.into() };
        for (status, body, expected) in [
            (401, r#"{"statusCode":401,"message":"Invalid JWT"}"#, CrmFailure::Unauthorised),
            (401, "", CrmFailure::Unauthorised),
            (401, r#"{"message":"The token is not authorized for this scope."}"#, CrmFailure::Forbidden { scope }),
            (403, r#"{"message":"no access to this location"}"#, CrmFailure::Forbidden { scope }),
            (403, "<html>firewall</html>", transient("HTTP 403")),
            (404, "<html>proxy</html>", transient("HTTP 404")),
            (422, r#"{"message":["pageLimit must be a number"]}"#, invalid(422, "pageLimit must be a number")),
            (400, r#"{"message":"ann@example.com or 5145550123 taken"}"#, invalid(400, "… or … taken")),
            (502, "<html>Bad gateway</html>", transient("HTTP 502")),
            (500, r#"{"message":"boom"}"#, transient("HTTP 500")),
            (302, "", transient("HTTP 302")),
        ] {
            assert_eq!(answer(status, body).accept(scope), Err(expected), "{status} {body}");
        }
    }

    #[test]
    fn only_the_crms_own_word_makes_a_contact_gone() {
        for (status, body, gone) in [
            (404, r#"{"statusCode":404,"message":"Contact not found"}"#, true),
            (404, "{}", true),
            (400, r#"{"statusCode":400,"message":"Contact with id abc not found"}"#, true),
            (400, r#"{"message":"Location not found"}"#, false),
            (404, r#"{"message":"Cannot GET /contacts/abc","error":"Not Found"}"#, false),
            (404, "<html>404</html>", false),
            (404, "", false),
        ] {
            assert_eq!(answer(status, body).is_gone(), gone, "{status} {body}");
        }
    }
}
