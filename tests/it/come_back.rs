//! Contacts that leave a sync and come back, those of two syncs of one CRM account into one Google account, and what becomes of
//! writes whose answer nobody has heard.

use carnet::store::journal;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    judge::person,
    process::Apart,
    server::RedisServer,
    until,
    user::{is_released, labels, resource},
};

/// Of both syncs, or of the one there is.
fn buyer() -> Value {
    let mut buyer = person("Buyer", 1);
    buyer["tags"] = json!(["Acheteur"]);
    buyer
}

/// Two syncs of one CRM account into one Google account; the second wants buyers only.
async fn two_syncs(removal: &str) -> World {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\nremoval = \"{removal}\"\n[[sync]]\nname = \"buyers\"\ncrm = \"centiva/{}\"\ngoogle = \"office\"\n\
         label = \"Acheteurs\"\nevery = \"off\"\ntags = [\"acheteur\"]\nremoval = \"{removal}\"",
        world.location
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_two_syncs_hold_is_one_contact_with_both_labels() {
    let world = two_syncs("trash").await;
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    assert_eq!(labels(&world.contact(&name).await), ["Acheteurs", LABEL, "myContacts"]);

    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    service.quiet(&world).await;
    let held = world.contact(&name).await;
    assert_eq!((labels(&held), is_released(&held)), (vec![LABEL.to_owned(), "myContacts".into()], false));
    world.crm_update(&id, json!({"tags": ["acheteur"], "phone": "+15145550155"})).await;
    service.quiet(&world).await;
    let held = world.contact(&name).await;
    assert_eq!(labels(&held), ["Acheteurs", LABEL, "myContacts"], "back under both");
    assert_eq!(values(&held["person"], "phoneNumbers"), ["+15145550155"]);

    world.crm_delete(&id).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new(), "to the trash once no sync holds it");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_that_unlabel_let_go_of_a_contact_together() {
    let world = two_syncs("unlabel").await;
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    world.crm_delete(&id).await;
    service.quiet(&world).await;
    let left = world.contact(&name).await;
    assert_eq!((labels(&left), is_released(&left)), (vec!["myContacts".to_owned()], true));
    service.nothing_left().await;
    service.stop().await;
}

/// An update of Google is carried out and its answer lost, as after a kill; the next try comes a while later.
async fn loses_an_answer(world: &World) {
    world.google_fault(json!({"match": "people.updateContact", "kind": "drop", "when": "after"})).await;
}

/// A service in which the next try takes a while, with a buyer in Google; answers the ids on both sides.
async fn with_buyer(world: &mut World) -> (Service, String, String) {
    world.set("CARNET_TUNE_RETRY_BASE_MS", 3_000);
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(world).await;
    let name = resource(&world.only(&id).await);
    (service, id, name)
}

async fn given(world: &World, name: &str) -> Vec<String> {
    labels(&world.contact(name).await)
}

async fn phones(world: &World, name: &str) -> Vec<String> {
    values(&world.contact(name).await["person"], "phoneNumbers")
}

/// What the journal says was done with a contact, oldest first.
async fn told(service: &Service, id: &str) -> Vec<String> {
    let entries = journal::of_contact(&service.pool, &service.keys(), &service.subject(), id, 100).await;
    entries.expect("the journal").into_iter().rev().map(|entry| entry.action).collect()
}

/// Waits until the service has waited long enough for an answer about a contact.
async fn given_up(service: &Service, id: &str) {
    let marks = service.keys().marks(&service.current.syncs[0].id);
    until("the call to be given up", async || {
        let mut redis = service.pool.get().await.expect("redis");
        let mark: Option<String> = redis.hget(&marks, id).await.expect("a mark");
        mark.is_some_and(|mark| serde_json::from_str::<Value>(&mark).expect("JSON")["tries"].as_u64() > Some(0))
    })
    .await;
}

async fn done(world: &World, service: Service) {
    assert_eq!(world.carnet(&["contact", "refused", "--json"]).await.json(), json!([]), "nobody refused anything");
    service.nothing_left().await;
    service.stop().await;
}

fn one_sync(world: &mut World, removal: &str) {
    world.sync_lines = format!("every = \"off\"\nremoval = \"{removal}\"\ntags = [\"acheteur\"]");
}

/// The label is taken off, nobody hears of it, and the buyer is back, with this changed too.
async fn back_unheard(world: &mut World, stays: &[&str], more: &Value) -> (Service, String, String) {
    let (service, id, name) = with_buyer(world).await;
    let before = given(world, &name).await;
    loses_an_answer(world).await;
    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    until("the label to be off", async || given(world, &name).await == stays).await;
    let mut back = more.clone();
    back["tags"] = json!(["acheteur"]);
    world.crm_update(&id, back).await;
    service.quiet(world).await;
    assert_eq!(given(world, &name).await, before, "we took it off, not the user");
    (service, id, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_back_before_the_taking_off_of_the_label_was_heard_of_is_taken_back() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    let (service, id, name) = back_unheard(&mut world, &["myContacts"], &json!({"phone": "+15145550155"})).await;
    assert_eq!(phones(&world, &name).await, ["+15145550155"]);
    assert_eq!(told(&service, &id).await, ["created", "unlabelled", "updated"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_who_is_back_just_as_before() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    let (service, id, _) = back_unheard(&mut world, &["myContacts"], &json!({})).await;
    assert_eq!(told(&service, &id).await, ["created", "unlabelled", "updated"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_who_is_back_with_one_of_two_syncs() {
    let mut world = two_syncs("unlabel").await;
    let (service, id, _) = back_unheard(&mut world, &[LABEL, "myContacts"], &json!({"phone": "+15145550155"})).await;
    let told = told(&service, &id).await;
    assert_eq!(told.iter().filter(|action| *action == "unlabelled").count(), 1, "{told:?}");
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_who_is_back_though_the_next_write_fails_too() {
    let mut world = two_syncs("unlabel").await;
    world.set("CARNET_TUNE_RETRY_BASE_MS", 1_000);
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    let before = given(&world, &name).await;
    loses_an_answer(&world).await;
    world.google_fault(json!({"match": "people.updateContact", "kind": "status", "status": 503, "times": 2})).await;
    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    until("the label to be off", async || given(&world, &name).await == [LABEL, "myContacts"]).await;
    world.crm_update(&id, json!({"tags": ["acheteur"], "phone": "+15145550155"})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &name).await, before);
    assert_eq!(world.calls("people.updateContact", 503).await, 2);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_given_unheard_is_taken_off_who_no_longer_should_have_it() {
    let mut world = two_syncs("unlabel").await;
    let (service, id, name) = with_buyer(&mut world).await;
    let both = given(&world, &name).await;
    world.crm_update(&id, json!({"tags": []})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &name).await, [LABEL, "myContacts"]);
    loses_an_answer(&world).await;
    world.crm_update(&id, json!({"tags": ["acheteur"]})).await;
    until("the label to be on", async || given(&world, &name).await == both).await;
    world.crm_update(&id, json!({"tags": []})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &name).await, [LABEL, "myContacts"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_unheard_does_not_stay_when_the_crm_says_again_what_it_said() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    let (service, id, name) = with_buyer(&mut world).await;
    let before = phones(&world, &name).await;
    loses_an_answer(&world).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    until("the number to be there", async || phones(&world, &name).await == ["+15145550155"]).await;
    world.crm_update(&id, json!({"phone": buyer()["phone"]})).await;
    service.quiet(&world).await;
    assert_eq!(phones(&world, &name).await, before);
    assert_eq!(told(&service, &id).await, ["created", "updated", "updated"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_knows_of_what_was_written_unheard() {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    world.set("CARNET_REDIS_URL", redis.url());
    one_sync(&mut world, "unlabel");
    let (service, id, name) = with_buyer(&mut world).await;
    service.reconcile().await;
    loses_an_answer(&world).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    until("the number to be there", async || phones(&world, &name).await == ["+15145550155"]).await;
    let silent = format!("locations/{}/contacts/{id}?silent=true", world.location);
    world.crm("PUT", &silent, &json!({"phone": buyer()["phone"]})).await;
    service.stop().await;
    let plan = world.carnet(&["sync", "preview", "phone", "--json"]).await.json();
    assert_eq!((&plan["update"], &plan["unchanged"], &plan["wait"]), (&json!(1), &json!(0), &json!(0)), "{plan:#}");
    let again = world.carnet(&["sync", "preview", "phone", "--json"]).await.json();
    assert_eq!(again["update"], 1, "and looking has changed nothing");
    let service = world.start().await;
    service.quiet(&world).await;
    assert_eq!(phones(&world, &name).await, [buyer()["phone"].as_str().expect("a number")]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_while_an_adoption_may_yet_come() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    world.set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 300).set("CARNET_TUNE_PROPAGATION_MS", 2_000);
    world.set("CARNET_TUNE_RETRY_BASE_MS", 1_000);
    let known = buyer();
    let own = json!({"names": [{"givenName": known["firstName"], "familyName": known["lastName"]}],
        "emailAddresses": [{"value": known["email"]}]});
    let name = world.google_seed(&[own]).await.remove(0);
    let service = world.start().await;
    service.reconcile().await;
    let late = json!({"match": "people.updateContact", "kind": "delay", "when": "before", "ms": 3_000});
    world.google_fault(late).await;
    world.google("PATCH", "modes", &json!({"refuse_concurrent_writes": false})).await;
    let id = world.crm_create(known).await;
    given_up(&service, &id).await;
    let other = json!({"firstName": "Else", "lastName": "Where", "email": "else@example.com", "phone": "+15145550155"});
    world.crm_update(&id, other).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 1, "{:#?}", world.people().await);
    assert_eq!(resource(&world.only(&id).await), name);
    assert!(phones(&world, &name).await.contains(&"+15145550155".to_owned()));
    assert_eq!(told(&service, &id).await, ["adopted", "updated"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_google_certainly_refused_is_not_waited_for() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    world.set("CARNET_TUNE_PROPAGATION_MS", 600_000);
    let (service, id, name) = with_buyer(&mut world).await;
    let before = phones(&world, &name).await;
    let refused = json!({"match": "people.updateContact", "kind": "status", "status": 400});
    world.google_fault(refused).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    until("the refusal", async || world.calls("people.updateContact", 400).await == 1).await;
    world.crm_update(&id, json!({"phone": buyer()["phone"]})).await;
    service.quiet(&world).await;
    assert_eq!(phones(&world, &name).await, before);
    assert_eq!(told(&service, &id).await, ["created"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_comes_late_is_waited_for() {
    let mut world = World::new().await;
    one_sync(&mut world, "unlabel");
    world.set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 300).set("CARNET_TUNE_PROPAGATION_MS", 2_000);
    let (service, id, name) = with_buyer(&mut world).await;
    let before = phones(&world, &name).await;
    let late = json!({"match": "people.updateContact", "kind": "delay", "when": "before", "ms": 3_500});
    world.google_fault(late).await;
    world.google("PATCH", "modes", &json!({"refuse_concurrent_writes": false})).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    given_up(&service, &id).await;
    world.crm_update(&id, json!({"phone": buyer()["phone"]})).await;
    service.quiet(&world).await;
    assert_eq!(phones(&world, &name).await, before, "it has come, and was put right");
    assert_eq!(told(&service, &id).await, ["created", "updated", "updated"]);
    done(&world, service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trashing_that_comes_late_is_not_the_owners_doing() {
    let mut world = World::new().await;
    one_sync(&mut world, "trash");
    world.set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 300).set("CARNET_TUNE_PROPAGATION_MS", 2_000);
    let (service, id, _) = with_buyer(&mut world).await;
    let late = json!({"match": "people.deleteContact", "kind": "delay", "when": "before", "ms": 3_500});
    world.google_fault(late).await;
    world.google("PATCH", "modes", &json!({"refuse_concurrent_writes": false})).await;
    world.crm_update(&id, json!({"tags": []})).await;
    given_up(&service, &id).await;
    world.crm_update(&id, json!({"tags": ["acheteur"]})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &resource(&world.only(&id).await)).await, [LABEL, "myContacts"], "made anew");
    assert_eq!(told(&service, &id).await, ["created", "trashed", "created"]);
    done(&world, service).await;
}

/// Waits until the reconcile is over that follows a loss.
async fn made_up_for(service: &Service) {
    until("the reconcile after the loss", async || {
        service.runs().current().await.ok().flatten().is_some_and(|run| run.why == "redis" && run.is_over())
    })
    .await;
}

/// Nobody knows of what was done after the copy was made.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_go_of_after_the_copy_that_redis_was_put_back_to_is_taken_back() {
    let mut world = World::new().await;
    let mut redis = RedisServer::start().await;
    one_sync(&mut world, "unlabel");
    world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", 100);
    let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    service.reconcile().await;
    let name = resource(&world.only(&id).await);
    let copy = redis.copy();
    world.crm_update(&id, json!({"tags": []})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    assert_eq!(given(&world, &name).await, ["myContacts"]);
    process.victim().kill();
    redis.put_back(&copy).await;
    let silent = format!("locations/{}/contacts/{id}?silent=true", world.location);
    world.crm("PUT", &silent, &json!({"tags": ["acheteur"]})).await;
    let process = world.spawn("again", &settings, &["serve"]);
    made_up_for(&service).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &name).await, [LABEL, "myContacts"]);
    service.nothing_left().await;
    process.victim().kill();
}

/// What the owner refused outlives Redis; the link knows nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_wanted_again_is_given_the_label_whatever_the_link_says() {
    let mut world = World::new().await;
    let mut redis = RedisServer::start().await;
    world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", 100);
    world.sync_lines = "every = \"off\"".into();
    let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    let copy = redis.copy();
    world.user_labels(&name, &[], &[LABEL]).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    service.quiet(&world).await;
    assert_eq!(told(&service, &id).await, ["created", "opted-out"]);
    service.reconcile().await;
    process.victim().kill();
    redis.put_back(&copy).await;
    let process = world.spawn("again", &settings, &["serve"]);
    made_up_for(&service).await;
    assert_eq!(given(&world, &name).await, ["myContacts"], "it is still refused");
    world.command(&settings, &["contact", "restore", &id]);
    service.quiet(&world).await;
    assert_eq!(given(&world, &name).await, [LABEL, "myContacts"]);
    assert_eq!(phones(&world, &name).await, ["+15145550155"]);
    assert_eq!(world.command(&settings, &["contact", "refused", "--json"]).trim(), "[]");
    service.nothing_left().await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taking_off_of_the_label_that_google_refused_first_is_told_once() {
    let mut world = two_syncs("unlabel").await;
    world.set("CARNET_TUNE_RETRY_BASE_MS", 100);
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    world.google_fault(json!({"match": "people.updateContact", "kind": "status", "status": 503})).await;
    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world, &resource(&world.only(&id).await)).await, [LABEL, "myContacts"]);
    let told = told(&service, &id).await;
    assert_eq!(told.iter().filter(|action| *action == "unlabelled").count(), 1, "{told:?}");
    done(&world, service).await;
}
