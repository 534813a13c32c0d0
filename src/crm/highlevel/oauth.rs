//! OAuth tokens of a HighLevel installation (`POST /oauth/token`). A refresh token works once: using it kills it, and its
//! successor comes in the answer. So one refresh at a time, and nothing is used before the successor is stored.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

pub use super::credential::{Credential, Tokens};

use super::{client, failure::CrmFailure, http, rate};
use crate::{
    config::Tune,
    crm::decode::{Text, Unreadable, decode},
    queue::event::AccountKey,
};

/// The OAuth app that the CRM connection is configured with.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// Client id.
    pub id: &'a str,
    /// Client secret.
    pub secret: &'a SecretString,
}

/// Why there is no new token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// Pause the CRM account and ask a person to connect it again.
    #[error("the CRM no longer accepts the connection (revoked, uninstalled or too old); connect it again")]
    Revoked,
    /// Pause: the configured app is wrong.
    #[error("the CRM does not accept the client id or client secret; correct them in the CRM's configuration")]
    App,
    /// Call again with the same refresh token: the exchange is kept in memory and only storing is repeated.
    #[error("the new CRM token could not be stored, so it is not used: {0}")]
    NotStored(String),
    /// As for any call.
    #[error(transparent)]
    Crm(#[from] CrmFailure),
}

/// Exchanges and refreshes tokens; one for the process.
pub struct Oauth {
    http: Client,
    base: Url,
    flights: Mutex<HashMap<AccountKey, Flight>>,
}

/// Held during an exchange; keeps the last one.
type Flight = Arc<tokio::sync::Mutex<Option<Rotation>>>;

struct Rotation {
    spent: SecretString,
    tokens: Tokens,
    stored: bool,
}

#[derive(Deserialize)]
struct Answered {
    access_token: String,
    refresh_token: String,
    expires_in: u32,
    #[serde(default, rename = "locationId")]
    location: Text,
    #[serde(default, rename = "companyId")]
    company: Text,
}

impl Oauth {
    /// `base` is HighLevel's address. Fails only if TLS cannot be set up.
    pub fn new(base: Url, tune: &Tune) -> Result<Self, reqwest::Error> {
        Ok(Self { http: http::client(tune)?, base, flights: Mutex::default() })
    }

    /// Turns the code of a new installation into tokens, which are returned once `persist` has stored them.
    pub async fn exchange<E, S>(
        &self,
        app: App<'_>,
        code: &str,
        redirect_uri: &str,
        persist: impl FnOnce(Tokens) -> S,
    ) -> Result<Tokens, TokenFailure>
    where
        E: Display,
        S: Future<Output = Result<(), E>>,
    {
        let grant = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        let tokens = self.ask(app, &grant).await?;
        store(persist(tokens.clone())).await?;
        Ok(tokens)
    }

    /// Spends a refresh token and returns its successors once `persist` has stored them.
    ///
    /// Calls with the same refresh token share one exchange: the others wait and get the same tokens. Two processes that
    /// refresh at the same time are safe too: within 30 seconds HighLevel answers a spent token with the same successor.
    pub async fn refresh<E, S>(
        &self,
        account: &AccountKey,
        app: App<'_>,
        refresh_token: &SecretString,
        persist: impl FnOnce(Tokens) -> S,
    ) -> Result<Tokens, TokenFailure>
    where
        E: Display,
        S: Future<Output = Result<(), E>>,
    {
        let flight = self.flight(account);
        let mut last = flight.lock().await;
        let rotation = match &mut *last {
            Some(done) if done.answers(refresh_token) => done,
            other => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
                let tokens = self.ask(app, &grant).await?;
                other.insert(Rotation { spent: refresh_token.clone(), tokens, stored: false })
            }
        };
        if !rotation.stored {
            store(persist(rotation.tokens.clone())).await?;
            rotation.stored = true;
        }
        Ok(rotation.tokens.clone())
    }

    fn flight(&self, account: &AccountKey) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.entry(account.clone()).or_default().clone()
    }

    async fn ask(&self, app: App<'_>, grant: &[(&str, &str)]) -> Result<Tokens, TokenFailure> {
        let mut form =
            vec![("client_id", app.id), ("client_secret", app.secret.expose_secret()), ("user_type", "Location")];
        form.extend_from_slice(grant);
        let asked = Timestamp::now();
        let answer = http::exchange(self.http.post(client::at(&self.base, &["oauth", "token"])).form(&form)).await?;
        if answer.status == 429 {
            let retry_after = rate::retry_after(&answer.headers).unwrap_or(Duration::from_secs(10));
            return Err(CrmFailure::RateLimited { retry_after }.into());
        }
        if let Some(refusal) = refusal(answer.status, &answer.complaint().unwrap_or_default()) {
            return Err(refusal);
        }
        let body = answer.accept("oauth.write")?;
        tokens(decode(&body).map_err(CrmFailure::from)?, asked)
    }
}

impl Rotation {
    /// Whether this exchange is what a caller with `refresh_token` needs. One whose tokens have ended is not.
    fn answers(&self, refresh_token: &SecretString) -> bool {
        let same = self.spent.expose_secret() == refresh_token.expose_secret();
        same && (!self.stored || self.tokens.is_fresh(Timestamp::now()))
    }
}

async fn store<E: Display>(stored: impl Future<Output = Result<(), E>>) -> Result<(), TokenFailure> {
    stored.await.map_err(|error| TokenFailure::NotStored(error.to_string()))
}

