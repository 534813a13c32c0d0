//! What Google's token endpoint answers, and what its refusals mean.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::Deserialize;

use super::{failure::Class, http::Answer};

/// The scope that all writes need.
pub(super) const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
/// The scope that tells us the stable id of the account.
pub(super) const OPENID: &str = "openid";

/// Why there is no token, named by what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OauthFailure {
    /// Pause the account; the user has to connect again.
    #[error(
        "Google no longer accepts the connection (it was revoked, unused for 6 months, or the OAuth app is in testing, \
         where connections end after 7 days); connect the account again"
    )]
    Revoked,
    /// The code of the browser was used already, is too old, or belongs to another attempt.
    #[error("the answer of Google's consent page is no longer good; start connecting once more")]
    CodeSpent,
    /// The grant does not say whose it is.
    #[error(
        "the Google connection does not say which account it is for; connect in the browser, or make the refresh token \
         with the scopes \"openid https://www.googleapis.com/auth/contacts\""
    )]
    NoOpenid,
    /// Google lets people untick single boxes.
    #[error(
        "the consent does not include contacts; connect again and leave the box \"See, edit, download, and permanently \
         delete your contacts\" ticked"
    )]
    NoContactsScope,
    /// Google gave an access token only, which lasts an hour.
    #[error(
        "Google gave no lasting connection; remove Carnet at myaccount.google.com/connections and connect once more"
    )]
    NoRefreshToken,
    /// The operator has to correct the OAuth app.
    #[error(
        "Google does not know the OAuth app; check the client id and the client secret, also whether they belong together"
    )]
    BadClient,
    /// The operator has to register the callback.
    #[error(
        "the OAuth app does not list Carnet's callback address; add /oauth/google/callback below the public URL to its redirect URIs"
    )]
    BadRedirect,
    /// A Workspace administrator has to allow it.
    #[error(
        "the administrator of this Google Workspace does not allow the connection; ask them to trust the OAuth app"
    )]
    AdminPolicy,
    /// Any other refusal, by its code (`invalid_scope`).
    #[error("Google refused the connection: {0}")]
    Refused(String),
    /// No answer, 5xx, 429, or a page that is not the endpoint's. Try again.
    #[error("Google's sign-in could not be reached")]
    Unavailable,
}

/// A token answer.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub access_token: SecretString,
    /// Seconds; an hour when Google does not say.
    #[serde(default = "an_hour")]
    expires_in: u64,
    pub refresh_token: Option<SecretString>,
    /// Seconds; only for a grant that ends.
    refresh_token_expires_in: Option<u64>,
    /// Blank-separated; absent means "as asked for".
    pub scope: Option<String>,
    id_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl OauthFailure {
    /// What kind of reaction it wants.
    pub fn class(&self) -> Class {
        if *self == Self::Unavailable { Class::Transient } else { Class::Authorisation }
    }

    /// Reads a refusal. An `invalid_grant` is about `grant`: a code or a refresh token. Google's descriptions vary, so
    /// only its codes count.
    fn of(answer: &Answer, grant: Self) -> Self {
        let status = answer.status;
        if status.is_server_error() || status.as_u16() == 429 {
            return Self::Unavailable;
        }
        // Not the endpoint speaking: a proxy, say.
        let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.body) else { return Self::Unavailable };
        match refusal.error.as_str() {
            "invalid_grant" => grant,
            "invalid_client" | "unauthorized_client" | "deleted_client" => Self::BadClient,
            "redirect_uri_mismatch" => Self::BadRedirect,
            "admin_policy_enforced" | "org_internal" => Self::AdminPolicy,
            "temporarily_unavailable" | "server_error" | "internal_failure" => Self::Unavailable,
            other => Self::Refused(other.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect()),
        }
    }
}

