//! Dead letters: looked at, replayed as a run, discarded; and never more than one of a contact.

use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{Service, World, text, until};

const TOKEN: &str = "the api token";

/// So many contacts that this Google refuses, and as many that it takes.
const REFUSED: usize = 4;

/// A world with dead letters, and the refused contacts.
async fn graveyard() -> (World, Service, Vec<String>) {
    let mut world = World::new().await;
    world.set("CARNET_API_TOKEN", TOKEN);
    world.sync_lines = "every = \"off\"\ntags = [\"client\"]".into();
    world.google_knows_no("AQ").await;
    let id = |number: usize| format!("client{number}");
    let contact = |number: usize| {
        let country = if number < REFUSED { "AQ" } else { "CA" };
        json!({"id": id(number), "firstName": format!("Luc{number}"), "lastName": "Roy", "city": "Laval", "country": country, "tags": ["client"]})
    };
    world.crm_seed(&(0..2 * REFUSED).map(contact).collect::<Vec<_>>()).await;
    let service = world.start().await;
    service.reconcile().await;
    service.quiet(&world).await;
    (world, service, (0..REFUSED).map(id).collect())
}

async fn list(world: &World, more: &[&str]) -> Vec<Value> {
    let told = world.carnet(&[&["dead", "list", "--json"], more].concat()).await.json();
    told.as_array().cloned().unwrap_or_default()
}

fn contacts(letters: &[Value]) -> Vec<String> {
    let mut all: Vec<String> = letters.iter().map(|letter| text(letter, "contact")).collect();
    all.sort();
    all
}

/// A change in the CRM that no webhook tells of.
async fn change(world: &World, contact: &str, fields: Value) {
    let path = format!("locations/{}/contacts/{contact}?silent=true", world.location);
    let method = if fields.is_null() { "DELETE" } else { "PUT" };
    world.crm(method, &path, &fields).await;
}

