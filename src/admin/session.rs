//! Who may see the admin pages: the password, a session that Redis keeps, and forms that come from our own pages only.

use std::time::Duration;

use axum::http::{HeaderMap, Uri, header};
use redis::AsyncCommands as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::page::{cookie, set_cookie};
use crate::store::{StoreError, decode, encode, keys::session, pool::Pool, seal::random_text};

const COOKIE: &str = "carnet_session";

/// A wrong password costs a second more each time, up to this many.
const LONGEST_WAIT: u32 = 5;
/// So many wrong passwords may be waited out at once; beyond it nobody is let in to guess.
const MOST_WAITING: usize = 4;

/// The one password, and how often it was guessed wrong lately.
pub(super) struct Password {
    value: SecretString,
    failures: Mutex<u32>,
    waiting: Semaphore,
    second: Duration,
}

/// Why a password does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Locked {
    /// It is another one.
    Wrong,
    /// Too many wrong ones are being waited out.
    Busy,
}

impl Password {
    pub fn new(value: SecretString) -> Self {
        Self { value, failures: Mutex::new(0), waiting: Semaphore::new(MOST_WAITING), second: Duration::from_secs(1) }
    }

    /// Compares in constant time, and answers a wrong one slowly.
    pub async fn try_open(&self, given: &str) -> Result<(), Locked> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Locked::Busy)?;
        // Digests, so that not even the length is told.
        let [given, wanted] = [given, self.value.expose_secret()].map(|text| Sha256::digest(text.as_bytes()));
        if aws_lc_rs::constant_time::verify_slices_are_equal(&given, &wanted).is_ok() {
            *self.failures.lock().await = 0;
            return Ok(());
        }
        let wait = {
            let mut failures = self.failures.lock().await;
            *failures = (*failures + 1).min(LONGEST_WAIT);
            *failures
        };
        tracing::warn!("a wrong admin password was given");
        tokio::time::sleep(self.second * wait).await;
        Err(Locked::Wrong)
    }

    fn mark(&self) -> String {
        hex::encode(&Sha256::digest(self.value.expose_secret())[..8])
    }
}

/// Sessions: Redis keeps each under a digest of what the browser holds, so that one can be ended, and that nobody who reads Redis has
/// one. A session ends 12 hours after it began, or after 2 hours without a page; what the browser holds changes every hour.
pub(super) struct Sessions(pub Pool);

/// What Redis keeps of a session. Times in ms.
#[derive(Clone, Serialize, Deserialize)]
struct Session {
    /// Of the password that opened it: with another password it opens nothing.
    mark: String,
    until: i64,
    renew: i64,
    /// Whether the cookie travels over TLS only.
    secure: bool,
}

/// A browser that was let in.
pub(super) struct Admitted {
    /// What it holds from now on, if that changes: a `Set-Cookie`.
    pub cookie: Option<String>,
}

const HOUR_MS: i64 = 3_600_000;
const LASTS_MS: i64 = 12 * HOUR_MS;
const IDLE_MS: i64 = 2 * HOUR_MS;
/// Pages that were asked for at the same moment still come with what the browser held before.
const OVERLAP_MS: i64 = 60_000;
const BYTES: usize = 32;

impl Sessions {
    /// Begins one; answers its cookie.
    pub async fn begin(&self, password: &Password, secure: bool) -> Result<String, StoreError> {
        let now = self.0.clock.now_ms();
        self.keep(Session { mark: password.mark(), until: now + LASTS_MS, renew: now + HOUR_MS, secure }).await
    }

    /// Whether the browser was let in.
    pub async fn admit(&self, headers: &HeaderMap, password: &Password) -> Result<Option<Admitted>, StoreError> {
        let Some(key) = cookie(headers, COOKIE).map(key) else { return Ok(None) };
        let held: Option<String> = self.0.get().await?.get(&key).await?;
        let session: Option<Session> = held.map(|text| decode("a session", &text)).transpose()?;
        let now = self.0.clock.now_ms();
        let Some(session) = session.filter(|s| s.mark == password.mark() && now < s.until) else { return Ok(None) };
        if now < session.renew {
            let _: () = self.0.get().await?.pexpire(&key, IDLE_MS.min(session.until - now)).await?;
            return Ok(Some(Admitted { cookie: None }));
        }
        let cookie = self.keep(Session { renew: now + HOUR_MS, ..session.clone() }).await?;
        // What the browser held until now is not renewed once more.
        let ending = encode("a session", &Session { renew: i64::MAX, until: now + OVERLAP_MS, ..session })?;
        let _: () = self.0.get().await?.pset_ex(&key, ending, OVERLAP_MS.unsigned_abs()).await?;
        Ok(Some(Admitted { cookie: Some(cookie) }))
    }

    /// Ends the one of this browser; answers a cookie that takes it away there.
    pub async fn end(&self, headers: &HeaderMap) -> Result<String, StoreError> {
        if let Some(key) = cookie(headers, COOKIE).map(key) {
            let _: () = self.0.get().await?.del(key).await?;
        }
        Ok(set_cookie(COOKIE, "", "Strict", 0, false))
    }

    async fn keep(&self, session: Session) -> Result<String, StoreError> {
        let token = random_text(BYTES).map_err(|e| StoreError::Unreadable("a session", e.to_string()))?;
        let left = session.until - self.0.clock.now_ms();
        let lasts = IDLE_MS.min(left).max(1).unsigned_abs();
        let _: () = self.0.get().await?.pset_ex(key(&token), encode("a session", &session)?, lasts).await?;
        Ok(set_cookie(COOKIE, &token, "Strict", left / 1000, session.secure))
    }
}

fn key(token: &str) -> String {
    session(&hex::encode(Sha256::digest(token.as_bytes())))
}

/// The origin a form came from, if it is our own: `None` for any other, and for none at all. Behind a proxy that rewrites
/// `Host` the public URL counts.
pub(super) fn own_origin<'h>(headers: &'h HeaderMap, public_url: &str) -> Option<&'h str> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = |url: &str| url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(|a| a.as_str().to_owned()));
    let from = authority(origin)?;
    (Some(from.as_str()) == host || Some(from) == authority(public_url)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn password(value: &str) -> Password {
        Password { second: Duration::from_millis(1), ..Password::new(value.into()) }
    }

    #[tokio::test]
    async fn only_the_password_opens_and_guessing_at_once_is_refused() {
        let password = password("right");
        assert_eq!(password.try_open("wrong").await, Err(Locked::Wrong));
        assert_eq!(password.try_open("").await, Err(Locked::Wrong));
        assert_eq!(password.try_open("right").await, Ok(()));
        let all = password.waiting.acquire_many(4).await.expect("open");
        assert_eq!(password.try_open("right").await, Err(Locked::Busy));
        drop(all);
        assert_eq!(password.try_open("right").await, Ok(()));
    }

    #[test]
    fn a_form_of_another_site_is_told_apart() {
        let public = "https://carnet.example/base";
        for (origin, host, own) in [
            (Some("https://carnet.example"), "10.0.0.2:8080", true),
            (Some("http://10.0.0.2:8080"), "10.0.0.2:8080", true),
            (Some("https://evil.example"), "carnet.example", false),
            (Some("https://carnet.example.evil.example"), "carnet.example", false),
            (Some("null"), "carnet.example", false),
            (None, "carnet.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(own_origin(&headers, public).is_some(), own, "{origin:?} {host}");
        }
    }
}
