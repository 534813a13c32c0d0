//! A backup is taken in the middle of live traffic, Redis is lost, the backup restored, and everything goes on: nobody is twice in
//! Google, nothing is lost after a reconcile, what is the owner's stays as it is, and earlier runs can still be undone.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    judge::person,
    process::{Apart, Process},
    server::RedisServer,
    tap::{Moment, Tap, Upstream},
    until,
};

/// A service of its own process with its own Redis.
struct Story {
    world: World,
    redis: RedisServer,
    settings: BTreeMap<String, String>,
    process: Process,
}

impl Story {
    async fn begin() -> (Self, Service) {
        let mut world = World::new().await;
        let redis = RedisServer::start().await;
        world.set("CARNET_REDIS_URL", redis.url());
        let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
        (Self { world, redis, settings, process }, service)
    }

    fn file(&self) -> PathBuf {
        self.world.dir.path().join("carnet.backup")
    }

    fn command(&self, args: &[&str]) -> String {
        self.world.command(&self.settings, args)
    }

    /// A command that fails; answers why.
    fn refused(&self, args: &[&str]) -> String {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_carnet"));
        let output = command.args(args).envs(&self.settings).stdin(Stdio::null()).output().expect("carnet runs");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    /// The same service on whatever its Redis holds now.
    async fn go_on(&mut self) -> Service {
        self.process = self.world.spawn("carnet", &self.settings, &["serve"]);
        let service = self.world.watch_when_ready(&self.redis.url(), &self.settings).await;
        service.ready().await;
        service
    }

    /// Whether the installation mark has this field.
    async fn mark(&self, field: &str) -> bool {
        let client = redis::Client::open(self.redis.url()).expect("a client");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        redis::cmd("HEXISTS").arg("carnet:installation").arg(field).query_async(&mut connection).await.expect("asked")
    }

    async fn keys(&self) -> u64 {
        let client = redis::Client::open(self.redis.url()).expect("a client");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        redis::cmd("DBSIZE").query_async(&mut connection).await.expect("a number")
    }
}

/// Waits until the sync has been reconciled in the new epoch, and all is done.
async fn made_up_for(world: &World, service: &Service) {
    let runs = service.runs();
    until("the reconcile after the restore", async || {
        runs.current().await.expect("runs").is_some_and(|run| run.why == "redis" && run.is_over())
    })
    .await;
    service.quiet(world).await;
}

fn own_people() -> Value {
    json!([
        {"names": [{"givenName": "Maman"}], "phoneNumbers": [{"value": "418-555-0166", "type": "home"}]},
        {"names": [{"givenName": "Adopted", "familyName": "Person900"}], "nicknames": [{"value": "Nado"}],
         "emailAddresses": [{"value": "adopted900@example.com"}]},
    ])
}

/// One Google contact for each of the CRM, with its newest state.
async fn is_right(world: &World) {
    assert_eq!(world.wrongs().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_live_traffic_is_restored_into_an_empty_redis_and_goes_on_without_a_duplicate() {
    let (mut story, service) = Story::begin().await;
    story.world.google_seed(own_people().as_array().expect("people")).await;
    let maman = own(&story.world).await;
    story.world.crm_create(person("Adopted", 900)).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(story.world.crm_create(person("Early", number)).await);
    }
    service.quiet(&story.world).await;
    let undoable = service.reconcile().await;

    // Contacts go on coming and changing while it is written.
    let (file, settings) = (story.file(), story.settings.clone());
    let backup = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_carnet"));
        command.args(["backup", "--json", file.to_str().expect("a path")]).envs(settings).output().expect("carnet runs")
    });
    let mut later = 100;
    while !backup.is_finished() || later < 115 {
        story.world.crm_create(person("During", later)).await;
        story.world.crm_update(&ids[later % ids.len()], json!({"companyName": format!("Firm {later}")})).await;
        later += 1;
    }
    let output = backup.await.expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let contents: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(contents["keys"].as_u64() > Some(5), "{contents}");
    let text = std::fs::read(story.file()).expect("the backup");
    assert!(!contains(&text, b"Early") && !contains(&text, b"@example.com"), "it is sealed");
    // What happens after it is known to nobody but the CRM and Google.
    story.world.crm_delete(&ids[0]).await;
    story.world.crm_create(person("After", 300)).await;
    service.quiet(&story.world).await;

    let file = story.file().display().to_string();
    assert!(story.refused(&["restore", &file]).contains("stop them first"), "a running service is not overwritten");
    story.process.victim().kill();
    story.redis.empty().await;
    let said = story.command(&["restore", &file]);
    assert!(said.contains("every sync is reconciled"), "{said}");

    let service = story.go_on().await;
    made_up_for(&story.world, &service).await;
    service.reconcile().await;
    service.quiet(&story.world).await;
    // The deleted one stays, unlabelled, in Google: that is the sync's rule.
    assert_eq!(own(&story.world).await, maman, "the owner's own is untouched");
    is_right(&story.world).await;
    let in_crm = story.world.crm_dump().await.len();
    assert_eq!(
        story.world.people().await.len(),
        in_crm + 2,
        "nobody is twice: the CRM's, the owner's, the one that was let go"
    );
    service.nothing_left().await;

