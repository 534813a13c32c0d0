//! The same days with everything real: `carnet serve` behind what stands for a reverse proxy, webhooks over a socket, kills by
//! a signal, and time that passes by itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use carnet::{
    config::Settings,
    queue::event::Event,
    store::{current::SyncSpec, pool::Pool, registry::Refusal},
};
use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{Tally, days, ground::Ground, number};
use crate::world::{
    Service, World,
    front::Front,
    process::{Process, free_address},
    server::RedisServer,
};

/// Days in the suite; with `TEST_DAYS=N` that many.
const DAYS: u64 = 10;
/// Days at the same time.
const LANES: u64 = 5;
/// How long Google's listings lag behind.
const LAG: Duration = Duration::from_millis(300);

#[test]
fn days_outdoors_end_well_too() {
    let seeds: Vec<u64> = match number("TEST_SEED") {
        Some(one) => vec![one; 5],
        None => (1..=number("TEST_DAYS").unwrap_or(DAYS)).collect(),
    };
    let lane = |first: u64| {
        let seeds: Vec<u64> = seeds.iter().copied().skip(usize::try_from(first).unwrap_or(0)).step_by(5).collect();
        async move {
            let mut tally = Tally::new();
            for seed in seeds {
                let mut outdoors = Outdoors::open(seed).await;
                let day = days::play(&mut outdoors, seed).await.unwrap_or_else(|said| panic!("{said}"));
                day.into_iter().for_each(|(what, count)| *tally.entry(what).or_default() += count);
            }
            tally
        }
    };
    let mut tally = Tally::new();
    std::thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..LANES).map(|first| scope.spawn(move || super::on_a_tall_stack(|| lane(first)))).collect();
        for lane in lanes {
            let day = lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            day.into_iter().for_each(|(what, count)| *tally.entry(what).or_default() += count);
        }
    });
    println!("{} days outdoors: {tally:?}", seeds.len());
    for what in ["created", "updated", "removed", "killed"] {
        assert!(tally.contains_key(what), "no day had one {what}: {tally:?}");
    }
}

/// A service in a process of its own, and its surroundings.
struct Outdoors {
    world: World,
    redis: RedisServer,
    up: Option<Up>,
    seed: u64,
}

/// What is there once there is something to connect.
struct Up {
    settings: BTreeMap<String, String>,
    process: Process,
    service: Service,
    _front: Front,
}

impl Outdoors {
    async fn open(seed: u64) -> Self {
        let mut world = World::new().await;
        let redis = RedisServer::start().await;
        world
            .set("CARNET_REDIS_URL", redis.url())
            .set("CARNET_TUNE_LEASE_MS", 1500)
            .set("CARNET_TUNE_PROPAGATION_MS", LAG.as_millis() * 3)
            .set("CARNET_TUNE_RETRY_ATTEMPTS", 30)
            .set("CARNET_TUNE_STALE_READ_MS", LAG.as_millis())
            .set("CARNET_TUNE_BRAKE_LEAST", 2)
            .set("CARNET_TUNE_SWEEP_MS", 50);
        Self { world, redis, up: None, seed }
    }

    fn up(&self) -> &Up {
        self.up.as_ref().expect("the day has begun")
    }
}

impl Drop for Outdoors {
    /// What a day that failed leaves to read.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.world.log("carnet");
            let lines: Vec<&str> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("{end}\nthe same day again: TEST_SEED={} tests/run days_outdoors -- --nocapture", self.seed);
        }
    }
}

impl Ground for Outdoors {
    async fn renew(&mut self, lines: &str, modes: &Value) {
        let lag = LAG.as_millis();
        let lag = json!({"sync_delay_ms": lag, "list_delay_ms": lag, "stale_read_ms": lag / 5, "write_ms": 0});
        self.world.google("PATCH", "limits", &lag).await;
        self.world.google("PATCH", &format!("accounts/{}/modes", self.world.subject), modes).await;
        self.world.sync_lines = format!("every = \"off\"\n{lines}");
        let settings = self.world.settings(&free_address().await);
        self.world.apply(&self.world.declared()).await.done();
        let service = self.world.watch(&self.redis.url(), &settings).await;
        let process = self.world.spawn("carnet", &settings, &["serve"]);
        let front = Front::open(&service.url).await;
        self.world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", front.url)})).await;
        service.ready().await;
        self.up = Some(Up { settings, process, service, _front: front });
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn pool(&self) -> &Pool {
        &self.up().service.pool
    }

    fn sync(&self) -> Arc<SyncSpec> {
        self.up().service.current.syncs[0].clone()
    }

    async fn refusals(&self) -> BTreeMap<String, Refusal> {
        let settings = Settings::from_texts(self.up().settings.clone()).expect("settings");
        let (registry, _) = self.world.registry(self.pool(), &settings);
        registry.load().await.expect("a registry").refusals
    }

    fn is_told_by_us(&self) -> bool {
        false
    }

    /// No 429: the service then rests for a minute, and outdoors that is a minute.
    fn refusals_of_google(&self) -> &'static [u16] {
        &[500, 503, 401, 403]
    }

    async fn receive(&mut self, _: &[Event]) {}

    async fn work(&mut self) -> String {
        // It works by itself; how far it comes is up to the machine.
        tokio::time::sleep(Duration::from_millis(40)).await;
        "a moment".into()
    }

    async fn reconcile(&mut self) {
        self.up().service.reconcile().await;
    }

    async fn killed(&mut self, rng: &mut StdRng) -> (bool, String) {
        if rng.random_bool(0.3) {
            self.runs().want("asked").await.expect("asked");
        }
        let moment = rng.random_range(0..150);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        let up = self.up.as_mut().expect("the day has begun");
        up.process.victim().kill();
        up.process = self.world.spawn("carnet", &up.settings, &["serve"]);
        (true, format!("killed after {moment} ms"))
    }

    async fn pass(&mut self, time: Duration) {
        tokio::time::sleep(time.min(LAG * 4)).await;
    }

    async fn quiet(&mut self) -> Result<(), String> {
        self.up().service.ready().await;
        self.up().service.quiet(&self.world).await;
        Ok(())
    }
}
