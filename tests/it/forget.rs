//! A person is erased: from all of Redis, from its log on disk and from the data directory, while the service is working on that very
//! contact; and no event and no reconcile brings the person back.

use std::{collections::BTreeMap, path::Path};

use carnet::store::keys::GoogleKeys;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{LABEL, Service, World, process::Process, text, until, user::resource};

const EMAIL: &str = "genevieve.lachance@exemple.ca";
const TOKEN: &str = "the api token";

fn genevieve() -> Value {
    json!({"firstName": "Geneviève", "lastName": "Lachance", "email": EMAIL, "phone": "+14385550199",
        "companyName": "Boulangerie Lachance"})
}

fn other(number: usize) -> Value {
    json!({"firstName": "Autre", "lastName": format!("Client{number}"), "phone": format!("+1514555{number:04}"),
        "email": format!("autre{number}@exemple.ca")})
}

/// The service as a process with its private Redis in the data directory.
async fn begun() -> (World, BTreeMap<String, String>, Process, Service) {
    let mut world = World::new().await;
    let socket = world.dir.path().join("data/redis/redis.sock");
    world.set("CARNET_TUNE_COALESCE_MS", 20).set("CARNET_API_TOKEN", TOKEN);
    let settings = world.settings(&crate::world::process::free_address().await);
    world.apply_with(&settings);
    let process = world.spawn("carnet", &settings, &["serve"]);
    let url = format!("unix://{}", socket.display());
    let service = world.watch_when_ready(&url, &settings).await;
    world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", service.url)})).await;
    (world, settings, process, service)
}

/// Two contacts that share an e-mail address.
async fn two_of_one_address(world: &World, service: &Service) -> (String, String) {
    let one = world.crm_create(genevieve()).await;
    let mut twin = genevieve();
    twin["firstName"] = "Gaston".into();
    twin["phone"] = "+14385550177".into();
    let two = world.crm_create(twin).await;
    service.quiet(world).await;
    (one, two)
}

fn forget(world: &World, settings: &BTreeMap<String, String>, args: &[&str]) -> Value {
    let args = [&["forget"], args, &["--json"]].concat();
    serde_json::from_str(&world.command(settings, &args)).expect("JSON")
}

/// Everything under the data directory: the log of Redis, the snapshot, and what else there may be.
fn on_disk(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry")) {
        if entry.path().is_dir() {
            on_disk(&entry.path(), found);
        } else if let Ok(bytes) = std::fs::read(entry.path()) {
            found.push((entry.path().display().to_string(), bytes));
        }
    }
}

