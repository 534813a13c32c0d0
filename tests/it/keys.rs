//! The secret key is rotated while the service runs: nothing stops, nothing is lost wherever it is killed, and whatever is wrong with
//! a key is said in a sentence before anything is written with it.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    front::Front,
    judge::person,
    process::{Process, free_address},
    server::RedisServer,
    until,
};

const OLD: &str = "the old secret key";
const NEW: &str = "the new secret key";

fn outcome(settings: &BTreeMap<String, String>, args: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_carnet"));
    let output = command.args(args).envs(settings).stdin(Stdio::null()).output().expect("carnet runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

fn done(settings: &BTreeMap<String, String>, args: &[&str]) -> String {
    let (code, said) = outcome(settings, args);
    assert_eq!(code, Some(0), "{args:?}: {said}");
    said
}

fn refused(settings: &BTreeMap<String, String>, args: &[&str]) -> String {
    let (code, said) = outcome(settings, args);
    assert_eq!(code, Some(1), "{args:?}: {said}");
    said
}

fn listed(settings: &BTreeMap<String, String>) -> Value {
    serde_json::from_str(&done(settings, &["keys", "list", "--json"])).expect("JSON")
}

fn with(settings: &BTreeMap<String, String>, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut changed = settings.clone();
    for (key, value) in changes {
        changed.insert((*key).to_owned(), (*value).to_owned());
    }
    changed
}

/// A service as a process, with a Redis of its own.
async fn begun(keys: &[(&str, &str)]) -> (World, RedisServer, BTreeMap<String, String>, Process, Service, Front) {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let settings = with(&world.settings(&free_address().await), keys);
    world.apply_with(&settings);
    let process = world.spawn("carnet", &settings, &["serve"]);
    let watching = with(&settings, &[("CARNET_SECRET_KEY", &key_of(&settings))]);
    let service = world.watch_when_ready(&redis.url(), &watching).await;
    let front = Front::open(&service.url).await;
    world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", front.url)})).await;
    (world, redis, settings, process, service, front)
}

fn key_file(settings: &BTreeMap<String, String>) -> PathBuf {
    PathBuf::from(&settings["CARNET_DATA_DIR"]).join("secret.key")
}

/// The configured key, or the newest in the data directory.
fn key_of(settings: &BTreeMap<String, String>) -> String {
    let configured = settings.get("CARNET_SECRET_KEY").filter(|key| !key.is_empty());
    configured.cloned().unwrap_or_else(|| {
        let text = std::fs::read_to_string(key_file(settings)).expect("a key file");
        text.lines().next().expect("a key").to_owned()
    })
}

async fn follows(world: &World, service: &Service, number: usize) {
    world.crm_create(person("Person", number)).await;
    service.quiet(world).await;
    assert_eq!(world.wrongs().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_carnet_made_is_rotated_while_the_service_runs_and_a_killed_rotation_goes_on() {
    let (world, _redis, settings, process, service, _front) = begun(&[("CARNET_SECRET_KEY", "")]).await;
    follows(&world, &service, 1).await;
    let first = key_of(&settings);
    // Killed at every stage: each time it is run again, and the service goes on.
    for delay in [0, 40, 80, 160, 320, 640] {
        let rotation = world.spawn("rotate", &settings, &["keys", "rotate"]);
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        rotation.victim().kill();
        assert!(std::fs::read_to_string(key_file(&settings)).expect("keys").contains(&first), "the first key is there");
    }
    let said = done(&settings, &["keys", "rotate"]);
    assert!(said.contains("Nothing is sealed with an older key any more"), "{said}");
    assert!(!said.contains(&key_of(&settings)), "a key is not printed: {said}");
    assert_ne!(key_of(&settings), first);
    let view = listed(&settings);
    assert_eq!((&view["state"], &view["processes"]), (&json!("rotated"), &json!(1)), "{view}");
    assert!(view["keys"][0]["values"].as_u64() > Some(3), "{view}");
    follows(&world, &service, 2).await;

    // What was sealed before still opens (a session, a connect link), until the old keys are given up.
    done(&settings, &["keys", "retire"]);
    assert_eq!(std::fs::read_to_string(key_file(&settings)).expect("keys").lines().count(), 1);
    follows(&world, &service, 3).await;
    process.victim().kill();
    let process = world.spawn("carnet", &settings, &["serve"]);
    service.ready().await;
    follows(&world, &service, 4).await;
    let log = world.log("carnet");
    assert!(!log.contains("ERROR"), "the door was never closed: {log}");
    service.nothing_left().await;
    process.victim().kill();
}

/// Stopped in order; one of two is left.
async fn ended(process: &Process, settings: &BTreeMap<String, String>) {
    process.end();
    until("the process to leave", async || listed(settings)["processes"] == 1).await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_key_is_rotated_in_two_steps_by_several_processes() {
    let (world, _redis, old, one, service, _front) = begun(&[("CARNET_SECRET_KEY", OLD)]).await;
    // A second worker with a data directory of its own, as on another machine.
    let elsewhere = free_address().await;
    let of_two = |settings: &BTreeMap<String, String>| {
        let dir = world.dir.path().join("two").display().to_string();
        let url = format!("http://{elsewhere}");
        with(settings, &[("CARNET_DATA_DIR", &dir), ("CARNET_LISTEN", &elsewhere), ("CARNET_PUBLIC_URL", &url)])
    };
    let two = world.spawn("two", &of_two(&old), &["serve", "--only", "work"]);
    until("both processes to be known", async || listed(&old)["processes"] == 2).await;
    let said = refused(&old, &["keys", "rotate"]);
    assert!(said.contains("CARNET_SECRET_KEY_PREVIOUS") && said.contains("no new key"), "{said}");

    let both = with(&old, &[("CARNET_SECRET_KEY", NEW), ("CARNET_SECRET_KEY_PREVIOUS", OLD)]);
    ended(&one, &old).await;
    let one = world.spawn("one", &both, &["serve"]);
    service.ready().await;
    // Half of them know it: the other half must go on, so nothing changes yet.
    follows(&world, &service, 1).await;
    let said = refused(&both, &["keys", "rotate"]);
    assert!(said.contains("do not have the new key") && said.contains("nothing was changed"), "{said}");
    assert_eq!(listed(&both)["state"], "prepared");

    ended(&two, &both).await;
    let two = world.spawn("two", &of_two(&both), &["serve", "--only", "work"]);
    until("the second to be there again", async || listed(&both)["processes"] == 2).await;
    let said = done(&both, &["keys", "rotate"]);
    assert!(said.contains("Nothing is sealed with an older key any more"), "{said}");
    done(&both, &["keys", "rotate"]);
    follows(&world, &service, 2).await;

    let new = with(&old, &[("CARNET_SECRET_KEY", NEW)]);
    for process in [&one, &two] {
        process.victim().kill();
    }
    let _one = world.spawn("one", &new, &["serve"]);
    let _two = world.spawn("two", &of_two(&new), &["serve", "--only", "work"]);
    service.ready().await;
    follows(&world, &service, 3).await;
    assert_eq!(listed(&new)["keys"].as_array().expect("keys").len(), 1);
    for name in ["one", "two"] {
        assert!(!world.log(name).contains("ERROR"), "{name}: {}", world.log(name));
    }
    let said = refused(&old, &["keys", "list"]);
    assert!(said.contains("was sealed with the secret key") && !said.contains(OLD), "{said}");
    service.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_wrong_or_short_key_is_said_and_nothing_is_written_with_it() {
    let (world, redis, made, process, service, _front) = begun(&[("CARNET_SECRET_KEY", "")]).await;
    follows(&world, &service, 1).await;
    process.victim().kill();
    let snapshot = PathBuf::from(&made["CARNET_DATA_DIR"]).join("snapshot.sealed");
    let sealed = std::fs::read(&snapshot).expect("the snapshot");
    let kept = std::fs::read(key_file(&made)).expect("the key");

    let short = refused(&with(&made, &[("CARNET_SECRET_KEY", "short")]), &["serve"]);
    assert!(short.contains("too short: 5 characters") && short.contains("openssl rand -hex 32"), "{short}");
    let wrong = refused(&with(&made, &[("CARNET_SECRET_KEY", OLD)]), &["serve"]);
    assert!(wrong.contains("was sealed with the secret key") && !wrong.contains(OLD), "{wrong}");
    std::fs::remove_file(key_file(&made)).expect("it was there");
    let missing = refused(&made, &["serve"]);
    assert!(missing.contains("the secret key is missing"), "{missing}");
    assert!(!key_file(&made).exists(), "no other key is made in its place");
    // Also where only Redis remembers that there was one.
    let empty = world.dir.path().join("new").display().to_string();
    let missing = refused(&with(&made, &[("CARNET_DATA_DIR", &empty)]), &["serve"]);
    assert!(missing.contains("the secret key is missing"), "{missing}");
    let wrong = refused(&with(&made, &[("CARNET_DATA_DIR", &empty), ("CARNET_SECRET_KEY", OLD)]), &["serve"]);
    assert!(wrong.contains("was sealed with the secret key"), "{wrong}");
    // And where Redis is lost and only the snapshot is left.
    redis.empty().await;
    let wrong = refused(&with(&made, &[("CARNET_SECRET_KEY", OLD)]), &["serve"]);
    assert!(wrong.contains("was sealed with the secret key"), "{wrong}");
    let doctor = refused(&with(&made, &[("CARNET_SECRET_KEY", "short")]), &["doctor"]);
    assert!(doctor.contains("secret key") && doctor.contains("too short"), "{doctor}");
    assert_eq!(std::fs::read(&snapshot).expect("the snapshot"), sealed, "the snapshot is as it was");

    std::fs::write(key_file(&made), kept).expect("the key is put back");
    let _process = world.spawn("again", &made, &["serve"]);
    service.ready().await;
    until("the reconcile of what Redis lost", async || {
        service.runs().current().await.expect("runs").is_some_and(|run| run.is_over())
    })
    .await;
    follows(&world, &service, 2).await;
    service.nothing_left().await;
}
