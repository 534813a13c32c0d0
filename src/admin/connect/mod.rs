//! Connecting a Google account in the browser: the link's page, Google's consent, and the way back.

mod attempt;
mod link;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::get,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::{
    claim::Tools,
    config::declared,
    google::oauth::{Grant, OauthApp},
    store::registry::{GoogleConnection, Registry, open_secret},
};

use super::page::{STYLE, page, secured};
use attempt::Attempt;
use words::{Say, Words};

pub use link::connect_link;

/// Routes of the public listener. Nobody needs to be logged in: the link is the invitation.
pub fn router(tools: Arc<Tools>) -> Router {
    let google = tools.settings.google_auth_url.origin().ascii_serialization();
    let routes = Router::new()
        .route("/connect/{token}", get(invite).post(begin))
        .route("/oauth/google/callback", get(finish))
        .with_state(tools);
    // The address of these pages is a credential: no referrer.
    secured(routes, &google, "no-referrer")
}

#[derive(Template)]
#[template(path = "connect.html", config = "src/admin/askama.toml")]
struct Page {
    style: &'static str,
    words: Words,
    /// Where the button leads, if there is one.
    action: Option<String>,
}

/// A page; `link` is the token to begin again with.
fn show(say: &Say, link: Option<&str>) -> Response {
    let action = link.filter(|_| say.may_try()).map(|token| format!("/connect/{token}"));
    page(say.status(), &Page { style: STYLE, words: say.words(), action })
}

async fn invite(State(tools): State<Arc<Tools>>, Path(token): Path<String>) -> Response {
    match invited(&tools, &token).await {
        Ok(_) => show(&Say::Invite, Some(&token)),
        Err(say) => show(&say, Some(&token)),
    }
}

/// The Google account that a link is for, and the OAuth app to connect it with.
async fn invited(tools: &Tools, token: &str) -> Result<(String, OauthApp), Say> {
    let name = link::google_in(tools.registry.sealer(), token, Timestamp::now()).map_err(Say::Link)?;
    let app = app_of(tools, &name).await?;
    Ok((name, app))
}

async fn app_of(tools: &Tools, name: &str) -> Result<OauthApp, Say> {
    let registry = tools.registry.load().await.map_err(|error| not_stored(&error))?;
    let declared = connectable(&registry, name)?;
    let secret = declared.client_secret.as_ref().map(|secret| open_secret(tools.registry.sealer(), secret));
    let own = declared.client_id.clone().zip(secret.transpose().map_err(|error| not_stored(&error))?);
    tools.google_app(own.as_ref()).map_err(|error| {
        tracing::warn!(google = name, reason = %error, "a connect link cannot be used");
        Say::NotSetUp
    })
}

fn connectable<'r>(registry: &'r Registry, name: &str) -> Result<&'r declared::Google, Say> {
    let declared = registry.declared.google.iter().find(|g| g.name == name).ok_or(Say::Gone)?;
    if declared.refresh_token.is_some() { Err(Say::Declared) } else { Ok(declared) }
}

async fn begin(State(tools): State<Arc<Tools>>, Path(token): Path<String>) -> Response {
    match consent(&tools, &token).await {
        Ok(response) => response,
        Err(say) => show(&say, Some(&token)),
    }
}

async fn consent(tools: &Tools, token: &str) -> Result<Response, Say> {
    let (name, app) = invited(tools, token).await?;
    let (attempt, pkce) =
        Attempt::begin(name, token.to_owned(), Timestamp::now()).map_err(|error| not_stored(&error))?;
    let url = tools.google_oauth.consent_url(&app, &attempt.state, &callback(tools), &pkce);
    let cookie = attempt.to_cookie(tools.registry.sealer(), is_https(tools)).map_err(|error| not_stored(&error))?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(url.as_str())).into_response())
}

/// What Google sends the browser back with.
#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

