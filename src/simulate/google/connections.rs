//! `people/me/connections`: plain listings, full syncs and the feed of changes.

use serde_json::{Value, json};

use super::{
    account::Account,
    call::Call,
    clock::DAY,
    contact::{Contact, parse},
    etag::scramble,
    mask,
    page::{SyncToken, changed_parameters, fingerprint},
    refusal::Refusal,
    render::View,
};

/// # Errors
/// 400 for parameters that are wrong or changed midway and for old sync tokens.
pub fn list(account: &mut Account, name: &str, call: &Call) -> Result<Value, Refusal> {
    if name != "people/me" {
        return Err(Refusal::invalid("Resource name must be people/me."));
    }
    let request = Request::read(call)?;
    let view = View::of_call(mask::required("personFields", call.param("personFields"))?, call)?;
    let (cursor, offset) = match call.param("pageToken") {
        Some(token) => account.find_page(token, request.of_page)?,
        None => (request.begin(account, call.param("syncToken"))?, 0),
    };
    if account.modes.moving_pages && !account.cursors[cursor].feed {
        account.cursors[cursor].order = plain_order(account, &request.sort, account.salt);
    }
    Ok(page(account, cursor, offset, &request, view))
}

fn page(account: &mut Account, cursor: usize, offset: usize, request: &Request, mut view: View) -> Value {
    let current = &account.cursors[cursor];
    let (feed, sync, total) = (current.feed, current.sync, current.order.len());
    let end = total.min(offset.saturating_add(request.size));
    let ids = current.order.get(offset..end).unwrap_or_default().to_vec();
    (view.listing, view.feed) = (true, feed);
    // A contact that went away since the listing began is left out, as is a tombstone of one that came back.
    let mut show = |id| match account.gone.get(&id).filter(|_| feed) {
        Some(tombstone) => Some(account.show_gone(id, tombstone)),
        None => account.show(id, &view),
    };
    let connections: Vec<Value> = ids.into_iter().filter_map(&mut show).collect();
    let count = account.people.len();
    let mut answer = json!({"totalItems": count, "totalPeople": count});
    if !connections.is_empty() {
        answer["connections"] = connections.into();
    }
    if end < total {
        answer["nextPageToken"] = account.page_token(cursor, end).into();
    } else if request.wants_sync_token {
        answer["nextSyncToken"] = sync.seal(account.salt).into();
    }
    answer
}

struct Request {
    size: usize,
    sort: String,
    wants_sync_token: bool,
    /// Stands for what must be equal when a sync token is used, and when a page token is.
    of_sync: u64,
    of_page: u64,
}

impl Request {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let sort = call.param("sortOrder").unwrap_or("LAST_MODIFIED_ASCENDING").to_owned();
        let sorts =
            ["LAST_MODIFIED_ASCENDING", "LAST_MODIFIED_DESCENDING", "FIRST_NAME_ASCENDING", "LAST_NAME_ASCENDING"];
        if !sorts.contains(&sort.as_str()) {
            let description = format!("Invalid value at 'sort_order' (TYPE_ENUM), \"{sort}\"");
            return Err(Refusal::violation("sort_order", &description));
        }
        let text = |name| call.param(name).unwrap_or_default();
        let sources = call.params("sources").collect::<Vec<_>>().join(",");
        let of_sync = [text("personFields"), text("pageSize"), &sources, text("sortOrder")];
        let of_page = [of_sync.as_slice(), &[text("requestSyncToken"), text("syncToken")]].concat();
        Ok(Self {
            size: page_size(call, 100)?,
            wants_sync_token: call.flag("requestSyncToken")?,
            of_sync: fingerprint(&of_sync),
            of_page: fingerprint(&of_page),
            sort,
        })
    }

    /// Lays out a new listing and returns its cursor.
    fn begin(&self, account: &mut Account, sync_token: Option<&str>) -> Result<usize, Refusal> {
        let horizon = account.horizon(account.now - i64::from(account.limits.sync_delay_ms));
        let Some(sync_token) = sync_token else {
            let sync = SyncToken { revision: horizon, full_at: account.now, fingerprint: self.of_sync };
            let order = plain_order(account, &self.sort, account.salt);
            return Ok(account.remember(self.of_page, order, sync, false));
        };
        let since = SyncToken::open(sync_token, account.salt)?;
        if account.now - since.full_at > i64::from(account.limits.sync_token_days) * DAY {
            return Err(Refusal::sync_token_expired(account.modes.sync_expiry_is_410));
        }
        if since.fingerprint != self.of_sync {
            return Err(changed_parameters("sync"));
        }
        let order = changes(account, since.revision, horizon);
        let sync = SyncToken { revision: horizon.max(since.revision), ..since };
        Ok(account.remember(self.of_page, order, sync, true))
    }
}

/// 0 is the default; beyond 1,000 is an error.
pub fn page_size(call: &Call, default: usize) -> Result<usize, Refusal> {
    match call.number("pageSize")?.unwrap_or(0) {
        0 => Ok(default),
        size @ 1..=1000 => usize::try_from(size).map_err(|_| Refusal::internal()),
        _ => Err(Refusal::invalid("Page size must be between 1 and 1000.")),
    }
}

/// Contacts in the order asked for, ties in no particular one. Creates and deletes may be too young to show.
fn plain_order(account: &Account, sort: &str, salt: u64) -> Vec<u64> {
    let cutoff = account.now - i64::from(account.limits.list_delay_ms);
    let living = account.people.values().filter(|c| c.created <= cutoff);
    let dead = account.trash.values().filter(|t| t.at > cutoff && t.contact.created <= cutoff).map(|t| &t.contact);
    let tie = |c: &Contact| scramble(c.id ^ salt);
    let mut order: Vec<&Contact> = living.chain(dead).collect();
    match sort {
        "LAST_MODIFIED_DESCENDING" => order.sort_by_key(|c| (-c.current.at, tie(c))),
        "FIRST_NAME_ASCENDING" => order.sort_by_cached_key(|c| (name(c, "givenName"), tie(c))),
        "LAST_NAME_ASCENDING" => order.sort_by_cached_key(|c| (name(c, "familyName"), tie(c))),
        _ => order.sort_by_key(|c| (c.current.at, tie(c))),
    }
    order.into_iter().map(|c| c.id).collect()
}

fn name(contact: &Contact, part: &str) -> String {
    let fields = parse(&contact.current.content);
    fields.get("names").and_then(|n| n[0][part].as_str()).unwrap_or_default().to_lowercase()
}

/// Ids of contacts changed or deleted after one revision and until another, oldest change first.
fn changes(account: &Account, after: u64, until: u64) -> Vec<u64> {
    let window = after + 1..=until;
    let living = account.people.values().map(|c| (c.current.revision, c.id));
    let dead = account.gone.iter().map(|(id, tombstone)| (tombstone.revision, *id));
    let mut changed: Vec<(u64, u64)> = living.chain(dead).filter(|(revision, _)| window.contains(revision)).collect();
    changed.sort_unstable();
    changed.into_iter().map(|(_, id)| id).collect()
}
