//! The control API: whoever runs the simulator plays the user, Google's operators and the weather. JSON in and out, errors as
//! Google's. `{s}` is a subject, `{p}` a contact (`c123`), `{g}` a label by name or id.
//!
//! | request | body | effect, answer |
//! |---|---|---|
//! | `POST /control/accounts` | `{subject?, email?, scopes?, client_id?}` | new account, or new tokens for a known subject → `{subject, email, refresh_token, access_token}` |
//! | `GET /control/accounts` | – | `{accounts: [{subject, email}]}` |
//! | `GET /control/accounts/{s}` | – | everything in it, in a stable order: `{contacts, trash, groups, units, …}` |
//! | `POST /control/accounts/{s}/contacts` | `[Person, …]` | the user's own contacts, in bulk → `{resourceNames}` in order; labels by name are made if new |
//! | `PUT`, `PATCH …/contacts/{p}` | `Person` | the user edits: replaces all, or the lists given (`[]` clears) |
//! | `DELETE …/contacts/{p}` | – | to the trash |
//! | `POST …/contacts/{p}/restore` | – | back from the trash |
//! | `POST …/contacts/{p}/labels` | `{add?, remove?}` | labels by name or resource name |
//! | `POST …/contacts/{p}/rename` | – | gets another id, as on linking a profile → `{resourceName}` |
//! | `PUT …/contacts/{p}/profile` | `Person` | links a profile that default reads mix in |
//! | `POST …/merge` | `{keep, absorb, lose?}` | *Merge & fix*: one holds all, the other is gone; of the fields in `lose` its values too |
//! | `POST …/trash/empty` | – | |
//! | `POST …/groups` | `{name}` | new label → `{resourceName}` |
//! | `PATCH`, `DELETE …/groups/{g}` | `{name}` / – | renames / deletes, contacts stay |
//! | `PATCH …/limits`, `…/modes` | part of `Limits`, `Modes` | of this account → the whole |
//! | `POST …/storage-block` | `{seconds, extend_by?}` | sustained 429 of the hidden kind; each try adds `extend_by` seconds |
//! | `POST …/revoke`, `…/expire-access` | – | all tokens; only the access tokens |
//! | `GET`, `PATCH /control/limits`, `/control/modes` | as above | of all accounts and new ones → the whole |
//! | `GET`, `POST /control/faults` | `Rule` of `faults.rs` | adds a rule at the end → the rules |
//! | `DELETE /control/faults` | – | fair weather |
//! | `GET /control/clock`, `POST /control/clock/advance` | – / `{seconds}` | → `{now}` |
//! | `PUT /control/consent` | `Consent` of `consent.rs` | what the user does on the consent page |
//! | `PUT /control/redirect-uris` | `[uri, …]` | registered ones; any when empty |
//! | `POST /control/clients` | `{client_id, client_secret}` | another OAuth app |
//! | `GET /control/log?since=N&subject=S` | – | `{entries, counters}`; entries after number N |
//! | `DELETE /control/log`, `POST /control/reset` | – | forgets the log; everything but the time |

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    account::Account,
    admit::CONTACTS,
    call::Call,
    clock::{SECOND, rfc3339},
    grants::Grant,
    log::Log,
    oauth::issue_access,
    options::{Limits, Modes},
    quota::StorageBlock,
    refusal::Refusal,
    user,
    world::World,
};

/// # Errors
/// 404 for a path or resource that does not exist, 400 for a body that does not fit, 409 for a label that exists.
pub fn answer(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let path = call.path.trim_start_matches("/control/").trim_end_matches('/');
    let segments: Vec<String> = path.split('/').map(unescape).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["accounts"]) => open_account(world, call),
        ("GET", ["accounts"]) => {
            let one = |a: &Account| json!({"subject": a.subject, "email": a.email});
            Ok(json!({"accounts": world.accounts.values().map(one).collect::<Vec<_>>()}))
        }
        (method, ["accounts", subject, rest @ ..]) => of_account(world, method, subject, rest, call),
        ("GET", ["limits"]) => shown(&world.limits),
        ("PATCH", ["limits"]) => patch_limits(world, call),
        ("GET", ["modes"]) => shown(&world.modes),
        ("PATCH", ["modes"]) => patch_modes(world, call),
        ("GET", ["faults"]) => shown(&world.faults.rules),
        ("POST", ["faults"]) => {
            world.faults.rules.push(body(call)?);
            shown(&world.faults.rules)
        }
        ("DELETE", ["faults"]) => {
            world.faults.rules.clear();
            Ok(json!({}))
        }
        ("GET", ["clock"]) => Ok(json!({"now": rfc3339(world.now)})),
        ("POST", ["clock", "advance"]) => {
            let seconds = call.json()?["seconds"].as_i64().ok_or_else(|| Refusal::invalid("seconds is missing."))?;
            world.clock.advance(seconds.saturating_mul(SECOND));
            world.tick();
            Ok(json!({"now": rfc3339(world.now)}))
        }
        ("GET", ["log"]) => read_log(world, call),
        ("DELETE", ["log"]) => {
            world.log = Log::default();
            Ok(json!({}))
        }
        ("POST", ["reset"]) => {
            world.reset();
            Ok(json!({}))
        }
        (method, rest) => of_oauth(world, method, rest, call),
    }
}

