//! Runs as people have them in hand: watched, paused, cancelled, joined, and told of afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use carnet::store::{
    keys::{GoogleKeys, WORKERS},
    runs::{Run, RunState},
};
use redis::AsyncCommands as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    judge::person,
    process::free_address,
    server::RedisServer,
    tap::{Moment, Tap, Upstream},
    text, until,
};

const TOKEN: &str = "the api token";
const MANY: usize = 30;

/// Many contacts in a CRM that answers slowly and a Google that makes one contact after the other, slowly too.
async fn slow_world() -> World {
    let mut world = World::new().await;
    world
        .set("CARNET_API_TOKEN", TOKEN)
        .set("CARNET_TUNE_SLICE", 5)
        .set("CARNET_TUNE_CRM_PAGE", 10)
        .set("CARNET_TUNE_LEASE_MS", 4000);
    let contacts: Vec<Value> = (0..MANY).map(|n| person("Slow", n)).collect();
    world.crm_seed(&contacts).await;
    world
        .google("POST", "faults", &json!({"match": "people.createContact", "kind": "delay", "ms": 60, "p": 1.0}))
        .await;
    world.crm("POST", "faults", &json!({"path": "/contacts/search", "delayMs": 150})).await;
    world
}

async fn fair_weather(world: &World) {
    world.google("DELETE", "faults", &Value::Null).await;
    world.crm("DELETE", "faults", &Value::Null).await;
}