async fn finish(
    State(tools): State<Arc<Tools>>,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Response {
    let attempt = Attempt::of(&headers, tools.registry.sealer(), Timestamp::now());
    let (say, link) = match (attempt, answer) {
        (Some(attempt), Ok(Query(answer))) if answer.state.as_deref() == Some(&attempt.state) => {
            let said = accept(&tools, &attempt, answer).await;
            log(&attempt.google, &said);
            (said.err().unwrap_or(Say::Connected), Some(attempt.link))
        }
        _ => (Say::NoAttempt, None),
    };
    let forget = AppendHeaders([(header::SET_COOKIE, Attempt::forget(is_https(&tools)))]);
    (forget, show(&say, link.as_deref())).into_response()
}

async fn accept(tools: &Tools, attempt: &Attempt, answer: Answer) -> Result<(), Say> {
    let code = match (answer.code, answer.error.as_deref()) {
        (Some(code), None) => code,
        (_, Some("access_denied")) => return Err(Say::Denied),
        (_, Some("admin_policy_enforced")) => return Err(Say::Refused(crate::google::OauthFailure::AdminPolicy)),
        _ => return Err(Say::NoAttempt),
    };
    let app = app_of(tools, &attempt.google).await?;
    let verifier = SecretString::from(attempt.verifier.as_str());
    let grant = tools.google_oauth.exchange(&app, &code, &verifier, &callback(tools)).await.map_err(Say::Refused)?;
    keep(tools, &attempt.google, &grant).await
}

/// Stores the connection, unless it would be the second of its login or take the place of another one's.
async fn keep(tools: &Tools, name: &str, grant: &Grant) -> Result<(), Say> {
    let sealer = tools.registry.sealer();
    let refresh = sealer.seal("google", grant.refresh.expose_secret()).map_err(|error| not_stored(&error))?;
    let made = tools.pool.clock.now_ms();
    let ends = grant.ends_in.map(|ends| made + i64::try_from(ends.as_millis()).unwrap_or(i64::MAX / 2));
    let (subject, declared_digest) = (grant.subject.clone(), String::new());
    let mut connection = GoogleConnection { subject, refresh, declared_digest, made, ends, is_weekly: false };
    let mut refused = None;
    let installation = tools.now().installation.id.clone();
    let kept = tools.registry.change(&installation, |registry| {
        refused = admit(registry, name, &connection.subject).err();
        if refused.is_none() {
            connection.is_weekly = registry.google.get(name).is_some_and(|held| held.is_weekly);
            registry.google.insert(name.to_owned(), connection.clone());
        }
        refused.is_none()
    });
    kept.await.map_err(|error| not_stored(&error))?;
    refused.map_or(Ok(()), Err)
}

/// Whether this login may be connected under this name.
fn admit(registry: &Registry, name: &str, subject: &str) -> Result<(), Say> {
    connectable(registry, name)?;
    if registry.google.iter().any(|(other, c)| other != name && c.subject == subject) {
        return Err(Say::OtherName);
    }
    match registry.google.get(name) {
        // Links and stamps belong to the login: another one would leave them behind.
        Some(held) if held.subject != subject => Err(Say::OtherLogin),
        _ => Ok(()),
    }
}

fn not_stored(error: &impl std::fmt::Display) -> Say {
    tracing::error!(%error, "a Google account could not be connected");
    Say::NotStored
}

fn log(google: &str, said: &Result<(), Say>) {
    match said {
        Ok(()) => tracing::info!(google, "a Google account was connected in the browser"),
        Err(Say::Refused(why)) => tracing::warn!(google, reason = %why, "Google refused a connection"),
        Err(say) => tracing::info!(google, reason = ?say, "a Google account was not connected"),
    }
}

fn callback(tools: &Tools) -> String {
    format!("{}/oauth/google/callback", tools.settings.public_url)
}

fn is_https(tools: &Tools) -> bool {
    tools.settings.public_url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_login_has_one_name_and_one_name_has_one_login() {
        let declared = "[[google]]\nname = 'a'\n[[google]]\nname = 'b'\n[[google]]\nname = 'c'\nrefresh_token = 'r'";
        let mut registry = Registry { declared: toml::from_str(declared).expect("declared"), ..Registry::default() };
        let connection = GoogleConnection { subject: "1".into(), refresh: "r".into(), ..GoogleConnection::default() };
        registry.google.insert("a".into(), connection);
        assert_eq!(admit(&registry, "a", "1"), Ok(()), "connecting again");
        assert_eq!(admit(&registry, "b", "2"), Ok(()));
        assert_eq!(admit(&registry, "b", "1"), Err(Say::OtherName));
        assert_eq!(admit(&registry, "a", "2"), Err(Say::OtherLogin));
        assert_eq!(admit(&registry, "c", "3"), Err(Say::Declared));
        assert_eq!(admit(&registry, "gone", "3"), Err(Say::Gone));
    }
}