/// The OAuth error code, or the sentences that servers write in its place.
fn refusal(status: u16, said: &str) -> Option<TokenFailure> {
    if !(400..500).contains(&status) {
        return None;
    }
    let said = said.to_lowercase().replace('_', " ");
    let says = |text: &str| said.contains(text);
    if says("invalid grant") || says("refresh token is invalid") || says("refresh token not found") {
        Some(TokenFailure::Revoked)
    } else if says("invalid client") || says("unauthorized client") {
        Some(TokenFailure::App)
    } else {
        None
    }
}

fn tokens(answered: Answered, asked: Timestamp) -> Result<Tokens, TokenFailure> {
    for (path, token) in [("access_token", &answered.access_token), ("refresh_token", &answered.refresh_token)] {
        if token.is_empty() {
            return Err(CrmFailure::from(Unreadable::at(path)).into());
        }
    }
    let text = |text: Text| Some(text.0).filter(|text| !text.is_empty());
    Ok(Tokens {
        access: answered.access_token.into(),
        refresh: answered.refresh_token.into(),
        expires: asked.saturating_add(SignedDuration::from_secs(answered.expires_in.into())).unwrap_or(asked),
        location: text(answered.location),
        company: text(answered.company),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};

    use super::*;
    use crate::crm::highlevel::scripted::{Scripted, answer};

    struct Setting {
        server: Scripted,
        oauth: Oauth,
        account: AccountKey,
        secret: SecretString,
    }

    impl Setting {
        async fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
            let server = Scripted::serve(answers.into_iter().map(|(status, body)| answer(status, body))).await;
            let oauth = Oauth::new(server.url.clone(), &Tune::default()).expect("client");
            let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
            Self { server, oauth, account, secret: "app-secret".into() }
        }

        async fn refresh(&self, token: &str, stores: bool) -> Result<String, TokenFailure> {
            let app = App { id: "app", secret: &self.secret };
            let persist = async |_: Tokens| if stores { Ok(()) } else { Err("the disk is full") };
            let tokens = self.oauth.refresh(&self.account, app, &token.into(), persist).await?;
            Ok(tokens.access.expose_secret().to_owned())
        }
    }

    fn granted(n: u32) -> (u16, Value) {
        let (access, refresh) = (format!("access-{n}"), format!("refresh-{n}"));
        let body =
            json!({ "access_token": access, "refresh_token": refresh, "expires_in": 86_399, "locationId": "loc" });
        (200, body)
    }

    #[tokio::test]
    async fn a_token_that_is_not_stored_is_not_handed_out_and_not_lost() {
        let setting = Setting::new([granted(1), granted(2)]).await;
        let said = setting.refresh("refresh-0", false).await;
        assert_eq!(said, Err(TokenFailure::NotStored("the disk is full".into())));
        assert_eq!(setting.refresh("refresh-0", true).await.as_deref(), Ok("access-1"));
        assert_eq!(setting.server.asked().len(), 1, "the spent token was not sent again");
        assert_eq!(setting.refresh("refresh-1", true).await.as_deref(), Ok("access-2"));
        let form = &setting.server.asked()[1].body;
        for part in ["grant_type=refresh_token", "refresh_token=refresh-1", "user_type=Location", "client_id=app"] {
            assert!(form.contains(part), "{form}");
        }
    }

    #[tokio::test]
    async fn twenty_refreshes_at_once_are_one_call_and_one_store() {
        let setting = Setting::new([granted(1), granted(2)]).await;
        let stores = AtomicUsize::new(0);
        let (app, token) = (App { id: "app", secret: &setting.secret }, SecretString::from("refresh-0"));
        let persist = async |tokens: Tokens| {
            stores.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if tokens.refresh.expose_secret() == "refresh-1" { Ok(()) } else { Err("wrong token") }
        };
        let all = (0..20).map(|_| setting.oauth.refresh(&setting.account, app, &token, &persist));
        for tokens in futures_util::future::join_all(all).await {
            assert_eq!(tokens.expect("tokens").access.expose_secret(), "access-1");
        }
        assert_eq!((setting.server.asked().len(), stores.load(Ordering::SeqCst)), (1, 1));
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let crm = |failure| TokenFailure::Crm(failure);
        for (status, body, expected) in [
            (400, json!({ "error": "invalid_grant" }), TokenFailure::Revoked),
            (
                401,
                json!({ "error": "UnAuthorized!", "error_description": "Invalid grant: refresh token is invalid" }),
                TokenFailure::Revoked,
            ),
            (401, json!({ "error": "invalid_client" }), TokenFailure::App),
            (429, json!(""), crm(CrmFailure::RateLimited { retry_after: Duration::from_secs(10) })),
            (502, json!("<html>"), crm(CrmFailure::Transient { reason: "HTTP 502".into() })),
            (200, json!({ "access_token": "a", "expires_in": 1 }), crm(Unreadable::at(".").into())),
            (
                200,
                json!({ "access_token": "a", "refresh_token": "", "expires_in": 1 }),
                crm(Unreadable::at("refresh_token").into()),
            ),
        ] {
            let setting = Setting::new([(status, body)]).await;
            assert_eq!(setting.refresh("refresh-0", true).await, Err(expected));
        }
    }

    #[tokio::test]
    async fn a_code_becomes_tokens_once_they_are_stored() {
        let setting = Setting::new([granted(1)]).await;
        let app = App { id: "app", secret: &setting.secret };
        let refused = setting.oauth.exchange(app, "code", "https://x/cb", async |_: Tokens| Err("no")).await;
        assert!(matches!(refused, Err(TokenFailure::NotStored(_))));
        let kept = setting.oauth.exchange(app, "code", "https://x/cb", async |_: Tokens| Ok::<_, &str>(())).await;
        assert_eq!(kept.expect("tokens").location.as_deref(), Some("loc"));
        assert!(setting.server.asked()[0].body.contains("grant_type=authorization_code&code=code"));
    }
}
