//! The contact inside a webhook's payload, for a CRM account without credentials (limited mode), and how payloads that
//! wait together become one. Such a contact is always partial.

use std::collections::BTreeSet;

use super::{decode::Unreadable, generic, highlevel};
use crate::{
    config::declared::{Crm, Kind, Map},
    contact::{Address, Contact, Name, text_key},
};

/// The contact inside an event's body, read as the CRM's kind writes it.
///
/// `region` is ISO 3166-1 alpha-2, for phone numbers without `+`. The error names the place that does not fit.
pub fn contact_of(crm: &Crm, region: &str, body: &[u8]) -> Result<Contact, Unreadable> {
    match crm.kind {
        Kind::Highlevel => highlevel::webhook(body, region),
        Kind::HighlevelWorkflow => highlevel::workflow(body, region),
        Kind::Generic => generic::contact(crm.map.as_ref().unwrap_or(&Map::default()), region, body),
    }
}

/// Leaves only the custom fields that a sync asks for, under the names by which it asks.
pub fn keep_asked(contact: &mut Contact, asked: &BTreeSet<String>) {
    let read = std::mem::take(&mut contact.custom);
    let called = |name: &String, given: &str| given == name || text_key(given) == text_key(name);
    let found = asked.iter().filter_map(|name| Some((name, read.iter().find(|(given, _)| called(name, given))?)));
    contact.custom = found.map(|(name, (_, value))| (name.clone(), value.clone())).collect();
}

/// Two payloads about one contact as one: field by field the newer wins where it says something, and a list that says
/// something replaces the older one. Custom values are replaced one by one. The result stays partial.
pub fn fold(older: Contact, newer: Contact) -> Contact {
    Contact {
        id: said(older.id, newer.id),
        version: newer.version.or(older.version),
        created: newer.created.or(older.created),
        name: Name {
            given: said(older.name.given, newer.name.given),
            middle: said(older.name.middle, newer.name.middle),
            family: said(older.name.family, newer.name.family),
        },
        company: said(older.company, newer.company),
        title: said(older.title, newer.title),
        emails: listed(older.emails, newer.emails),
        phones: listed(older.phones, newer.phones),
        address: fold_address(older.address, newer.address),
        urls: listed(older.urls, newer.urls),
        birthday: newer.birthday.or(older.birthday),
        owner: newer.owner.or(older.owner),
        owner_name: said(older.owner_name, newer.owner_name),
        tags: listed(older.tags, newer.tags),
        // `false` may only mean that the payload does not mention it; a refusal is not forgotten on that account.
        dnd: older.dnd || newer.dnd,
        source: said(older.source, newer.source),
        custom: fold_custom(older.custom, newer.custom),
        unread: newer.unread,
        partial: true,
    }
}

fn said(older: String, newer: String) -> String {
    if newer.is_empty() { older } else { newer }
}

fn listed(older: Vec<String>, newer: Vec<String>) -> Vec<String> {
    if newer.is_empty() { older } else { newer }
}

fn fold_address(older: Option<Address>, newer: Option<Address>) -> Option<Address> {
    let (older, newer) = match (older, newer) {
        (Some(older), Some(newer)) => (older, newer),
        (older, newer) => return newer.or(older),
    };
    Some(Address {
        street: said(older.street, newer.street),
        city: said(older.city, newer.city),
        region: said(older.region, newer.region),
        postal_code: said(older.postal_code, newer.postal_code),
        country_code: said(older.country_code, newer.country_code),
    })
}

fn fold_custom(older: Vec<(String, String)>, newer: Vec<(String, String)>) -> Vec<(String, String)> {
    let kept = older.into_iter().filter(|(field, _)| !newer.iter().any(|(other, _)| other == field));
    let mut folded: Vec<_> = kept.collect();
    folded.extend(newer);
    folded
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn crm(kind: &str) -> Crm {
        let map = if kind == "generic" {
            "map = { contact = '/id', fields = { emails = '/mail', city = '/city' } }"
        } else {
            ""
        };
        toml::from_str(&format!("name = 'c'\nkind = '{kind}'\n{map}")).expect("crm")
    }

    fn read(kind: &str, body: &Value) -> Contact {
        contact_of(&crm(kind), "CA", body.to_string().as_bytes()).expect("contact")
    }

    #[test]
    fn each_kind_is_read_in_its_own_shape_and_partial() {
        for (kind, body) in [
            ("highlevel", json!({ "id": "c1", "email": "a@x.ca", "address1": "1 rue A", "city": "Laval" })),
            (
                "highlevel-workflow",
                json!({ "contact_id": "c1", "email": "a@x.ca", "address1": "1 rue A", "city": "Laval" }),
            ),
            ("generic", json!({ "id": "c1", "mail": "a@x.ca", "city": "Laval" })),
        ] {
            let contact = read(kind, &body);
            assert_eq!((contact.id.as_str(), contact.partial), ("c1", true), "{kind}");
            assert_eq!(contact.emails, ["a@x.ca"], "{kind}");
            assert_eq!(contact.address.expect("address").city, "Laval", "{kind}");
        }
    }

    #[test]
    fn a_body_that_is_no_contact_is_refused_for_every_kind() {
        for kind in ["highlevel", "highlevel-workflow", "generic"] {
            for body in ["[]", "{}", "null", "7", "{\"id\":", ""] {
                assert!(contact_of(&crm(kind), "CA", body.as_bytes()).is_err(), "{kind} {body}");
            }
        }
    }

    #[test]
    fn the_newer_wins_where_it_says_something() {
        let older = read(
            "highlevel",
            &json!({ "id": "c1", "firstName": "Ann", "lastName": "Roy", "email": "old@x.ca", "phone": "514 555-0101",
                     "address1": "1 rue A", "city": "Laval", "dnd": true, "tags": ["a", "b"],
                     "customFields": [{ "id": "f", "value": "1" }, { "id": "g", "value": "2" }] }),
        );
        let newer = read(
            "highlevel",
            &json!({ "id": "c1", "lastName": "Roy-Cyr", "email": "new@x.ca", "city": "Granby", "tags": ["c"],
                     "customFields": [{ "id": "f", "value": "3" }] }),
        );
        let folded = fold(older.clone(), newer);
        assert_eq!((folded.name.given.as_str(), folded.name.family.as_str()), ("Ann", "Roy-Cyr"));
        assert_eq!((folded.emails.as_slice(), folded.phones.len()), (&["new@x.ca".to_owned()][..], 1));
        let address = folded.address.expect("address");
        assert_eq!((address.street.as_str(), address.city.as_str()), ("1 rue A", "Granby"));
        assert_eq!(folded.tags, ["c"]);
        assert!(folded.dnd && folded.partial);
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(folded.custom, [pair("g", "2"), pair("f", "3")]);
        let silent = Contact { id: "c1".into(), partial: true, ..Contact::default() };
        assert_eq!(fold(older.clone(), silent), older);
    }
}
