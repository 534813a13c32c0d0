//! A run is undone, and a sync is left: the account is as it was before, but for what its owner changed in between.

mod cancelled;
mod leave;
mod owner;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use carnet::reconcile::undo::{What, begin, choose, undos_of};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use redis::AsyncCommands as _;

use crate::{
    model::{ground::Ground as _, on_a_tall_stack, stage::Stage},
    world::{
        LABEL, Service, World,
        google::values,
        judge::phone,
        until,
        user::{labels, resource},
    },
};

/// CRM contacts of a story; of these so many are in Google already, and as many strangers beside them.
const CONTACTS: usize = 60;
const KNOWN: usize = 20;

fn id(number: usize) -> String {
    format!("client{number:03}")
}

/// A CRM contact with something in many fields.
fn client(number: usize) -> Value {
    json!({
        "id": id(number),
        "firstName": format!("Anne{number}"), "lastName": "Tremblay",
        "email": format!("anne{number}@example.com"), "phone": phone(number),
        "companyName": "Érablière", "address1": format!("{number} rue Ste-Anne"), "city": "Québec",
        "website": format!("https://anne{number}.example.com"), "dateOfBirth": "1980-05-01",
        "tags": ["vip"],
    })
}

/// The same person as its owner has it: some fields otherwise, some more, some not at all.
fn as_known(number: usize) -> Value {
    let mut person = json!({
        "names": [{"givenName": format!("Anne{number}"), "familyName": "Tremblay"}],
        "emailAddresses": [{"value": format!("anne{number}@example.com"), "type": "home"}],
        "phoneNumbers": [{"value": format!("418 555-{number:04}"), "type": "mobile"}],
        "userDefined": [{"key": "Chien", "value": "Fido"}],
    });
    if number.is_multiple_of(2) {
        person["organizations"] = json!([{"name": "Chez elle", "title": "Patronne", "department": "Tout"}]);
        // A slip of the pen: with `overwrite` it is corrected, and comes back.
        person["names"] =
            json!([{"givenName": format!("Anne{number}"), "familyName": "Tremblai", "honorificPrefix": "Mme"}]);
    }
    if number.is_multiple_of(3) {
        person["biographies"] = json!([{"value": "Aime le thé.", "contentType": "TEXT_PLAIN"}]);
        person["names"] = json!([{"givenName": format!("Anne{number}")}]);
    }
    person
}

async fn seeded(world: &World) -> Vec<String> {
    let known: Vec<Value> = (0..KNOWN).map(as_known).collect();
    let names = world.google_seed(&known).await;
    let strangers: Vec<Value> = (0..KNOWN)
        .map(|n| json!({"names": [{"givenName": format!("Étrangère{n}")}], "phoneNumbers": [{"value": phone(5_000 + n)}]}))
        .collect();
    world.google_seed(&strangers).await;
    let clients: Vec<Value> = (0..CONTACTS).map(client).collect();
    world.crm_seed(&clients).await;
    names
}

async fn world(lines: &str) -> World {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_BRAKE_LEAST", 50);
    world.sync_lines =
        format!("every = \"off\"\n{lines}\n[sync.map]\ntags = \"labels\"\nnote = \"Client: {{company}}\"");
    world
}

/// What the owner sees of each contact: values in any order, labels by name; not our mark, nor when it was written.
async fn seen(world: &World) -> BTreeMap<String, Value> {
    let dump = world.google_dump().await;
    let contacts = dump["contacts"].as_array().into_iter().flatten();
    contacts.map(|contact| (resource(contact), visible(contact))).collect()
}

fn visible(contact: &Value) -> Value {
    let mut person = contact["person"].clone();
    let fields = person.as_object_mut().expect("a person");
    fields.remove("clientData");
    fields.remove("memberships");
    for list in fields.values_mut().filter_map(Value::as_array_mut) {
        list.sort_by_key(ToString::to_string);
    }
    person["labels"] = labels(contact).into();
    person
}

/// Stamps that are not let go of.
async fn held(world: &World) -> Vec<Value> {
    let people = world.people().await;
    people.into_iter().filter(|p| p["clientData"].to_string().contains(";held;")).collect()
}