fn of_oauth(world: &mut World, method: &str, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
    match (method, rest) {
        ("PUT", ["consent"]) => world.consent = body(call)?,
        ("PUT", ["redirect-uris"]) => world.redirect_uris = body(call)?,
        ("POST", ["clients"]) => {
            let sent = call.json()?;
            let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
            world.clients.insert(text("client_id"), text("client_secret"));
        }
        _ => return Err(Refusal::not_found()),
    }
    Ok(json!({}))
}

fn of_account(world: &mut World, method: &str, subject: &str, rest: &[&str], call: &Call) -> Result<Value, Refusal> {
    let units = world.log.units.get(subject).copied().unwrap_or_default();
    let account = world.accounts.get_mut(subject).ok_or_else(Refusal::not_found)?;
    account.now = world.now;
    match (method, rest) {
        ("GET", []) => return Ok(user::dump(account, units)),
        ("PATCH", ["limits"]) => {
            account.limits = patched(&account.limits, &call.json()?)?;
            return shown(&account.limits);
        }
        ("PATCH", ["modes"]) => {
            account.modes = patched(&account.modes, &call.json()?)?;
            return shown(&account.modes);
        }
        ("POST", ["storage-block"]) => {
            let sent = call.json()?;
            let time = |key: &str| sent[key].as_i64().unwrap_or(0).saturating_mul(SECOND);
            account.storage =
                Some(StorageBlock { until: world.now.saturating_add(time("seconds")), extend_by: time("extend_by") });
        }
        ("POST", ["revoke"]) => {
            account.consented.clear();
            world.grants.revoke_all(subject);
        }
        ("POST", ["expire-access"]) => world.grants.expire_access(subject),
        _ => return user::act(account, method, rest, call),
    }
    Ok(json!({}))
}

fn open_account(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let sent = Value::from(call.object()?);
    let text = |key: &str| sent[key].as_str().map(str::to_owned);
    let account = world.add_account(text("subject"), text("email"));
    let (subject, email) = (account.subject.clone(), account.email.clone());
    let scopes = text("scopes").unwrap_or_else(|| format!("openid {} {CONTACTS}", super::oauth::EMAIL));
    let grant = Grant {
        subject: subject.clone(),
        client_id: text("client_id").unwrap_or_else(|| world.client_id.clone()),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        issued: world.now,
        used: world.now,
        testing: world.modes.testing_app,
    };
    let refresh_token = world.grants.add_refresh(grant.clone(), &mut world.rng);
    let access_token = issue_access(world, grant);
    Ok(json!({"subject": subject, "email": email, "refresh_token": refresh_token, "access_token": access_token}))
}

fn patch_limits(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let patch = call.json()?;
    world.limits = patched(&world.limits, &patch)?;
    for account in world.accounts.values_mut() {
        account.limits = patched::<Limits>(&account.limits, &patch)?;
    }
    shown(&world.limits)
}

fn patch_modes(world: &mut World, call: &Call) -> Result<Value, Refusal> {
    let patch = call.json()?;
    world.modes = patched(&world.modes, &patch)?;
    for account in world.accounts.values_mut() {
        account.modes = patched::<Modes>(&account.modes, &patch)?;
    }
    shown(&world.modes)
}

fn read_log(world: &World, call: &Call) -> Result<Value, Refusal> {
    let since = call.number("since")?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let about = call.param("subject");
    let wanted = world.log.entries.iter().filter(|e| e.seq > since && about.is_none_or(|s| s == e.subject));
    Ok(json!({"entries": shown(&wanted.collect::<Vec<_>>())?, "counters": shown(&world.log.counters)?}))
}

fn shown<T: Serialize>(value: &T) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|_| Refusal::internal())
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    serde_json::from_value(call.json()?).map_err(|e| Refusal::invalid(e.to_string()))
}

/// A setting with some of its parts replaced; unknown parts are refused.
fn patched<T: Serialize + DeserializeOwned>(setting: &T, patch: &Value) -> Result<T, Refusal> {
    let mut whole = shown(setting)?;
    for (key, value) in patch.as_object().ok_or_else(|| Refusal::invalid("An object is expected."))? {
        whole[key] = value.clone();
    }
    serde_json::from_value(whole).map_err(|e| Refusal::invalid(e.to_string()))
}

/// Labels have blanks and accents, which paths carry as `%20` and the like; `+` and `&` stand for themselves there, unlike in
/// forms.
fn unescape(segment: &str) -> String {
    let form = format!("_={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
}
