//! The real service as a process of its own, which can be killed, stopped and let go on.

use std::{
    collections::BTreeMap,
    fs::File,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use carnet::{
    config::Settings,
    store::{
        current::Current, installation::Installation, keys::DECLARED, pool::Pool, registry::RegistryStore,
        seal::Sealer, snapshot::SnapshotFile,
    },
};
use redis::AsyncCommands as _;
use tokio_util::sync::CancellationToken;

use super::{World, front::Front, service::Service, until};

/// A service apart, see [`World::start_apart`].
pub struct Apart {
    pub settings: BTreeMap<String, String>,
    pub service: Service,
    pub process: Process,
    pub front: Front,
}

/// A `carnet` process; killed with its test.
pub struct Process {
    victim: Victim,
}

/// Somebody to kill.
#[derive(Clone)]
pub struct Victim(Arc<Mutex<Child>>);

impl Victim {
    /// SIGKILL, in the middle of whatever it does; answers when it is gone.
    pub fn kill(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has ended by itself is as dead.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Process {
    /// Who is killed.
    pub fn victim(&self) -> Victim {
        self.victim.clone()
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.victim.0.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Holds it still, as a laptop that sleeps or a machine that swaps does.
    pub fn hold(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on as if nothing had happened.
    pub fn let_go_on(&self) {
        self.signal("-CONT");
    }

    /// Asks it to end in order.
    pub fn end(&self) {
        self.signal("-TERM");
    }

    pub fn has_ended(&self) -> bool {
        let mut child = self.victim.0.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().expect("it can be asked").is_some()
    }

    fn signal(&self, signal: &str) {
        send(signal, self.id());
    }
}

/// Sends a signal, such as `-STOP`, to the process with this number.
pub fn send(signal: &str, id: u32) {
    let done = Command::new("kill").args([signal, &id.to_string()]).status().expect("kill is there");
    assert!(done.success(), "kill {signal} {id}");
}

impl Drop for Process {
    fn drop(&mut self) {
        self.victim.kill();
    }
}

/// A port that nobody uses, also while a service of ours is down between two lives: no other test gets it, and it lies below
/// those that the system gives to outgoing connections (32768 and above on Linux).
pub async fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Two runs of the suite at the same time begin at different places.
    let first = std::process::id().wrapping_mul(97);
    loop {
        let port = 12_000 + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let address = format!("127.0.0.1:{port}");
        if tokio::net::TcpListener::bind(&address).await.is_ok() {
            return address;
        }
    }
}

impl World {
    /// Starts `carnet` with these arguments; its log is `NAME.log` in the world's directory.
    pub fn spawn(&self, name: &str, settings: &BTreeMap<String, String>, args: &[&str]) -> Process {
        let path = self.dir.path().join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(path).expect("a log");
        let mut command = carnet(settings, args);
        let child = command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("carnet starts");
        Process { victim: Victim(Arc::new(Mutex::new(child))) }
    }

    /// What a process has logged.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Runs a `carnet` command to its end; answers what it printed.
    pub fn command(&self, settings: &BTreeMap<String, String>, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = carnet(settings, args).output().expect("carnet runs");
        assert!(status.success(), "carnet {args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("text")
    }

    /// The same of a command that may find something wrong.
    pub fn command_any(&self, settings: &BTreeMap<String, String>, args: &[&str]) -> String {
        let Output { stdout, .. } = carnet(settings, args).output().expect("carnet runs");
        String::from_utf8(stdout).expect("text")
    }

    /// `carnet apply` of the world's declared state.
    pub fn apply_with(&self, settings: &BTreeMap<String, String>) {
        let file = self.dir.path().join("declared.toml");
        std::fs::write(&file, self.declared()).expect("a file");
        self.command(settings, &["apply", &file.display().to_string()]);
    }

    /// A service as a process of its own that looks through `redis`, with this world's settings and declared state; the CRM's webhooks
    /// reach it through a front.
    pub async fn start_apart(&self, redis: &str) -> Apart {
        let settings = self.settings(&free_address().await);
        self.apply_with(&settings);
        let service = self.watch(redis, &settings).await;
        let process = self.spawn("carnet", &settings, &["serve"]);
        let front = Front::open(&service.url).await;
        let url = format!("{}/webhooks/centiva", front.url);
        self.crm("POST", "webhooks", &serde_json::json!({ "url": url })).await;
        service.ready().await;
        Apart { settings, service, process, front }
    }

    /// As [`World::watch`], once the service has a Redis that it can use.
    pub async fn watch_when_ready(&self, redis: &str, settings: &BTreeMap<String, String>) -> Service {
        let ready = format!("{}/readyz", settings["CARNET_PUBLIC_URL"]);
        let pool = Pool::open(redis).expect("a pool");
        until("a service with its configuration", async || {
            let Ok(mut connection) = pool.get().await else { return false };
            let is_there: bool = connection.exists(DECLARED).await.unwrap_or(false);
            is_there && self.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        self.watch(redis, settings).await
    }

    /// The registry of a service that runs elsewhere.
    pub fn registry(&self, pool: &Pool, settings: &Settings) -> (RegistryStore, Arc<Sealer>) {
        let sealer = Arc::new(Sealer::new(settings.secret_key.as_ref().expect("a key")).expect("a key"));
        (RegistryStore::new(pool.clone(), sealer.clone(), SnapshotFile::in_dir(self.dir.path())), sealer)
    }

    /// Looks at the state of a service that runs elsewhere, through its Redis.
    pub async fn watch(&self, redis: &str, settings: &BTreeMap<String, String>) -> Service {
        let settings = Settings::from_texts(settings.clone()).expect("settings");
        let pool = Pool::open(redis).expect("a pool");
        let (registry, sealer) = self.registry(&pool, &settings);
        let registry = registry.load().await.expect("a registry");
        // Whoever only looks has no part in it.
        let nowhere = Installation { id: String::new(), epoch: 0, epoch_at: 0 };
        let current = Current::open(&registry, nowhere, &sealer).expect("a configuration");
        let url = settings.public_url.clone();
        Service { url, pool, current, stop: CancellationToken::new(), task: tokio::spawn(async {}) }
    }
}

fn carnet(settings: &BTreeMap<String, String>, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet"));
    command.args(args).envs(settings).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}
