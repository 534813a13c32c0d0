//! Bad days: whatever fails on either side, each contact is in Google exactly once in the end, or in a dead letter with its
//! reason, and nothing is left in the queue.

use carnet::store::keys::GoogleKeys;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{Service, World, google::values, server::RedisServer, text, until};

const CREATE: &str = "people.createContact";
const BATCH: &str = "people.batchCreateContacts";

fn contact(n: usize) -> Value {
    json!({"firstName": format!("Prénom{n}"), "lastName": format!("Nom{n}"), "phone": format!("+1514555{:04}", 1000 + n)})
}

/// That many contacts in the CRM, told by webhooks that come in while nobody works on them, so that they are one batch.
async fn create_together(world: &World, service: &Service, contacts: &[Value]) -> Vec<String> {
    let runs = service.runs();
    runs.set_paused(Some("asked")).await.expect("paused");
    let mut ids = Vec::new();
    for contact in contacts {
        ids.push(world.crm_create(contact.clone()).await);
    }
    world.delivered().await;
    service.due(contacts.len()).await;
    runs.set_paused(None).await.expect("goes on");
    ids
}

async fn each_once(world: &World, ids: &[String]) {
    for id in ids {
        world.only(id).await;
    }
    assert_eq!(world.people().await.len(), ids.len());
    assert_eq!(world.labelled().await.len(), ids.len());
}

