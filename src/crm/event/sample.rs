//! A delivery that says "this contact changed", as the kind of CRM would write it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    config::declared::{Crm, Kind, Map},
    crm::put,
};

/// A sample body about `contact` of the CRM's first account, which [`super::read`] takes for an event. `None` when the
/// CRM has no account, or its map leads nowhere.
pub fn sample(crm: &Crm, contact: &str, now: Timestamp) -> Option<Value> {
    let account = &crm.account.first()?.id;
    match crm.kind {
        Kind::Highlevel => Some(json!({
            "type": "ContactUpdate", "locationId": account, "id": contact, "timestamp": now.to_string(),
            "firstName": "Sample", "lastName": "Contact", "email": "sample@example.com", "phone": "+15145550100",
        })),
        Kind::HighlevelWorkflow => Some(json!({
            "contact_id": contact, "location": { "id": account }, "first_name": "Sample", "last_name": "Contact",
            "full_name": "Sample Contact", "email": "sample@example.com", "phone": "+15145550100",
        })),
        Kind::Generic => generic(crm.map.as_ref()?, account, contact, now),
    }
}

fn generic(map: &Map, account: &str, contact: &str, now: Timestamp) -> Option<Value> {
    let mut event = json!({});
    let mut write = |place: Option<&str>, value: Value| match place {
        Some(place) if place.starts_with('/') => put(&mut event, place, value),
        // Not mapped, or fixed text such as the account's own id.
        _ => Some(()),
    };
    for (field, value) in [("name", "Sample Contact"), ("emails", "sample@example.com"), ("phones", "+15145550100")] {
        write(map.fields.get(field).map(String::as_str), value.into())?;
    }
    write(Some(&map.account), account.into())?;
    write(Some(&map.contact), contact.into())?;
    write(map.event.as_deref(), map.only.first().map_or("contact.changed", String::as_str).into())?;
    write(map.id.as_deref(), format!("sample-{}", now.as_millisecond()).into())?;
    write(map.at.as_deref(), now.to_string().into())?;
    match map.events.as_deref() {
        None => Some(event),
        Some("") => Some(json!([event])),
        Some(place) => {
            let mut body = json!({});
            put(&mut body, place, json!([event]))?;
            Some(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::event::{Read, read};

    #[test]
    fn a_sample_is_read_as_an_event_for_every_kind() {
        for lines in [
            "kind = 'highlevel'\napp_id = '69c5-x'",
            "kind = 'highlevel'",
            "kind = 'highlevel-workflow'",
            "kind = 'generic'\nmap = { account = '/a/id', contact = '/c', event = '/t', only = ['x'], at = '/at', fields = { name = '/c2/name' } }",
            "kind = 'generic'\nmap = { account = 'acc', contact = '/data/id', events = '', id = '/id' }",
            "kind = 'generic'\nmap = { contact = '/data/id', events = '/list' }",
        ] {
            let crm: Crm = toml::from_str(&format!("name = 'c'\n{lines}\n[[account]]\nid = 'acc'")).expect("a CRM");
            let now = Timestamp::from_second(1_789_000_000).expect("a time");
            let body = sample(&crm, "c9", now).expect("a sample").to_string();
            match read(&crm, None, body.as_bytes()).expect("readable").as_slice() {
                [Read::Event(event)] => assert_eq!(event.contact, "c9", "{lines}"),
                other => panic!("{lines}: {other:?}"),
            }
        }
    }
}
