//! One attempt to connect, between our page and Google's answer: kept sealed in a cookie of the browser that made it, so
//! that an answer is taken from that browser only.

use axum::http::HeaderMap;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::{
    admin::page::{cookie, set_cookie},
    google::oauth::Pkce,
    store::seal::{SealError, Sealer, random_text},
};

const COOKIE: &str = "carnet_connect";
const PURPOSE: &str = "connect attempt";
const SECONDS: i64 = 600;

/// What is remembered of an attempt. Holds a secret, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The Google account's name.
    pub google: String,
    /// The token of the link it began at, to begin again there.
    pub link: String,
    /// Comes back in the answer.
    pub state: String,
    /// The PKCE verifier.
    pub verifier: String,
    /// Milliseconds since 1970.
    until: i64,
}

impl Attempt {
    /// A new one, and its PKCE pair.
    pub fn begin(google: String, link: String, now: Timestamp) -> Result<(Self, Pkce), SealError> {
        let pkce = Pkce::random();
        let verifier = pkce.verifier.expose_secret().to_owned();
        let until = now.as_millisecond() + SECONDS * 1000;
        Ok((Self { google, link, state: random_text(16)?, verifier, until }, pkce))
    }

    /// As a cookie. `Lax`, because the browser comes back from Google's site.
    pub fn to_cookie(&self, sealer: &Sealer, secure: bool) -> Result<String, SealError> {
        // Our own type of texts and a number always encodes.
        let text = serde_json::to_string(self).unwrap_or_default();
        Ok(set_cookie(COOKIE, &sealer.seal(PURPOSE, &text)?, "Lax", SECONDS, secure))
    }

    /// The one this browser began, unless it is too old.
    pub fn of(headers: &HeaderMap, sealer: &Sealer, now: Timestamp) -> Option<Self> {
        let text = sealer.open(PURPOSE, cookie(headers, COOKIE)?).ok()?;
        let attempt: Self = serde_json::from_str(text.expose_secret()).ok()?;
        (now.as_millisecond() < attempt.until).then_some(attempt)
    }

    /// Takes the cookie away: an attempt is good once.
    pub fn forget(secure: bool) -> String {
        set_cookie(COOKIE, "", "Lax", 0, secure)
    }
}
