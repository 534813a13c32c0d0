//! What a CRM account is reached with: a static token, or tokens of an installed app.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

/// An access token this close to its end is refreshed first.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What a CRM account is reached with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A Private Integration Token; it has no known end.
    Static(SecretString),
    /// Tokens of an installed app.
    Oauth(Tokens),
}

/// Tokens of an installed app, to be kept sealed.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Bearer token, about a day long.
    pub access: SecretString,
    /// For one more exchange.
    pub refresh: SecretString,
    /// End of `access`.
    pub expires: Timestamp,
    /// The location that the tokens are for, if HighLevel says so.
    pub location: Option<String>,
    /// The agency, if HighLevel says so.
    pub company: Option<String>,
}

impl Credential {
    /// The token to send now; `None` when it has to be refreshed first.
    pub fn bearer(&self, now: Timestamp) -> Option<&SecretString> {
        match self {
            Self::Static(token) => Some(token),
            Self::Oauth(tokens) => tokens.is_fresh(now).then_some(&tokens.access),
        }
    }
}

impl Tokens {
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now) > MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_gives_its_token_until_shortly_before_its_end_and_never_prints_it() {
        let end: Timestamp = "2026-07-17T10:00:00Z".parse().expect("time");
        let (access, refresh) = ("access-1".into(), "refresh-1".into());
        let credential = Credential::Oauth(Tokens { access, refresh, expires: end, location: None, company: None });
        assert!(credential.bearer(end - SignedDuration::from_secs(120)).is_some());
        assert!(credential.bearer(end - SignedDuration::from_secs(30)).is_none());
        assert!(Credential::Static("pit".into()).bearer(end).is_some());
        let printed = format!("{credential:?}");
        assert!(!printed.contains("access-1") && !printed.contains("refresh-1"), "{printed}");
    }
}