async fn trashed(world: &World) -> usize {
    world.google_dump().await["trash"].as_array().map_or(0, Vec::len)
}

/// `carnet sync undo --yes`, and what it says.
async fn undo(world: &World, more: &[&str]) -> Value {
    world.carnet(&[&["sync", "undo", "phone", "--yes", "--json"], more].concat()).await.json()
}

fn count(told: &Value, name: &str) -> u64 {
    told["run"]["counts"][name].as_u64().unwrap_or(0)
}

/// After `carnet sync resume` and a run, everything of the CRM is there once.
async fn all_again(world: &World, service: &Service) {
    world.carnet(&["sync", "resume", "phone"]).await.done();
    let run = service.reconcile().await;
    assert_eq!(run.repaired, 0, "webhooks have nothing to do with it: {run:#?}");
    service.quiet(world).await;
    for number in 0..CONTACTS {
        let person = world.only(&id(number)).await;
        assert!(values(&person, "phoneNumbers").contains(&phone(number)), "{person:#}");
    }
    assert_eq!(world.labelled().await.len(), CONTACTS);
    assert_eq!(world.people().await.len(), CONTACTS + KNOWN, "no twins");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_is_undone_and_the_account_is_as_before() {
    for policy in ["merge", "overwrite"] {
        let world = world(&format!("policy = \"{policy}\"")).await;
        seeded(&world).await;
        let before = seen(&world).await;
        let service = world.start().await;
        let run = service.reconcile().await;
        assert_eq!((run.counts["created"], run.counts["adopted"]), (40, 20), "{policy}");

        let shown = world.carnet(&["sync", "undo", "phone"]).await.done();
        assert!(shown.contains("40 contacts that it made go to Google's trash, 20 go back"), "{shown}");
        assert!(shown.contains("with --yes it is done"), "{shown}");
        assert_eq!(world.labelled().await.len(), CONTACTS, "only shown");

        let told = undo(&world, &[]).await;
        assert_eq!((count(&told, "trashed"), count(&told, "reverted"), count(&told, "kept")), (40, 20, 0), "{told:#}");
        assert_eq!(told["run"]["of"], json!(run.id));
        assert_eq!(told["run"]["proof"]["unchanged"], json!(KNOWN), "the owner's own: {told:#}");
        let after = seen(&world).await;
        for (name, person) in &before {
            assert_eq!(after.get(name), Some(person), "{policy} {name}");
        }
        assert_eq!(after.len(), before.len(), "{policy}");
        assert_eq!((held(&world).await, trashed(&world).await), (vec![], 40));
        service.nothing_left().await;

        let again = world.carnet(&["sync", "undo", "phone"]).await.done();
        assert!(again.contains("was undone already"), "{again}");
        let list = world.carnet(&["sync", "list"]).await.done();
        assert!(list.contains(&format!("paused: undo of run {}", run.id)), "{list}");
        let runs = world.carnet(&["sync", "runs", "phone", "--json"]).await.json();
        assert_eq!((&runs[0]["kind"], &runs[0]["of"]), (&json!("undo"), &json!(run.id)), "{runs:#}");
        all_again(&world, &service).await;
        service.nothing_left().await;
        service.stop().await;
    }
}

/// The row of a contact among what stays.
fn stays<'a>(told: &'a Value, contact: &str) -> &'a Value {
    let rows = told["plan"]["stays"].as_array().expect("a list");
    rows.iter().find(|row| row["contact"] == contact).unwrap_or_else(|| panic!("{contact} is not in {rows:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_is_undone_as_far_as_that_goes() {
    let world = world("policy = \"merge\"").await;
    let known = seeded(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    let synced = seen(&world).await;
    let first = undo(&world, &[]).await;
    let told = undo(&world, &[first["run"]["id"].as_str().expect("an id")]).await;
    assert_eq!((count(&told, "reverted"), count(&told, "kept")), (20, 40), "{told:#}");
    assert!(stays(&told, &id(40))["why"].as_str().is_some_and(|why| why.contains("in Google's trash until")));
    let after = seen(&world).await;
    for name in &known {
        assert_eq!(after[name], synced[name]);
    }
    assert_eq!(held(&world).await.len(), KNOWN);
    all_again(&world, &service).await;
    service.nothing_left().await;
    service.stop().await;
}

#[test]
fn killed_again_and_again_an_undo_ends_complete() {
    on_a_tall_stack(async || {
        let mut stage = Stage::with_brake(50).await;
        let mut rng = StdRng::seed_from_u64(7);
        let mut kills = 0;
        for _day in 0..8 {
            kills += a_day_of_kills(&mut stage, &mut rng).await;
        }
        println!("killed {kills} times");
        assert!(kills >= 50, "{kills}");
    });
}

#[test]
fn after_thirty_days_a_run_stays() {
    on_a_tall_stack(async || {
        let mut stage = Stage::with_brake(50).await;
        stage.set_up("policy = \"merge\"", &json!({})).await;
        seeded(&stage.world).await;
        stage.reconcile().await;
        let (tools, sync) = (stage.tools.clone(), stage.sync());
        stage.pass(Duration::from_secs(29 * 24 * 3_600)).await;
        let run = choose(&tools, &sync, None).await.expect("a run").id;
        stage.pass(Duration::from_secs(2 * 24 * 3_600)).await;
        assert_eq!(choose(&tools, &sync, Some(&run)).await.expect_err("too old").code(), "too_old");
        assert_eq!(choose(&tools, &sync, None).await.expect_err("too old").code(), "nothing_written");
    });
}

/// A first sync, and an undo that is killed whenever it gets going; answers how often.
async fn a_day_of_kills(stage: &mut Stage, rng: &mut StdRng) -> u64 {
    let lines = "policy = \"overwrite\"\n[sync.map]\ntags = \"labels\"\nnote = \"Client: {company}\"";
    stage.set_up(lines, &json!({})).await;
    seeded(&stage.world).await;
    let before = seen(&stage.world).await;
    // Until Google lists what its owner has.
    stage.pass(Duration::from_secs(60)).await;
    stage.reconcile().await;
    stage.quiet().await.expect("quiet");
    assert_eq!(held(&stage.world).await.len(), CONTACTS);
    let (tools, sync) = (stage.tools.clone(), stage.sync());
    let run = choose(&tools, &sync, None).await.expect("a run");
    let begun = begin(&tools, &sync, &What::Run(Box::new(run))).await.expect("begun");
    let mut kills = 0;
    while kills < 12 && stage.undo_for(Some(rng.random_range(1..60))).await {
        kills += 1;
    }
    stage.undo_for(None).await;
    let done = undos_of(&tools, &sync).current().await.expect("runs").expect("a run");
    assert!(done.id == begun.id && done.is_over() && done.left() == 0, "{done:?}");
    assert_eq!(seen(&stage.world).await, before);
    assert_eq!((held(&stage.world).await, trashed(&stage.world).await), (vec![], CONTACTS - KNOWN));
    // And back again: all there once.
    stage.runs().set_paused(None).await.expect("goes on");
    stage.reconcile().await;
    stage.quiet().await.expect("quiet");
    assert_eq!((held(&stage.world).await.len(), seen(&stage.world).await.len()), (CONTACTS, CONTACTS + KNOWN));
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_trimmed_is_not_half_undone_in_silence() {
    let world = world("policy = \"merge\"").await;
    seeded(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    let mut redis = service.pool.get().await.expect("redis");
    let key = service.keys().journal(&service.subject());
    let _: u64 = redis::cmd("XTRIM").arg(&key).arg("MAXLEN").arg(25).query_async(&mut redis).await.expect("trimmed");
    let length: u64 = redis.xlen(&key).await.expect("a journal");
    assert_eq!(length, 25);
    let shown = world.carnet(&["sync", "undo", "phone"]).await.done();
    assert!(shown.contains("The journal no longer holds everything that it wrote"), "{shown}");
    let told = undo(&world, &[]).await;
    assert_eq!((told["plan"]["whole"].as_bool(), &told["run"]["marked"]), (Some(false), &json!(25)));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_shows_an_undo_does_it_and_lets_it_be_watched() {
    const TOKEN: &str = "a token for tests";
    let mut world = world("policy = \"merge\"").await;
    world.set("CARNET_API_TOKEN", TOKEN);
    seeded(&world).await;
    let service = world.start().await;
    let run = service.reconcile().await;
    let ask = async |run: &str, body: Value| {
        let url = format!("{}/api/v1/syncs/phone/runs/{run}/undo", service.url);
        let answer = world.http.post(url).bearer_auth(TOKEN).json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let read = "people.getBatchGet";
    world.google_fault(json!({"match": read, "kind": "status", "status": 429, "retry_after": 1, "times": 2})).await;
    let (status, shown) = ask(&run.id, json!({"apply": false})).await;
    assert_eq!(world.calls(read, 429).await, 2, "Google's limit is sat out");
    assert_eq!((status, &shown["plan"]["trash"], &shown["run"]), (200, &json!(40), &Value::Null), "{shown:#}");
    assert_eq!(ask("nobody", json!({"apply": true})).await.1["error"]["code"], "no_such_run");
    assert_eq!(ask(&run.id, json!({})).await.1["error"]["code"], "bad_body");
    // So that somebody can watch.
    world
        .google_fault(json!({"match": "people.batchDeleteContacts", "kind": "delay", "when": "before", "ms": 1_000}))
        .await;
    let (_, begun) = ask(&run.id, json!({"apply": true})).await;
    assert!(begun["run"].is_string(), "{begun:#}");
    let told = service.events(TOKEN).await;
    let (name, report) = told.last().expect("events");
    assert_eq!(
        (name.as_str(), &report["kind"], &report["run"]),
        ("report", &json!("undo"), &begun["run"]),
        "{report:#}"
    );
    assert!(told.len() > 1 && told.iter().rev().skip(1).all(|(name, _)| name == "progress"), "{told:#?}");
    assert_eq!((trashed(&world).await, held(&world).await), (40, Vec::new()));
    assert_eq!(ask(&run.id, json!({"apply": true})).await.1["error"]["code"], "already_undone");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_by_calls_without_an_answer_is_undone_too() {
    let world = world("policy = \"overwrite\"").await;
    seeded(&world).await;
    let before = seen(&world).await;
    let service = world.start().await;
    for method in ["people.batchCreateContacts", "people.batchUpdateContacts", "people.updateContact"] {
        world.google_fault(json!({"match": method, "kind": "drop", "when": "after"})).await;
    }
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(held(&world).await.len(), CONTACTS);
    for method in ["people.batchCreateContacts", "people.batchUpdateContacts"] {
        assert_eq!(world.calls(method, 0).await, 1, "{method}");
    }
    let told = undo(&world, &[]).await;
    assert_eq!((count(&told, "trashed"), count(&told, "reverted")), (40, 20), "{told:#}");
    assert_eq!(seen(&world).await, before);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_running_service_the_command_does_it_itself() {
    let world = world("policy = \"merge\"").await;
    seeded(&world).await;
    let before = seen(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    service.stop().await;
    let shown = world.carnet(&["sync", "undo", "phone", "--json"]).await.json();
    assert_eq!(
        (&shown["plan"]["trash"], &shown["plan"]["back"], &shown["run"]),
        (&json!(40), &json!(20), &Value::Null)
    );
    assert_eq!(held(&world).await.len(), CONTACTS, "only shown");
    let said = world.carnet(&["sync", "undo", "phone", "--yes"]).await.done();
    assert!(said.contains("Of 60 contacts, 40 went to Google's trash, 20 are back to what they were"), "{said}");
    assert!(said.contains("`carnet sync resume phone` goes on"), "{said}");
    assert_eq!((seen(&world).await, held(&world).await), (before, vec![]));
    let none = world.carnet(&["sync", "undo", "phone", "nobody"]).await;
    none.refused("the sync has no run \"nobody\" that ended");
}
