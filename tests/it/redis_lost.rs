//! Redis loses everything, or is put back to an older copy, while the service runs and while it is stopped: nobody is twice
//! in Google, what the user did there stands, and the configuration is still there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use carnet::{app::foundation::Foundation, config::Settings, store::runs::Runs};
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    front::Front,
    google::values,
    judge::{person, phone},
    process::{Apart, Process},
    server::RedisServer,
    until,
    user::{labels, resource},
};

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied_while_the_service_runs() {
    let story = Story::begin(100).await;
    story.redis.empty().await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_emptied_while_the_service_is_stopped() {
    let mut story = Story::begin(100).await;
    story.process.victim().kill();
    story.redis.empty().await;
    // As an event does that finds no count of the CRM's contacts before the reconciler has looked.
    story.runs.want("first").await.expect("a wish");
    story.process = story.world.spawn("carnet", &story.settings, &["serve"]);
    story.end().await;
}

/// What was undone would come back, and what was never asked for would begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sync_and_one_that_only_runs_when_asked_stay_as_they_are() {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    let more = |name: &str, lines: &str| {
        format!(
            "\n[[sync]]\nname = \"{name}\"\ncrm = \"centiva/{}\"\ngoogle = \"office\"\nlabel = \"{name}\"\nevery = \"off\"\n{lines}",
            world.location
        )
    };
    world.sync_lines = ["every = \"off\"".to_owned(), more("left", ""), more("once", "live = false")].concat();
    world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", 100);
    let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
    let id = world.crm_create(person("Early", 1)).await;
    service.quiet(&world).await;
    let given = async || labels(&world.contact(&resource(&world.only(&id).await)).await);
    assert_eq!(given().await, [LABEL, "left", "myContacts"]);
    world.command(&settings, &["sync", "leave", "left", "--unlabel", "--yes"]);
    assert_eq!(given().await, [LABEL, "myContacts"]);
    redis.empty().await;
    let runs = service.runs();
    until("the reconcile after the loss", async || {
        runs.current().await.ok().flatten().is_some_and(|run| run.why == "redis" && run.is_over())
    })
    .await;
    service.quiet(&world).await;
    assert_eq!(given().await, [LABEL, "myContacts"]);
    let listed: Value = serde_json::from_str(&world.command(&settings, &["sync", "list", "--json"])).expect("JSON");
    let state = |name: &str| {
        let syncs = listed.as_array().expect("syncs");
        syncs.iter().find(|sync| sync["name"] == name).map(|sync| sync["state"].clone()).expect("a sync")
    };
    assert_eq!((state("left"), state("once")), (json!("paused"), json!("up to date")), "{listed:#}");
    process.victim().kill();
}

