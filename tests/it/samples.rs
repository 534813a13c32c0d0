//! Every sample delivery on its whole way: signed webhook in, the Google contact compared as a whole.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use carnet::simulate;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    events::{LOCATION, fixture},
    world::{LABEL, World, service::Service, until, user::labels},
};

const CONTACT: &str = "Zr4kWc8NtY1uHs6eVd3p";
/// Forms and workflows of one location, in limited mode.
pub const WORKFLOW: &str = r#"
    [[crm]]
    name = "lead"
    kind = "highlevel-workflow"
    [crm.signature]
    scheme = "token"
    header = "X-Carnet-Token"
    secrets = ["workflow-secret"]
    [[crm.account]]
    id = "Qm7sRkT2vHeXbL4nPw9c"
"#;
const HUBSPOT: &str = r#"
    [[crm]]
    name = "hub"
    kind = "generic"
    vendor = "hubspot"
    [crm.signature]
    scheme = "hubspot-v3"
    secrets = ["hubspot-secret"]
    [crm.map]
    events = ""
    account = "/portalId"
    contact = "/objectId"
    event = "/subscriptionType"
    deleted = ["contact.deletion", "contact.privacyDeletion", "object.deletion", "object.privacyDeletion"]
    only = ["contact.creation", "contact.propertyChange", "contact.merge", "object.creation", "object.propertyChange"]
    id = "/eventId"
    at = "/occurredAt"
    property = "/propertyName"
    value = "/propertyValue"
    [crm.map.properties]
    firstname = "given"
    lastname = "family"
    company = "company"
    email = "emails"
    phone = "phones"
    [[crm.account]]
    id = "44310987"
"#;
const PIPEDRIVE: &str = r#"
    [[crm]]
    name = "pipe"
    kind = "generic"
    vendor = "pipedrive"
    [crm.signature]
    scheme = "basic"
    user = "carnet"
    secrets = ["pipedrive-secret"]
    [crm.map]
    account = "/meta/company_id"
    contact = "/data/id"
    contact_fallback = "/previous/id"
    event = "/meta/action"
    deleted = ["delete"]
    only = ["create", "change"]
    id = "/meta/id"
    at = "/meta/timestamp"
    [crm.map.fields]
    given = "/data/first_name"
    family = "/data/last_name"
    name = "/data/name"
    emails = "/data/emails"
    phones = "/data/phones"
    [[crm.account]]
    id = "8812034"
"#;

/// A world with this CRM in limited mode, and its service.
async fn limited(crm: &str, account: &str, more: &str) -> (World, Service) {
    let world = World::new().await;
    let service = world
        .start_bare(&format!(
            "{crm}\n[[google]]\nname = \"office\"\nrefresh_token = \"{}\"\n[[sync]]\nname = \"phone\"\ncrm = \"{account}\"\n\
             google = \"office\"\nlabel = \"{LABEL}\"\nevery = \"off\"\n{more}",
            world.refresh_token
        ))
        .await;
    (world, service)
}

/// A world whose CRM account is the samples', and its service.
async fn asked() -> (World, Service) {
    let mut world = World::new().await;
    let location = world.crm("POST", "locations", &json!({ "id": LOCATION })).await;
    world.location = LOCATION.into();
    world.crm_token = location["token"].as_str().expect("a token").into();
    let service = world.start().await;
    (world, service)
}

