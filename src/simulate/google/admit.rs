//! The gate before a method of the People API: token, scope, parameters, quotas, and one write at a time for each user.

use rand::RngExt;

use super::{
    call::Call,
    op::{Cost, Op},
    refusal::Refusal,
    world::World,
};

pub const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
const CONTACTS_READ_ONLY: &str = "https://www.googleapis.com/auth/contacts.readonly";

/// Parameters that every method takes.
const COMMON: [&str; 12] = [
    "alt",
    "fields",
    "key",
    "prettyPrint",
    "quotaUser",
    "access_token",
    "oauth_token",
    "callback",
    "uploadType",
    "upload_protocol",
    "$.xgafv",
    "$alt",
];

/// A request that may go ahead. A write holds the account until `World::finish`.
pub struct Admitted {
    pub subject: String,
    pub cost: Cost,
    pub write_ms: u64,
}

impl World {
    /// # Errors
    /// 401, 403, 400, 429 or 409, in this order; nothing is charged then.
    pub fn admit(&mut self, op: &Op, call: &Call) -> Result<Admitted, Refusal> {
        let method = op.method();
        let token = call.bearer.as_deref().ok_or_else(Refusal::no_credential)?;
        let access = self.grants.access(token, self.now).ok_or_else(Refusal::bad_credential)?;
        let has = |scope: &str| access.scopes.contains(scope);
        if !has(CONTACTS) && (method.writes || !has(CONTACTS_READ_ONLY)) {
            return Err(Refusal::scope(&format!("google.people.v1.PeopleService.{}", method.rpc)));
        }
        let account = self.accounts.get_mut(&access.subject).ok_or_else(Refusal::bad_credential)?;
        account.now = self.now;
        if let Some((name, _)) =
            call.query.iter().find(|(n, _)| !COMMON.contains(&n.as_str()) && !method.params.contains(&n.as_str()))
        {
            let description = format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' \
                 could not be found in request message."
            );
            return Err(Refusal::violation("", &description));
        }
        let full_sync = matches!(op, Op::ListConnections(_))
            && call.flag("requestSyncToken")?
            && call.param("syncToken").or(call.param("pageToken")).is_none();
        let metered = account.storage.as_mut().map_or(Ok(()), |block| block.check(account.now)).and_then(|()| {
            if method.writes && account.writing && account.modes.refuse_concurrent_writes {
                return Err(Refusal::concurrent());
            }
            if full_sync {
                account.meter.charge_full_sync(account.now, &account.limits)?;
            }
            account.meter.charge(account.now, method.cost, &account.limits)
        });
        if let Err(mut refusal) = metered {
            if account.modes.retry_after && refusal.http == 429 {
                refusal.retry_after = Some(account.rng.random_range(1..=60));
            }
            return Err(refusal);
        }
        account.writing |= method.writes;
        let write_ms = if method.writes { account.limits.write_ms.into() } else { 0 };
        Ok(Admitted { subject: account.subject.clone(), cost: method.cost, write_ms })
    }
}
