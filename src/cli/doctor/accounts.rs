//! One CRM account: whether its token works, what waits, what is dead.

use super::Check;
use crate::{
    claim::Tools,
    config::mapping::{NOTHING, Wants},
    crm::highlevel::{Access, Missing},
    queue::{dead, retention::backlog},
    store::{StoreError, current::CrmAccount, keys::CrmKeys},
};

pub(super) async fn checks(tools: &Tools, account: &CrmAccount) -> Vec<Check> {
    let name = format!("CRM account {}/{}", account.crm.name, account.key.id);
    let queue = queue(tools, account, &name).await.unwrap_or_else(|error| Check::failed(name.as_str(), &error));
    let mut checks = vec![token(tools, account, &name).await, queue];
    checks.extend(wishes(tools, account, &name).await);
    checks
}

async fn token(tools: &Tools, account: &CrmAccount, name: &str) -> Check {
    if account.is_limited() {
        let says = "Limited mode: there is no token, so only what webhooks say is known; nothing missed is repaired.";
        return Check::warning(name, says, "Give the account a token, if the CRM has an API that Carnet speaks.");
    }
    let token = match tools.crm_token(account).await {
        Ok(token) => token,
        Err(error) => return Check::failed(name, &error),
    };
    let access = Access { account: &account.key, token: &token, region: &account.region, wants: &NOTHING };
    match tools.highlevel.page(access, None, 1).await {
        Ok(page) => {
            let count = page.total.map(|total| format!("; the CRM counts {total} contacts")).unwrap_or_default();
            Check::ok(name, format!("The token works{count}."))
        }
        Err(error) => Check::failed(name, &error),
    }
}

/// What the syncs of the account ask for and do not get.
async fn wishes(tools: &Tools, account: &CrmAccount, name: &str) -> Vec<Check> {
    let current = tools.now();
    let of_account = current.syncs.iter().filter(|sync| sync.account.key == account.key);
    let mut wants = Wants::default();
    for sync in of_account {
        wants.owner |= sync.wants.owner;
        wants.custom.extend(sync.wants.custom.iter().cloned());
    }
    if wants.nothing() || account.is_limited() {
        return Vec::new();
    }
    // Without a token that was said already.
    let Ok(token) = tools.crm_token(account).await else { return Vec::new() };
    let access = Access { account: &account.key, token: &token, region: &account.region, wants: &wants };
    let missing = tools.highlevel.missing(access).await;
    if missing.is_empty() {
        return vec![Check::ok(
            format!("{name}, names"),
            "The custom fields and users that the syncs ask for can be read.",
        )];
    }
    let check = |missing| match missing {
        Missing::Fields(why) => {
            (format!("Custom fields cannot be told apart: {why}."), "The syncs go on without them.")
        }
        Missing::Users(why) => (format!("Owners have no name: {why}."), "The syncs go on without owners' names."),
        Missing::Field(field) => (
            format!("The CRM has no custom field called \"{field}\"."),
            "Write it in [sync.map] as it stands in the CRM.",
        ),
    };
    missing.into_iter().map(check).map(|(says, todo)| Check::warning(format!("{name}, names"), says, todo)).collect()
}

async fn queue(tools: &Tools, account: &CrmAccount, name: &str) -> Result<Check, StoreError> {
    let keys = CrmKeys::new(&account.key);
    let (_, waiting) = backlog(&tools.pool, &keys).await?;
    let dead = dead::count(&tools.pool, &keys).await?;
    let name = format!("{name}, queue");
    let says = format!("{waiting} events wait to be looked at, {dead} dead letters.");
    Ok(match dead {
        0 => Check::ok(name, says),
        _ => Check::warning(name, says, "`carnet dead list` says why, `carnet dead replay` tries again."),
    })
}
