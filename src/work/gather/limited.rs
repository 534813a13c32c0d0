//! Limited mode: the CRM cannot be asked, so what is known is what the events said, folded in the order of the stream.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    claim::Tools,
    contact::Contact,
    crm::payload,
    store::{StoreError, current::SyncSpec, decode, encode, keys::CrmKeys, ledger::Mark, pool::Connection},
};

use super::State;

/// What the events so far add up to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Held {
    /// Events folded in so far; two workers that fold the same ones do not fold them twice.
    folded: u64,
    gone: bool,
    contact: Contact,
    /// Why the last body could not be read, if so.
    unreadable: Option<String>,
    /// Where, as a path into it.
    #[serde(default)]
    unreadable_at: String,
}

#[derive(Deserialize)]
struct Event {
    says: String,
    body: String,
}

const FOLD: &str = "
local held = redis.call('HGET', KEYS[2], ARGV[1])
local folded = held and cjson.decode(held).folded or 0
if folded ~= tonumber(ARGV[2]) then return 0 end
local text = redis.call('HGET', KEYS[1], ARGV[1]) or ''
local from = 1
for _ = 1, tonumber(ARGV[3]) do from = (string.find(text, '\\n', from, true) or #text) + 1 end
local left = string.sub(text, from)
if left == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], left) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
return 1";

pub(super) async fn gather(tools: &Tools, sync: &SyncSpec, due: &[(String, Mark)]) -> Result<Vec<State>, StoreError> {
    let keys = CrmKeys::new(&sync.account.key);
    let current = tools.now();
    let syncs = current.syncs.iter().filter(|other| other.account.key == sync.account.key);
    let asked: BTreeSet<String> = syncs.flat_map(|other| other.wants.custom.iter().cloned()).collect();
    let mut connection = tools.pool.get().await?;
    let mut states = Vec::with_capacity(due.len());
    for (contact, _) in due {
        states.push(loop {
            if let Some(state) = one(&mut connection, &keys, sync, &asked, contact).await? {
                break state;
            }
        });
    }
    Ok(states)
}

/// Folds one contact; `None` when another worker folded it at the same time, and it must be read again.
async fn one(
    connection: &mut Connection,
    keys: &CrmKeys,
    sync: &SyncSpec,
    asked: &BTreeSet<String>,
    contact: &str,
) -> Result<Option<State>, StoreError> {
    // Both at once: between two reads another worker may fold what the first has seen.
    let (bodies, held): (Option<String>, Option<String>) =
        redis::pipe().atomic().hget(keys.bodies(), contact).hget(keys.held(), contact).query_async(connection).await?;
    let before: Held = held.map_or_else(|| Ok(Held::default()), |text| decode("a held contact", &text))?;
    let known = before.folded > 0 || bodies.is_some();
    let bodies = bodies.unwrap_or_default();
    let events = bodies.lines().map(|line| decode("event bodies", line)).collect::<Result<Vec<Event>, _>>()?;
    let after = fold(sync, asked, contact, before.clone(), &events);
    if !events.is_empty() {
        let folded: i64 = redis::Script::new(FOLD)
            .key(keys.bodies())
            .key(keys.held())
            .arg(contact)
            .arg(before.folded)
            .arg(events.len())
            .arg(encode("a held contact", &after)?)
            .invoke_async(connection)
            .await?;
        if folded == 0 {
            return Ok(None);
        }
    }
    Ok(Some(match after {
        // Nothing was ever said of it: it was read through the CRM's API once, and the token is gone. Only a deletion that
        // was told is one.
        _ if !known => State::Unknown,
        Held { unreadable: Some(why), unreadable_at: path, .. } => State::Unreadable { why, path },
        Held { gone: true, .. } => State::Gone,
        Held { contact, .. } => State::There(Box::new(contact)),
    }))
}

fn fold(sync: &SyncSpec, asked: &BTreeSet<String>, contact: &str, mut held: Held, events: &[Event]) -> Held {
    for event in events {
        held.folded += 1;
        held.unreadable = None;
        if event.says == "deleted" {
            held = Held { folded: held.folded, gone: true, ..Held::default() };
            continue;
        }
        // Of a time when the CRM could be asked: it only said "look".
        if event.body.is_empty() {
            continue;
        }
        match payload::contact_of(&sync.account.crm, &sync.account.region, event.body.as_bytes()) {
            Ok(mut newer) => {
                newer.id = contact.to_owned();
                payload::keep_asked(&mut newer, asked);
                // Arrival order counts here: it is the only order there is.
                held.contact = if held.gone { newer } else { payload::fold(std::mem::take(&mut held.contact), newer) };
                held.contact.id = contact.to_owned();
                held.contact.partial = true;
                held.contact.version = None;
                held.gone = false;
            }
            Err(why) => (held.unreadable, held.unreadable_at) = (Some(why.to_string()), why.path),
        }
    }
    held
}
