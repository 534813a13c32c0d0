//! Signature schemes: one verifier, built once from declared configuration, that believes a delivery or refuses it.
//! The axes any webhook sender differs in are the fields of [`Signature`](crate::config::declared::Signature).

mod build;
mod carried;
mod clock;
mod inside_body;
mod key;
mod message;
mod problem;
mod shared;
mod sign;
mod signed;

use axum::http::HeaderMap;
use jiff::Timestamp;

pub use problem::{BadSignatureConfig, Problem};
pub use sign::{CannotSign, Outgoing, sign};

use crate::config::declared::Crm;
use shared::Shared;
use signed::Signed;

/// Believes or refuses the deliveries of one CRM. Holds secrets, so it has no `Debug`.
pub struct Verifier(Rule);

enum Rule {
    /// The first whose signature header is present decides, so a wrong signature never falls back to a weaker one.
    Signed(Vec<Signed>),
    Shared(Shared),
}

/// One delivery as it arrived, before anything in it is believed.
pub struct Delivery<'a> {
    /// HTTP method in upper case.
    pub method: &'a str,
    /// `scheme://host/path?query` as the sender was given it; behind a proxy that is not what the server sees.
    pub public_url: &'a str,
    /// The query as received, without `?`.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The raw body: never parsed and written again, that would change it.
    pub body: &'a [u8],
    /// The clock that timestamps are held against.
    pub now: Timestamp,
}

/// Why a delivery is not believed. For metrics and logs; the sender only learns "bad signature".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature or shared secret came, or the literal `N/A` did.
    #[error("no signature came with it")]
    MissingSignature,
    /// It does not fit the body and any of the secrets or keys.
    #[error("its signature does not fit")]
    WrongSignature,
    /// The header came more than once; proxies differ in which one they believe.
    #[error("a header of its signature came more than once")]
    RepeatedHeader,
    /// The scheme signs a time, and none came.
    #[error("no time came with its signature")]
    MissingTimestamp,
    /// The time is not written as configured.
    #[error("the time of its signature is unreadable")]
    UnreadableTimestamp,
    /// The scheme signs an id, and none came.
    #[error("no id came with its signature")]
    MissingId,
    /// Properly signed, but too long ago or too far in the future.
    #[error("its signature is too old, or a clock is wrong")]
    Stale,
}

impl Refusal {
    /// The code under which it is counted.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::WrongSignature => "wrong_signature",
            Self::RepeatedHeader => "repeated_header",
            Self::MissingTimestamp => "missing_timestamp",
            Self::UnreadableTimestamp => "unreadable_timestamp",
            Self::MissingId => "missing_id",
            Self::Stale => "stale",
        }
    }
}

impl Verifier {
    /// From configuration whose secrets are already resolved to their values.
    ///
    /// # Errors
    /// A missing or malformed secret, key or setting, with the sentence that says what to do: without a way to check
    /// deliveries Carnet does not start, it never skips the check.
    pub fn build(crm: &Crm) -> Result<Self, BadSignatureConfig> {
        build::rule(crm).map(Self).map_err(|problem| BadSignatureConfig { crm: crm.name.clone(), problem })
    }

    /// Whether the delivery comes from the CRM.
    pub fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        match &self.0 {
            Rule::Shared(shared) => shared.verify(delivery),
            Rule::Signed(schemes) => {
                for scheme in schemes {
                    if let Some(carried) = scheme.carried.text(delivery.headers)? {
                        return scheme.verify(delivery, carried);
                    }
                }
                Err(Refusal::MissingSignature)
            }
        }
    }
}

/// The value of a header that may come once: `None` when absent or empty.
fn only_value<'h>(headers: &'h HeaderMap, name: &axum::http::HeaderName) -> Result<Option<&'h [u8]>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|v| v.as_bytes().trim_ascii()).filter(|v| !v.is_empty());
    if values.next().is_some() { Err(Refusal::RepeatedHeader) } else { Ok(value) }
}