impl TokenAnswer {
    /// Reads the answer to a grant of the kind whose `invalid_grant` is `grant`.
    pub fn read(answer: &Answer, grant: OauthFailure) -> Result<Self, OauthFailure> {
        if !answer.status.is_success() {
            return Err(OauthFailure::of(answer, grant));
        }
        let read: Self = serde_json::from_slice(&answer.body).map_err(|_| OauthFailure::Unavailable)?;
        match &read.scope {
            Some(scope) if !scope.split_whitespace().any(|s| s == CONTACTS) => Err(OauthFailure::NoContactsScope),
            Some(scope) if !scope.split_whitespace().any(|s| s == OPENID) => Err(OauthFailure::NoOpenid),
            _ => Ok(read),
        }
    }

    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(self.expires_in)
    }

    /// How long the grant itself lasts, if it ends.
    pub fn ends_in(&self) -> Option<Duration> {
        self.refresh_token_expires_in.map(Duration::from_secs)
    }

    /// The stable id in the `id_token`. Its signature is not checked: it comes from Google itself over TLS, which OpenID
    /// Connect (Core, 3.1.3.7) allows to rely on.
    pub fn subject(&self) -> Option<String> {
        use secrecy::ExposeSecret;
        let payload = self.id_token.as_ref()?.expose_secret().split('.').nth(1)?;
        subject_in(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?)
    }
}

/// The `sub` of an `id_token` payload or of a userinfo answer.
pub(super) fn subject_in(json: &[u8]) -> Option<String> {
    serde_json::from_slice::<Claims>(json).ok().map(|c| c.sub).filter(|sub| !sub.is_empty())
}

fn an_hour() -> u64 {
    3_600
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn read(status: u16, body: &str) -> Result<TokenAnswer, OauthFailure> {
        let status = StatusCode::from_u16(status).expect("a status");
        TokenAnswer::read(&Answer { status, retry_after: None, body: body.into() }, OauthFailure::Revoked)
    }

    #[test]
    fn every_refusal_has_its_meaning() {
        for (status, body, meaning) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
                OauthFailure::Revoked,
            ),
            (400, r#"{"error":"invalid_grant","error_description":"Bad Request"}"#, OauthFailure::Revoked),
            (401, r#"{"error":"invalid_client","error_description":"Unauthorized"}"#, OauthFailure::BadClient),
            (400, r#"{"error":"unauthorized_client"}"#, OauthFailure::BadClient),
            (400, r#"{"error":"redirect_uri_mismatch"}"#, OauthFailure::BadRedirect),
            (400, r#"{"error":"admin_policy_enforced"}"#, OauthFailure::AdminPolicy),
            (400, r#"{"error":"invalid_scope"}"#, OauthFailure::Refused("invalid_scope".into())),
            (403, "<html><title>403 Forbidden</title></html>", OauthFailure::Unavailable),
            (429, r#"{"error":"rate_limit_exceeded"}"#, OauthFailure::Unavailable),
            (500, r#"{"error":"internal_failure"}"#, OauthFailure::Unavailable),
            (502, "<html>bad gateway</html>", OauthFailure::Unavailable),
            (200, "<html>sign in to this network</html>", OauthFailure::Unavailable),
            (302, "", OauthFailure::Unavailable),
        ] {
            assert_eq!(read(status, body).err(), Some(meaning), "{status} {body}");
        }
    }

    #[test]
    fn an_unticked_box_and_a_missing_openid_are_told_apart() {
        let with = |scope: &str| read(200, &format!(r#"{{"access_token":"a","scope":"{scope}"}}"#)).err();
        assert_eq!(with("openid"), Some(OauthFailure::NoContactsScope));
        assert_eq!(
            with("openid https://www.googleapis.com/auth/contacts.readonly"),
            Some(OauthFailure::NoContactsScope)
        );
        assert_eq!(with(CONTACTS), Some(OauthFailure::NoOpenid));
        assert_eq!(with(&format!("{CONTACTS} openid")), None);
    }

    #[test]
    fn the_subject_is_in_the_id_token() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"iss":"x","sub":"1184"}"#);
        let body = format!(r#"{{"access_token":"a","id_token":"e30.{payload}.c2ln"}}"#);
        assert_eq!(read(200, &body).ok().and_then(|a| a.subject()).as_deref(), Some("1184"));
        let broken = read(200, r#"{"access_token":"a","id_token":"nonsense"}"#);
        assert_eq!(broken.ok().and_then(|a| a.subject()), None);
    }
}