/// Contacts are made while this fault strikes; in the end each is there once.
async fn made_in_spite_of(fault: Value, contacts: usize) -> World {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_LEASE_MS", 2500);
    let service = world.start().await;
    world.google_fault(fault).await;
    let contacts: Vec<Value> = (0..contacts).map(contact).collect();
    let ids = create_together(&world, &service, &contacts).await;
    service.quiet(&world).await;
    each_once(&world, &ids).await;
    service.nothing_left().await;
    service.stop().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_after_it_was_done_is_found_by_its_stamp() {
    let world = made_in_spite_of(json!({"match": CREATE, "kind": "drop", "when": "after"}), 1).await;
    assert_eq!(world.calls(CREATE, 200).await, 0, "it was not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_never_arrived_is_looked_for_twice_and_sent_again() {
    let world = made_in_spite_of(json!({"match": CREATE, "kind": "drop", "when": "before"}), 1).await;
    assert_eq!(world.calls(CREATE, 200).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_never_answered_is_settled_by_the_listing() {
    made_in_spite_of(json!({"match": CREATE, "kind": "hang", "when": "after"}), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_googles_front_end_in_place_of_an_answer_makes_no_twin() {
    made_in_spite_of(json!({"match": CREATE, "kind": "status", "status": 503, "body": "html", "when": "after"}), 1)
        .await;
    made_in_spite_of(json!({"match": CREATE, "kind": "status", "status": 503, "body": "html", "times": 2}), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_fails_half_way_the_rest_is_made_and_nobody_twice() {
    let world = made_in_spite_of(json!({"match": BATCH, "kind": "commit_prefix", "items": 4}), 10).await;
    assert_eq!(world.calls(BATCH, 500).await, 1, "the batch was struck");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_is_lost_is_found_by_its_stamps() {
    let world = made_in_spite_of(json!({"match": BATCH, "kind": "drop", "when": "after"}), 9).await;
    assert_eq!((world.calls(BATCH, 0).await, world.calls(BATCH, 200).await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_never_arrived_is_sent_again() {
    made_in_spite_of(json!({"match": BATCH, "kind": "drop", "when": "before"}), 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_limit_per_minute_is_waited_out() {
    let redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let service = world.start().await;
    world.google("PATCH", "limits", &json!({"critical_writes_per_minute": 2})).await;
    let contacts: Vec<Value> = (0..4).map(contact).collect();
    let ids = create_together(&world, &service, &contacts).await;
    until("the limit to be met", async || world.calls(CREATE, 429).await > 0).await;
    assert_eq!(world.people().await.len(), 2);
    assert_eq!(service.left().await, (0, 2), "the others wait");
    world.google("PATCH", "limits", &json!({"critical_writes_per_minute": 6000})).await;
    let service = much_later(&world, service).await;
    service.quiet(&world).await;
    each_once(&world, &ids).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_full_storage_is_left_alone_and_hit_no_more_than_once() {
    let redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let service = world.start().await;
    world.user("POST", "storage-block", json!({"seconds": 3600, "extend_by": 60})).await;
    let id = world.crm_create(contact(1)).await;
    until("the block to be met", async || refusals(&world).await > 0).await;
    let hit = refusals(&world).await;
    // Time for many more tries, had they been allowed: each webhook rings the bell.
    for n in 2..12 {
        world.crm_update(&id, contact(n)).await;
    }
    world.delivered().await;
    until("the changes to be marked", async || service.left().await.0 == 0).await;
    assert_eq!(refusals(&world).await, hit, "each try would make it longer");
    world.user("POST", "storage-block", json!({"seconds": 0})).await;
    let service = much_later(&world, service).await;
    service.quiet(&world).await;
    each_once(&world, &[id]).await;
    service.nothing_left().await;
    service.stop().await;
}

/// 429 answers of the People API.
async fn refusals(world: &World) -> u64 {
    let log = world.google("GET", "log", &Value::Null).await;
    let counters = log["counters"].as_object().cloned().unwrap_or_default();
    counters.values().filter_map(|by_status| by_status["429"].as_u64()).sum()
}

/// As when the time of a pause has passed: what Google has taught is forgotten, and the service starts anew on the same
/// Redis, in which nobody writes meanwhile.
async fn much_later(world: &World, service: Service) -> Service {
    let (pool, key) = (service.pool.clone(), GoogleKeys::new(&service.subject()).state());
    service.stop().await;
    let _: () = pool.get().await.expect("redis").hdel(key, "budget").await.expect("forgotten");
    world.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contact_that_google_refuses_does_not_stop_the_others() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_LEASE_MS", 2500);
    let service = world.start().await;
    let mut contacts: Vec<Value> = (0..8).map(contact).collect();
    // A country that this Google does not know.
    world.google_knows_no("AQ").await;
    contacts[3]["country"] = "AQ".into();
    contacts[3]["city"] = "Laval".into();
    let mut ids = create_together(&world, &service, &contacts).await;
    service.quiet(&world).await;
    assert_eq!(world.calls(BATCH, 400).await, 1, "they went together at first");
    let refused = ids.remove(3);
    each_once(&world, &ids).await;

    let letters = world.carnet(&["dead", "list", "--json"]).await.json();
    assert_eq!(letters.as_array().map(Vec::len), Some(1), "{letters:#}");
    let (letter, id) = (&letters[0], text(&letters[0], "id"));
    assert_eq!((&letter["contact"], &letter["reason"]), (&json!(refused), &json!("rejected_by_google")));
    assert!(!letters.to_string().contains("Laval"), "what the contact holds is not for lists: {letters:#}");
    let listed = world.carnet(&["dead", "list"]).await.done();
    assert!(listed.contains(&refused) && listed.contains("Google refused what was sent"), "{listed}");
    let shown = world.carnet(&["dead", "show", &id]).await.done();
    assert!(shown.contains("sync      phone") && !shown.contains("Laval") && !shown.contains("AQ"), "{shown}");
    let shown = world.carnet(&["dead", "show", &id, "--reveal"]).await.done();
    assert!(shown.contains("Invalid country code: AQ") && shown.contains("Laval"), "Google's words: {shown}");

    // The cause is not gone: it comes back, as another letter.
    world.carnet(&["dead", "replay", &id]).await.done();
    service.quiet(&world).await;
    let again = text(&world.carnet(&["dead", "list", "--json"]).await.json()[0], "id");
    assert_ne!(again, id);
    world.carnet(&["dead", "show", &id]).await.refused("there is no dead letter");
    world.carnet(&["dead", "show", "nonsense"]).await.refused("is no id of a dead letter");

    let path = format!("locations/{}/contacts/{refused}?silent=true", world.location);
    world.crm("PUT", &path, &json!({"country": "CA"})).await;
    world.carnet(&["dead", "replay", &again]).await.done();
    service.quiet(&world).await;
    assert_eq!(world.only(&refused).await["addresses"][0]["countryCode"], "CA");
    assert_eq!(world.carnet(&["dead", "list"]).await.done().trim(), "There are no dead letters.");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_can_be_discarded() {
    let world = World::new().await;
    let service = world.start().await;
    world.google_knows_no("AQ").await;
    let id = world.crm_create(json!({"firstName": "Luc", "lastName": "Roy", "city": "Laval", "country": "AQ"})).await;
    service.quiet(&world).await;
    let letters = world.carnet(&["dead", "list", "--json"]).await.json();
    assert_eq!(letters[0]["contact"], json!(id));
    world.carnet(&["dead", "discard", &text(&letters[0], "id"), "--because", "a test"]).await.done();
    assert_eq!(world.people().await.len(), 0);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_contact_that_google_refuses_does_not_stop_the_others() {
    let world = World::new().await;
    let service = world.start().await;
    let contacts: Vec<Value> = (0..8).map(contact).collect();
    let ids = create_together(&world, &service, &contacts).await;
    service.quiet(&world).await;
    service.runs().set_paused(Some("asked")).await.expect("paused");
    world.google_knows_no("AQ").await;
    for (n, id) in ids.iter().enumerate() {
        let country = if n == 5 { "AQ" } else { "CA" };
        world.crm_update(id, json!({"city": "Laval", "country": country})).await;
    }
    world.delivered().await;
    service.due(8).await;
    service.runs().set_paused(None).await.expect("goes on");
    service.quiet(&world).await;
    for (n, id) in ids.iter().enumerate() {
        let city = if n == 5 { Value::Null } else { json!("Laval") };
        assert_eq!(world.only(id).await["addresses"][0]["city"], city, "{n}");
    }
    let letters = world.carnet(&["dead", "list", "--json"]).await.json();
    assert_eq!(letters.as_array().map(Vec::len), Some(1), "{letters:#}");
    assert_eq!(letters[0]["contact"], json!(ids[5]));
    world.crm_update(&ids[5], json!({"country": "CA"})).await;
    service.quiet(&world).await;
    assert_eq!(world.only(&ids[5]).await["addresses"][0]["city"], "Laval", "the next change mends it");
    // The letter went with it.
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_the_user_edits_between_reading_and_writing_is_merged_again() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(contact(1)).await;
    service.quiet(&world).await;
    let name = crate::world::user::resource(&world.only(&id).await);
    // The reading comes late, and the user has edited the contact when the change arrives.
    world.google_fault(json!({"match": "people.updateContact", "kind": "delay", "ms": 600})).await;
    world.crm_update(&id, json!({"companyName": "Courtage Nord"})).await;
    until("the contact to be read", async || world.calls("people.getBatchGet", 200).await > 0).await;
    world
        .user_edits(&name, json!({"phoneNumbers": [{"value": "514 555-0199"}], "nicknames": [{"value": "Ti-Jean"}]}))
        .await;
    service.quiet(&world).await;
    let now = world.only(&id).await;
    assert_eq!(now["organizations"][0]["name"], "Courtage Nord");
    assert_eq!(
        (values(&now, "phoneNumbers"), values(&now, "nicknames")),
        (vec!["514 555-0199".into()], vec!["Ti-Jean".into()])
    );
    assert_eq!(world.calls("people.updateContact", 400).await, 1, "the first try met a stale etag");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_sync_token_is_a_full_listing_and_no_twin() {
    let world = World::new().await;
    let service = world.start().await;
    let mut ids = vec![world.crm_create(contact(1)).await];
    service.quiet(&world).await;
    for (days, gone) in [(8, false), (8, true)] {
        world.google("PATCH", "modes", &json!({ "sync_expiry_is_410": gone })).await;
        world.google("POST", "clock/advance", &json!({ "seconds": days * 86_400 })).await;
        service.reconcile().await;
        service.quiet(&world).await;
        ids.push(world.crm_create(contact(2 + ids.len())).await);
        service.quiet(&world).await;
        each_once(&world, &ids).await;
    }
    let refused = world.calls("people.connections.list", 400).await + world.calls("people.connections.list", 410).await;
    assert!(refused >= 2, "the token was refused both times");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_tokens_that_are_never_taken_mean_a_full_listing_now_and_then() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_PROPAGATION_MS", 1500);
    world.google("PATCH", &format!("accounts/{}/limits", world.subject), &json!({"sync_token_days": 0})).await;
    let service = world.start().await;
    service.reconcile().await;
    let began = std::time::Instant::now();
    let mut ids = Vec::new();
    for number in 1..=3 {
        world.google("POST", "clock/advance", &json!({"seconds": 1})).await;
        ids.push(world.crm_create(contact(number)).await);
        service.quiet(&world).await;
    }
    each_once(&world, &ids).await;
    let refused = world.calls("people.connections.list", 400).await;
    let windows = u64::try_from(began.elapsed().as_millis() / 1500).expect("small");
    assert!(refused >= 1, "no token was refused");
    // Each refusal within the window ends the slice; it is tried again after the window, not at once.
    assert!(refused <= 2 * windows + 4, "{refused} refusals in {windows} windows");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_google_account_waits_and_the_other_goes_on() {
    let mut world = World::new().await;
    let (_, token) = world.another_google().await;
    world.sync_lines = format!(
        "every = \"off\"\n[[google]]\nname = \"home\"\nrefresh_token = \"{token}\"\n[[sync]]\nname = \"home-phone\"\n\
         crm = \"centiva/{}\"\ngoogle = \"home\"\nlabel = \"Centiva\"\nevery = \"off\"",
        world.location
    );
    let service = world.start().await;
    let first = world.crm_create(contact(1)).await;
    service.quiet(&world).await;
    world.user("POST", "revoke", json!({})).await;
    let second = world.crm_create(contact(2)).await;
    world.delivered().await;
    let listed = async || world.carnet(&["sync", "list", "--json"]).await.json();
    until("the account to be paused", async || listed().await[0]["state"] == "failed").await;
    until("the other account to be done", async || listed().await[1]["waiting"] == 0).await;
    let table = world.carnet(&["sync", "list"]).await.done();
    assert!(table.contains("phone") && table.contains("failed: ") && table.contains("connect"), "{table}");
    assert_eq!(listed().await[0]["waiting"], 1);
    let other = &service.current.syncs.iter().find(|s| s.spec.name == "home-phone").expect("a sync").google;
    let other = other.as_ref().expect("a Google account").subject.clone();
    let dump = world.google("GET", &format!("accounts/{other}"), &Value::Null).await;
    assert_eq!(dump["contacts"].as_array().map(Vec::len), Some(2), "the other account has both");

    let again = world.google("POST", "accounts", &json!({ "subject": world.subject })).await;
    let declared = world.declared().replace(&world.refresh_token, &text(&again, "refresh_token"));
    assert!(world.apply(&declared).await.done().contains("~ google office"));
    service.quiet(&world).await;
    each_once(&world, &[first, second]).await;
    assert_eq!(listed().await[0]["state"], "up to date");
    service.nothing_left().await;
    service.stop().await;
}

/// A contact is made while the CRM answers like this; the contact waits, and is written once the CRM answers again.
async fn waits_for_the_crm(fault: Value, why: &str) {
    let world = World::new().await;
    let service = world.start().await;
    world.crm_fault(fault).await;
    let id = world.crm_create(contact(1)).await;
    world.delivered().await;
    until(why, async || why_it_waits(&service, &id).await.as_deref() == Some(why)).await;
    assert_eq!(world.people().await.len(), 0);
    world.fair_weather().await;
    world.crm_update(&id, json!({"lastName": "Roy"})).await;
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["names"][0]["familyName"], "Roy");
    service.nothing_left().await;
    service.stop().await;
}

async fn why_it_waits(service: &Service, contact: &str) -> Option<String> {
    let mut redis = service.pool.get().await.expect("redis");
    let mark: Option<String> =
        redis.hget(service.keys().marks(&service.current.syncs[0].id), contact).await.expect("a mark");
    let mark: Value = serde_json::from_str(&mark?).expect("JSON");
    mark["why"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_wait_while_the_crm_refuses_the_token() {
    waits_for_the_crm(json!({"path": "/contacts/", "status": 401}), "crm_access").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_wait_while_the_crm_asks_to_slow_down() {
    waits_for_the_crm(json!({"path": "/contacts/", "status": 429, "retryAfter": 1}), "crm_rate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_wait_while_the_crm_fails() {
    waits_for_the_crm(json!({"path": "/contacts/", "status": 500}), "crm_unavailable").await;
    waits_for_the_crm(json!({"path": "/contacts/", "drop": true}), "crm_unavailable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_keeps_failing_for_a_contact_ends_in_a_dead_letter_that_can_be_replayed() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_RETRY_ATTEMPTS", 2);
    let service = world.start().await;
    world.crm_fault(json!({"path": "/contacts/", "status": 502})).await;
    let id = world.crm_create(contact(1)).await;
    service.quiet(&world).await;
    let letters = world.carnet(&["dead", "list", "--json"]).await.json();
    assert_eq!((&letters[0]["contact"], &letters[0]["reason"]), (&json!(id), &json!("crm_keeps_failing")));
    world.fair_weather().await;
    world.carnet(&["dead", "replay", &text(&letters[0], "id")]).await.done();
    service.quiet(&world).await;
    each_once(&world, &[id]).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_after_the_reconciles_page_was_read_is_not_missed() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(contact(1)).await;
    service.quiet(&world).await;
    // A missed webhook, found by the reconcile; Google cannot be reached, so what its page said is kept for later.
    world.google_fault(json!({"match": "people.getBatchGet", "kind": "status", "status": 503, "times": 1000})).await;
    let path = format!("locations/{}/contacts/{id}?silent=true", world.location);
    world.crm("PUT", &path, &json!({"companyName": "Courtage Nord"})).await;
    service.runs().want("asked").await.expect("asked");
    until("the page to be kept", async || {
        service.runs().readings(std::slice::from_ref(&id)).await.expect("readings")[0].is_some()
    })
    .await;
    world.crm_update(&id, json!({"companyName": "Courtage Sud"})).await;
    world.delivered().await;
    until("the change to be marked", async || service.left().await == (0, 1)).await;
    world.fair_weather().await;
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["organizations"][0]["name"], "Courtage Sud");
    service.nothing_left().await;
    service.stop().await;
}
