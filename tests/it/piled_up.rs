//! What cannot be worked off now waits as far as there is room; then senders are asked to come again, by whichever process takes
//! the events. Nothing that was acknowledged is lost.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    events::LOCATION,
    samples::WORKFLOW,
    world::{LABEL, World, judge::person, process::free_address, server::RedisServer, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn without_workers_the_door_is_shut_before_redis_is_full() {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", 50).set("CARNET_TUNE_STREAM_MAX", 20);
    let settings = world.settings(&free_address().await);
    let own = |name: &str| {
        let mut own = settings.clone();
        own.insert("CARNET_DATA_DIR".into(), world.dir.path().join(name).display().to_string());
        own
    };
    // The first of all on an empty Redis, with a data directory that was not there before: it cannot know whether this Redis is
    // new or lost, and leaves the beginning to others.
    let web = world.spawn("web", &own("web"), &["serve", "--only", "web"]);
    until("it to say what it waits for", async || world.log("web").contains("this Redis is empty")).await;
    world.apply_with(&settings);
    let service = world.watch(&redis.url(), &settings).await;
    let contact = world.crm_create(person("Anne", 1)).await;
    let alive = format!("{}/healthz", service.url);
    until("it to listen", async || world.http.get(&alive).send().await.is_ok()).await;
    until("the door to open", async || world.knock(&service.url, &contact).await.0 == 202).await;
    until("the door to be shut", async || world.knock(&service.url, "nobody").await.0 == 429).await;
    assert!(world.log("web").contains("too much waits"), "{}", world.log("web"));

    let mut at_work = own("work");
    at_work.insert("CARNET_LISTEN".into(), free_address().await);
    let work = world.spawn("work", &at_work, &["serve", "--only", "work"]);
    until("the door to open again", async || world.knock(&service.url, "nobody").await.0 == 202).await;
    until("everything to be worked off", async || service.left().await == (0, 0)).await;
    assert_eq!(world.stamped(&contact).await.len(), 1, "what was taken before is there");
    service.nothing_left().await;
    web.victim().kill();
    work.victim().kill();
}

/// In limited mode a body is all that will ever be known of a contact, so it is kept; but a sync that stands still for long must
/// not fill Redis for everybody.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_wait_for_a_paused_sync_shut_the_door_of_their_account_alone() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_SWEEP_MS", 50).set("CARNET_TUNE_BODIES_MAX", 100_000);
    let sync = format!(
        "[[sync]]\nname = \"leads\"\ncrm = \"lead/{LOCATION}\"\ngoogle = \"office\"\nlabel = \"{LABEL}\"\nevery = \"off\"\n"
    );
    let service = world.start_bare(&format!("{}\n{WORKFLOW}\n{sync}", world.declared())).await;
    let post = async |number: usize| {
        let body = json!({
            "contact_id": format!("lead{}", number % 3), "first_name": "Luc", "last_name": format!("Roy{}", number % 3),
            "phone": format!("+1514555{:04}", number % 3), "company_name": format!("Maison {number}"),
            "notes": "x".repeat(2_000), "location": {"id": LOCATION},
        });
        let request = world.http.post(format!("{}/webhooks/lead", service.url)).json(&body);
        let answer = request.header("X-Carnet-Token", "workflow-secret").send().await.expect("an answer");
        answer.status().as_u16()
    };
    world.carnet(&["sync", "pause", "leads"]).await.done();
    let (mut sent, mut last) = (0, [0; 3]);
    until("the door to be shut", async || {
        sent += 1;
        let status = post(sent).await;
        if status == 202 {
            last[sent % 3] = sent;
        }
        status == 429
    })
    .await;
    assert_eq!(world.knock(&service.url, "nobody").await.0, 202, "other accounts' events are taken");

    world.carnet(&["sync", "resume", "leads"]).await.done();
    let companies = async || -> BTreeSet<String> {
        let company = |person: &Value| person["organizations"][0]["name"].as_str().map(str::to_owned);
        world.people().await.iter().filter_map(company).collect()
    };
    let expected: BTreeSet<String> = last.iter().map(|number| format!("Maison {number}")).collect();
    until("everything to be worked off", async || service.left().await == (0, 0)).await;
    assert_eq!(companies().await, expected, "each contact as the last event that was taken said");
    until("the door to open again", async || post(3).await == 202).await;
    until("everything to be worked off", async || service.left().await == (0, 0)).await;
    assert_eq!(world.people().await.len(), 3, "nobody is twice");
    service.nothing_left().await;
    service.stop().await;
}