async fn mend(world: &World, contact: &str) {
    change(world, contact, json!({"country": "CA"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_found_by_what_is_known_of_them_and_shown_without_what_they_hold() {
    let (world, service, refused) = graveyard().await;
    let letters = list(&world, &[]).await;
    assert_eq!(contacts(&letters), refused);
    for (filter, found) in [
        (["--reason", "rejected_by_google"], REFUSED),
        (["--reason", "crm_keeps_failing"], 0),
        (["--sync", "phone"], REFUSED),
        (["--contact", &refused[0]], 1),
        (["--since", "1h"], REFUSED),
        (["--since", "2999-01-01"], 0),
        (["--until", "2000-01-01T00:00:00Z"], 0),
    ] {
        assert_eq!(list(&world, &filter).await.len(), found, "{filter:?}");
    }
    world.carnet(&["dead", "list", "--sync", "nobody"]).await.refused("there is no sync named \"nobody\"");
    world.carnet(&["dead", "list", "--since", "yesterday"]).await.refused("is no time; write");

    let letter = letters.iter().find(|letter| letter["contact"] == json!(refused[0])).expect("its letter");
    assert_eq!((&letter["class"], &letter["rounds"], &letter["crm"]), (&json!("data"), &json!(1), &json!(crm(&world))));
    assert_eq!(
        letter["attempts"].as_array().and_then(|all| all.last()).map(|last| &last["why"]),
        Some(&json!("rejected_by_google"))
    );
    let shown = world.carnet(&["dead", "show", &text(letter, "id")]).await.done();
    assert!(!shown.contains("Laval") && !shown.contains("Luc") && !shown.contains("AQ"), "{shown}");
    assert!(shown.contains("\"city\": \"•••\"") && shown.contains("correct the contact in the CRM"), "{shown}");
    let journal = async || {
        let shown = world.carnet(&["contact", "show", &refused[0], "--json"]).await.json();
        shown.to_string().matches("a dead letter was shown unmasked").count()
    };
    assert_eq!(journal().await, 0);
    let shown = world.carnet(&["dead", "show", &text(letter, "id"), "--reveal"]).await.done();
    assert!(shown.contains("Laval") && shown.contains("Invalid country code: AQ"), "{shown}");
    assert_eq!(journal().await, 1, "whoever looks leaves a trace");

    let all = ["dead", "discard", "--all", "--because", "they are penguins"];
    let counted = world.carnet(&all).await.done();
    assert!(counted.contains("4 dead letters: 4 rejected_by_google"), "{counted}");
    assert_eq!(list(&world, &[]).await.len(), REFUSED, "only counted");
    let gone = world.carnet(&[&all[..], &["--yes", "--json"]].concat()).await.json();
    assert_eq!(gone["discarded"].as_array().map(Vec::len), Some(REFUSED));
    let told = world.carnet(&["contact", "show", &refused[0], "--json"]).await.json();
    assert!(told.to_string().contains("dead letter: they are penguins"), "{told:#}");
    service.nothing_left().await;
    service.stop().await;
}

fn crm(world: &World) -> String {
    format!("centiva/{}", world.location)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_foreseen_and_then_a_run_with_a_report() {
    let (world, service, refused) = graveyard().await;
    let before = list(&world, &[]).await;
    // One is mended, one is gone from the CRM, one has been made good by a webhook meanwhile, one is as it was.
    mend(&world, &refused[0]).await;
    change(&world, &refused[1], Value::Null).await;
    world.crm_update(&refused[2], json!({"country": "CA"})).await;
    service.quiet(&world).await;
    assert_eq!(contacts(&list(&world, &[]).await).len(), 3, "the letter of what is done with goes by itself");

    let foreseen = world.carnet(&["dead", "replay", "--all", "--json"]).await.json();
    let outlook = |contact: &str| {
        let letters = foreseen["letters"].as_array().expect("letters");
        letters.iter().find(|l| l["contact"] == json!(contact)).map(|l| text(l, "outlook")).unwrap_or_default()
    };
    let outlooks = [&refused[0], &refused[1], &refused[3]].map(|contact| outlook(contact));
    assert_eq!(outlooks, ["would-write", "superseded", "would-write"], "{foreseen:#}");
    let said = world.carnet(&["dead", "replay", "--all"]).await.done();
    assert!(
        said.contains("3 dead letters: 3 rejected_by_google.\nOf them 2 would be written, 1 are done with"),
        "{said}"
    );
    assert_eq!(list(&world, &[]).await.len(), 3, "nothing was done");

    let reconciled = service.runs().last_reconcile().await.expect("a time");
    let done = world.carnet(&["dead", "replay", "--all", "--yes", "--json"]).await.json();
    let now = service.runs().last_reconcile().await.expect("a time");
    assert!(reconciled.is_some() && now == reconciled, "the next reconcile is due as before");
    let run = &done["runs"][0]["run"];
    assert_eq!(
        (&run["kind"], &run["state"], &run["marked"]),
        (&json!("replay"), &json!("done"), &json!(3)),
        "{done:#}"
    );
    assert_eq!((&run["counts"]["created"], &run["counts"]["dead"]), (&json!(1), &json!(1)), "{done:#}");
    let left = list(&world, &[]).await;
    assert_eq!((contacts(&left), &left[0]["rounds"]), (vec![refused[3].clone()], &json!(2)));
    let old = before.iter().find(|letter| letter["contact"] == json!(refused[3])).expect("its letter");
    assert_eq!(left[0]["first"], old["first"], "it is known since when");
    let runs = world.carnet(&["sync", "runs", "phone"]).await.done();
    assert!(runs.contains("replay"), "{runs}");
    // Once more: nothing changes but the count.
    world.carnet(&["dead", "replay", &text(&left[0], "id")]).await.done();
    assert_eq!(list(&world, &[]).await[0]["rounds"], json!(3));
    world.carnet(&["dead", "discard", "--all", "--because", "done", "--yes"]).await.done();
    assert_eq!(world.people().await.len(), REFUSED + 2);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_cancelled_or_that_nobody_serves_loses_no_letter() {
    let (world, service, refused) = graveyard().await;
    for contact in &refused {
        mend(&world, contact).await;
    }
    world.google_fault(json!({"match": "people.createContact", "kind": "delay", "ms": 300, "p": 1.0})).await;
    world.google_fault(json!({"match": "people.connections.list", "kind": "delay", "ms": 300, "p": 1.0})).await;
    let replaying = world.carnet(&["dead", "replay", "--all", "--yes"]);
    let cancelling = async {
        until("it to go on", async || service.runs().current().await.expect("runs").is_some_and(|r| !r.is_over()))
            .await;
        world.carnet(&["dead", "replay", "--all", "--yes"]).await.refused("of \"phone\" is going on; wait for its end");
        world.carnet(&["sync", "cancel", "phone"]).await.done();
    };
    let (said, ()) = tokio::join!(replaying, cancelling);
    said.refused("a replay did not come to its end");
    service.quiet(&world).await;
    let left = list(&world, &[]).await.len();
    assert_eq!(left + world.people().await.len(), 2 * REFUSED, "a letter or a contact of each");
    world.fair_weather().await;
    service.stop().await;
    // Without a service the command does it by itself.
    let said = world.carnet(&["dead", "replay", "--all", "--yes"]).await.done();
    assert!(said.contains("phone: Run ") || left == 0, "{said}");
    assert_eq!((list(&world, &[]).await, world.people().await.len()), (vec![], 2 * REFUSED));
    assert_eq!(
        world.carnet(&["dead", "replay", "--all", "--yes"]).await.done().trim(),
        "There are no such dead letters."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_takes_the_letters_of_what_is_done_with_by_other_ways() {
    let (world, service, refused) = graveyard().await;
    let linked = format!("client{REFUSED}");
    world.crm_update(&linked, json!({"country": "AQ"})).await;
    until("its update to be refused", async || list(&world, &[]).await.len() == REFUSED + 1).await;
    // None of these is told by a webhook: put back as it was, gone from the CRM, out of the filter. One stays as it is.
    mend(&world, &linked).await;
    change(&world, &refused[0], Value::Null).await;
    change(&world, &refused[1], json!({"tags": []})).await;
    mend(&world, &refused[2]).await;
    let run = service.reconcile().await;
    assert_eq!((run.counts["created"], run.counts["dead"]), (1, 1), "{run:#?}");
    let left = list(&world, &[]).await;
    assert_eq!((contacts(&left), &left[0]["rounds"]), (vec![refused[3].clone()], &json!(2)));
    mend(&world, &refused[3]).await;
    service.reconcile().await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_lists_shows_replays_and_discards() {
    let (world, service, refused) = graveyard().await;
    let ask = async |method: reqwest::Method, path: &str, body: Value| {
        let url = format!("{}/api/v1/dead{path}", service.url);
        let mut call = world.http.request(method, url).bearer_auth(TOKEN);
        if !body.is_null() {
            call = call.json(&body);
        }
        let answer = call.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (get, post) = (reqwest::Method::GET, reqwest::Method::POST);
    let (_, listed) = ask(get.clone(), &format!("?contact={}", refused[0]), Value::Null).await;
    let id = text(&listed["letters"][0], "id");
    assert_eq!(listed["letters"].as_array().map(Vec::len), Some(1));
    assert_eq!(ask(get.clone(), "?colour=red", Value::Null).await.1["error"]["code"], "bad_query");
    assert_eq!(ask(get.clone(), "?since=soon", Value::Null).await.0, 400);
    assert_eq!(ask(get.clone(), "/1-1", Value::Null).await.0, 404);
    let shown =
        async |more: &str| ask(get.clone(), &format!("/{id}{more}"), Value::Null).await.1["payload"].to_string();
    let (masked, revealed) = (shown("").await, shown("?reveal=true").await);
    assert!(masked.contains("\"city\":\"•••\"") && !masked.contains("Laval"), "{masked}");
    assert!(revealed.contains("\"city\":\"Laval\""), "{revealed}");

    assert_eq!(ask(post.clone(), "/replay", json!({})).await.1["error"]["code"], "bad_body");
    let (_, foreseen) = ask(post.clone(), "/replay", json!({"all": {"contact": refused[0]}})).await;
    assert_eq!(foreseen["syncs"][0]["letters"][0]["outlook"], "would-write", "{foreseen:#}");
    mend(&world, &refused[0]).await;
    let (_, begun) = ask(post.clone(), "/replay", json!({"ids": [id], "apply": true})).await;
    assert_eq!(begun["syncs"][0]["sync"], "phone", "{begun:#}");
    until("it to be made", async || !world.stamped(&refused[0]).await.is_empty()).await;
    until("its letter to go", async || list(&world, &[]).await.len() == REFUSED - 1).await;

    let all = json!({"all": {}, "apply": true});
    assert_eq!(ask(post.clone(), "/discard", all.clone()).await.1["error"]["code"], "bad_body", "not without a reason");
    assert_eq!(ask(post.clone(), "/discard", json!({"all": {}})).await.1["letters"], REFUSED - 1);
    let mut because = all;
    because["because"] = json!("a test");
    assert_eq!(ask(post, "/discard", because).await.1["discarded"].as_array().map(Vec::len), Some(REFUSED - 1));
    until("the run to end", async || service.runs().current().await.expect("runs").is_none_or(|run| run.is_over()))
        .await;
    service.nothing_left().await;
    service.stop().await;
}

/// Of hundreds of accounts one is always without access.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_access_keeps_no_other_letters_waiting() {
    let mut world = World::new().await;
    let (_, token) = world.another_google().await;
    world.google_knows_no("AQ").await;
    world.sync_lines = format!(
        "every = \"off\"\n[[google]]\nname = \"home\"\nrefresh_token = \"{token}\"\n[[sync]]\nname = \"home-phone\"\n\
         crm = \"centiva/{}\"\ngoogle = \"home\"\nlabel = \"Centiva\"\nevery = \"off\"",
        world.location
    );
    let service = world.start().await;
    let contact = json!({"firstName": "Luc", "lastName": "Roy", "country": "AQ", "city": "Laval"});
    let luc = world.crm_create(contact).await;
    until("a letter of each", async || list(&world, &[]).await.len() == 2).await;
    world.user("POST", "revoke", json!({})).await;
    world.crm_create(json!({"firstName": "Léa", "lastName": "Roy"})).await;
    world.delivered().await;
    let listed = async || world.carnet(&["sync", "list", "--json"]).await.json();
    until("the account to be paused", async || listed().await[0]["state"] == "failed").await;
    until("the other account to be done", async || listed().await[1]["waiting"] == 0).await;
    mend(&world, &luc).await;

    let said = world.carnet(&["dead", "replay", "--all"]).await.done();
    assert!(said.contains("2 dead letters: 2 rejected_by_google.\nOf them 1 would be written"), "{said}");
    assert!(said.contains("phone (1 letters): the Google account \"office\" is paused: "), "{said}");
    let done = world.carnet(&["dead", "replay", "--all", "--yes", "--json"]).await.json();
    assert_eq!((&done["runs"][0]["sync"], &done["runs"][1]), (&json!("home-phone"), &Value::Null), "{done:#}");
    assert_eq!((&done["not_now"][0]["sync"], &done["not_now"][0]["code"]), (&json!("phone"), &json!("account_paused")));
    let left = list(&world, &[]).await;
    assert_eq!((left.len(), &left[0]["sync"]), (1, &json!("phone")), "{left:#?}");
    world.carnet(&["dead", "replay", &text(&left[0], "id")]).await.refused("is paused");

    let again = world.google("POST", "accounts", &json!({ "subject": world.subject })).await;
    let declared = world.declared().replace(&world.refresh_token, &text(&again, "refresh_token"));
    world.apply(&declared).await.done();
    service.quiet(&world).await;
    world.carnet(&["dead", "replay", "--all", "--yes"]).await.done();
    assert_eq!((list(&world, &[]).await, world.people().await.len()), (vec![], 2));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_nobody_looks_after_expire_and_that_is_counted() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_DEAD_AGE_MS", 1);
    world.google_knows_no("AQ").await;
    world.crm_seed(&[json!({"firstName": "Luc", "lastName": "Roy", "country": "AQ", "city": "Laval"})]).await;
    let service = world.start().await;
    let run = service.reconcile().await;
    assert_eq!(run.counts["dead"], 1, "the report keeps the count: {run:#?}");
    until("the letter to go", async || list(&world, &[]).await.is_empty()).await;
    let held: u64 = service
        .pool
        .get()
        .await
        .expect("redis")
        .exists(service.keys().dead_of(&service.current.syncs[0].id))
        .await
        .expect("a number");
    assert_eq!(held, 0, "nor is it remembered");
    service.nothing_left().await;
    service.stop().await;
}
