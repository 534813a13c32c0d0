//! Consent of a Google user, and access tokens for it: authorisation code with PKCE, refresh, and whose account it is.
//!
//! Written by hand rather than with the `oauth2` crate: it is two form posts, and the crate hides the HTTP status that
//! tells an outage from a revocation, and brings second versions of `rand` and `sha2`, and `chrono`.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    http::{Answer, exchange},
    oauth_answer::{CONTACTS, OPENID, OauthFailure, TokenAnswer, subject_in},
};

/// An OAuth client as registered in a Google Cloud project.
#[derive(Clone, Debug)]
pub struct OauthApp {
    /// `….apps.googleusercontent.com`
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
}

/// Google's sign-in, for all accounts and apps.
#[derive(Clone, Debug)]
pub struct Oauth {
    client: Client,
    auth_url: Url,
    token_url: Url,
    userinfo_url: Url,
}

/// One attempt's proof that the code comes back to who asked for it (PKCE, S256). Keep the verifier with the state.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Sent with the code.
    pub verifier: SecretString,
}

/// What a user has granted.
#[derive(Clone, Debug)]
pub struct Grant {
    /// For the API.
    pub access: SecretString,
    /// How long `access` is good.
    pub expires_in: Duration,
    /// Good until revoked or unused for 6 months.
    pub refresh: SecretString,
    /// How long the whole grant lasts, when Google says that it ends.
    pub ends_in: Option<Duration>,
    /// Blank-separated; `None` when Google granted what was asked for without saying so.
    pub scope: Option<String>,
    /// The stable id of the Google account.
    pub subject: String,
}

/// A fresh access token.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// For the API.
    pub access: SecretString,
    /// How long `access` is good.
    pub expires_in: Duration,
    /// Replaces the refresh token; `None`, as mostly: keep the old one.
    pub refresh: Option<SecretString>,
    /// How long the whole grant lasts, when Google says that it ends.
    pub ends_in: Option<Duration>,
    /// Blank-separated; `None` when Google does not say.
    pub scope: Option<String>,
    /// The stable id of the account when the answer holds it; else ask [`Oauth::subject`].
    pub subject: Option<String>,
}

impl Pkce {
    /// A new one, from 32 random bytes.
    pub fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self { verifier: SecretString::from(URL_SAFE_NO_PAD.encode(bytes)) }
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose_secret()))
    }
}

impl Oauth {
    /// Uses a client of [`super::http::client`] and Google's three addresses.
    pub fn new(client: Client, auth_url: Url, token_url: Url, userinfo_url: Url) -> Self {
        Self { client, auth_url, token_url, userinfo_url }
    }

