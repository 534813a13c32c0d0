//! What `carnet apply` refuses, and what never leaves Carnet: secrets and personal data.

use std::{process::Stdio, time::Instant};

use carnet::{app::foundation::Foundation, config::Settings};
use serde_json::json;

use crate::world::{PATIENCE, World, text, until};

/// The refused state is refused with this sentence, and what was applied before holds.
async fn refused(world: &World, declared: &str, sentence: &str) {
    world.apply(&world.declared()).await.done();
    let before = world.carnet(&["export"]).await.done();
    world.apply(declared).await.refused(sentence);
    assert_eq!(world.carnet(&["export"]).await.done(), before, "nothing was changed");
    assert!(world.apply(&world.declared()).await.done().contains("Nothing changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_google_login_under_two_names_is_refused() {
    let world = World::new().await;
    let again = world.google("POST", "accounts", &json!({ "subject": world.subject })).await;
    let token = text(&again, "refresh_token");
    assert_ne!(token, world.refresh_token, "another consent of the same login");
    let twice = format!("{}\n[[google]]\nname = \"home\"\nrefresh_token = \"{token}\"", world.declared());
    refused(&world, &twice, "\"home\" and \"office\" are the same Google login").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_crm_account_under_two_names_is_refused() {
    let world = World::new().await;
    let twice = format!(
        "{}\n[[crm]]\nname = \"other\"\nkind = \"highlevel\"\n[[crm.account]]\nid = \"{}\"",
        world.declared(),
        world.location
    );
    refused(&world, &twice, "is configured under \"centiva\" and \"other\"; one CRM account may be connected once")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_are_missing_are_refused_by_name() {
    let world = World::new().await;
    let token = |reference: &str| world.declared().replace(&world.crm_token, reference);
    refused(&world, &token("env:CENTIVA_TOKEN"), "the environment variable CENTIVA_TOKEN is not set").await;
    refused(&world, &token("file:/nowhere/token"), "the secret file /nowhere/token cannot be read").await;
    refused(&world, &token(""), "a secret is empty").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_with_a_sentence() {
    let world = World::new().await;
    let workflow = "[[crm]]\nname = \"lead\"\nkind = \"highlevel-workflow\"\n[[crm.account]]\nid = \"other\"";
    let signed = format!("{workflow}\n[crm.signature]\nscheme = \"bearer\"\nsecrets = []");
    for (more, sentence) in [
        (workflow, "crm \"lead\" needs a [crm.signature], or anybody could post to its webhook URL"),
        (signed.as_str(), "crm \"lead\": its signature needs secrets"),
        ("[[crn]]\nname = \"x\"", "unknown field `crn`"),
        ("[[google]]\nname = \"home\"\npassword = \"x\"", "unknown field `password`"),
    ] {
        refused(&world, &format!("{}\n{more}", world.declared()), sentence).await;
    }
    let typo = world.declared().replace("label = ", "policy = \"replace\"\nlabel = ");
    refused(&world, &typo, "unknown variant `replace`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_token_that_was_revoked_is_refused() {
    let world = World::new().await;
    world.google("POST", &format!("accounts/{}/revoke", world.subject), &json!({})).await;
    let said = world.apply(&world.declared()).await;
    said.refused("the Google account \"office\" cannot be connected");
    assert_eq!(world.carnet(&["export"]).await.done(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_nobody_knows_is_a_usage_error() {
    let mut world = World::new().await;
    world.set("CARNET_LISTENN", "127.0.0.1:1");
    let said = world.carnet(&["export"]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("CARNET_LISTENN is not a setting of Carnet"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_state_and_holds_no_secret() {
    let world = World::new().await;
    let declared = world.declared();
    world.apply(&declared).await.done();
    assert!(world.apply(&declared).await.done().contains("Nothing changed"), "applied twice");
    let exported = world.carnet(&["export"]).await.done();
    let as_json = world.carnet(&["export", "--json"]).await.done();
    for secret in [&world.crm_token, &world.refresh_token] {
        assert!(!exported.contains(secret) && !as_json.contains(secret), "{exported}");
    }
    assert!(exported.contains("sealed:"), "{exported}");
    assert!(world.apply(&exported).await.done().contains("Nothing changed"), "{exported}");
    assert_eq!(world.carnet(&["export"]).await.done(), exported);

    let settings = Settings::from_texts(world.settings("127.0.0.1:0")).expect("settings");
    let foundation = Foundation::open(&settings).await.expect("a foundation");
    let registry = foundation.registry.load().await.expect("a registry");
    let current = foundation.current(foundation.installation().clone()).await.expect("a configuration");
    let parsed: carnet::config::declared::Declared = toml::from_str(&declared).expect("declared state");
    let printed = format!("{settings:?} {registry:?} {current:?} {parsed:?}");
    for secret in [&world.crm_token, &world.refresh_token, "a secret key for tests", crate::world::CLIENT_SECRET] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains(&world.location), "it prints what it may");
}

/// Everything in a contact that must not be in a log.
const PRIVATE: [&str; 9] =
    ["Aimée", "Durocher", "aimee", "Aimee", "5550123", "555-0123", "Immobilier", "Cerisiers", "Poutine"];

#[tokio::test(flavor = "multi_thread")]
async fn logs_hold_neither_personal_data_nor_secrets() {
    let mut world = World::new().await;
    world.set("CARNET_LOG", "debug");
    world
        .google_seed(&[json!({"names": [{"givenName": "Aimée", "familyName": "Durocher"}],
        "biographies": [{"value": "Poutine"}], "phoneNumbers": [{"value": "514-555-0123"}]})])
        .await;
    world.apply(&world.declared()).await.done();
    let listen = crate::world::process::free_address().await;
    let log = world.dir.path().join("log");
    let file = std::fs::File::create(&log).expect("a file");
    let mut child = world.program(&listen).arg("serve").stderr(Stdio::from(file)).spawn().expect("the program runs");
    world.crm("POST", "webhooks", &json!({"url": format!("http://{listen}/webhooks/centiva")})).await;
    let http = reqwest::Client::new();
    until("the service to be ready", async || {
        http.get(format!("http://{listen}/readyz")).send().await.is_ok_and(|a| a.status().is_success())
    })
    .await;

    let id = world
        .crm_create(json!({"firstName": "Aimée", "lastName": "Durocher", "email": "aimee@exemple.ca",
            "phone": "514-555-0123", "companyName": "Immobilier Nord", "address1": "1 rue des Cerisiers"}))
        .await;
    until("the contact to be in Google", async || world.stamped(&id).await.len() == 1).await;
    world.google_knows_no("AQ").await;
    // Google refuses the country: a dead letter, whose reason is logged.
    let refused = world
        .crm_create(json!({"firstName": "Aimée", "lastName": "Cerisiers", "city": "Laval", "country": "AQ"}))
        .await;
    world.google_fault(json!({"match": "people.updateContact", "kind": "status", "status": 503, "body": "html"})).await;
    world.crm_fault(json!({"path": "/contacts/", "status": 500, "times": 1})).await;
    world.crm_update(&id, json!({"companyName": "Immobilier Cerisiers", "lastName": "Cerisiers"})).await;
    let forged = http.post(format!("http://{listen}/webhooks/centiva")).body("{\"firstName\":\"Aimée\"}").send().await;
    assert_eq!(forged.expect("an answer").status(), 401);
    until("the refused contact to be a dead letter", async || {
        world.carnet(&["dead", "list", "--json"]).await.json().to_string().contains(&refused)
    })
    .await;
    until("the change to be in Google", async || world.only(&id).await.to_string().contains("Immobilier Cerisiers"))
        .await;
    crate::world::process::send("-TERM", child.id().expect("an id"));
    let began = Instant::now();
    assert!(child.wait().await.expect("it ends").success());
    assert!(began.elapsed() < PATIENCE);

    let logged = std::fs::read_to_string(&log).expect("a log");
    assert!(logged.contains("dead letter") && logged.contains("DEBUG"), "{logged}");
    let secrets = [&world.crm_token, &world.refresh_token, "a secret key for tests", crate::world::CLIENT_SECRET];
    for private in PRIVATE.iter().chain(secrets.iter()) {
        let lines: Vec<&str> = logged.lines().filter(|line| line.contains(private)).collect();
        assert_eq!(lines, Vec::<&str>::new(), "{private}");
    }
}