/// No trace in any key or value of Redis, as it answers (what it writes to disk may be compressed), nor in any file as it lies there.
async fn assert_gone(world: &World, traces: &[&str]) {
    let socket = world.dir.path().join("data/redis/redis.sock");
    let client = redis::Client::open(format!("unix://{}", socket.display())).expect("a client");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
    let mut held = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.expect("a type");
        let ask: &[&str] = match kind.as_str() {
            "hash" => &["HGETALL"],
            "set" => &["SMEMBERS"],
            "zset" => &["ZRANGE", "0", "-1"],
            "list" => &["LRANGE", "0", "-1"],
            "stream" => &["XRANGE", "-", "+"],
            "string" => &["GET"],
            _ => continue,
        };
        let mut command = redis::cmd(ask[0]);
        command.arg(&key).arg(&ask[1..]);
        let value: redis::Value = command.query_async(&mut connection).await.expect("its value");
        held.push((key.clone(), format!("{key} {value:?}").into_bytes()));
    }
    assert!(held.len() > 5, "Redis holds something");
    let in_redis = held.len();
    on_disk(&world.dir.path().join("data"), &mut held);
    assert!(held[in_redis..].iter().any(|(name, _)| name.contains("appendonly")), "Redis's log is among them");
    for trace in traces {
        for (name, bytes) in &held {
            let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
            assert!(!found, "{trace} is still in {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_from_redis_and_disk_and_does_not_come_back() {
    let (world, settings, process, service) = begun().await;
    for number in 1..4 {
        world.crm_create(other(number)).await;
    }
    let id = world.crm_create(genevieve()).await;
    service.quiet(&world).await;
    world.command(&settings, &["sync", "preview", "phone"]);
    service.reconcile().await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    world.crm_update(&id, json!({"companyName": "Pâtisserie Lachance"})).await;
    service.quiet(&world).await;

    // Looked for by id, e-mail and phone; only looking takes nothing away.
    for who in [id.as_str(), "Genevieve.Lachance@exemple.ca", "438-555-0199"] {
        let held = forget(&world, &settings, &[who, "--dry-run"]);
        let person = &held["persons"][0];
        assert_eq!((&person["contact"], &person["dry_run"]), (&json!(id), &json!(true)), "{who}: {held}");
        for store in ["events", "journal", "links", "owners", "census-contacts", "listing"] {
            assert!(person["erased"][store].as_u64() > Some(0), "{store}: {held}");
        }
        assert_eq!(person["in_google"], json!([name]));
    }
    // While the service is busy with that very contact.
    let (updates, args) = (world.crm_update(&id, json!({"phone": "+14385550198"})), [EMAIL, "--yes"]);
    updates.await;
    let erased = forget(&world, &settings, &args);
    assert_eq!(erased["log_rewritten"], true);
    assert!(erased["persons"][0]["erased"]["journal"].as_u64() > Some(0), "{erased}");

    // The CRM still has the person, tells of it, and lists it.
    world.crm_update(&id, json!({"companyName": "Encore Lachance"})).await;
    world.delivered().await;
    let run = service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!((run.listed.absent, run.listed.doubt.clone()), (0, None), "whoever was erased is not missed: {run:?}");
    let there = world.contact(&name).await;
    assert_eq!(there["person"]["names"][0]["familyName"], "Lachance", "the contact in Google is its owner's");
    assert!(crate::world::user::labels(&there).contains(&LABEL.to_owned()));
    assert_eq!(
        there["person"]["organizations"][0]["name"], "Pâtisserie Lachance",
        "and nothing is written to it any more"
    );
    service.nothing_left().await;
    // Redis's log tells what was told; written anew, it tells what is held.
    let again = forget(&world, &settings, &[&id, "--yes"]);
    assert_eq!(again["persons"][0]["contact"], json!(id), "it may be done again: {again}");
    assert_gone(&world, &[EMAIL, "Lachance", "4385550199", "4385550198", "lachance", &id]).await;
    let journal = world.command(&settings, &["sync", "runs", "phone", "--json"]);
    assert!(!journal.contains(&id));

    // Whoever was erased by mistake, or becomes a client again.
    let restored = world.command(&settings, &["contact", "restore", &id, "--json"]);
    assert!(restored.contains("forgotten"), "{restored}");
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["organizations"][0]["name"], "Encore Lachance");
    assert_eq!(world.people().await.len(), 4, "nobody is twice");
    service.nothing_left().await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_word_means_is_asked_back_when_it_is_not_clear() {
    let (world, settings, process, service) = begun().await;
    let (one, two) = two_of_one_address(&world, &service).await;
    let (code, said) = outcome(&settings, &["forget", EMAIL, "--yes"]);
    assert!(code == Some(1) && said.contains("several contacts are meant") && said.contains("--all"), "{said}");
    assert!(said.contains(&one) && said.contains(&two) && !said.contains(EMAIL), "{said}");
    let (code, said) = outcome(&settings, &["forget", "nobody@exemple.ca"]);
    assert!(code == Some(1) && said.contains("nothing is held of such a person"), "{said}");
    let (code, said) = outcome(&settings, &["forget", EMAIL, "--all"]);
    assert!(code == Some(0) && said.contains("Nothing was erased; --yes does it"), "{said}");
    let done = forget(&world, &settings, &[EMAIL, "--all", "--yes"]);
    assert_eq!(done["persons"].as_array().map(Vec::len), Some(2));
    assert_gone(&world, &[EMAIL, "Lachance", &one, &two]).await;
    service.nothing_left().await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_counts_first_asks_back_and_erases_for_whoever_may() {
    let (world, settings, process, service) = begun().await;
    let (one, two) = two_of_one_address(&world, &service).await;
    let made = world.command(&settings, &["token", "create", "till", "--scope", "operate", "--json"]);
    let operates = text(&serde_json::from_str(&made).expect("JSON"), "token");
    let post = async |token: &str, body: Value| {
        let request = world.http.post(format!("{}/api/v1/forget", service.url)).bearer_auth(token);
        let answer = request.json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    until("the token to be known", async || post(&operates, json!({"person": EMAIL})).await.0 == 403).await;
    for body in [json!({}), json!({"person": 7}), json!({"person": EMAIL, "aply": true})] {
        assert_eq!(post(TOKEN, body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(post(TOKEN, json!({"person": "nobody@exemple.ca"})).await.0, 404);
    let (status, several) = post(TOKEN, json!({"person": EMAIL, "apply": true})).await;
    assert_eq!(status, 409, "{several}");
    assert!(!several.to_string().contains(EMAIL), "{several}");

    let (status, held) = post(TOKEN, json!({"person": EMAIL, "all": true})).await;
    assert_eq!((status, &held["log_rewritten"]), (200, &json!(false)), "{held}");
    assert!(held["persons"].as_array().expect("persons").iter().all(|person| person["dry_run"] == true), "{held}");
    let (status, done) = post(TOKEN, json!({"person": EMAIL, "all": true, "apply": true})).await;
    assert_eq!((status, &done["log_rewritten"]), (200, &json!(true)), "{done}");
    assert_gone(&world, &[EMAIL, "Lachance", "4385550199", &one, &two]).await;
    let audit = world.command(&settings, &["audit", "--json"]);
    assert!(audit.contains("/api/v1/forget") && !audit.contains(EMAIL), "{audit}");
    let log = world.log("carnet");
    assert!(log.contains("admin password") && !log.contains(TOKEN), "only what was made is shown: {log}");
    assert_eq!(world.people().await.len(), 2, "in Google both are as they were");
    service.nothing_left().await;
    process.victim().kill();
}

/// The proxy, or whoever asked, has waited long enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_asked_for_comes_to_its_end_without_whoever_asked() {
    let (world, settings, process, service) = begun().await;
    let id = world.crm_create(genevieve()).await;
    let other = world.crm_create(other(1)).await;
    service.quiet(&world).await;
    world.google_fault(json!({"match": "people.updateContact", "kind": "delay", "ms": 1500, "p": 1.0})).await;
    world.crm_update(&other, json!({"city": "Laval"})).await;
    let lease = GoogleKeys::new(&world.subject).lease();
    let is_held = async || service.pool.get().await.expect("redis").exists(&lease).await.expect("a fact");
    until("a write under way", is_held).await;
    let request = world.http.post(format!("{}/api/v1/forget", service.url)).bearer_auth(TOKEN);
    let request = request.json(&json!({"person": id, "apply": true})).timeout(std::time::Duration::from_millis(300));
    assert!(request.send().await.expect_err("no answer yet").is_timeout());
    let deeds = || -> Value { serde_json::from_str(&world.command(&settings, &["audit", "--json"])).expect("JSON") };
    let outcomes = || deeds().as_array().expect("deeds").iter().map(|deed| text(deed, "outcome")).collect::<Vec<_>>();
    until("the erasure to end", async || outcomes().last().is_some_and(|last| last == "200")).await;
    assert!(outcomes().contains(&"asked".to_owned()), "before it was done");
    assert_gone(&world, &[EMAIL, "Lachance", "4385550199"]).await;
    world.fair_weather().await;
    service.quiet(&world).await;
    service.nothing_left().await;
    process.victim().kill();
}

/// A client of the operator's leaves: nothing of theirs stays, and nothing of anybody else's goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_of_an_account_that_is_declared_no_more_is_found_and_goes() {
    let (mut world, settings, process, service) = begun().await;
    let id = world.crm_create(genevieve()).await;
    let refused = world.crm_create(other(1)).await;
    service.quiet(&world).await;
    world.user_deletes(&resource(&world.only(&refused).await)).await;
    world.crm_update(&refused, json!({"city": "Laval"})).await;
    service.quiet(&world).await;
    let file = world.dir.path().join("carnet.backup").display().to_string();
    world.command(&settings, &["backup", &file]);
    let location = world.location.clone();
    let account = format!("highlevel/{location}");
    let everybody = ["forget", "--crm", &format!("centiva/{location}"), "--everybody", "--yes"];
    let (code, said) = outcome(&settings, &everybody);
    assert!(code == Some(1) && said.contains("is still declared"), "{said}");

    // Another location takes its place in the file.
    let next = world.crm("POST", "locations", &json!({})).await;
    (world.location, world.crm_token) = (text(&next, "id"), text(&next, "token"));
    world.apply_with(&settings);
    world.crm_create(other(2)).await;
    let held = forget(&world, &settings, &[EMAIL, "--dry-run"]);
    assert_eq!((&held["persons"][0]["contact"], &held["persons"][0]["crm"]), (&json!(id), &json!(account)), "{held}");
    let held = forget(&world, &settings, &["--crm", &account, "--everybody"]);
    assert!(held["persons"][0]["erased"]["links"].as_u64() == Some(2), "{held}");
    assert_eq!(held["persons"][0]["dry_run"], true);
    let gone = forget(&world, &settings, &["--crm", &account, "--everybody", "--yes"]);
    assert_eq!(gone["persons"][0]["erased"], held["persons"][0]["erased"]);
    let backup = std::fs::read(&file).expect("the backup");
    std::fs::remove_file(&file).expect("the backup, which holds everything");
    assert_no_key_of(&world, &location).await;
    assert_gone(&world, &[EMAIL, "Lachance", &refused]).await;
    let (code, said) = outcome(&settings, &["forget", "--crm", &account, "--everybody", "--yes"]);
    assert!(code == Some(1) && said.contains("there is no CRM account"), "{said}");

    // Nor does the backup bring it back.
    std::fs::write(&file, backup).expect("the backup");
    ended(&world, process).await;
    world.command(&settings, &["restore", &file, "--replace", "--yes"]);
    std::fs::remove_file(&file).expect("the backup, which holds everything");
    let process = world.spawn("again", &settings, &["serve"]);
    let socket = world.dir.path().join("data/redis/redis.sock");
    world.watch_when_ready(&format!("unix://{}", socket.display()), &settings).await;
    assert_no_key_of(&world, &location).await;
    assert_gone(&world, &[EMAIL, "Lachance", &refused]).await;
    process.victim().kill();
}

async fn assert_no_key_of(world: &World, location: &str) {
    let client = redis::Client::open(format!("unix://{}", world.dir.path().join("data/redis/redis.sock").display()));
    let mut connection = client.expect("a client").get_multiplexed_async_connection().await.expect("a connection");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
    assert!(keys.iter().all(|key| !key.contains(location)), "{keys:?}");
}

/// Stopped in order, so that nobody takes it for running. Its Redis goes with it, last of all; then a command has one of its own.
async fn ended(world: &World, process: Process) {
    process.end();
    let socket = world.dir.path().join("data/redis/redis.sock");
    until("the service to end", async || tokio::net::UnixStream::connect(&socket).await.is_err()).await;
    process.victim().kill();
}

/// The erasure is killed over and over; once it comes to its end, nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_is_killed_is_run_again() {
    let (world, settings, process, service) = begun().await;
    let id = world.crm_create(genevieve()).await;
    world.crm_create(other(1)).await;
    service.quiet(&world).await;
    for delay in [30, 60, 90, 120, 180] {
        let erasure = world.spawn("forget", &settings, &["forget", &id, "--yes"]);
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        erasure.victim().kill();
    }
    world.crm_update(&id, json!({"companyName": "Lachance inc."})).await;
    world.delivered().await;
    forget(&world, &settings, &[&id, "--yes"]);
    until("nothing to be left", async || service.left().await == (0, 0)).await;
    assert_gone(&world, &[EMAIL, "Lachance", "4385550199", &id]).await;
    assert_eq!(world.people().await.len(), 2, "in Google both are as they were");
    service.nothing_left().await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_does_not_bring_back_who_was_erased_after_it() {
    let (world, settings, process, service) = begun().await;
    let id = world.crm_create(genevieve()).await;
    world.crm_create(other(1)).await;
    service.quiet(&world).await;
    let file = world.dir.path().join("carnet.backup").display().to_string();
    world.command(&settings, &["backup", &file]);
    forget(&world, &settings, &[&id, "--yes"]);
    ended(&world, process).await;
    let socket = world.dir.path().join("data/redis/redis.sock");
    world.command(&settings, &["restore", &file, "--replace", "--yes"]);
    let held = forget(&world, &settings, &[&id, "--dry-run"]);
    assert_eq!(held["persons"][0]["erased"], json!({}), "{held}");
    let process = world.spawn("again", &settings, &["serve"]);
    let service = world.watch_when_ready(&format!("unix://{}", socket.display()), &settings).await;
    std::fs::remove_file(&file).expect("the backup, which holds everything");
    assert_gone(&world, &[EMAIL, "Lachance", "4385550199", &id]).await;
    world.crm_update(&id, json!({"companyName": "Lachance"})).await;
    world.delivered().await;
    let runs = service.runs();
    until("the reconcile after the restore", async || {
        runs.current().await.expect("runs").is_some_and(|run| run.why == "redis" && run.is_over())
    })
    .await;
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 2, "in Google both are as they were");
    assert_eq!(world.only(&id).await["organizations"][0]["name"], "Boulangerie Lachance");
    service.nothing_left().await;
    process.victim().kill();
}

fn outcome(settings: &BTreeMap<String, String>, args: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_carnet"));
    let output = command.args(args).envs(settings).stdin(std::process::Stdio::null()).output().expect("carnet runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}