    /// Where the user's browser goes to agree. `redirect` must be registered with the app, letter by letter.
    pub fn consent_url(&self, app: &OauthApp, state: &str, redirect: &str, pkce: &Pkce) -> Url {
        let mut url = self.auth_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &app.client_id)
            .append_pair("redirect_uri", redirect)
            .append_pair("response_type", "code")
            .append_pair("scope", &format!("{OPENID} {CONTACTS}"))
            .append_pair("state", state)
            // Both are needed to be given a refresh token, also by someone who has agreed before.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent")
            .append_pair("code_challenge", &pkce.challenge())
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Exchanges the code that came back to `redirect`. A code is good once.
    ///
    /// # Errors
    /// [`OauthFailure`]; a grant without contacts, without a subject or without a refresh token is one.
    pub async fn exchange(
        &self,
        app: &OauthApp,
        code: &str,
        verifier: &SecretString,
        redirect: &str,
    ) -> Result<Grant, OauthFailure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier.expose_secret()),
            ("redirect_uri", redirect),
        ];
        let answer = TokenAnswer::read(&self.token(app, &form).await?, OauthFailure::CodeSpent)?;
        let subject = match answer.subject() {
            Some(subject) => subject,
            None => self.subject(&answer.access_token).await?,
        };
        let (expires_in, ends_in) = (answer.expires_in(), answer.ends_in());
        let refresh = answer.refresh_token.ok_or(OauthFailure::NoRefreshToken)?;
        Ok(Grant { access: answer.access_token, expires_in, refresh, ends_in, scope: answer.scope, subject })
    }

    /// A fresh access token.
    ///
    /// # Errors
    /// [`OauthFailure::Revoked`] when the refresh token is no longer good; a grant without contacts or `openid` is
    /// refused here too, which matters for a token that was made elsewhere.
    pub async fn refresh(&self, app: &OauthApp, refresh: &SecretString) -> Result<Refreshed, OauthFailure> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let answer = TokenAnswer::read(&self.token(app, &form).await?, OauthFailure::Revoked)?;
        let (expires_in, ends_in, subject) = (answer.expires_in(), answer.ends_in(), answer.subject());
        let TokenAnswer { access_token: access, refresh_token: refresh, scope, .. } = answer;
        Ok(Refreshed { access, expires_in, refresh, ends_in, scope, subject })
    }

    /// The stable id of the account an access token is for, from userinfo.
    ///
    /// # Errors
    /// [`OauthFailure::NoOpenid`] when the grant does not cover the question.
    pub async fn subject(&self, access: &SecretString) -> Result<String, OauthFailure> {
        let request = self.client.get(self.userinfo_url.clone()).bearer_auth(access.expose_secret());
        let answer = exchange(request).await.map_err(|_| OauthFailure::Unavailable)?;
        match answer.status.as_u16() {
            200 => subject_in(&answer.body).ok_or(OauthFailure::Unavailable),
            401 | 403 => Err(OauthFailure::NoOpenid),
            _ => Err(OauthFailure::Unavailable),
        }
    }

    async fn token(&self, app: &OauthApp, form: &[(&str, &str)]) -> Result<Answer, OauthFailure> {
        let mut form = form.to_vec();
        form.push(("client_id", &app.client_id));
        form.push(("client_secret", app.client_secret.expose_secret()));
        let request = self.client.post(self.token_url.clone()).form(&form);
        exchange(request).await.map_err(|_| OauthFailure::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::google::{http::client, recorder::Recorder};

    const REDIRECT: &str = "https://carnet.example/oauth/google/callback";

    fn app() -> OauthApp {
        OauthApp { client_id: "app".into(), client_secret: SecretString::from("app secret") }
    }

    fn oauth(google: &Recorder) -> Oauth {
        let at = |path: &str| google.url.join(path).expect("a URL");
        let client = client(Duration::from_secs(5)).expect("a client");
        Oauth::new(client, at("auth"), at("token"), at("userinfo"))
    }

    #[tokio::test]
    async fn the_consent_url_asks_for_a_lasting_grant_with_pkce() {
        let google = Recorder::answering::<&str>([]).await;
        // The example of RFC 7636, appendix B.
        let pkce = Pkce { verifier: SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") };
        let url = oauth(&google).consent_url(&app(), "state", REDIRECT, &pkce);
        let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        for (key, value) in [
            ("client_id", "app"),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid https://www.googleapis.com/auth/contacts"),
            ("state", "state"),
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert_eq!(Pkce::random().verifier.expose_secret().len(), 43);
    }

    #[tokio::test]
    async fn a_code_becomes_a_grant_and_userinfo_says_whose() {
        let google = Recorder::answering([
            (200, r#"{"access_token":"a1","expires_in":3599,"refresh_token":"r1","token_type":"Bearer"}"#),
            (200, r#"{"sub":"1184","name":"Gwen"}"#),
        ])
        .await;
        let verifier = SecretString::from("v");
        let grant = oauth(&google).exchange(&app(), "c/1", &verifier, REDIRECT).await.expect("a grant");
        assert_eq!((grant.refresh.expose_secret(), grant.subject.as_str()), ("r1", "1184"));
        assert_eq!(grant.expires_in, Duration::from_secs(3_599));
        let seen = google.seen();
        assert_eq!(seen[0].line, "POST /token");
        assert_eq!(
            seen[0].text,
            "grant_type=authorization_code&code=c%2F1&code_verifier=v\
             &redirect_uri=https%3A%2F%2Fcarnet.example%2Foauth%2Fgoogle%2Fcallback&client_id=app&client_secret=app+secret"
        );
        assert_eq!((seen[1].line.as_str(), seen[1].authorization.as_str()), ("GET /userinfo", "Bearer a1"));
        assert!(!format!("{grant:?}").contains("r1"));
    }

    #[tokio::test]
    async fn a_grant_that_does_not_last_or_has_no_owner_is_refused() {
        let verifier = SecretString::from("v");
        let forbidden = r#"{"error":"insufficient_scope"}"#;
        for (answers, failure) in [
            (vec![(200, r#"{"access_token":"a"}"#), (200, r#"{"sub":"1184"}"#)], OauthFailure::NoRefreshToken),
            (vec![(200, r#"{"access_token":"a","refresh_token":"r"}"#), (403, forbidden)], OauthFailure::NoOpenid),
            (vec![(400, r#"{"error":"invalid_grant"}"#)], OauthFailure::CodeSpent),
        ] {
            let google = Recorder::answering(answers).await;
            assert_eq!(oauth(&google).exchange(&app(), "c", &verifier, REDIRECT).await.err(), Some(failure));
        }
    }

    #[tokio::test]
    async fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
        let google = Recorder::answering([(200, r#"{"access_token":"a2","expires_in":3599}"#)]).await;
        let fresh = oauth(&google).refresh(&app(), &SecretString::from("r1")).await.expect("a token");
        assert!(fresh.refresh.is_none() && fresh.subject.is_none());
        assert_eq!(
            google.seen()[0].text,
            "grant_type=refresh_token&refresh_token=r1&client_id=app&client_secret=app+secret"
        );
    }
}
