//! One CRM account: whether its token works, what waits, what is dead.

use super::Check;
use crate::{
    claim::Tools,
    crm::highlevel::Access,
    queue::{dead, retention::backlog},
    store::{StoreError, current::CrmAccount, keys::CrmKeys},
};

pub(super) async fn checks(tools: &Tools, account: &CrmAccount) -> Vec<Check> {
    let name = format!("CRM account {}/{}", account.crm.name, account.key.id);
    let queue = queue(tools, account, &name).await.unwrap_or_else(|error| Check::failed(name.as_str(), &error));
    vec![token(tools, account, &name).await, queue]
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
    let access = Access { account: &account.key, token: &token, region: &account.region };
    match tools.highlevel.page(access, None, 1).await {
        Ok(page) => {
            let count = page.total.map(|total| format!("; the CRM counts {total} contacts")).unwrap_or_default();
            Check::ok(name, format!("The token works{count}."))
        }
        Err(error) => Check::failed(name, &error),
    }
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
