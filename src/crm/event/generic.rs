//! Any other CRM: where things are is said by `[crm.map]`.
//!
//! HubSpot sends an array with one object per event (subscribe to contacts only, `object.*` does not say what it is about):
//! ```toml
//! [crm.map]
//! events = ""
//! account = "/portalId"
//! contact = "/objectId"
//! event = "/subscriptionType"
//! deleted = ["contact.deletion", "contact.privacyDeletion", "object.deletion", "object.privacyDeletion"]
//! only = ["contact.creation", "contact.propertyChange", "contact.merge", "contact.restore",
//!         "object.creation", "object.propertyChange", "object.merge", "object.restore"]
//! id = "/eventId"
//! at = "/occurredAt"
//! property = "/propertyName"
//! value = "/propertyValue"
//! ```
//! Pipedrive (v2; subscribe to the object `person` only) sends `data: null` for a deletion:
//! ```toml
//! [crm.map]
//! account = "/meta/company_id"
//! contact = "/data/id"
//! contact_fallback = "/previous/id"
//! event = "/meta/action"
//! deleted = ["delete"]
//! only = ["create", "change"]
//! id = "/meta/id"
//! at = "/meta/timestamp"
//! ```

use serde_json::Value;

use super::{
    Found, Ignored, Read, Unreadable, only_account,
    text::{text, time},
};
use crate::{
    config::declared::{Crm, Kind, Map},
    queue::event::Says,
};

/// HubSpot sends up to 100; a delivery of more than this is no delivery.
const MOST_EVENTS: usize = 1_000;

/// A generic CRM whose payload nobody could find anything in; says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMap {
    /// There is no `[crm.map]`.
    #[error("nothing says where things are in its webhooks; add [crm.map] with account and contact")]
    NoMap,
    /// `contact` is empty.
    #[error("[crm.map] has no contact; add the JSON pointer to the contact id, such as /contact/id")]
    NoContact,
    /// A place that is not written as a JSON pointer.
    #[error("\"{0}\" in [crm.map] is not a JSON pointer; it must start with a slash, as /contact/id does")]
    NotAPointer(String),
}

/// Refuses a map that could never lead to a contact. Other kinds need none.
pub fn check_map(crm: &Crm) -> Result<(), BadMap> {
    let map = match (&crm.map, crm.kind) {
        (Some(map), Kind::Generic) => map,
        (None, Kind::Generic) => return Err(BadMap::NoMap),
        _ => return Ok(()),
    };
    if map.contact.is_empty() {
        return Err(BadMap::NoContact);
    }
    let places = [&map.contact_fallback, &map.event, &map.id, &map.at];
    let places = places.into_iter().flatten().chain([&map.contact]);
    // Only `events` may be the body itself.
    let mut places = places.chain(map.events.as_ref().filter(|events| !events.is_empty()));
    places.find(|place| !place.starts_with('/')).map_or(Ok(()), |place| Err(BadMap::NotAPointer(place.clone())))
}

pub(super) fn read(crm: &Crm, body: &Value, raw: &[u8]) -> Result<Vec<Read>, Unreadable> {
    let Some(map) = &crm.map else { return Ok(vec![Read::Ignored(Ignored::NoContact)]) };
    let Some(place) = &map.events else { return Ok(vec![read_one(crm, map, body, raw)]) };
    let unreadable = |why| Unreadable { path: if place.is_empty() { ".".into() } else { place.clone() }, why };
    let events = body.pointer(place).and_then(Value::as_array).ok_or(unreadable("a list of events is expected"))?;
    match events.len() {
        0 => Ok(vec![Read::Ignored(Ignored::Empty)]),
        1..=MOST_EVENTS => {
            Ok(events.iter().map(|event| read_one(crm, map, event, event.to_string().as_bytes())).collect())
        }
        _ => Err(unreadable("it holds more than 1000 events")),
    }
}

fn read_one(crm: &Crm, map: &Map, event: &Value, raw: &[u8]) -> Read {
    let kind = map.event.as_deref().and_then(|place| text(event, place)).unwrap_or_default();
    let says = if map.deleted.contains(&kind) { Says::Deleted } else { Says::Changed };
    if says == Says::Changed && !map.only.is_empty() && !map.only.contains(&kind) {
        return Read::Ignored(Ignored::UnknownType);
    }
    let found = Found {
        account: account(crm, map, event),
        contact: text(event, &map.contact)
            .or_else(|| map.contact_fallback.as_deref().and_then(|place| text(event, place))),
        kind,
        says,
        id: map.id.as_deref().and_then(|place| text(event, place)),
        at: map.at.as_deref().and_then(|place| time(event, place)),
    };
    found.about_ours(crm, raw)
}

/// A pointer, or the id itself for senders that have one tenant and never name it.
fn account(crm: &Crm, map: &Map, event: &Value) -> Option<String> {
    match map.account.as_str() {
        "" => only_account(crm),
        place if place.starts_with('/') => text(event, place),
        id => Some(id.to_owned()),
    }
}