/// Of what it made nothing is known any more; Google still shows its stamps.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_only_runs_when_asked_finds_its_own_then() {
    let mut world = World::new().await;
    let redis = RedisServer::start().await;
    world.sync_lines = "every = \"off\"\nlive = false\nremoval = \"unlabel\"".into();
    world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", 100);
    let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
    let (stays, goes) = (world.crm_create(person("Stays", 1)).await, world.crm_create(person("Goes", 2)).await);
    let run = || serde_json::from_str::<Value>(&world.command(&settings, &["sync", "run", "phone", "--json"]));
    assert_eq!(run().expect("JSON")["counts"]["created"], 2);
    world.crm_delete(&goes).await;
    redis.empty().await;
    let done = run().expect("JSON");
    service.quiet(&world).await;
    let given = async |id: &str| labels(&world.contact(&resource(&world.only(id).await)).await);
    assert_eq!(
        (given(&stays).await, given(&goes).await),
        (vec![LABEL.into(), "myContacts".into()], vec!["myContacts".to_owned()]),
        "{done:#}"
    );
    assert_eq!(world.people().await.len(), 2);
    service.nothing_left().await;
    process.victim().kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_put_back_to_an_older_copy_while_the_service_runs() {
    let mut story = Story::begin(100).await;
    story.redis.put_back(&story.copy).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_put_back_to_an_older_copy_while_the_service_is_stopped() {
    let mut story = Story::begin(100).await;
    story.process.victim().kill();
    story.redis.put_back(&story.copy).await;
    story.process = story.world.spawn("carnet", &story.settings, &["serve"]);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_the_first_to_see_that_redis_is_empty() {
    let story = Story::begin(3_000).await;
    story.redis.empty().await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_the_first_to_see_that_redis_is_older() {
    let mut story = Story::begin(3_000).await;
    story.redis.put_back(&story.copy).await;
    story.end().await;
}

/// What the user has in Google of his own.
const OWN_EMAIL: &str = "private@example.org";
const OWN_NICKNAME: &str = "Nado";

/// A service whose Redis is about to be lost.
struct Story {
    world: World,
    redis: RedisServer,
    /// Redis as it was before anything of the second part happened.
    copy: tempfile::TempDir,
    front: Front,
    runs: Runs,
    settings: BTreeMap<String, String>,
    process: Process,
    export: String,
    edited: String,
    deleted: String,
    opted_out: String,
    changing: String,
    adopted: String,
}

impl Story {
    /// `sweep` in milliseconds: how soon the service looks by itself whether Redis is still its own.
    async fn begin(sweep: u64) -> Self {
        let mut world = World::new().await;
        let redis = RedisServer::start().await;
        world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", sweep);
        let Apart { settings, service, process, front } = world.start_apart(&redis.url()).await;
        let own = json!([{
            "names": [{"givenName": "Adopted", "familyName": "Person5"}],
            "nicknames": [{"value": OWN_NICKNAME}],
            "emailAddresses": [{"value": "adopted5@example.com"}, {"value": OWN_EMAIL}],
        }]);
        world.google_seed(own.as_array().expect("people")).await;
        let edited = world.crm_create(person("Edited", 1)).await;
        let deleted = world.crm_create(person("Deleted", 2)).await;
        let opted_out = world.crm_create(person("Optedout", 3)).await;
        let changing = world.crm_create(person("Changing", 4)).await;
        let adopted = world.crm_create(person("Adopted", 5)).await;
        service.quiet(&world).await;
        service.reconcile().await;
        let copy = redis.copy();
        let mut story = Self {
            world,
            redis,
            copy,
            front,
            runs: service.runs(),
            settings,
            process,
            export: String::new(),
            edited,
            deleted,
            opted_out,
            changing,
            adopted,
        };
        story.go_on(&service).await;
        story
    }

    /// What the older copy does not know.
    async fn go_on(&mut self, service: &Service) {
        self.world.sync_lines = "every = \"off\"\nremoval = \"keep\"".into();
        self.world.apply_with(&self.settings);
        self.export = self.world.command(&self.settings, &["export"]);
        let world = &self.world;
        let edited = self.only(&self.edited).await;
        let emails = json!([{"value": "edited1@example.com"}, {"value": OWN_EMAIL}]);
        world.user_edits(&edited, json!({"emailAddresses": emails, "nicknames": [{"value": OWN_NICKNAME}]})).await;
        world.user_deletes(&self.only(&self.deleted).await).await;
        let id = self.only(&self.opted_out).await.replace("people/", "contacts/");
        let path = format!("accounts/{}/{id}/labels", world.subject);
        world.google("POST", &path, &json!({"remove": [crate::world::LABEL]})).await;
        world.crm_update(&self.opted_out, json!({"phone": phone(33)})).await;
        world.crm_update(&self.changing, json!({"phone": phone(44)})).await;
        world.crm_create(person("Later", 6)).await;
        service.quiet(world).await;
        service.reconcile().await;
        service.quiet(world).await;
        assert_eq!(world.people().await.len(), 5, "the story so far: the deleted one is gone, the later one is there");
        assert!(!values(&self.person(&self.opted_out).await, "phoneNumbers").contains(&phone(33)), "he has opted out");
    }

    /// Life goes on meanwhile; then everything is judged.
    async fn end(self) {
        let world = &self.world;
        let over = Arc::new(AtomicBool::new(false));
        let knocking = async {
            let mut pace = tokio::time::interval(Duration::from_millis(10));
            while !over.load(Ordering::Relaxed) {
                pace.tick().await;
                world.knock(&self.front.url, &self.edited).await;
            }
        };
        let living = async {
            world.crm_update(&self.changing, json!({"phone": phone(444)})).await;
            world.crm_update(&self.deleted, json!({"phone": phone(22)})).await;
            world.crm_update(&self.opted_out, json!({"phone": phone(333)})).await;
            world.crm_create(person("Latest", 7)).await;
            let service = world.watch_when_ready(&self.redis.url(), &self.settings).await;
            let runs = service.runs();
            until("the reconcile that makes up for the loss", async || {
                let run = runs.current().await.expect("runs");
                run.is_some_and(|run| run.why == "redis" && run.is_over())
            })
            .await;
            over.store(true, Ordering::Relaxed);
            service
        };
        let (service, ()) = tokio::join!(living, knocking);
        service.quiet(world).await;
        service.reconcile().await;
        service.quiet(world).await;
        self.judge().await;
        service.nothing_left().await;
    }

    async fn judge(&self) {
        let world = &self.world;
        let log = || world.log("carnet");
        let answered: std::collections::BTreeSet<u16> = self.front.answered().into_iter().collect();
        assert!(answered.is_subset(&[202, 429].into()), "the door answered {answered:?}\n{}", log());
        assert_eq!(world.command(&self.settings, &["export"]), self.export, "configuration and tokens");
        let people = world.people().await;
        assert_eq!(people.len(), 6, "{people:#?}\n{}", log());
        assert!(world.stamped(&self.deleted).await.is_empty(), "the user deleted it");
        let edited = self.person(&self.edited).await;
        assert!(values(&edited, "emailAddresses").contains(&OWN_EMAIL.to_owned()), "{edited:#}");
        assert_eq!(values(&edited, "nicknames"), [OWN_NICKNAME]);
        let adopted = self.person(&self.adopted).await;
        assert!(values(&adopted, "emailAddresses").contains(&OWN_EMAIL.to_owned()), "{adopted:#}");
        assert_eq!(values(&adopted, "nicknames"), [OWN_NICKNAME]);
        let changing = self.person(&self.changing).await;
        assert_eq!(values(&changing, "phoneNumbers"), [phone(444)], "ours is told from his by the stamp\n{}", log());
        let opted_out = self.person(&self.opted_out).await;
        assert_eq!(values(&opted_out, "phoneNumbers"), [phone(3)], "he has opted out\n{}", log());
        let labelled: Vec<Value> = world.labelled().await;
        assert_eq!(labelled.len(), 5, "all but the one that opted out: {labelled:#?}");
    }

    async fn person(&self, contact: &str) -> Value {
        let mut stamped = self.world.stamped(contact).await;
        assert_eq!(stamped.len(), 1, "{contact}: {stamped:#?}\n{}", self.world.log("carnet"));
        stamped.remove(0)
    }

    /// The resource name of the contact's person.
    async fn only(&self, contact: &str) -> String {
        crate::world::text(&self.person(contact).await, "resourceName")
    }
}

impl Drop for Story {
    /// What a story that failed leaves to read.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.world.log("carnet"));
        }
    }
}

/// As the replicas of a first deployment do.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_begin_together_are_one_installation() {
    let world = World::new().await;
    let redis = RedisServer::start_in_memory().await;
    for round in 0..10 {
        let opened = (0..3).map(|number| {
            let mut settings = world.settings("127.0.0.1:9");
            let dir = world.dir.path().join(format!("data-{round}-{number}"));
            settings.insert("CARNET_DATA_DIR".into(), dir.display().to_string());
            settings.insert("CARNET_REDIS_URL".into(), redis.url());
            let settings = Settings::from_texts(settings).expect("settings");
            async move { Foundation::open(&settings).await.expect("all begin") }
        });
        let opened = futures_util::future::join_all(opened).await;
        let ids: BTreeSet<&str> = opened.iter().map(|foundation| foundation.installation().id.as_str()).collect();
        assert_eq!(ids.len(), 1, "round {round}");
        redis.empty().await;
    }
}