/// Posts a body; answers the status.
async fn post(service: &Service, path: &str, headers: &[(&str, String)], body: &str) -> u16 {
    let mut request = reqwest::Client::new().post(format!("{}/webhooks/{path}", service.url)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

async fn highlevel(service: &Service, body: &str) -> u16 {
    let signature = simulate::crm::sign(simulate::crm::Options::default().seed, body.as_bytes());
    post(service, "centiva", &[("X-GHL-Signature", signature)], body).await
}

async fn workflow(service: &Service, body: &str) -> u16 {
    post(service, "lead", &[("X-Carnet-Token", "workflow-secret".into())], body).await
}

async fn hubspot(service: &Service, body: &str) -> u16 {
    let at = jiff::Timestamp::now().as_millisecond().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(b"hubspot-secret").expect("any key");
    mac.update(format!("POST{}/webhooks/hub{body}{at}", service.url).as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    post(service, "hub", &[("X-HubSpot-Signature-v3", signature), ("X-HubSpot-Request-Timestamp", at)], body).await
}

async fn pipedrive(service: &Service, body: &str) -> u16 {
    let login = format!("Basic {}", BASE64_STANDARD.encode("carnet:pipedrive-secret"));
    post(service, "pipe", &[("Authorization", login)], body).await
}

/// Waits until nothing is in the queue.
async fn quiet(service: &Service) {
    until("the queue to be worked off", async || service.left().await == (0, 0)).await;
}

/// All contacts as a person would compare them: label names instead of ids, no etags and times, no operation ids.
async fn in_google(world: &World) -> Value {
    let dump = world.google_dump().await;
    let contacts = dump["contacts"].as_array().expect("contacts").iter().map(|contact| {
        let mut person = contact["person"].clone();
        person["memberships"] = labels(contact).into();
        for entry in person["clientData"].as_array_mut().into_iter().flatten() {
            let stamp = entry["value"].as_str().expect("a stamp");
            let mut parts: Vec<&str> = stamp.split(';').collect();
            parts[3] = "[operation]";
            entry["value"] = parts.join(";").into();
        }
        person
    });
    contacts.collect()
}

/// The CRM's contact that a sample speaks of, changed no earlier than the sample was sent.
fn record(sample: &str) -> Value {
    let mut record: Value = serde_json::from_str(sample).expect("JSON");
    if !record["timestamp"].is_null() {
        record["dateUpdated"] = record["timestamp"].clone();
    }
    let fields = record.as_object_mut().expect("an object");
    fields.retain(|key, _| !["type", "locationId", "appId", "versionId", "webhookId", "timestamp"].contains(&&**key));
    record
}

/// A sample and, of the same contact, what an app sends that wraps it.
fn flat_and_wrapped(name: &str) -> [String; 2] {
    let flat = fixture(&format!("highlevel-app-webhooks/{name}"));
    let data: Value = serde_json::from_str(&flat).expect("JSON");
    let kind = data["type"].clone();
    [flat, json!({"type": kind, "timestamp": "2026-04-11T18:06:23.481Z", "webhookId": "w", "data": data}).to_string()]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_highlevel_event_about_a_contact_brings_it_to_google() {
    let mut seen = Vec::new();
    for name in ["ContactCreate", "ContactUpdate", "ContactTagUpdate", "ContactDndUpdate"] {
        let (world, service) = asked().await;
        let [flat, wrapped] = flat_and_wrapped(name);
        world.crm_seed(&[record(&flat)]).await;
        assert_eq!(highlevel(&service, &flat).await, 202, "{name}");
        quiet(&service).await;
        let found = in_google(&world).await;
        assert_eq!(highlevel(&service, &wrapped).await, 202, "{name}");
        quiet(&service).await;
        assert_eq!(in_google(&world).await, found, "{name} says the same when it is wrapped");
        seen.push(found);
        service.nothing_left().await;
        service.stop().await;
    }
    insta::assert_json_snapshot!("highlevel_contact", seen[0]);
    assert!(seen.iter().all(|found| *found == seen[0]), "what kind of change it was makes no difference: {seen:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_highlevel_event_of_an_app_brings_a_contact_with_little_in_it() {
    let (world, service) = asked().await;
    let sample = fixture("highlevel-app-webhooks/ContactCreate_minimal");
    world.crm_seed(&[record(&sample)]).await;
    assert_eq!(highlevel(&service, &sample).await, 202);
    quiet(&service).await;
    insta::assert_json_snapshot!("highlevel_contact_minimal", in_google(&world).await);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_highlevel_deletion_takes_the_label_off() {
    let (world, service) = asked().await;
    world.crm_seed(&[record(&fixture("highlevel-app-webhooks/ContactCreate"))]).await;
    assert_eq!(highlevel(&service, &fixture("highlevel-app-webhooks/ContactCreate")).await, 202);
    quiet(&service).await;
    let path = format!("locations/{LOCATION}/contacts/{CONTACT}?silent=true");
    world.crm("DELETE", &path, &Value::Null).await;
    assert_eq!(highlevel(&service, &fixture("highlevel-app-webhooks/ContactDelete")).await, 202);
    quiet(&service).await;
    insta::assert_json_snapshot!("highlevel_contact_deleted", in_google(&world).await);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn highlevel_events_about_nobody_are_taken_and_change_nothing() {
    let (world, service) = asked().await;
    for name in [
        "INSTALL_agency",
        "INSTALL_location",
        "INSTALL_location_whitelabel",
        "UNINSTALL_agency",
        "UNINSTALL_location",
        "UserCreate_location",
        "envelope_data_wrapped",
    ] {
        let sample = fixture(&format!("highlevel-app-webhooks/{name}"));
        assert_eq!(highlevel(&service, &sample).await, 200, "{name}");
        assert_eq!(post(&service, "centiva", &[("X-GHL-Signature", "AAAA".into())], &sample).await, 401, "{name}");
    }
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 0);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_leads_come_to_google_without_credentials_of_the_crm() {
    for name in ["form_lead", "custom_webhook_body"] {
        let (world, service) = limited(WORKFLOW, &format!("lead/{LOCATION}"), "").await;
        let sample = fixture(&format!("highlevel-workflow-webhooks/{name}"));
        assert_eq!(post(&service, "lead", &[("X-Carnet-Token", "guessed".into())], &sample).await, 401);
        assert_eq!(workflow(&service, &sample).await, 202, "{name}");
        quiet(&service).await;
        insta::assert_json_snapshot!(format!("workflow_{name}"), in_google(&world).await);
        assert_eq!(workflow(&service, &sample).await, 202, "{name} again");
        quiet(&service).await;
        assert_eq!(world.people().await.len(), 1, "a repeated delivery changes nothing");
        service.nothing_left().await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflow_bodies_about_nobody_are_taken_and_change_nothing() {
    let (world, service) = limited(WORKFLOW, &format!("lead/{LOCATION}"), "").await;
    for name in ["form_lead_empty", "custom_webhook_template"] {
        let sample = fixture(&format!("highlevel-workflow-webhooks/{name}"));
        assert_eq!(workflow(&service, &sample).await, 200, "{name}");
    }
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 0);
    service.nothing_left().await;
    service.stop().await;
}

/// A property change of HubSpot's sample contact.
fn property(name: &str, value: &str) -> String {
    let mut events: Value = serde_json::from_str(&fixture("hubspot/contact_propertyChange")).expect("JSON");
    events[0]["propertyName"] = name.into();
    events[0]["propertyValue"] = value.into();
    events.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn hubspot_tells_a_contact_bit_by_bit_and_it_is_one_contact() {
    let (world, service) = limited(HUBSPOT, "hub/44310987", "").await;
    assert_eq!(hubspot(&service, &fixture("hubspot/contact_creation")).await, 202);
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 0, "a creation alone says nothing that one could call");
    assert_eq!(hubspot(&service, &fixture("hubspot/contact_propertyChange")).await, 202);
    quiet(&service).await;
    assert_eq!(hubspot(&service, &fixture("hubspot/object_creation_generic")).await, 202);
    for (name, value) in [("lastname", "D'Amours-Lavoie"), ("email", "chloe@exemple.ca"), ("hs_lead_status", "OPEN")] {
        assert_eq!(hubspot(&service, &property(name, value)).await, 202);
    }
    quiet(&service).await;
    insta::assert_json_snapshot!("hubspot_contact", in_google(&world).await);

    assert_eq!(hubspot(&service, &fixture("hubspot/contact_merge")).await, 202);
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 1, "of a merge HubSpot tells ids only");
    assert_eq!(hubspot(&service, &fixture("hubspot/contact_deletion")).await, 202);
    quiet(&service).await;
    insta::assert_json_snapshot!("hubspot_contact_deleted", in_google(&world).await);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hubspot_deletion_moves_the_contact_to_the_trash_if_the_sync_says_so() {
    let (world, service) = limited(HUBSPOT, "hub/44310987", "removal = \"trash\"").await;
    assert_eq!(hubspot(&service, &fixture("hubspot/contact_propertyChange")).await, 202);
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 1);
    assert_eq!(hubspot(&service, &fixture("hubspot/contact_deletion")).await, 202);
    quiet(&service).await;
    assert_eq!(world.people().await.len(), 0);
    assert_eq!(world.google_dump().await["trash"].as_array().map(Vec::len), Some(1));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipedrive_persons_are_made_changed_and_let_go() {
    let (world, service) = limited(PIPEDRIVE, "pipe/8812034", "").await;
    for name in ["v2_person_create", "v2_person_change", "v2_person_delete_merged"] {
        assert_eq!(pipedrive(&service, &fixture(&format!("pipedrive/{name}"))).await, 202, "{name}");
        quiet(&service).await;
        insta::assert_json_snapshot!(format!("pipedrive_{name}"), in_google(&world).await);
    }
    service.nothing_left().await;
    service.stop().await;
}
