//! Who may see the admin pages: the password, a sealed cookie for 12 hours, and forms that come from our own pages only.

use std::time::Duration;

use axum::http::{HeaderMap, Uri, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::page::{cookie, set_cookie};
use crate::store::seal::{SealError, Sealer};

const COOKIE: &str = "carnet_session";
const PURPOSE: &str = "session";
const SECONDS: i64 = 12 * 3600;

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

    /// A cookie that says "let in", until it ends or the password changes.
    pub fn session(&self, sealer: &Sealer, secure: bool, now: Timestamp) -> Result<String, SealError> {
        let sealed = sealer.seal(PURPOSE, &format!("{} {}", now.as_second() + SECONDS, self.mark()))?;
        Ok(set_cookie(COOKIE, &sealed, "Strict", SECONDS, secure))
    }

    /// Whether the browser was let in.
    pub fn is_open_to(&self, headers: &HeaderMap, sealer: &Sealer, now: Timestamp) -> bool {
        let opened = cookie(headers, COOKIE).and_then(|sealed| sealer.open(PURPOSE, sealed).ok());
        opened.is_some_and(|text| {
            let Some((until, mark)) = text.expose_secret().split_once(' ') else { return false };
            mark == self.mark() && until.parse::<i64>().is_ok_and(|until| now.as_second() < until)
        })
    }

    fn mark(&self) -> String {
        hex::encode(&Sha256::digest(self.value.expose_secret())[..8])
    }
}

/// A cookie that ends the session in this browser.
pub(super) fn no_session() -> String {
    set_cookie(COOKIE, "", "Strict", 0, false)
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
    use jiff::ToSpan as _;

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
    fn a_session_ends_after_twelve_hours_or_with_the_password() {
        let sealer = Sealer::new(&"key".into()).expect("a sealer");
        let now = Timestamp::now();
        let set = password("one").session(&sealer, true, now).expect("a cookie");
        assert!(set.contains("HttpOnly; SameSite=Strict") && set.ends_with("Secure"), "{set}");
        let sent = set.split(';').next().expect("a pair");
        let mut headers = HeaderMap::new();
        assert!(!password("one").is_open_to(&headers, &sealer, now));
        headers.insert(header::COOKIE, HeaderValue::try_from(sent).expect("a value"));
        assert!(password("one").is_open_to(&headers, &sealer, now + 11.hours()));
        assert!(!password("one").is_open_to(&headers, &sealer, now + 12.hours()));
        assert!(!password("two").is_open_to(&headers, &sealer, now));
        let other = Sealer::new(&"other".into()).expect("a sealer");
        assert!(!password("one").is_open_to(&headers, &other, now));
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
