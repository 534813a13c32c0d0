//! The process is killed before and after its exchanges with Redis and with Google, one after the other; whatever it was in
//! the middle of, there is one Google contact per CRM contact in the end.
//!
//! In the short form a part of the exchanges with Redis is tried; with `LONG_TESTS=1` all of them. `TEST_SEED` chooses which.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    judge::{person, phone},
    process::{Apart, Process},
    server::RedisServer,
    tap::{Moment, Tap, Upstream},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_exchange_with_google_nothing_is_lost_or_doubled() {
    Story::begin().await.through_google(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_exchange_with_google_nothing_is_lost_or_doubled() {
    Story::begin().await.through_google(Moment::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_exchanges_with_redis_nothing_is_lost_or_doubled() {
    Story::begin().await.through_redis(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_exchanges_with_redis_nothing_is_lost_or_doubled() {
    Story::begin().await.through_redis(Moment::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_any_exchange_with_google_of_the_first_day_nothing_is_doubled() {
    first_day(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_exchange_with_google_of_the_first_day_nothing_is_doubled() {
    first_day(Moment::After).await;
}

/// Nothing is known of Google yet: it is listed whole, and the label is made.
async fn first_day(moment: Moment) {
    let mut last = 0;
    for at in 1..ENDLESS {
        let mut story = Story::open().await;
        story.google_tap.arm(at, moment, story.process.victim());
        story.morning(async |story| story.google_tap.fired()).await;
        // The contact is there a moment before the answer that kills.
        until("the contact to be done with, or the end", async || {
            story.google_tap.fired() || story.service.left().await == (0, 0)
        })
        .await;
        let killed = story.google_tap.fired();
        story.evening(killed).await;
        if !killed {
            break;
        }
        last = at;
    }
    println!("killed {moment:?} each of {last} exchanges of a first day");
    assert!((4..ENDLESS - 1).contains(&last), "{last} exchanges");
}

/// Enough for a batch.
const MANY: usize = 9;
/// Of the exchanges with Redis, the short form tries each so-many-th.
const STRIDE: u64 = 9;
/// No day has more exchanges than this.
const ENDLESS: u64 = 1_000;

/// A service that is killed once every day.
struct Story {
    world: World,
    _redis: RedisServer,
    redis_tap: Tap,
    google_tap: Tap,
    settings: BTreeMap<String, String>,
    process: Process,
    service: Service,
    /// A contact that lives through the whole story.
    old: String,
    /// The contact that comes in the morning.
    brief: String,
    day: usize,
}

impl Story {
    /// With a contact from before, and all that is done once only.
    async fn begin() -> Self {
        let mut story = Self::open().await;
        story.old = story.world.crm_create(person("Old", 0)).await;
        story.service.quiet(&story.world).await;
        story.service.reconcile().await;
        story
    }

    /// A service that has not done anything yet.
    async fn open() -> Self {
        let mut world = World::new().await;
        world.sync_lines = "every = \"off\"\nremoval = \"trash\"".into();
        let redis = RedisServer::start().await;
        let redis_tap = Tap::open(Upstream::Unix(redis.socket()), is_work()).await;
        let google = world.google_url.trim_start_matches("http://").to_owned();
        let google_tap = Tap::open(Upstream::Tcp(google), is_request).await;
        let people_url = format!("http://{}", google_tap.address);
        world
            .set("CARNET_REDIS_URL", format!("redis://{}", redis_tap.address))
            .set("CARNET_GOOGLE_API_URL", &people_url)
            .set("CARNET_GOOGLE_TOKEN_URL", format!("{people_url}/token"))
            .set("CARNET_TUNE_LEASE_MS", 1500)
            .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 500)
            .set("CARNET_TUNE_PROPAGATION_MS", 300)
            .set("CARNET_TUNE_COALESCE_MS", 30)
            .set("CARNET_TUNE_SWEEP_MS", 50);
        let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
        let (old, brief) = (String::new(), String::new());
        let _redis = redis;
        Self { world, _redis, redis_tap, google_tap, settings, process, service, old, brief, day: 0 }
    }

    async fn through_google(mut self, moment: Moment) {
        let mut last = 0;
        for at in 1..ENDLESS {
            self.google_tap.arm(at, moment, self.process.victim());
            self.day(async |story| story.google_tap.fired()).await;
            if !self.google_tap.fired() {
                break;
            }
            last = at;
        }
        println!("killed {moment:?} each of {last} exchanges with Google");
        assert!((8..ENDLESS - 1).contains(&last), "{last} exchanges");
        let log = self.world.google("GET", "log", &Value::Null).await;
        assert!(!log["counters"]["people.batchCreateContacts"].is_null(), "no batch was made: {}", log["counters"]);
        assert!(!log["counters"]["people.createContact"].is_null(), "{}", log["counters"]);
    }

    async fn through_redis(mut self, moment: Moment) {
        let long = std::env::var("LONG_TESTS").is_ok();
        let seed: u64 = std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
        let stride = if long { 1 } else { STRIDE };
        println!("TEST_SEED={seed}, each {stride}th exchange");
        let mut last = 0;
        for at in (1 + seed % stride..ENDLESS).step_by(usize::try_from(stride).expect("small")) {
            self.redis_tap.arm(at, moment, self.process.victim());
            self.day(async |story| story.redis_tap.fired()).await;
            if !self.redis_tap.fired() {
                break;
            }
            last = at;
        }
        println!("killed {moment:?} up to exchange {last} with Redis");
        assert!((30..ENDLESS - stride).contains(&last), "{last} exchanges");
    }

    /// A day's work, with a kill somewhere in it.
    async fn day(&mut self, killed: impl AsyncFn(&Self) -> bool) {
        self.morning(&killed).await;
        self.afternoon(&killed).await;
        let killed = killed(self).await;
        self.evening(killed).await;
    }

    /// A contact comes.
    async fn morning(&mut self, killed: impl AsyncFn(&Self) -> bool) {
        self.day += 1;
        self.brief = self.world.crm_create(person("Brief", self.day)).await;
        until("the contact to be in Google, or the end", async || {
            killed(self).await || !self.world.stamped(&self.brief).await.is_empty()
        })
        .await;
    }

    /// It goes, one changes, many come at once; then all are looked through.
    async fn afternoon(&self, killed: impl AsyncFn(&Self) -> bool) {
        let world = &self.world;
        world.crm_delete(&self.brief).await;
        for number in 0..MANY {
            world.crm_create(person("Many", self.day * 100 + number)).await;
        }
        world.crm_update(&self.old, json!({"phone": phone(9_000 + self.day)})).await;
        until("the queue to be worked off, or the end", async || {
            killed(self).await || (pending(world).await == 0 && self.service.left().await == (0, 0))
        })
        .await;
        let runs = self.service.runs();
        runs.want("asked").await.expect("asked");
        until("the reconcile to end, or the end", async || {
            let wanted = runs.wanted().await.expect("runs").is_some();
            let over = runs.current().await.expect("runs").is_none_or(|run| run.is_over());
            killed(self).await || (!wanted && over)
        })
        .await;
    }

    /// The service is started again, and everything is as it should be.
    async fn evening(&mut self, killed: bool) {
        let (redis, google) = (self.redis_tap.seen(), self.google_tap.seen());
        println!("day {}: killed {killed}; {redis} exchanges with Redis, {google} with Google so far", self.day);
        self.redis_tap.disarm();
        self.google_tap.disarm();
        if killed {
            self.process = self.world.spawn("carnet", &self.settings, &["serve"]);
        }
        self.service.ready().await;
        self.service.quiet(&self.world).await;
        self.service.reconcile().await;
        self.service.quiet(&self.world).await;
        self.one_each().await;
        self.service.nothing_left().await;
    }

    /// Every CRM contact is in Google once and as the CRM has it, and nobody else is there.
    async fn one_each(&self) {
        let wrongs = self.world.wrongs().await;
        assert!(wrongs.is_empty(), "day {}: {wrongs:#?}\n{}", self.day, self.evidence());
        let (there, wanted) = (self.world.people().await.len(), self.world.crm_dump().await.len());
        assert_eq!(there, wanted, "day {}: contacts in Google and in the CRM\n{}", self.day, self.evidence());
    }

    /// The end of the service's log.
    fn evidence(&self) -> String {
        let log = self.world.log("carnet");
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

async fn pending(world: &World) -> u64 {
    world.crm("GET", "deliveries", &Value::Null).await["pending"].as_u64().unwrap_or(0)
}

fn is_request(sent: &str) -> bool {
    ["GET ", "POST ", "PATCH ", "DELETE ", "PUT "].iter().any(|verb| sent.starts_with(verb))
}

/// Tells exchanges of the work from the looks at everything that come with every sweep.
fn is_work() -> impl FnMut(&str) -> bool + Send {
    const WORK: [&str; 14] = [
        "XADD",
        "lease",
        ":fence",
        ":journal:",
        ":begun:",
        ":links:",
        ":intents:",
        ":decisions:",
        ":census",
        ":listing",
        ":readings:",
        "label:",
        "budget",
        ":run-counts",
    ];
    // The dispatch that follows an event is work; those of the sweep find nothing.
    let mut event = false;
    move |sent| {
        event |= sent.contains("XADD");
        let is_dispatch = sent.contains(":bodies");
        WORK.iter().any(|word| sent.contains(word)) || (is_dispatch && std::mem::take(&mut event))
    }
}
