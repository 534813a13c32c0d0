//! Each Google account: connected, let in, whose it is, and whether the People API answers.

use super::Check;
use crate::{
    admin::connect::connect_link,
    claim::{Tools, other_writer, pause_of},
    config::declared,
    store::{StoreError, current::GoogleAccount},
};

pub(super) async fn checks(tools: &Tools) -> Vec<Check> {
    let registry = match tools.registry.load().await {
        Ok(registry) => registry,
        Err(error) => return vec![Check::failed("Google accounts", &error)],
    };
    let current = tools.now();
    let mut checks = Vec::new();
    for declared in &registry.declared.google {
        let name = format!("Google account {}", declared.name);
        match current.google.values().find(|google| google.name == declared.name) {
            None => checks.push(not_connected(tools, declared, name)),
            Some(google) => {
                let pause = pause(tools, google, &name).await;
                checks.extend(pause.unwrap_or_else(|error| Some(Check::failed(name.as_str(), &error))));
                checks.push(connection(tools, google, &name).await);
                let others = others(tools, google, &name).await;
                checks.extend(others.unwrap_or_else(|error| Some(Check::failed(name.as_str(), &error))));
            }
        }
    }
    checks
}

fn not_connected(tools: &Tools, declared: &declared::Google, name: String) -> Check {
    let says = "It is not connected: nothing is written for it.";
    match connect_link(tools.registry.sealer(), &tools.settings.public_url, &declared.name) {
        Ok(link) => Check::problem(name, says, format!("Send this link to its owner (good for 7 days): {link}")),
        Err(error) => Check::failed(name, &error),
    }
}

async fn pause(tools: &Tools, google: &GoogleAccount, name: &str) -> Result<Option<Check>, StoreError> {
    let Some(pause) = pause_of(&tools.pool, google).await? else { return Ok(None) };
    let todo = "Once that is done, `carnet sync resume` goes on at once; else it is tried again within the hour.";
    Ok(Some(Check::problem(name, format!("It is paused: {}.", pause.sentence), todo)))
}

/// Whether another program writes the same contacts.
async fn others(tools: &Tools, google: &GoogleAccount, name: &str) -> Result<Option<Check>, StoreError> {
    let Some(noticed) = other_writer(&tools.pool, &google.subject).await? else { return Ok(None) };
    let todo = "Look which other programs have access at myaccount.google.com/connections.";
    Ok(Some(Check::warning(name, format!("{noticed}."), todo)))
}

/// A fresh token proves the grant and its scopes, userinfo whose it is, and a list of labels that the API is switched on.
async fn connection(tools: &Tools, google: &GoogleAccount, name: &str) -> Check {
    let token = match tools.google_token(google).await {
        Ok(token) => token,
        Err(error) => return Check::failed(name, &error),
    };
    match tools.google_oauth.subject(&token).await {
        Ok(subject) if subject != google.subject => {
            let todo = "Remove it from the declared state, apply, and connect it again.";
            return Check::problem(name, "The connection is for another Google login than was connected.", todo);
        }
        Ok(_) => {}
        Err(error) => return Check::failed(name, &error),
    }
    match tools.people.groups(&token).await {
        Ok(groups) => {
            let labels = groups.iter().filter(|group| group.is_users()).count();
            Check::ok(name, format!("Google lets us in, and the People API answers ({labels} labels)."))
        }
        Err(error) => Check::failed(name, &error),
    }
}
