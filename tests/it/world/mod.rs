//! A whole world for a story: a simulated CRM, a simulated Google, and the real service with its own redis-server, all on
//! loopback. Stories end with `nothing_left`.

pub mod command;
mod crm;
pub mod ears;
pub mod front;
pub mod google;
pub mod judge;
pub mod post;
pub mod process;
pub mod server;
pub mod service;
pub mod tap;
pub mod user;
mod weather;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use carnet::simulate;
use serde_json::{Value, json};
pub use service::Service;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub const LABEL: &str = "Centiva";
pub const CLIENT_ID: &str = "client.apps.example";
pub const CLIENT_SECRET: &str = "client-secret";

/// How long a story waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Both sides, and what is needed to connect them.
pub struct World {
    pub crm_url: String,
    pub google_url: String,
    pub location: String,
    pub crm_token: String,
    pub subject: String,
    pub refresh_token: String,
    pub http: reqwest::Client,
    /// Settings that a story changes, by key.
    pub settings: BTreeMap<String, String>,
    /// More lines for the sync in the declared state.
    pub sync_lines: String,
    pub dir: tempfile::TempDir,
    stop: CancellationToken,
}

impl World {
    /// Both simulators, an empty CRM account and an empty Google account.
    pub async fn new() -> Self {
        let stop = CancellationToken::new();
        let crm_url = serve(&stop, |listener, stop| simulate::crm::serve(listener, crm_options(), stop)).await;
        let google_url = serve(&stop, |listener, stop| simulate::google::serve(listener, google_options(), stop)).await;
        let http = reqwest::Client::new();
        let mut world = Self {
            crm_url,
            google_url,
            location: String::new(),
            crm_token: String::new(),
            subject: String::new(),
            refresh_token: String::new(),
            http,
            settings: BTreeMap::new(),
            sync_lines: "every = \"off\"".into(),
            dir: tempfile::tempdir().expect("a folder"),
            stop,
        };
        let location = world.crm("POST", "locations", &json!({})).await;
        world.location = text(&location, "id");
        world.crm_token = text(&location, "token");
        let account = world.google("POST", "accounts", &json!({})).await;
        world.subject = text(&account, "subject");
        world.refresh_token = text(&account, "refresh_token");
        world
    }

    /// Changes a setting, before the service starts.
    pub fn set(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.settings.insert(key.into(), value.to_string());
        self
    }

    /// Calls the control API of the simulated CRM.
    pub async fn crm(&self, method: &str, path: &str, body: &Value) -> Value {
        self.control(&self.crm_url, method, path, body).await
    }

    /// Calls the control API of the simulated Google.
    pub async fn google(&self, method: &str, path: &str, body: &Value) -> Value {
        self.control(&self.google_url, method, path, body).await
    }

    async fn control(&self, base: &str, method: &str, path: &str, body: &Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let url = format!("{base}/control/{path}");
        let mut request = self.http.request(method.clone(), &url);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.expect("the simulator answers");
        let status = answer.status();
        let text = answer.text().await.expect("an answer");
        assert!(status.is_success(), "{method} {url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The declared state that connects both sides.
    pub fn declared(&self) -> String {
        format!(
            r#"
            [[crm]]
            name = "centiva"
            kind = "highlevel"
            public_keys = ["""{pem}"""]
            [[crm.account]]
            id = "{location}"
            token = "{token}"

            [[google]]
            name = "office"
            refresh_token = "{refresh}"

            [[sync]]
            name = "phone"
            crm = "centiva/{location}"
            google = "office"
            label = "{LABEL}"
            {more}
            "#,
            pem = simulate::crm::public_key_pem(crm_options().seed),
            location = self.location,
            token = self.crm_token,
            refresh = self.refresh_token,
            more = self.sync_lines,
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn crm_options() -> simulate::crm::Options {
    simulate::crm::Options {
        rate_limit: 100_000,
        index_lag: Duration::ZERO,
        retry_spacing: Duration::from_millis(300),
        retries: 100,
        ..Default::default()
    }
}

fn google_options() -> simulate::google::Options {
    let limits = simulate::google::Limits {
        critical_reads_per_minute: 6_000,
        critical_writes_per_minute: 6_000,
        reads_per_minute: 6_000,
        writes_per_minute: 6_000,
        full_syncs_per_minute: 600,
        ..Default::default()
    };
    simulate::google::Options { client_id: CLIENT_ID.into(), client_secret: CLIENT_SECRET.into(), seed: 1, limits }
}

async fn serve<F>(stop: &CancellationToken, run: impl FnOnce(TcpListener, CancellationToken) -> F) -> String
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(run(listener, stop.clone()));
    url
}

pub fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

/// Waits until `ready` says so.
pub async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    let patience = if std::env::var_os("LONG_TESTS").is_some() { PATIENCE * 30 } else { PATIENCE };
    while !ready().await {
        assert!(began.elapsed() < patience, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
