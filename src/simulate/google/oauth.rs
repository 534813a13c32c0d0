//! `/token`, `/revoke` and `/userinfo`.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    call::Call,
    clock::SECOND,
    grants::{Access, Code, Grant},
    refusal::Refusal,
    world::World,
};

/// An error of the token endpoint: HTTP code, `error`, `error_description`.
pub type Problem = (u16, &'static str, &'static str);

/// What the short scope `email` becomes.
pub const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";

const DEAD: Problem = (400, "invalid_grant", "Token has been expired or revoked.");

pub fn problem_body(problem: Problem) -> Value {
    json!({"error": problem.1, "error_description": problem.2})
}

/// # Errors
/// As RFC 6749 and Google name them.
pub fn token(world: &mut World, call: &Call) -> Result<Value, Problem> {
    let form = call.form();
    let field = |name: &str| form.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str()).unwrap_or_default();
    let sent = call.basic.clone().unwrap_or_else(|| (field("client_id").into(), field("client_secret").into()));
    let (client_id, secret) = sent;
    match world.clients.get(&client_id) {
        None => return Err((401, "invalid_client", "The OAuth client was not found.")),
        Some(known) if *known != secret => return Err((401, "invalid_client", "Unauthorized")),
        Some(_) => {}
    }
    match field("grant_type") {
        "authorization_code" => {
            let code = world.grants.take_code(field("code"), world.now);
            let code =
                code.filter(|c| c.client_id == client_id).ok_or((400, "invalid_grant", "Malformed auth code."))?;
            if code.redirect_uri != field("redirect_uri") {
                return Err((400, "redirect_uri_mismatch", "Bad Request"));
            }
            check_verifier(&code, field("code_verifier"))?;
            Ok(exchange(world, code))
        }
        "refresh_token" => {
            let grant = world.grants.refresh(field("refresh_token"), world.now);
            let grant = grant.filter(|g| g.client_id == client_id).ok_or(DEAD)?;
            // No refresh_token in the answer: the old one stays good.
            Ok(access_answer(world, grant, None))
        }
        "" => Err((400, "invalid_request", "Required parameter is missing: grant_type")),
        _ => Err((400, "unsupported_grant_type", "Invalid grant_type")),
    }
}

fn check_verifier(code: &Code, verifier: &str) -> Result<(), Problem> {
    let Some((challenge, method)) = &code.challenge else { return Ok(()) };
    if verifier.is_empty() {
        return Err((400, "invalid_grant", "Missing code verifier."));
    }
    let hashed = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let answer = if method == "S256" { hashed.as_str() } else { verifier };
    if answer == challenge { Ok(()) } else { Err((400, "invalid_grant", "Invalid code verifier.")) }
}

fn exchange(world: &mut World, code: Code) -> Value {
    let grant = Grant {
        subject: code.subject,
        client_id: code.client_id,
        scopes: code.scopes,
        issued: world.now,
        used: world.now,
        testing: world.modes.testing_app,
    };
    let refresh = code.offline.then(|| world.grants.add_refresh(grant.clone(), &mut world.rng));
    let mut answer = access_answer(world, grant, code.nonce);
    if let Some(refresh) = refresh {
        answer["refresh_token"] = refresh.into();
    }
    answer
}

fn access_answer(world: &mut World, grant: Grant, nonce: Option<String>) -> Value {
    let scope = grant.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let openid = grant.scopes.contains("openid").then(|| id_token(world, &grant, nonce));
    let seconds = world.limits.access_token_seconds;
    let mut answer = json!({
        "access_token": issue_access(world, grant), "expires_in": seconds, "scope": scope, "token_type": "Bearer",
    });
    if let Some(id_token) = openid {
        answer["id_token"] = id_token.into();
    }
    answer
}

pub fn issue_access(world: &mut World, grant: Grant) -> String {
    let access =
        Access { subject: grant.subject, client_id: grant.client_id, scopes: grant.scopes, expires: world.now };
    world.grants.add_access(access, world.now, world.limits.access_token_seconds, &mut world.rng)
}

/// A JWT in every respect but its signature, which nobody can check.
fn id_token(world: &World, grant: &Grant, nonce: Option<String>) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let issued = world.now / SECOND;
    let mut claims = json!({
        "iss": "https://accounts.google.com", "azp": grant.client_id, "aud": grant.client_id, "sub": grant.subject,
        "iat": issued, "exp": issued + i64::from(world.limits.access_token_seconds),
    });
    if let Some(email) = email(world, &grant.subject, &grant.scopes) {
        claims["email"] = email.into();
        claims["email_verified"] = true.into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let signed = format!("{}.{}", encode(&json!({"alg": "RS256", "kid": "simulator", "typ": "JWT"})), encode(&claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&signed));
    format!("{signed}.{signature}")
}

/// The address of an account, if these scopes may see it.
fn email(world: &World, subject: &str, scopes: &BTreeSet<String>) -> Option<String> {
    scopes.contains(EMAIL).then(|| world.accounts.get(subject).map(|a| a.email.clone())).flatten()
}

/// Ends the grant, and with it the consent.
///
/// # Errors
/// 400 for a token that is not alive.
pub fn revoke(world: &mut World, call: &Call) -> Result<Value, Problem> {
    let form = call.form();
    let token = form.iter().find(|(k, _)| k == "token").map(|(_, v)| v.as_str()).unwrap_or_default();
    let (subject, client_id) = world.grants.revoke(token).ok_or((400, "invalid_token", "Token expired or revoked"))?;
    if let Some(account) = world.accounts.get_mut(&subject) {
        account.consented.remove(&client_id);
    }
    Ok(json!({}))
}

/// # Errors
/// 401 without a live token with scope `openid`.
pub fn userinfo(world: &World, call: &Call) -> Result<Value, Refusal> {
    let access = call.bearer.as_deref().and_then(|token| world.grants.access(token, world.now));
    let access = access.filter(|a| a.scopes.contains("openid")).ok_or_else(Refusal::bad_credential)?;
    let mut info = json!({"sub": access.subject});
    if let Some(email) = email(world, &access.subject, &access.scopes) {
        info["email"] = email.into();
        info["email_verified"] = true.into();
    }
    Ok(info)
}
