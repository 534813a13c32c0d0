//! What senders are told: a status and a tiny JSON. Why is for the log and the metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::crm::{
    event::{Ignored, Unreadable},
    signature::Refusal,
};

/// Seconds after which a sender that was put off may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");
/// Between two lines about deliveries of one CRM that cannot be stored.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// A believed delivery.
pub(super) struct Taken {
    /// Events that Redis has.
    pub stored: usize,
    /// Events that are not for us.
    pub ignored: Vec<Ignored>,
}

/// A delivery that was turned away.
pub(super) enum Turned {
    /// Nobody knows yet which CRMs there are.
    NotReady,
    UnknownCrm,
    WrongMethod,
    /// Compressed or otherwise encoded.
    Encoded,
    NotJson,
    TooLarge,
    TooSlow,
    /// The sender went away in the middle.
    CutShort,
    /// Too many bodies at once.
    Full,
    BadSignature(Refusal),
    Unreadable(Unreadable),
    /// With the reason, for the log.
    NotStored(String),
    /// Its sender failed too often, and may come again after so many seconds.
    ShutOut(u64),
}

impl Turned {
    fn code(&self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::UnknownCrm => "unknown_crm",
            Self::WrongMethod => "wrong_method",
            Self::Encoded => "encoded",
            Self::NotJson => "not_json",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::CutShort => "cut_short",
            Self::Full => "full",
            Self::BadSignature(refusal) => refusal.code(),
            Self::Unreadable(_) => "unreadable",
            Self::NotStored(_) => "not_stored",
            Self::ShutOut(_) => "shut_out",
        }
    }

    fn status_and_words(&self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownCrm => (StatusCode::NOT_FOUND, "unknown webhook"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "use POST"),
            Self::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send JSON"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too slow"),
            Self::CutShort | Self::Unreadable(_) => (StatusCode::BAD_REQUEST, "unreadable"),
            Self::BadSignature(_) => (StatusCode::UNAUTHORIZED, "bad signature"),
            Self::NotReady | Self::Full | Self::NotStored(_) | Self::ShutOut(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "come again later")
            }
        }
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        let (status, words) = self.status_and_words();
        let mut response = (status, Json(json!({ "error": words }))).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = if let Self::ShutOut(seconds) = self { seconds.into() } else { RETRY_AFTER };
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

impl IntoResponse for Taken {
    fn into_response(self) -> Response {
        match self.ignored.first() {
            Some(why) if self.stored == 0 => (StatusCode::OK, Json(json!({ "ignored": why.code() }))).into_response(),
            _ => (StatusCode::ACCEPTED, Json(json!({ "stored": self.stored }))).into_response(),
        }
    }
}

/// Counts what came of a delivery and, where somebody should know why, says so.
pub(super) fn count(crm: &str, outcome: &Result<Taken, Turned>, unstored: &Unstored) {
    let add = |code: &'static str, number: usize| {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        metrics::counter!("carnet_webhooks_total", "crm" => crm.to_owned(), "outcome" => code).increment(number);
    };
    match outcome {
        Ok(taken) => {
            if taken.stored > 0 {
                add("stored", taken.stored);
            }
            taken.ignored.iter().for_each(|why| add(why.code(), 1));
        }
        Err(turned) => {
            add(turned.code(), 1);
            log(crm, turned, unstored);
        }
    }
}

fn log(crm: &str, turned: &Turned, unstored: &Unstored) {
    match turned {
        Turned::NotStored(reason) => {
            if unstored.is_news(crm, Instant::now()) {
                tracing::warn!(crm, reason, "webhooks cannot be stored; their senders are told to come again");
            }
        }
        Turned::BadSignature(refusal) => tracing::info!(crm, reason = %refusal, "a webhook was not believed"),
        Turned::Unreadable(why) => tracing::info!(crm, reason = %why, "a webhook could not be read"),
        other => tracing::debug!(crm, outcome = other.code(), "a webhook was turned away"),
    }
}

/// When it was said last of each CRM that its deliveries cannot be stored: while Redis is away, there may be hundreds a second.
#[derive(Default)]
pub(super) struct Unstored(Mutex<BTreeMap<String, Instant>>);

impl Unstored {
    /// Whether it is to be said now.
    fn is_news(&self, crm: &str, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = said.get(crm).is_none_or(|said| now.saturating_duration_since(*said) >= SAID_EVERY);
        if is_news {
            said.insert(crm.to_owned(), now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_said_at_once_and_then_now_and_then() {
        let (unstored, start) = (Unstored::default(), Instant::now());
        let said = [("a", 0), ("a", 1), ("b", 2), ("a", 9), ("a", 10), ("b", 11), ("a", 30)];
        let said = said.map(|(crm, second)| unstored.is_news(crm, start + Duration::from_secs(second)));
        assert_eq!(said, [true, false, true, false, true, false, true]);
    }
}
