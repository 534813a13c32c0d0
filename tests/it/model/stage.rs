//! What all days of a lane share: the two simulators, a Redis, and the parts of the service.

use std::{sync::Arc, time::Duration};

use carnet::{
    app::foundation::Foundation, claim::Tools, config::Settings, queue::door::Door, reconcile::Reconciler,
    store::current::Current, work::Bell,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::world::{World, server::RedisServer, text};

/// The stage; a day is played on it after the other.
pub struct Stage {
    pub world: World,
    pub tools: Arc<Tools>,
    pub reconciler: Reconciler,
    pub door: Door,
    foundation: Foundation,
    settings: Settings,
    current: watch::Sender<Arc<Current>>,
    days: u64,
    _redis: RedisServer,
}

impl Stage {
    /// With a brake that a day's few contacts can engage.
    pub async fn open() -> Self {
        Self::with_brake(2).await
    }

    /// With room in the brake for that many contacts.
    pub async fn with_brake(least: u64) -> Self {
        let redis = RedisServer::start_in_memory().await;
        let mut world = World::new().await;
        let sweep = 8;
        world.set("CARNET_REDIS_URL", redis.url()).set("CARNET_TUNE_SWEEP_MS", sweep);
        for (key, milliseconds) in [
            ("COALESCE_MS", 1_000),
            ("COALESCE_MAX_MS", 5_000),
            ("PROPAGATION_MS", 60_000),
            ("LEASE_MS", 30_000),
            ("GOOGLE_TIMEOUT_MS", 5_000),
            ("RETRY_BASE_MS", 2_000),
            ("RETRY_MAX_MS", 900_000),
        ] {
            world.set(&format!("CARNET_TUNE_{key}"), milliseconds);
        }
        // A day has few contacts: the brake shall have something to do.
        world.set("CARNET_TUNE_BRAKE_LEAST", least);
        let settings = Settings::from_texts(world.settings("127.0.0.1:1")).expect("settings");
        let foundation = Foundation::open(&settings).await.expect("a foundation");
        let current = foundation.current(foundation.installation().clone()).await.expect("a configuration");
        let (current, seen) = watch::channel(Arc::new(current));
        let tools = Tools::build(
            Arc::new(settings.clone()),
            foundation.pool.clone(),
            foundation.registry.clone(),
            Arc::new(foundation.new_guard()),
            foundation.highwater.clone(),
            seen,
            CancellationToken::new(),
        );
        let tools = Arc::new(tools.expect("clients"));
        let reconciler = Reconciler::new(tools.clone(), Arc::new(Bell::default()));
        let door = Door::new(foundation.pool.clone());
        door.set_open(true);
        Self { world, tools, reconciler, door, foundation, settings, current, days: 0, _redis: redis }
    }

    /// A new CRM account and a new Google account, connected by a sync with these further lines.
    pub async fn set_up(&mut self, lines: &str, modes: &Value) {
        // As on any other stage: the same ids, but for the accounts', of which Redis remembers those of earlier days.
        self.world.crm("POST", "reset", &Value::Null).await;
        self.world.google("POST", "reset", &Value::Null).await;
        // A CRM made anew is back in the present.
        let ahead = (self.tools.pool.clock.now_ms() - jiff::Timestamp::now().as_millisecond()).max(0);
        self.world.crm("POST", "clock", &json!({ "advanceMs": ahead })).await;
        // Changes show in Google's listings after a while, as they do in truth.
        let lag = json!({"sync_delay_ms": 20_000, "list_delay_ms": 20_000, "stale_read_ms": 3_000, "write_ms": 0});
        self.world.google("PATCH", "limits", &lag).await;
        self.days += 1;
        let day = self.days;
        let location = json!({"id": format!("day{day}"), "allowDuplicates": true});
        let location = self.world.crm("POST", "locations", &location).await;
        let account = self.world.google("POST", "accounts", &json!({"subject": format!("1{day:020}")})).await;
        self.world.location = text(&location, "id");
        self.world.crm_token = text(&location, "token");
        self.world.subject = text(&account, "subject");
        self.world.refresh_token = text(&account, "refresh_token");
        self.world.sync_lines = format!("every = \"off\"\n{lines}");
        let path = format!("accounts/{}/modes", self.world.subject);
        self.world.google("PATCH", &path, modes).await;
        // Yesterday's Google account goes first: a Google made anew gives out the same tokens, which would seem to be its.
        for declared in ["", &self.world.declared()] {
            let declared = toml::from_str(declared).expect("declared state");
            carnet::cli::apply_declared(&self.foundation, &self.settings, declared).await.expect("applied");
        }
        let current = self.foundation.current(self.foundation.installation().clone()).await.expect("a configuration");
        self.current.send_replace(Arc::new(current));
    }

    /// Time passes, everywhere at once.
    pub async fn advance(&self, time: Duration) {
        // Google's clock counts whole seconds.
        let seconds = time.as_secs().max(1);
        self.tools.pool.clock.advance(Duration::from_secs(seconds));
        self.world.crm("POST", "clock", &json!({"advanceMs": seconds * 1_000})).await;
        self.world.google("POST", "clock/advance", &json!({ "seconds": seconds })).await;
    }
}
