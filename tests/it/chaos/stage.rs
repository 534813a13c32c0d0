//! The processes, Redis, and the wires between them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    front::Front,
    process::{Process, free_address},
    server::RedisServer,
    tap::{Line, Tap, Upstream},
    text, until,
};

/// Contacts of the owner's own.
const OWN: usize = 60;

/// One `carnet serve`, behind a wire of its own to Redis.
pub struct Part {
    pub name: &'static str,
    args: &'static [&'static str],
    settings: BTreeMap<String, String>,
    pub process: Process,
    pub wire: Tap,
}

/// All of it.
pub struct Stage {
    pub world: World,
    pub redis: RedisServer,
    pub service: Service,
    /// The web process first, then the workers.
    pub parts: Vec<Part>,
    front: Front,
    /// The owner's contacts before anything happened.
    pub before: Vec<Value>,
    pub strangers: Vec<Value>,
}

const PARTS: [(&str, &[&str]); 3] = [
    ("web", &["serve", "--only", "web"]),
    ("one", &["serve", "--only", "work"]),
    ("two", &["serve", "--only", "work"]),
];

impl Stage {
    pub async fn open() -> Self {
        let mut world = World::new().await;
        let redis = RedisServer::start().await;
        world.sync_lines = "every = \"off\"\nremoval = \"trash\"".into();
        world
            .set("CARNET_REDIS_URL", redis.url())
            .set("CARNET_TUNE_LEASE_MS", 5000)
            .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 1500)
            .set("CARNET_TUNE_COALESCE_MS", 200)
            .set("CARNET_TUNE_COALESCE_MAX_MS", 1000)
            // As long as an hour of retries at the usual pace.
            .set("CARNET_TUNE_RETRY_ATTEMPTS", 200)
            // People delete and change at random here, and that is meant.
            .set("CARNET_TUNE_BRAKE_LEAST", 1_000_000)
            .set("CARNET_TUNE_BRAKE_MOST", 1_000_000);
        for quota in ["READS", "WRITES", "OTHER"] {
            world.set(&format!("CARNET_TUNE_QUOTA_{quota}_PER_MINUTE"), 1_000_000);
        }
        world.set("CARNET_TUNE_QUOTA_DAILY_WRITES", 100_000_000);
        let most = 100_000_000;
        let limits = json!({
            "critical_reads_per_minute": most, "critical_writes_per_minute": most, "reads_per_minute": most,
            "writes_per_minute": most, "full_syncs_per_minute": most, "contact_writes_per_day": most,
        });
        world.google("PATCH", "limits", &limits).await;
        world.google_seed(&(0..OWN).map(friend).collect::<Vec<_>>()).await;
        let (before, strangers) = (world.people().await, world.strangers().await);
        world.apply(&world.declared()).await.done();
        let mut parts = Vec::new();
        for (name, args) in PARTS {
            parts.push(Part::start(&world, &redis, name, args).await);
        }
        let service = world.watch(&redis.url(), &parts[0].settings).await;
        service.ready().await;
        until("the door to be open", async || world.knock(&service.url, "nobody").await.0 == 202).await;
        let front = Front::open(&service.url).await;
        let hooks =
            json!({"url": format!("{}/webhooks/centiva", front.url), "retrySpacingMs": 3_000, "retries": 1_000});
        world.crm("POST", "webhooks", &hooks).await;
        Self { world, redis, service, parts, front, before, strangers }
    }

    /// Kills a process in the middle of whatever it does.
    pub fn kill(&self, part: usize) {
        self.parts[part].process.victim().kill();
    }

    /// Starts it again.
    pub fn start_again(&mut self, part: usize) {
        let part = &mut self.parts[part];
        part.process = self.world.spawn(part.name, &part.settings, part.args);
    }

    /// The owner takes the access away, changes their mind, and connects again.
    pub async fn connect_again(&self) {
        let again = self.world.google("POST", "accounts", &json!({ "subject": self.world.subject })).await;
        let token = text(&again, "refresh_token");
        let declared = self.world.declared().replace(&self.world.refresh_token, &token);
        // Whoever is told that Google could not be reached tries again.
        until("the account to be connected", async || {
            let said = self.world.apply(&declared).await;
            assert!(said.code == Some(0) || said.err.contains("could not be reached"), "{said:?}");
            said.code == Some(0)
        })
        .await;
    }

    /// All troubles are over.
    pub async fn calm(&self) {
        self.world.fair_weather().await;
        self.parts.iter().for_each(|part| part.wire.set(Line::Whole));
        self.service.ready().await;
    }

    /// Waits until every webhook has come in and everything that was due is done; answers how many webhooks there were.
    pub async fn drained(&self) -> u64 {
        let mut last = 0;
        until("the webhooks to be delivered", async || {
            // Of the deliveries themselves, none.
            let log = self.world.crm("GET", &format!("deliveries?after={}", u64::MAX - 1), &Value::Null).await;
            last = log["last"].as_u64().unwrap_or(0);
            log["pending"] == 0
        })
        .await;
        until("the queue to be worked off", async || self.service.left().await == (0, 0)).await;
        last
    }

    /// How often senders were answered with each status.
    pub fn answers(&self) -> BTreeMap<u16, u64> {
        let mut counts = BTreeMap::new();
        self.front.answered().into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
        counts
    }

    /// The end of what each process logged.
    pub fn evidence(&self) -> String {
        let tail = |part: &Part| {
            let log = self.world.log(part.name);
            let lines: Vec<&str> = log.lines().collect();
            format!("--- {}\n{}\n", part.name, lines[lines.len().saturating_sub(40)..].join("\n"))
        };
        self.parts.iter().map(tail).collect()
    }
}

impl Part {
    async fn start(world: &World, redis: &RedisServer, name: &'static str, args: &'static [&'static str]) -> Self {
        let wire = Tap::open(Upstream::Unix(redis.socket()), |_| false).await;
        let mut settings = world.settings(&free_address().await);
        settings.insert("CARNET_REDIS_URL".into(), format!("redis://{}", wire.address));
        settings.insert("CARNET_DATA_DIR".into(), world.dir.path().join(name).display().to_string());
        let process = world.spawn(name, &settings, args);
        Self { name, args, settings, process, wire }
    }
}

fn friend(number: usize) -> Value {
    json!({
        "names": [{"givenName": "Ami", "familyName": format!("Perso{number}")}],
        "phoneNumbers": [{"value": format!("+1819{:07}", 2_000_000 + number)}],
        "emailAddresses": [{"value": format!("ami{number}@example.org")}],
    })
}

impl Drop for Stage {
    /// What a run that failed leaves to read.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.evidence());
        }
    }
}
