//! Many contacts go to Google's trash at once: together, only what is ours alone, and however the call ends.

use std::collections::BTreeMap;

use carnet::store::runs::Lane;
use serde_json::{Value, json};

use crate::world::{
    Service, World,
    judge::phone,
    process::{Apart, Process},
    server::RedisServer,
    tap::{Moment, Tap, Upstream},
    until,
    user::resource,
};

const BATCH: &str = "people.batchDeleteContacts";
const SINGLE: &str = "people.deleteContact";

/// A sync that moves to the trash whoever loses the tag.
async fn world() -> World {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nremoval = \"trash\"\ntags = [\"client\"]".into();
    world.set("CARNET_TUNE_BRAKE_LEAST", 50);
    world
}

/// That many contacts of the sync, in Google.
async fn clients(world: &World, service: &Service, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let name = format!("Client{n}");
        ids.push(world.crm_create(json!({"firstName": name, "phone": phone(n), "tags": ["client"]})).await);
    }
    service.quiet(world).await;
    assert_eq!(world.labelled().await.len(), count);
    ids
}

/// They all lose the tag while nobody works on them, so that they leave together; the work has not begun yet.
async fn leave_together(world: &World, service: &Service, ids: &[String]) {
    service.runs().set_paused(Some("asked")).await.expect("paused");
    for id in ids {
        world.crm_update(id, json!({"tags": ["ancien"]})).await;
    }
    world.delivered().await;
    let runs = service.runs();
    until("every contact to be due", async || {
        let due = runs.due(Lane::Live, service.pool.clock.now_ms(), ids.len()).await.expect("marks");
        due.len() == ids.len() && service.left().await == (0, ids.len() as u64)
    })
    .await;
}

async fn go_on(service: &Service) {
    service.runs().set_paused(None).await.expect("goes on");
}

/// Twelve contacts leave while this fault strikes; in the end they are gone.
async fn gone_in_spite_of(fault: Value) -> World {
    let world = world().await;
    let service = world.start().await;
    let ids = clients(&world, &service, 12).await;
    leave_together(&world, &service, &ids).await;
    world.google_fault(fault).await;
    go_on(&service).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new());
    service.nothing_left().await;
    // Nobody takes what we did for the owner's doing: who comes back is made anew.
    world.crm_update(&ids[0], json!({"tags": ["client"]})).await;
    service.quiet(&world).await;
    world.only(&ids[0]).await;
    service.nothing_left().await;
    service.stop().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn eleven_go_in_one_call_and_ten_one_by_one() {
    for (count, batches, singles) in [(11, 1, 0), (10, 0, 10)] {
        let world = world().await;
        let service = world.start().await;
        let ids = clients(&world, &service, count).await;
        leave_together(&world, &service, &ids).await;
        go_on(&service).await;
        service.quiet(&world).await;
        assert_eq!(world.people().await, Vec::<Value>::new());
        assert_eq!((world.calls(BATCH, 200).await, world.calls(SINGLE, 200).await), (batches, singles));
        service.nothing_left().await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_google_refuses_whole_is_done_one_by_one() {
    for status in [404, 400] {
        let world = gone_in_spite_of(json!({"match": BATCH, "kind": "status", "status": status})).await;
        assert_eq!((world.calls(BATCH, status).await, world.calls(SINGLE, 200).await), (1, 12));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_ends_half_way_is_finished() {
    let world = gone_in_spite_of(json!({"match": BATCH, "kind": "commit_prefix", "items": 5})).await;
    assert_eq!(world.calls(BATCH, 500).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_is_lost_was_done_or_is_done_again() {
    for when in ["before", "after"] {
        let world = gone_in_spite_of(json!({"match": BATCH, "kind": "drop", "when": when})).await;
        assert_eq!(world.calls(BATCH, 0).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn googles_limit_is_waited_out() {
    let world = gone_in_spite_of(json!({"match": BATCH, "kind": "status", "status": 429, "retry_after": 1})).await;
    assert_eq!(world.calls(BATCH, 429).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_ours_when_it_is_read_again_stays() {
    let mut world = world().await;
    world.set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 10_000).set("CARNET_TUNE_LEASE_MS", 40_000);
    let service = world.start().await;
    let ids = clients(&world, &service, 12).await;
    leave_together(&world, &service, &ids).await;
    let name = resource(&world.only(&ids[0]).await);
    // The second reading, right before the call, comes late: time enough for the user to make the contact their own.
    let reads = "people.getBatchGet";
    let before = world.calls(reads, 200).await;
    world.google_fault(json!({"match": reads, "kind": "delay", "skip": 1, "ms": 5000})).await;
    go_on(&service).await;
    until("the first reading", async || world.calls(reads, 200).await > before).await;
    world.user_edits(&name, json!({"clientData": [], "nicknames": [{"value": "Mon ami"}]})).await;
    service.quiet(&world).await;
    let left = world.people().await;
    assert_eq!(left.iter().map(resource).collect::<Vec<_>>(), [name]);
    assert_eq!(world.calls(BATCH, 200).await, 1);
    service.nothing_left().await;
    service.stop().await;
}

/// A service in a process of its own, killed around the one call.
struct Killed {
    world: World,
    _redis: RedisServer,
    tap: Tap,
    settings: BTreeMap<String, String>,
    process: Process,
    service: Service,
}

impl Killed {
    async fn open() -> Self {
        let mut world = world().await;
        let redis = RedisServer::start().await;
        let google = world.google_url.trim_start_matches("http://").to_owned();
        let tap =
            Tap::open(Upstream::Tcp(google), |sent| sent.starts_with("POST /v1/people:batchDeleteContacts")).await;
        world
            .set("CARNET_REDIS_URL", redis.url())
            .set("CARNET_GOOGLE_API_URL", format!("http://{}", tap.address))
            .set("CARNET_TUNE_LEASE_MS", 1500)
            .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 500);
        let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
        Self { world, _redis: redis, tap, settings, process, service }
    }

    async fn again(&mut self) {
        self.tap.disarm();
        self.process = self.world.spawn("carnet", &self.settings, &["serve"]);
        self.service.ready().await;
        self.service.quiet(&self.world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_the_call_everybody_goes_and_who_comes_back_meanwhile_stays() {
    for moment in [Moment::Before, Moment::After] {
        let mut killed = Killed::open().await;
        let ids = clients(&killed.world, &killed.service, 12).await;
        leave_together(&killed.world, &killed.service, &ids).await;
        killed.tap.arm(1, moment, killed.process.victim());
        go_on(&killed.service).await;
        until("the end of the process", async || killed.tap.fired()).await;
        let there = killed.world.people().await.len();
        assert_eq!(there, if moment == Moment::Before { 12 } else { 0 });
        for id in &ids[..2] {
            killed.world.crm_update(id, json!({"tags": ["client"], "companyName": "De retour"})).await;
        }
        killed.again().await;
        let people = killed.world.people().await;
        assert_eq!(people.len(), 2, "{moment:?}: {people:#?}");
        for id in &ids[..2] {
            assert_eq!(killed.world.only(id).await["organizations"][0]["name"], "De retour", "{moment:?}");
        }
        killed.service.reconcile().await;
        killed.service.quiet(&killed.world).await;
        assert_eq!(killed.world.labelled().await.len(), 2);
        killed.service.nothing_left().await;
    }
}
