//! What the payloads of each CRM are read as.

use carnet::{
    config::declared::Crm,
    crm::event::{Ignored, Read, Unreadable, check_map, read},
    queue::event::{Event, Says},
};
use serde_json::{Value, json};

use crate::signatures::crm;

pub const LOCATION: &str = "Qm7sRkT2vHeXbL4nPw9c";
const CONTACT: &str = "Zr4kWc8NtY1uHs6eVd3p";

pub fn fixture(name: &str) -> String {
    let path = format!("{}/tests/it/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}

fn highlevel() -> Crm {
    crm(&format!(
        "[[crm]]\nname = 'c'\nkind = 'highlevel'\napp_id = '6b1f0c2e9d8a47535e1c0a9f'\n[[crm.account]]\nid = '{LOCATION}'\n\
         [[crm.account]]\nid = 'another'"
    ))
}

fn workflow() -> Crm {
    crm(&format!("[[crm]]\nname = 'c'\nkind = 'highlevel-workflow'\n[[crm.account]]\nid = '{LOCATION}'"))
}

/// The `[crm.map]` that the documentation shows, with one account.
fn generic(number: usize, account: &str) -> Crm {
    let source = include_str!("../../src/crm/event/generic.rs");
    let block = source.split("//! ```toml\n").nth(number + 1).and_then(|rest| rest.split("//! ```").next());
    let map: String = block.expect("a documented map").lines().map(|l| format!("{}\n", &l[3..])).collect();
    crm(&format!("[[crm]]\nname = 'c'\nkind = 'generic'\n{map}[[crm.account]]\nid = '{account}'"))
}

fn only(crm: &Crm, query: Option<&str>, body: &str) -> Read {
    let mut read = read(crm, query, body.as_bytes()).expect("readable");
    assert_eq!(read.len(), 1);
    read.remove(0)
}

fn event(read: Read) -> Event {
    match read {
        Read::Event(event) => event,
        Read::Ignored(why) => panic!("ignored: {}", why.code()),
    }
}

#[test]
fn highlevel_events_are_about_their_contact() {
    for (name, says) in [
        ("ContactCreate", Says::Changed),
        ("ContactCreate_minimal", Says::Changed),
        ("ContactUpdate", Says::Changed),
        ("ContactTagUpdate", Says::Changed),
        ("ContactDndUpdate", Says::Changed),
        ("ContactDelete", Says::Deleted),
    ] {
        let body = fixture(&format!("highlevel-app-webhooks/{name}"));
        let event = event(only(&highlevel(), None, &body));
        assert_eq!(event.account.to_string(), format!("highlevel:{LOCATION}"), "{name}");
        assert_eq!((event.contact.as_str(), event.says), (CONTACT, says), "{name}");
        assert_eq!(Some(event.kind.as_str()), name.split('_').next());
        assert_eq!(event.body, body.as_bytes(), "the body is kept as it came");
        let from_an_app = name.ends_with("minimal");
        assert_eq!(event.id.is_some(), from_an_app, "{name}");
        assert_eq!(event.at.is_some(), from_an_app, "{name}");
    }
}

#[test]
fn highlevel_events_about_nobody_are_ignored_by_name() {
    for (name, why) in [
        ("INSTALL_agency", Ignored::OtherApp),
        ("UNINSTALL_location", Ignored::OtherApp),
        ("UserCreate_location", Ignored::UserCreate),
        ("envelope_data_wrapped", Ignored::NoAccount),
    ] {
        let mut body: Value = serde_json::from_str(&fixture(&format!("highlevel-app-webhooks/{name}"))).expect("JSON");
        if why == Ignored::OtherApp {
            body["appId"] = json!("somebody else's");
        }
        assert_eq!(only(&highlevel(), None, &body.to_string()), Read::Ignored(why), "{name}");
    }
    for (name, why) in [
        ("INSTALL_agency", Ignored::Install),
        ("INSTALL_location", Ignored::Install),
        ("INSTALL_location_whitelabel", Ignored::Install),
        ("UNINSTALL_agency", Ignored::Uninstall),
        ("UNINSTALL_location", Ignored::Uninstall),
    ] {
        let body = fixture(&format!("highlevel-app-webhooks/{name}"));
        assert_eq!(only(&highlevel(), None, &body), Read::Ignored(why), "{name}");
    }
}

#[test]
fn a_highlevel_event_may_be_wrapped_and_name_its_location_otherwise() {
    let taken = |body: Value| only(&highlevel(), None, &body.to_string());
    let wrapped = json!({"type": "ContactUpdate", "webhookId": "w", "timestamp": "2026-04-11T18:06:23.481Z",
        "data": {"id": CONTACT, "locationId": LOCATION}});
    let event = event(taken(wrapped));
    assert_eq!((event.contact.as_str(), event.id.as_deref()), (CONTACT, Some("w")));
    let alternative = |kind: &str| json!({"type": "ContactUpdate", "id": CONTACT, "altId": LOCATION, "altType": kind});
    assert!(matches!(taken(alternative("location")), Read::Event(_)));
    assert_eq!(taken(alternative("company")), Read::Ignored(Ignored::NoAccount));
}

#[test]
fn highlevel_signs_for_every_app_so_app_and_location_must_be_ours() {
    let taken = |key: &str, value: Value| {
        let mut body = json!({"type": "ContactUpdate", "id": CONTACT, "locationId": LOCATION});
        body[key] = value;
        only(&highlevel(), None, &body.to_string())
    };
    assert!(matches!(taken("appId", json!("6b1f0c2e9d8a47535e1c0a9f")), Read::Event(_)));
    assert!(matches!(taken("appId", json!("")), Read::Event(_)), "an empty app id is none");
    assert_eq!(taken("appId", json!("other")), Read::Ignored(Ignored::OtherApp));
    assert_eq!(taken("data", json!({"appId": "other"})), Read::Ignored(Ignored::OtherApp));
    assert_eq!(taken("locationId", json!("other")), Read::Ignored(Ignored::UnknownAccount));
    assert_eq!(taken("locationId", json!({"id": LOCATION})), Read::Ignored(Ignored::NoAccount));
    assert_eq!(taken("id", json!(null)), Read::Ignored(Ignored::NoContact));
    assert_eq!(taken("type", json!("InvoicePaid")), Read::Ignored(Ignored::UnknownType));
    let any_app = Crm { app_id: None, ..highlevel() };
    let body = json!({"type": "ContactUpdate", "id": CONTACT, "locationId": LOCATION, "appId": "other"}).to_string();
    assert!(matches!(only(&any_app, None, &body), Read::Event(_)));
}

#[test]
fn workflow_bodies_are_read_however_they_were_put_together() {
    for (name, query, kind, says) in [
        ("form_lead", None, "workflow", Says::Changed),
        ("form_lead", Some("event=contact-deleted"), "contact-deleted", Says::Deleted),
        ("form_lead", Some("token=x&event="), "workflow", Says::Changed),
        ("custom_webhook_body", Some("event=deleted"), "contact.created", Says::Changed),
    ] {
        let event = event(only(&workflow(), query, &fixture(&format!("highlevel-workflow-webhooks/{name}"))));
        assert_eq!(
            (event.contact.as_str(), event.kind.as_str(), event.says),
            (CONTACT, kind, says),
            "{name} {query:?}"
        );
        assert_eq!((event.account.id.as_str(), event.id, event.at), (LOCATION, None, None));
    }
    for name in ["form_lead_empty", "custom_webhook_template"] {
        let read = only(&workflow(), None, &fixture(&format!("highlevel-workflow-webhooks/{name}")));
        assert_eq!(read, Read::Ignored(Ignored::NoContact), "{name}");
    }
}

#[test]
fn a_workflow_body_without_location_is_of_the_only_account() {
    let mut two = workflow();
    for body in [json!({"contactId": "c1"}), json!({"customData": {"contact_id": "c1", "event": "ContactDelete"}})] {
        assert_eq!(event(only(&workflow(), None, &body.to_string())).contact, "c1");
    }
    let mut another = two.account[0].clone();
    another.id = "another".into();
    two.account.push(another);
    assert_eq!(only(&two, None, r#"{"contact_id":"c1"}"#), Read::Ignored(Ignored::NoAccount));
    let named = json!({"contact_id": "c1", "location": {"id": "another"}}).to_string();
    assert_eq!(event(only(&two, None, &named)).account.id, "another");
    let stranger = json!({"contact_id": "c1", "location_id": "stranger"}).to_string();
    assert_eq!(only(&workflow(), None, &stranger), Read::Ignored(Ignored::UnknownAccount));
}

#[test]
fn hubspot_is_read_with_the_documented_map() {
    let hubspot = generic(0, "44310987");
    for (name, kinds) in [
        ("contact_creation", &[("contact.creation", Says::Changed)][..]),
        ("contact_propertyChange", &[("contact.propertyChange", Says::Changed)]),
        ("contact_merge", &[("contact.merge", Says::Changed)]),
        ("contact_deletion", &[("contact.deletion", Says::Deleted)]),
        ("object_creation_generic", &[("object.creation", Says::Changed), ("object.propertyChange", Says::Changed)]),
    ] {
        let body = fixture(&format!("hubspot/{name}"));
        let sent: Vec<Value> = serde_json::from_str(&body).expect("JSON");
        let read = read(&hubspot, None, body.as_bytes()).expect("readable");
        assert_eq!(read.len(), kinds.len(), "{name}");
        for ((read, (kind, says)), sent) in read.into_iter().zip(kinds).zip(sent) {
            let event = event(read);
            assert_eq!((event.kind.as_str(), event.says), (*kind, *says));
            assert_eq!(event.contact, sent["objectId"].to_string());
            assert_eq!(event.id, Some(sent["eventId"].to_string()));
            assert_eq!(event.at.map(|at| at.as_millisecond()), sent["occurredAt"].as_i64());
            assert_eq!(serde_json::from_slice::<Value>(&event.body).expect("its own part"), sent);
        }
    }
    let mixed = json!([{"portalId": 44310987, "objectId": 1, "subscriptionType": "contact.creation"},
        {"portalId": 1, "objectId": 1, "subscriptionType": "contact.creation"},
        {"portalId": 44310987, "objectId": 1, "subscriptionType": "deal.creation"}, 7]);
    let read = read(&hubspot, None, mixed.to_string().as_bytes()).expect("readable");
    assert!(matches!(read[0], Read::Event(_)));
    let ignored = [Ignored::UnknownAccount, Ignored::UnknownType, Ignored::UnknownType].map(Read::Ignored);
    assert_eq!(read[1..], ignored);
}

#[test]
fn pipedrive_is_read_with_the_documented_map() {
    let pipedrive = generic(1, "8812034");
    for (name, says) in [
        ("v2_person_create", Says::Changed),
        ("v2_person_change", Says::Changed),
        ("v2_person_delete_merged", Says::Deleted),
    ] {
        let event = event(only(&pipedrive, None, &fixture(&format!("pipedrive/{name}"))));
        assert_eq!((event.contact.as_str(), event.says), ("4021", says), "{name}");
        assert_eq!(event.account.to_string(), "generic:8812034");
        assert!(event.id.is_some() && event.at.is_some(), "{name}");
    }
}

#[test]
fn a_generic_account_may_be_said_once_for_all() {
    let mut crm = generic(1, "8812034");
    for (account, outcome) in [("8812034", true), ("", true), ("/nowhere", false), ("elsewhere", false)] {
        crm.map.as_mut().expect("a map").account = account.into();
        let read = only(&crm, None, &fixture("pipedrive/v2_person_create"));
        assert_eq!(matches!(read, Read::Event(_)), outcome, "{account}");
    }
}

#[test]
fn an_unreadable_body_says_where_and_never_what() {
    let hubspot = generic(0, "44310987");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let many = format!("[{}0]", "0,".repeat(1000));
    for (crm, body, path) in [
        (highlevel(), "", "."),
        (highlevel(), "\"secret\"", "."),
        (highlevel(), "[]", "."),
        (highlevel(), r#"{"a":{"b":secret}}"#, "a.b"),
        (highlevel(), r#"{"a":"secret"} {}"#, "."),
        (highlevel(), "\u{0}", "."),
        (workflow(), "secret=1", "."),
        (hubspot.clone(), r#"{"secret":1}"#, "."),
        (hubspot.clone(), &many, "."),
    ] {
        let said: Unreadable = read(&crm, None, body.as_bytes()).expect_err(body);
        assert_eq!(said.path, path, "{body}");
        assert!(!said.to_string().contains("secret"), "{said}");
    }
    assert!(read(&hubspot, None, deep.as_bytes()).is_err());
    assert!(read(&highlevel(), None, b"{\"a\":\"\xff\"}").is_err());
    assert_eq!(only(&hubspot, None, "[]"), Read::Ignored(Ignored::Empty));
}

#[test]
fn of_a_repeated_key_the_last_counts() {
    let body = format!(r#"{{"contact_id":"c1","contact_id":"c2","location":{{"id":"x","id":"{LOCATION}"}}}}"#);
    assert_eq!(event(only(&workflow(), None, &body)).contact, "c2");
}

#[test]
fn a_map_that_leads_nowhere_is_refused_with_the_sentence_that_helps() {
    for (map, said) in [
        ("", "add [crm.map]"),
        ("[crm.map]\naccount = '/a'", "has no contact"),
        ("[crm.map]\ncontact = 'id'", "\"id\" in [crm.map]"),
        ("[crm.map]\ncontact = '/id'\nevents = 'events'", "\"events\" in [crm.map]"),
    ] {
        let sentence =
            check_map(&crm(&format!("[[crm]]\nname = 'c'\nkind = 'generic'\n{map}"))).expect_err(map).to_string();
        assert!(sentence.contains(said), "{sentence}");
    }
    assert_eq!(check_map(&generic(0, "1")), Ok(()));
    assert_eq!(check_map(&highlevel()), Ok(()));
}
