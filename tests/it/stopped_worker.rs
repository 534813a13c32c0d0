//! A worker is stopped in the middle of a create, for longer than its lease; another one takes over; the first one wakes up
//! and believes that nothing happened.

use std::collections::BTreeMap;

use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{
    Service, World,
    judge::{person, phone},
    process::{Process, free_address},
    server::RedisServer,
    tap::{Tap, Upstream},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_that_a_stopped_worker_finds_when_it_wakes_up_is_not_written_down() {
    story(json!({"match": "people.createContact", "kind": "delay", "when": "after", "ms": 300}), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_all_is_not_written_down() {
    story(json!({"match": "people.createContact", "kind": "delay", "when": "after", "ms": 6000}), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_google_carries_out_after_everybody_gave_it_up_leaves_no_twin() {
    story(json!({"match": "people.createContact", "kind": "delay", "when": "before", "ms": 6000}), 2).await;
}

/// The fault strikes the first create; `made` is how many contacts there are in Google once everybody has done what he began.
async fn story(fault: Value, made: usize) {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    let google = world.google_url.trim_start_matches("http://").to_owned();
    let creates = Tap::open(Upstream::Tcp(google), |sent| sent.starts_with("POST /v1/people:createContact")).await;
    // Google may take a second write while it is still busy with the first.
    world.google("PATCH", "modes", &json!({"refuse_concurrent_writes": false})).await;
    world
        .set("CARNET_REDIS_URL", redis.url())
        .set("CARNET_GOOGLE_API_URL", format!("http://{}", creates.address))
        .set("CARNET_TUNE_LEASE_MS", 1500)
        .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 500)
        .set("CARNET_TUNE_PROPAGATION_MS", 300);
    let settings = world.settings(&free_address().await);
    world.apply_with(&settings);
    let service = world.watch(&redis.url(), &settings).await;
    let first = world.spawn("first", &settings, &["serve"]);
    service.ready().await;
    world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", service.url)})).await;
    world.google("POST", "faults", &fault).await;

    let contact = world.crm_create(person("Sleepy", 1)).await;
    until("the create to be on its way", async || creates.seen() > 0).await;
    first.hold();
    let _second = second(&world, &settings).await;
    until("the second worker to be done", async || service.left().await == (0, 0)).await;
    let link = link_of(&service, &contact).await;
    first.let_go_on();
    until("the first worker to see that it is late", async || {
        world.log("first").contains("another worker has taken the Google account over")
    })
    .await;
    assert_eq!(link_of(&service, &contact).await, link, "a stale commit\n{}", world.log("first"));

    until("Google to have done what it was asked for", async || {
        let log = world.google("GET", "log", &Value::Null).await;
        let entries = log["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().any(|e| e["op"] == "people.createContact" && e["fault"] == "delay")
    })
    .await;
    assert_eq!(world.stamped(&contact).await.len(), made);
    service.reconcile().await;
    world.crm_update(&contact, json!({"phone": phone(2)})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    let wrongs = world.wrongs().await;
    assert!(wrongs.is_empty(), "{wrongs:#?}\n{}\n{}", world.log("first"), world.log("second"));
    assert_eq!(world.people().await.len(), 1);
    service.nothing_left().await;
}

/// Another process with a data directory of its own joins the installation.
async fn second(world: &World, settings: &BTreeMap<String, String>) -> Process {
    let mut settings = settings.clone();
    let listen = free_address().await;
    settings.insert("CARNET_PUBLIC_URL".into(), format!("http://{listen}"));
    settings.insert("CARNET_LISTEN".into(), listen);
    settings.insert("CARNET_DATA_DIR".into(), world.dir.path().join("second").display().to_string());
    world.spawn("second", &settings, &["serve", "--only", "work"])
}

async fn link_of(service: &Service, contact: &str) -> Option<String> {
    let mut redis = service.pool.get().await.expect("redis");
    redis.hget(service.keys().links(&service.subject()), contact).await.expect("a link")
}
