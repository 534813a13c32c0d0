//! Connect links: who gets one may connect a Google login under the name in it, for a week. Nothing is stored: the link
//! itself is the sealed invitation.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::store::seal::{SealError, Sealer};

const GOOD_FOR_MS: i64 = 7 * 24 * 3_600_000;
const PURPOSE: &str = "connect link";

#[derive(Serialize, Deserialize)]
struct Invitation {
    google: String,
    /// Milliseconds since 1970.
    until: i64,
}

/// Why a link leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLink {
    /// It was good once.
    Expired,
    /// It is cut, made up, or of another installation.
    NotOurs,
}

/// A fresh link for the Google account of this name, good for 7 days.
pub fn connect_link(sealer: &Sealer, public_url: &str, google: &str) -> Result<String, SealError> {
    Ok(format!("{public_url}/connect/{}", token(sealer, google, Timestamp::now())?))
}

fn token(sealer: &Sealer, google: &str, now: Timestamp) -> Result<String, SealError> {
    let invitation = Invitation { google: google.to_owned(), until: now.as_millisecond() + GOOD_FOR_MS };
    // Our own type with a text and a number always encodes.
    let text = serde_json::to_string(&invitation).unwrap_or_default();
    Ok(sealer.seal(PURPOSE, &text)?.replace('+', "-").replace('/', "_"))
}

/// The name that a link's token is for.
pub(super) fn google_in(sealer: &Sealer, token: &str, now: Timestamp) -> Result<String, BadLink> {
    let sealed = token.replace('-', "+").replace('_', "/");
    let text = sealer.open(PURPOSE, &sealed).map_err(|_| BadLink::NotOurs)?;
    let invitation: Invitation = serde_json::from_str(text.expose_secret()).map_err(|_| BadLink::NotOurs)?;
    if now.as_millisecond() < invitation.until { Ok(invitation.google) } else { Err(BadLink::Expired) }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn a_link_is_good_for_a_week_and_for_nobody_elses_key() {
        let sealer = Sealer::new(&"key".into()).expect("a sealer");
        let now = Timestamp::now();
        let token = token(&sealer, "office", now).expect("a token");
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{token}");
        assert_eq!(google_in(&sealer, &token, now).as_deref(), Ok("office"));
        assert_eq!(google_in(&sealer, &token, now + 167.hours()).as_deref(), Ok("office"));
        assert_eq!(google_in(&sealer, &token, now + 168.hours()), Err(BadLink::Expired));
        let other = Sealer::new(&"other".into()).expect("a sealer");
        assert_eq!(google_in(&other, &token, now), Err(BadLink::NotOurs));
        for garbage in ["", "x", "é", &token[1..], &format!("{token}A")] {
            assert_eq!(google_in(&sealer, garbage, now), Err(BadLink::NotOurs), "{garbage}");
        }
    }
}