async fn call(service: &Service, method: Method, path: &str) -> (StatusCode, Value) {
    let request = reqwest::Client::new().request(method, format!("{}/api/v1{path}", service.url));
    let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn current(service: &Service) -> Option<Run> {
    service.runs().current().await.expect("runs")
}

/// Waits until the run in progress is in this state and has made so many contacts.
async fn has_come_to(service: &Service, state: RunState, made: i64) {
    until("the run to have come so far", async || {
        let run = current(service).await;
        run.is_some_and(|r| r.state == state && r.counts.get("created").copied().unwrap_or(0) >= made)
    })
    .await;
}

/// Waits until this run is over.
async fn over(service: &Service, id: &str) -> Run {
    until("the run to be over", async || current(service).await.is_some_and(|r| r.id == id && r.is_over())).await;
    current(service).await.expect("a run")
}

async fn made(world: &World) -> u64 {
    let log = world.google("GET", "log", &Value::Null).await;
    let statuses = log["counters"]["people.createContact"].as_object().cloned().unwrap_or_default();
    statuses.values().filter_map(Value::as_u64).sum()
}

/// Waits until no worker is in the middle of anything, and each has looked around a few times since.
async fn workers_have_looked(service: &Service) {
    let mut redis = service.pool.get().await.expect("redis");
    let lease = GoogleKeys::new(&service.subject()).lease();
    until("the account to be let go", async || !redis.exists::<_, bool>(&lease).await.expect("a lease")).await;
    for _ in 0..4 {
        let alive = async |redis: &mut carnet::store::pool::Connection| {
            redis.zrange_withscores::<_, Vec<(String, f64)>>(WORKERS, 0, -1).await.expect("workers")
        };
        let before = alive(&mut redis).await;
        until("the workers to look", async || alive(&mut redis).await != before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_is_watched_in_the_terminal_and_over_the_api() {
    let world = slow_world().await;
    let service = world.start().await;
    let (status, said) = call(&service, Method::GET, "/syncs/phone/runs/current/events").await;
    assert_eq!((status, &said["error"]["code"]), (StatusCode::NOT_FOUND, &json!("no_run")));
    let ran = tokio::spawn(world.program("127.0.0.1:0").args(["sync", "run", "phone"]).output());
    until("the run to begin", async || current(&service).await.is_some()).await;
    let told = service.events(TOKEN).await;

    let (name, report) = told.last().expect("events");
    assert_eq!((name.as_str(), &report["state"], &report["created"]), ("report", &json!("done"), &json!(MANY)));
    assert!(report["calls"].as_u64().is_some_and(|calls| calls >= MANY as u64), "{report}");
    assert_eq!(report["units_write"], json!(MANY), "single creates cost one each: {report}");
    let progress: Vec<&Value> = told.iter().filter(|(name, _)| name == "progress").map(|(_, event)| event).collect();
    let phases: Vec<String> = progress.iter().map(|event| text(event, "phase")).collect();
    // The preview has counted the CRM already.
    for phase in ["reading the CRM", "writing to Google"] {
        assert!(phases.iter().any(|p| p == phase), "{phase} is not in {phases:?}");
    }
    let writing: Vec<u64> = progress
        .iter()
        .filter(|event| event["phase"] == "writing to Google")
        .filter_map(|event| event["done"].as_u64())
        .collect();
    assert!(writing.len() > 3 && writing.is_sorted() && writing.iter().all(|done| *done <= MANY as u64), "{writing:?}");
    assert!(progress.iter().any(|event| event["seconds_left"].is_u64()), "time left is told");

    let output = ran.await.expect("the command").expect("the command");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(&text(report, "sentence")), "{out}{err}");
    for line in ["reading the CRM", "writing to Google: "] {
        assert!(err.contains(line), "{line} is not in {err}");
    }
    assert_eq!(service.events(TOKEN).await, [("report".to_owned(), report.clone())], "who comes late hears the report");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_is_let_go_when_the_service_stops() {
    let world = slow_world().await;
    let service = world.start().await;
    service.runs().ask("asked").await.expect("asked");
    until("the run to begin", async || current(&service).await.is_some()).await;
    let began = std::time::Instant::now();
    let (told, ()) = tokio::join!(service.events(TOKEN), async {
        has_come_to(&service, RunState::Reading, 0).await;
        service.stop.cancel();
    });
    assert!(told.iter().all(|(name, _)| name == "progress"), "{told:?}");
    assert!(began.elapsed().as_secs() < 7, "the stream ended by itself");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_stands_still_wherever_it_is_and_goes_on_after_a_restart() {
    let mut world = slow_world().await;
    // All in one slice and one by one: a batch would count too much for the day.
    world.set("CARNET_TUNE_SLICE", 200).set("CARNET_TUNE_QUOTA_DAILY_WRITES", 150);
    let service = world.start().await;
    service.runs().ask("asked").await.expect("asked");
    has_come_to(&service, RunState::Reading, 0).await;
    assert!(world.carnet(&["sync", "pause", "phone"]).await.done().contains("is paused"));
    workers_have_looked(&service).await;
    let (seen, before) = (current(&service).await.expect("a run"), made(&world).await);
    assert!(seen.seen < MANY as u64, "it reads on: {seen:?}");
    workers_have_looked(&service).await;
    assert_eq!(current(&service).await.expect("a run").seen, seen.seen, "no page is read");
    assert_eq!(made(&world).await, before, "nothing is written");
    assert_eq!(call(&service, Method::POST, "/syncs/phone/run").await.1["error"]["code"], "paused");
    let (_, shown) = call(&service, Method::GET, "/syncs/phone").await;
    assert_eq!((&shown["state"], &shown["running"]["phase"]), (&json!("paused"), &json!("paused")), "{shown}");
    service.stop().await;

    let service = world.start().await;
    workers_have_looked(&service).await;
    assert_eq!(current(&service).await.expect("a run").seen, seen.seen, "a restart is no reason to go on");
    assert_eq!(call(&service, Method::POST, "/syncs/phone/resume").await.1, json!({"sync": "phone", "paused": false}));
    has_come_to(&service, RunState::Writing, 8).await;
    assert_eq!(call(&service, Method::POST, "/syncs/phone/pause").await.0, StatusCode::OK);
    let at_once = made(&world).await;
    workers_have_looked(&service).await;
    let before = made(&world).await;
    assert!(before <= at_once + 1, "no more than the call that was under way: {before} after {at_once}");
    assert!(before < MANY as u64, "it was paused in the middle");
    workers_have_looked(&service).await;
    assert_eq!(made(&world).await, before, "nothing is written");

    world.carnet(&["sync", "resume", "phone"]).await.done();
    let done = over(&service, &seen.id).await;
    assert_eq!((done.state, made(&world).await), (RunState::Done, MANY as u64));
    assert_eq!(world.wrongs().await, Vec::<String>::new());
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_in_every_phase_and_the_next_one_does_the_rest() {
    for (state, least) in [(RunState::Counting, 0), (RunState::Reading, 0), (RunState::Writing, 8)] {
        let world = slow_world().await;
        let service = world.start().await;
        world.carnet(&["sync", "cancel", "phone"]).await.refused("nothing is running");
        service.runs().ask("asked").await.expect("asked");
        has_come_to(&service, state, least).await;
        let report = world.carnet(&["sync", "cancel", "phone", "--json"]).await.json();
        assert_eq!((&report["state"], &report["left"]), (&json!("cancelled"), &json!(0)), "{report}");
        let run = over(&service, &text(&report, "run")).await;
        let created = report["created"].as_u64().expect("a number");
        assert_eq!((created, created + report["let_go"].as_u64().expect("a number")), (made(&world).await, run.marked));
        assert!(created >= u64::try_from(least).expect("small") && created < MANY as u64, "{report}");
        service.nothing_left().await;
        workers_have_looked(&service).await;
        assert_eq!(current(&service).await.expect("a run").id, run.id, "no run follows");

        fair_weather(&world).await;
        let next = service.reconcile().await;
        assert_eq!((next.state, next.counts["created"]), (RunState::Done, MANY as i64 - created as i64));
        assert_eq!(world.wrongs().await, Vec::<String>::new());
        service.nothing_left().await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_a_webhook_told_of_outlives_the_run() {
    let world = slow_world().await;
    let service = world.start().await;
    service.runs().ask("asked").await.expect("asked");
    has_come_to(&service, RunState::Writing, 3).await;
    let last = world.crm_dump().await;
    let made_already = world.people().await;
    let waits = |c: &&Value| !made_already.iter().any(|p| p["clientData"].to_string().contains(&text(c, "id")));
    let id = last.iter().rev().find(waits).map(|c| text(c, "id")).expect("one that waits");
    let (status, cancelling) = call(&service, Method::POST, "/syncs/phone/cancel").await;
    assert_eq!(status, StatusCode::OK);
    world.crm_update(&id, json!({"lastName": "Vite"})).await;
    let report = over(&service, &text(&cancelling, "run")).await;
    assert_eq!(report.state, RunState::Cancelled);
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["names"][0]["familyName"], "Vite");
    assert!(world.people().await.len() < MANY);
    service.nothing_left().await;
    service.stop().await;
}

/// Each look at the contact is overtaken by the next event. The run has seen it all the same; what came meanwhile is not the run's.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_of_which_the_crm_tells_all_the_time_keeps_no_run_from_ending() {
    let world = World::new().await;
    let service = world.start().await;
    world.crm_seed(&[person("Anne", 1)]).await;
    let id = text(&world.crm_dump().await[0], "id");
    // Reading it takes longer than the next event takes to come.
    world.crm("POST", "faults", &json!({"path": format!("/contacts/{id}"), "delayMs": 400})).await;
    let over = AtomicBool::new(false);
    let telling = async {
        while !over.load(Ordering::Relaxed) {
            assert_eq!(world.knock(&service.url, &id).await.0, 202);
        }
    };
    let running = async {
        service.runs().ask("asked").await.expect("asked");
        let mut ended = None;
        until("the run to end", async || {
            ended = service.runs().current().await.expect("runs").filter(Run::is_over);
            ended.is_some()
        })
        .await;
        over.store(true, Ordering::Relaxed);
        ended.expect("a run")
    };
    let ((), run) = tokio::join!(telling, running);
    assert!(run.counts.get("again").is_some_and(|times| *times >= 1), "it was overtaken: {run:?}");
    world.crm("DELETE", "faults", &Value::Null).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 1);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_want_a_run_at_once_have_the_same() {
    let world = slow_world().await;
    let service = world.start().await;
    let first = tokio::spawn(world.program("127.0.0.1:0").args(["sync", "run", "phone", "--json"]).output());
    let second = tokio::spawn(world.program("127.0.0.1:0").args(["sync", "run", "phone", "--json"]).output());
    until("the run to begin", async || current(&service).await.is_some()).await;
    let (status, asked) = call(&service, Method::POST, "/syncs/phone/run").await;
    let run = current(&service).await.expect("a run").id;
    assert_eq!((status, asked), (StatusCode::OK, json!({"sync": "phone", "joined": true, "run": run})));
    let joined = world.carnet(&["sync", "run", "phone"]).await.done();
    assert!(joined.contains(&format!("Run {run} is in progress; this joins it.")), "{joined}");
    for command in [first, second] {
        let output = command.await.expect("the command").expect("the command");
        let done: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(done["id"], run.as_str(), "{done}");
    }
    workers_have_looked(&service).await;
    let (_, listed) = call(&service, Method::GET, "/syncs/phone/runs").await;
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1), "{listed}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_told_of_afterwards_for_ninety_days() {
    let mut world = World::new().await;
    world.set("CARNET_API_TOKEN", TOKEN);
    let service = world.start().await;
    world.carnet(&["sync", "report", "phone"]).await.refused("has not run yet");
    assert!(world.carnet(&["sync", "runs", "phone"]).await.done().contains("It has not run yet."));
    world.crm_seed(&[person("Anne", 1), json!({"tags": ["nobody"]})]).await;
    let first = service.reconcile().await;
    let second = service.reconcile().await;
    let table = world.carnet(&["sync", "runs", "phone"]).await.done();
    let order: Vec<&str> = table.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(order, [second.id.as_str(), first.id.as_str()], "{table}");
    let told = world.carnet(&["sync", "report", "phone", &first.id]).await.done();
    assert!(told.contains("1 created") && told.contains("Left out: 1 (it has no name"), "{told}");
    let report = world.carnet(&["sync", "report", "phone", &first.id, "--json"]).await.json();
    assert_eq!((&report["created"], &report["left_out_because"]), (&json!(1), &json!({"unrecognisable": 1})));
    assert_eq!(call(&service, Method::GET, &format!("/syncs/phone/runs/{}", first.id)).await.1, report);
    let (_, listed) = call(&service, Method::GET, "/syncs/phone/runs").await;
    assert_eq!(listed["runs"], world.carnet(&["sync", "runs", "phone", "--json"]).await.json());
    assert_eq!(call(&service, Method::GET, "/syncs/phone/runs/nothing").await.1["error"]["code"], "no_run");
    assert_eq!(call(&service, Method::GET, "/syncs/other").await.1["error"]["code"], "no_sync");
    world.carnet(&["sync", "report", "phone", "nothing"]).await.refused("has no run \"nothing\"");

    service.pool.clock.advance(std::time::Duration::from_secs(91 * 86_400));
    let third = service.reconcile().await;
    let kept = async || service.runs().reports(10).await.expect("reports").into_iter().map(|run| run.id);
    until("the old reports to go", async || kept().await.eq([third.id.clone()])).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_sync_runs_when_asked_and_hears_no_event() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nlive = false".into();
    let service = world.start().await;
    let id = world.crm_create(person("Anne", 1)).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new(), "no event reaches it");
    let list = world.carnet(&["sync", "list"]).await.done();
    assert!(list.contains("up to date: one-time, not run yet"), "{list}");
    let done = world.carnet(&["sync", "run", "phone", "--json"]).await.json();
    assert_eq!(done["counts"]["created"], 1);
    world.crm_update(&id, json!({"lastName": "Autre"})).await;
    service.quiet(&world).await;
    assert_ne!(world.only(&id).await["names"][0]["familyName"], "Autre");
    assert_eq!(current(&service).await.map(|run| json!(run.id)), Some(done["id"].clone()), "nor does it run again");
    let said = world.carnet(&["doctor", "--json"]).await;
    let doctor: Value = serde_json::from_str(&said.out).expect("JSON");
    let checks = doctor["checks"].as_array().expect("checks");
    let its = checks.iter().find(|check| check["name"] == "sync phone").expect("a check");
    assert_eq!(
        (&its["state"], its["says"].as_str().is_some_and(|s| s.contains("one-time, done"))),
        (&json!("ok"), true)
    );
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_what_no_webhook_told() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_STALE_READ_MS", 100);
    let service = world.start().await;
    let id = world.crm_create(person("Anne", 1)).await;
    let other = world.crm_create(person("Luc", 2)).await;
    service.quiet(&world).await;
    world.crm_seed(&[person("Zoé", 3)]).await;
    let later = async || {
        service.pool.clock.advance(std::time::Duration::from_secs(2));
        world.crm("POST", "clock", &json!({"advanceMs": 2000})).await;
        service.reconcile().await
    };
    assert_eq!(later().await.repaired, 0, "before the first run nothing was missed");
    world.crm_update(&id, json!({"lastName": "Dite"})).await;
    service.quiet(&world).await;
    assert_eq!(later().await.repaired, 0, "a webhook told it");
    let silent = format!("locations/{}/contacts/{other}?silent=true", world.location);
    world.crm("PUT", &silent, &json!({"lastName": "Tue"})).await;
    let silent = format!("locations/{}/contacts?silent=true", world.location);
    world.crm("POST", &silent, &person("Nouveau", 4)).await;
    let run = later().await;
    assert_eq!((run.repaired, run.counts["updated"], run.counts["created"]), (2, 1, 1), "{run:?}");
    let told = world.carnet(&["sync", "report", "phone"]).await.done();
    assert!(told.contains("2 changes never arrived by webhook."), "{told}");
    assert_eq!(later().await.repaired, 0, "it is repaired");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_adopted_is_told_with_its_evidence() {
    let world = World::new().await;
    let service = world.start().await;
    world
        .google_seed(&[
            json!({"names": [{"givenName": "Anne", "familyName": "Roy"}], "emailAddresses": [{"value": "anne@exemple.ca"}]}),
            json!({"names": [{"givenName": "Luc", "familyName": "Cyr"}], "phoneNumbers": [{"value": "+15145550102"}]}),
        ])
        .await;
    world
        .crm_seed(&[
            json!({"firstName": "Anne", "lastName": "Roy", "email": "anne@exemple.ca", "phone": "+15145550101"}),
            json!({"firstName": "Luc", "lastName": "Cyr", "phone": "+15145550102"}),
        ])
        .await;
    service.reconcile().await;
    let report = world.carnet(&["sync", "report", "phone", "--json"]).await.json();
    assert_eq!((&report["adopted"], &report["adopted_by"]), (&json!(2), &json!({"email": 1, "phone": 1})), "{report}");
    let ids: Vec<String> = world.crm_dump().await.iter().map(|contact| text(contact, "id")).collect();
    for id in &ids {
        let entry = world.carnet(&["contact", "show", id, "--json"]).await.json()["journal"][0].clone();
        assert_eq!(entry["action"], "adopted");
        assert!(text(&entry, "reason").starts_with("same "), "{entry}");
    }
    let mut redis = service.pool.get().await.expect("redis");
    let _: () = redis.del(service.keys().links(&service.subject())).await.expect("links");
    service.reconcile().await;
    let report = world.carnet(&["sync", "report", "phone", "--json"]).await.json();
    assert_eq!((&report["adopted"], &report["adopted_by"]), (&json!(0), &json!({"stamp": 2})), "{report}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_in_order_in_google_is_told() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(person("Anne", 1)).await;
    service.quiet(&world).await;
    service.reconcile().await;
    let report = async || world.carnet(&["sync", "report", "phone", "--json"]).await.json();

    // A create that was carried out twice.
    let mut twin = world.only(&id).await;
    ["resourceName", "etag", "metadata"]
        .into_iter()
        .for_each(|own| drop(twin.as_object_mut().expect("a person").remove(own)));
    world.google_seed(&[twin]).await;
    service.reconcile().await;
    assert_eq!((report().await["twins"].clone(), world.stamped(&id).await.len()), (json!(1), 1));
    let told = world.carnet(&["contact", "show", &id, "--json"]).await.json();
    assert!(told.to_string().contains("it was a twin of people/"), "the journal has it: {told:#}");

    world.user("DELETE", &format!("groups/{LABEL}"), Value::Null).await;
    world.crm_seed(&[person("Luc", 2)]).await;
    service.reconcile().await;
    let told = report().await;
    assert_eq!((&told["labels_made"], &told["twins"]), (&json!(1), &json!(0)), "{told}");

    world.user("PATCH", &format!("groups/{LABEL}"), json!({"name": "Mes clients"})).await;
    world.crm_seed(&[person("Zoé", 3)]).await;
    service.reconcile().await;
    let told = report().await;
    assert_eq!((&told["labels_made"], &told["labels_renamed"]), (&json!(0), &json!(1)), "{told}");
    assert!(text(&told, "sentence").contains("another name in Google"), "{told}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_anew_has_a_run() {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\n[[sync]]\nname = \"once\"\ncrm = \"centiva/{}\"\ngoogle = \"office\"\nlabel = \"Once\"\n\
         every = \"off\"\nlive = false",
        world.location
    );
    let service = world.start().await;
    let id = world.crm_create(person("Anne", 1)).await;
    service.quiet(&world).await;
    service.reconcile().await;
    world.carnet(&["sync", "run", "once"]).await.done();
    world.google("POST", &format!("accounts/{}/revoke", world.subject), &Value::Null).await;
    world.crm_update(&id, json!({"lastName": "Autre"})).await;
    let set_aside = async || {
        let mut redis = service.pool.get().await.expect("redis");
        redis.hexists(GoogleKeys::new(&service.subject()).state(), "pause").await.expect("a state")
    };
    until("the account to be set aside", set_aside).await;
    world.carnet(&["sync", "resume", "once"]).await.done();
    until("the account to be set aside again", set_aside).await;
    let account = world.google("POST", "accounts", &json!({"subject": world.subject})).await;
    world.refresh_token = text(&account, "refresh_token");
    world.apply(&world.declared()).await.done();
    until("a run of its own", async || {
        current(&service).await.is_some_and(|run| run.why == "reconnect" && run.state == RunState::Done)
    })
    .await;
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["names"][0]["familyName"], "Autre");
    workers_have_looked(&service).await;
    assert_eq!(service.runs().reports(10).await.expect("reports").len(), 2, "and no other");
    let once = world.carnet(&["sync", "runs", "once", "--json"]).await.json();
    assert_eq!(once.as_array().map(Vec::len), Some(1), "who only runs when asked is not begun by it: {once:#}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_the_command_cancels_by_itself() {
    let mut world = slow_world().await;
    let redis = RedisServer::start().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let service = world.start().await;
    service.runs().ask("asked").await.expect("asked");
    has_come_to(&service, RunState::Writing, 3).await;
    let (runs, before) = (service.runs(), made(&world).await);
    service.stop().await;
    let report = world.carnet(&["sync", "cancel", "phone", "--json"]).await.json();
    assert_eq!((&report["state"], &report["left"]), (&json!("cancelled"), &json!(0)), "{report}");
    assert!(made(&world).await <= before + 5, "nothing more was written than was under way");
    assert_eq!(runs.waiting().await.expect("marks"), (0, 0));
    let service = world.start().await;
    fair_weather(&world).await;
    service.reconcile().await;
    assert_eq!(world.wrongs().await, Vec::<String>::new());
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_cancels_a_run_ends_all_the_same() {
    let mut world = slow_world().await;
    let redis = RedisServer::start().await;
    let tap = Tap::open(Upstream::Unix(redis.socket()), |sent| sent.contains("EVALSHA") || sent.contains("EXEC")).await;
    world
        .set("CARNET_REDIS_URL", format!("redis://{}", tap.address))
        .set("CARNET_TUNE_LEASE_MS", 1500)
        .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 500);
    let settings = world.settings(&free_address().await);
    world.apply_with(&settings);
    let service = world.watch(&redis.url(), &settings).await;
    let mut killed = 0;
    for (at, moment) in
        [(1, Moment::Before), (1, Moment::After), (2, Moment::After), (3, Moment::After), (5, Moment::After)]
    {
        let process = world.spawn("carnet", &settings, &["serve"]);
        service.ready().await;
        let before = made(&world).await;
        service.runs().ask("asked").await.expect("asked");
        until("something to be written", async || {
            current(&service).await.is_some_and(|run| run.state == RunState::Writing) && made(&world).await > before
        })
        .await;
        service.runs().cancel().await.expect("a wish");
        tap.arm(at, moment, process.victim());
        let run = current(&service).await.expect("a run").id;
        until("the end of the process or of the run", async || {
            tap.fired() || current(&service).await.is_some_and(|run| run.is_over())
        })
        .await;
        tap.disarm();
        killed += usize::from(tap.fired());
        drop(process);
        let _again = world.spawn("carnet", &settings, &["serve"]);
        assert_eq!(over(&service, &run).await.state, RunState::Cancelled);
        until("what was under way to end", async || service.left().await == (0, 0)).await;
        service.nothing_left().await;
    }
    assert!(killed >= 3, "{killed}");
    fair_weather(&world).await;
    let _process = world.spawn("carnet", &settings, &["serve"]);
    service.ready().await;
    service.reconcile().await;
    assert_eq!(world.wrongs().await, Vec::<String>::new());
    service.nothing_left().await;
}
