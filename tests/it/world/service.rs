//! The real service in this process, as `serve` runs it.

use std::collections::BTreeMap;

use carnet::{
    app::{self, Listeners, Roles, foundation::Foundation},
    config::Settings,
    queue::{dead, retention::backlog},
    store::{
        current::Current,
        keys::CrmKeys,
        ledger::LedgerView,
        pool::Pool,
        runs::{Lane, Run, Runs},
    },
};
use redis::AsyncCommands as _;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{CLIENT_ID, CLIENT_SECRET, World, until};

/// A running service.
pub struct Service {
    pub url: String,
    pub pool: Pool,
    pub current: Current,
    pub stop: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

impl World {
    /// Settings of the service in this world, quick ones.
    pub fn settings(&self, listen: &str) -> BTreeMap<String, String> {
        let mut settings: BTreeMap<String, String> = [
            ("CARNET_LISTEN", listen.to_owned()),
            ("CARNET_PUBLIC_URL", format!("http://{listen}")),
            ("CARNET_DATA_DIR", self.dir.path().join("data").display().to_string()),
            ("CARNET_SECRET_KEY", "a secret key for tests".into()),
            ("CARNET_GOOGLE_CLIENT_ID", CLIENT_ID.into()),
            ("CARNET_GOOGLE_CLIENT_SECRET", CLIENT_SECRET.into()),
            ("CARNET_GOOGLE_API_URL", self.google_url.clone()),
            ("CARNET_GOOGLE_AUTH_URL", format!("{}/o/oauth2/v2/auth", self.google_url)),
            ("CARNET_GOOGLE_TOKEN_URL", format!("{}/token", self.google_url)),
            ("CARNET_GOOGLE_USERINFO_URL", format!("{}/userinfo", self.google_url)),
            ("CARNET_HIGHLEVEL_API_URL", self.crm_url.clone()),
            ("CARNET_TUNE_COALESCE_MS", "50".into()),
            ("CARNET_TUNE_COALESCE_MAX_MS", "200".into()),
            ("CARNET_TUNE_SWEEP_MS", "100".into()),
            ("CARNET_TUNE_PROPAGATION_MS", "400".into()),
            ("CARNET_TUNE_LEASE_MS", "4000".into()),
            ("CARNET_TUNE_GOOGLE_TIMEOUT_MS", "1000".into()),
            ("CARNET_TUNE_RETRY_BASE_MS", "100".into()),
            ("CARNET_TUNE_RETRY_MAX_MS", "1000".into()),
            ("CARNET_TUNE_QUOTA_READS_PER_MINUTE", "3000".into()),
            ("CARNET_TUNE_QUOTA_WRITES_PER_MINUTE", "3000".into()),
            ("CARNET_TUNE_QUOTA_OTHER_PER_MINUTE", "3000".into()),
            ("CARNET_TUNE_CRM_REQUESTS_PER_10S", "100000".into()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        settings.extend(self.settings.clone());
        settings
    }

    /// Starts the service, applies the world's declared state, and points the CRM's webhooks at it.
    pub async fn start(&self) -> Service {
        let service = self.start_bare(&self.declared()).await;
        let url = format!("{}/webhooks/centiva", service.url);
        self.crm("POST", "webhooks", &serde_json::json!({ "url": url })).await;
        service
    }

    /// Starts the service with this declared state.
    pub async fn start_bare(&self, declared: &str) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let listen = listener.local_addr().expect("an address").to_string();
        let settings = Settings::from_texts(self.settings(&listen)).expect("settings");
        let foundation = Foundation::open(&settings).await.expect("a foundation");
        let declared = toml::from_str(declared).expect("declared state");
        carnet::cli::apply_declared(&foundation, &settings, declared).await.expect("applied");
        let current = foundation.current(foundation.installation().clone()).await.expect("a configuration");
        let pool = foundation.pool.clone();
        let stop = CancellationToken::new();
        let listeners = Listeners { public: listener, admin: None };
        let roles = Roles { web: true, work: true };
        let (running, ready) = (settings.clone(), stop.clone());
        let task = tokio::spawn(async move {
            app::serve_on(foundation, running, listeners, roles, ready, |_| {}).await.expect("the service runs");
        });
        let service = Service { url: format!("http://{listen}"), pool, current, stop, task };
        service.ready().await;
        service
    }
}

impl Service {
    pub async fn ready(&self) {
        let http = reqwest::Client::new();
        until("the service to be ready", async || {
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            answer.is_ok_and(|a| a.status().is_success())
        })
        .await;
    }

