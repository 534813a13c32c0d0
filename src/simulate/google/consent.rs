//! `/o/oauth2/v2/auth`: the page where the user says yes. By default it says yes by itself; control chooses the account, unticks
//! scopes, denies, or has the page shown to a person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{admit::CONTACTS, call::Call, grants::Code, oauth::EMAIL, world::World};

/// What the user will do on the consent page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    /// Who is signed in; else the `login_hint` (subject or e-mail), else the first account.
    pub subject: Option<String>,
    /// Scopes that are not granted.
    pub untick: BTreeSet<String>,
    /// Press *Cancel*.
    pub deny: bool,
    /// Show the page instead of answering for the user.
    pub page: bool,
}

/// Where the browser goes from here.
pub enum Step {
    Redirect(String),
    /// HTTP code and HTML.
    Page(u16, String),
}

pub fn authorize(world: &mut World, call: &Call) -> Step {
    let param = |name| call.param(name).unwrap_or_default();
    let redirect_uri = param("redirect_uri");
    let Ok(mut back) = Url::parse(redirect_uri) else { return error_page(400, "redirect_uri_mismatch") };
    if !world.clients.contains_key(param("client_id")) {
        return error_page(401, "invalid_client");
    }
    if !world.redirect_uris.is_empty() && !world.redirect_uris.iter().any(|u| u == redirect_uri) {
        return error_page(400, "redirect_uri_mismatch");
    }
    if param("response_type") != "code" || param("scope").is_empty() {
        return error_page(400, "invalid_request");
    }
    let answered = call.param("answer");
    if world.consent.page && answered.is_none() {
        return Step::Page(200, page(world, call));
    }
    if let Some(state) = call.param("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    let account = signed_in(world, call).filter(|_| !world.consent.deny && answered != Some("cancel"));
    match account.and_then(|subject| code(world, call, &subject)) {
        Some((code, scope)) => back.query_pairs_mut().append_pair("code", &code).append_pair("scope", &scope),
        None => back.query_pairs_mut().append_pair("error", "access_denied"),
    };
    Step::Redirect(back.into())
}

fn signed_in(world: &World, call: &Call) -> Option<String> {
    let wanted = call.param("account").or(world.consent.subject.as_deref()).or(call.param("login_hint"));
    match wanted {
        Some(who) => world.accounts.values().find(|a| a.subject == who || a.email == who).map(|a| a.subject.clone()),
        None => world.accounts.keys().next().cloned(),
    }
}

/// The code and the scopes granted.
fn code(world: &mut World, call: &Call, subject: &str) -> Option<(String, String)> {
    let param = |name| call.param(name).unwrap_or_default();
    let client_id = param("client_id").to_owned();
    let mut scopes = asked(call);
    let ticked = |scope: &String| call.param("answer").is_none() || call.params("tick").any(|t| t == scope);
    scopes.retain(|s| ticked(s) && !world.consent.untick.contains(s));
    let consented = &mut world.accounts.get_mut(subject)?.consented;
    let first = !consented.contains_key(&client_id);
    let known = consented.entry(client_id.clone()).or_default();
    known.extend(scopes.iter().cloned());
    if param("include_granted_scopes") == "true" {
        scopes.extend(known.iter().cloned());
    }
    let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let method = call.param("code_challenge_method").unwrap_or("plain").to_owned();
    let code = Code {
        subject: subject.to_owned(),
        client_id,
        redirect_uri: param("redirect_uri").to_owned(),
        scopes,
        challenge: call.param("code_challenge").map(|c| (c.to_owned(), method)),
        nonce: call.param("nonce").map(str::to_owned),
        offline: param("access_type") == "offline" && (first || param("prompt").contains("consent")),
        issued: world.now,
    };
    Some((world.grants.add_code(code, &mut world.rng), scope))
}

fn asked(call: &Call) -> BTreeSet<String> {
    let scopes = call.param("scope").unwrap_or_default().split_whitespace();
    scopes.map(|s| if s == "email" { EMAIL } else { s }.to_owned()).collect()
}

fn error_page(code: u16, error: &str) -> Step {
    let text = format!("<!DOCTYPE html><title>Error {code}</title><h1>Access blocked</h1><p>Error {code}: {error}</p>");
    Step::Page(code, text)
}

/// A form that comes back here with what the person chose.
fn page(world: &World, call: &Call) -> String {
    let accounts = world.accounts.values().map(|a| {
        let (subject, email) = (escape(&a.subject), escape(&a.email));
        format!("<option value=\"{subject}\">{email}</option>")
    });
    let ticks = asked(call).into_iter().map(|scope| {
        let what = if scope == CONTACTS {
            "See, edit, download, and permanently delete your contacts"
        } else {
            scope.as_str()
        };
        let (value, what) = (escape(&scope), escape(what));
        format!("<p><label><input type=\"checkbox\" name=\"tick\" value=\"{value}\" checked> {what}</label></p>")
    });
    let hidden = call
        .query
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value)));
    format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign in – simulated Google</title>\
         <h1>Simulated Google</h1><form action=\"/o/oauth2/v2/auth\">{}\
         <p><label>Account <select name=\"account\">{}</select></label></p>{}\
         <button name=\"answer\" value=\"continue\">Continue</button> \
         <button name=\"answer\" value=\"cancel\">Cancel</button></form></html>",
        hidden.collect::<String>(),
        accounts.collect::<String>(),
        ticks.collect::<String>(),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
