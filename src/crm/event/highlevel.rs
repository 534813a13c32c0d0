//! HighLevel marketplace-app events: flat, or inside `data` as the vendor's guide shows them.

use serde_json::Value;

use super::{
    Found, Ignored, Read,
    text::{text, time},
};
use crate::{config::declared::Crm, queue::event::Says};

pub(super) fn read(crm: &Crm, body: &Value, raw: &[u8]) -> Read {
    let inner = body.get("data").filter(|data| data.is_object()).unwrap_or(body);
    if is_of_another_app(crm, body, inner) {
        return Read::Ignored(Ignored::OtherApp);
    }
    let kind = text(body, "/type").unwrap_or_default();
    let says = match kind.as_str() {
        "ContactCreate" | "ContactUpdate" | "ContactTagUpdate" | "ContactDndUpdate" => Says::Changed,
        "ContactDelete" => Says::Deleted,
        "INSTALL" => return Read::Ignored(Ignored::Install),
        "UNINSTALL" => return Read::Ignored(Ignored::Uninstall),
        "UserCreate" => return Read::Ignored(Ignored::UserCreate),
        _ => return Read::Ignored(Ignored::UnknownType),
    };
    let found = Found {
        account: location(inner).or_else(|| location(body)),
        contact: text(inner, "/id"),
        kind,
        says,
        id: text(body, "/webhookId").or_else(|| text(inner, "/webhookId")),
        at: time(body, "/timestamp").or_else(|| time(inner, "/timestamp")),
    };
    found.about_ours(crm, raw)
}

/// The signature only proves that HighLevel sent it, and HighLevel signs for every app with the same key. Events that name
/// no app are taken: the published examples name none.
fn is_of_another_app(crm: &Crm, body: &Value, inner: &Value) -> bool {
    // Operators paste the client id, which is the app id and a suffix.
    let Some(ours) = crm.app_id.as_deref().and_then(|id| id.split('-').next()) else { return false };
    text(body, "/appId").or_else(|| text(inner, "/appId")).is_some_and(|theirs| theirs != ours)
}

/// Some events say `altId` with `altType: "location"` in place of `locationId`.
fn location(value: &Value) -> Option<String> {
    text(value, "/locationId").or_else(|| {
        let is_location = value.pointer("/altType").and_then(Value::as_str) == Some("location");
        text(value, "/altId").filter(|_| is_location)
    })
}