    /// Runs of the only sync.
    pub fn runs(&self) -> Runs {
        let sync = &self.current.syncs[0];
        Runs::new(self.pool.clone(), self.keys(), &sync.id)
    }

    pub fn keys(&self) -> CrmKeys {
        CrmKeys::new(&self.current.syncs[0].account.key)
    }

    pub fn subject(&self) -> String {
        self.current.syncs[0].google.as_ref().expect("a Google account").subject.clone()
    }

    /// A full reconcile, waited for.
    pub async fn reconcile(&self) -> Run {
        let runs = self.runs();
        until("an earlier run to end", async || runs.current().await.expect("runs").is_none_or(|run| run.is_over()))
            .await;
        let before = runs.current().await.expect("runs").map(|run| run.id);
        runs.want("asked").await.expect("asked");
        let mut done = None;
        until("the reconcile to end", async || {
            done = runs.current().await.expect("runs").filter(|r| r.is_over() && Some(&r.id) != before.as_ref());
            done.is_some()
        })
        .await;
        done.expect("a run")
    }

    /// The run in progress of the sync `phone`, or its undo, watched to its end: the name and the data of each event.
    pub async fn events(&self, token: &str) -> Vec<(String, Value)> {
        let url = format!("{}/api/v1/syncs/phone/runs/current/events", self.url);
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("an answer");
        assert_eq!(answer.status(), reqwest::StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let told = answer.text().await.expect("events");
        let event = |block: &str| {
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(|l| l.trim().to_owned()));
            Some((line("event:")?, serde_json::from_str(&line("data:")?).expect("JSON")))
        };
        told.split("\n\n").filter_map(event).collect()
    }

    /// Waits until every webhook has come in and everything that was due is done.
    pub async fn quiet(&self, world: &World) {
        world.delivered().await;
        until("the queue to be worked off", async || self.left().await == (0, 0)).await;
    }

    /// Waits until this many contacts are due, so that whoever works on them next takes them together.
    pub async fn due(&self, contacts: usize) {
        let (runs, clock) = (self.runs(), &self.pool.clock);
        until("the contacts to be due", async || {
            let due = runs.due(Lane::Live, clock.now_ms(), contacts).await.expect("marks");
            due.len() == contacts && self.left().await.0 == 0
        })
        .await;
    }

    /// Events not dispatched, contacts not clean.
    pub async fn left(&self) -> (u64, u64) {
        let (_, waiting) = backlog(&self.pool, &self.keys()).await.expect("the stream");
        let mut dirty = 0;
        for sync in &self.current.syncs {
            let (live, bulk) = Runs::new(self.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id)
                .waiting()
                .await
                .expect("the marks");
            dirty += live + bulk;
        }
        (waiting, dirty)
    }

    /// Nothing is left in the queue: no event, no dirty contact, no intent, no reading, no dead letter.
    pub async fn nothing_left(&self) {
        assert_eq!(self.left().await, (0, 0), "events not dispatched, contacts not clean");
        let keys = self.keys();
        assert_eq!(
            dead::list(&self.pool, &keys, &dead::Filter::default()).await.expect("dead letters"),
            [],
            "dead letters"
        );
        let mut redis = self.pool.get().await.expect("redis");
        for sync in &self.current.syncs {
            for key in [keys.marks(&sync.id), keys.readings(&sync.id), keys.intents(&self.subject())] {
                let left: u64 = redis.hlen(&key).await.expect("a hash");
                assert_eq!(left, 0, "left in {key}");
            }
        }
    }

    /// The CRM contacts that wait for a person.
    pub async fn needs(&self) -> std::collections::BTreeSet<String> {
        let view = LedgerView::new(self.pool.clone(), &self.current.syncs[0].account.key, &self.subject());
        let needs = view.needs::<carnet::work::Need>().await.expect("needs");
        needs.into_iter().map(|(contact, _)| contact).collect()
    }

    /// Stops it in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.expect("the service stops");
    }
}
