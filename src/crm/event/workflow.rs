//! HighLevel workflow webhooks, standard and custom: written by users, so everything may be in several places or missing.

use serde_json::Value;

use super::{
    Found, Read, only_account,
    text::{first, usable},
};
use crate::{config::declared::Crm, contact::clean, queue::event::Says};

/// `locationId` in custom bodies, `location.id` in standard ones, `customData` is what the user typed into the action.
const LOCATION: [&str; 5] =
    ["/locationId", "/location_id", "/location/id", "/customData/locationId", "/customData/location_id"];
const CONTACT: [&str; 6] = [
    "/contact_id",
    "/contactId",
    "/contact/id",
    "/customData/contact_id",
    "/customData/contactId",
    "/customData/contact/id",
];
const KIND: [&str; 4] = ["/type", "/event", "/customData/event", "/customData/type"];

pub(super) fn read(crm: &Crm, query: Option<&str>, body: &Value, raw: &[u8]) -> Read {
    // Standard bodies have no event type; a workflow says it in its URL, or it is only known that something changed.
    let kind = first(body, &KIND).or_else(|| event_in(query)).unwrap_or_else(|| "workflow".into());
    let found = Found {
        account: first(body, &LOCATION).or_else(|| only_account(crm)),
        contact: first(body, &CONTACT),
        says: if means_deleted(&kind) { Says::Deleted } else { Says::Changed },
        kind,
        // There is no id and no time: `date_created` is when the contact was made.
        id: None,
        at: None,
    };
    found.about_ours(crm, raw)
}

fn event_in(query: Option<&str>) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(name, _)| name == "event").and_then(|(_, value)| usable(clean(&value)))
}

/// `contact.deleted`, `ContactDelete`, `contact-deleted`: people write the word as they like. A custom field may be
/// labelled "type", so any other word means no more than "changed".
fn means_deleted(kind: &str) -> bool {
    let word: String = kind.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    matches!(word.as_str(), "contactdelete" | "contactdeleted" | "delete" | "deleted")
}