    // What was done before the backup can still be taken back.
    let runs = story.command(&["sync", "runs", "phone", "--json"]);
    assert!(runs.contains(&undoable.id), "the report is there");
    story.process.victim().kill();
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

async fn own(world: &World) -> Value {
    let all = world.people().await;
    all.into_iter().find(|p| p["names"][0]["givenName"] == "Maman").expect("the owner's own")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_is_undone_after_redis_was_lost_and_restored() {
    let (mut story, service) = Story::begin().await;
    story.process.victim().kill();
    story.world.google_seed(&[own_people()[0].clone()]).await;
    let before = story.world.people().await;
    story.world.crm_seed(&(0..8).map(|number| person("First", number)).collect::<Vec<_>>()).await;
    let service_again = story.go_on().await;
    drop(service);
    let first = service_again.reconcile().await;
    service_again.quiet(&story.world).await;
    assert_eq!(story.world.people().await.len(), 9);
    let file = story.file().display().to_string();
    story.command(&["backup", &file]);
    story.process.victim().kill();
    story.redis.empty().await;
    story.command(&["restore", &file]);

    let service = story.go_on().await;
    made_up_for(&story.world, &service).await;
    let said = story.command(&["sync", "undo", "phone", &first.id, "--yes", "--json"]);
    assert_eq!(
        story.world.people().await,
        before,
        "{said}: what the first run made is taken back, the owner's own is there"
    );
    story.process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_is_refused_before_anything_is_written() {
    let (mut story, service) = Story::begin().await;
    story.world.crm_create(person("One", 1)).await;
    service.quiet(&story.world).await;
    let file = story.file().display().to_string();
    story.command(&["backup", &file]);
    assert!(story.refused(&["backup", &file]).contains("is there already"));
    story.process.victim().kill();
    let held = story.keys().await;
    // The killed process is remembered for half a minute.
    forget_processes(&story).await;
    let not_empty = story.refused(&["restore", &file]);
    assert!(not_empty.contains("is not empty") && not_empty.contains("--replace"), "{not_empty}");
    let counted = story.command(&["restore", &file, "--replace"]);
    assert!(counted.contains("With --yes it does"), "{counted}");
    assert_eq!(story.keys().await, held - 1, "counting takes nothing away");

    story.redis.empty().await;
    let whole = std::fs::read(&file).expect("the backup");
    let bad = story.world.dir.path().join("bad.backup");
    let name = bad.display().to_string();
    let mut changed = whole.clone();
    let middle = whole.len() / 2;
    changed[middle] ^= 1;
    for (bytes, sentence) in [
        (&whole[..whole.len() - 10], "its end is missing"),
        (&changed, "is damaged"),
        (b"hello\n", "is no backup of Carnet"),
        (&[b"carnet-backup 9 ", &whole[b"carnet-backup 1 ".len()..]].concat(), "made by a newer Carnet"),
    ] {
        std::fs::write(&bad, bytes).expect("a file");
        let said = story.refused(&["restore", &name]);
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let mut other = story.settings.clone();
    other.insert("CARNET_SECRET_KEY".into(), "quite another secret key".into());
    other.insert("CARNET_DATA_DIR".into(), story.world.dir.path().join("elsewhere").display().to_string());
    std::mem::swap(&mut story.settings, &mut other);
    let said = story.refused(&["restore", &file]);
    assert!(said.contains("was sealed with the secret key") && said.contains("CARNET_SECRET_KEY_PREVIOUS"), "{said}");
    std::mem::swap(&mut story.settings, &mut other);
    assert_eq!(story.keys().await, 0, "nothing was written");
    assert!(story.command(&["restore", &file, "--check"]).contains("The backup is whole"));
    assert_eq!(story.keys().await, 0, "looking writes nothing either");
    story.command(&["restore", &file]);
    let service = story.go_on().await;
    made_up_for(&story.world, &service).await;
    assert_eq!(story.world.people().await.len(), 1);
    service.nothing_left().await;
    story.process.victim().kill();
}

async fn forget_processes(story: &Story) {
    let client = redis::Client::open(story.redis.url()).expect("a client");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let _: () = redis::cmd("DEL").arg("carnet:processes").query_async(&mut connection).await.expect("gone");
}

/// A restore is killed at one exchange with Redis after the other: until it has come to its end the service does not start.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_is_said_clearly_and_run_again() {
    let (mut story, service) = Story::begin().await;
    story.world.crm_seed(&(0..150).map(|number| person("Many", number)).collect::<Vec<_>>()).await;
    service.reconcile().await;
    service.quiet(&story.world).await;
    let file = story.file().display().to_string();
    story.command(&["backup", &file]);
    story.process.victim().kill();
    story.redis.empty().await;
    let tap = Tap::open(Upstream::Unix(story.redis.socket()), |sent| sent.contains("carnet:")).await;
    let mut through = story.settings.clone();
    through.insert("CARNET_REDIS_URL".into(), format!("redis://{}", tap.address));
    let (mut at, mut broken_off) = (1, 0);
    loop {
        let moment = if at % 2 == 0 { Moment::Before } else { Moment::After };
        let process = story.world.spawn("restore", &through, &["restore", &file]);
        tap.arm(at, moment, process.victim());
        until("the restore to end, or to be killed", async || tap.fired() || story.mark("id").await).await;
        tap.disarm();
        if story.mark("id").await {
            break;
        }
        process.victim().kill();
        if story.mark("restoring").await {
            broken_off += 1;
            let said = story.refused(&["sync", "list"]);
            assert!(said.contains("was broken off; run `carnet restore FILE` again"), "{at}: {said}");
        }
        at += 3;
    }
    assert!(broken_off > 5, "{broken_off}");
    let service = story.go_on().await;
    made_up_for(&story.world, &service).await;
    assert_eq!(story.world.people().await.len(), 150);
    is_right(&story.world).await;
    service.nothing_left().await;
    story.process.victim().kill();
}
