//! The private Redis: a `redis-server` of our own on a unix socket in the data directory, writing through to disk. It is
//! started with us, restarted when it dies, and stopped with us; its data stay.

use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{StoreError, pool::Pool};

/// Why there is no private Redis.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// No such program.
    #[error(
        "redis-server is not installed; install it (Debian: apt install redis-server) or set CARNET_REDIS_URL to a Redis of your own"
    )]
    NotInstalled,
    /// Too old.
    #[error("redis-server is {0}, but Carnet needs 7.0 or newer")]
    TooOld(String),
    /// The data directory cannot be used.
    #[error("the data directory {0} cannot be used: {1}")]
    Directory(PathBuf, String),
    /// It ran and stopped.
    #[error("redis-server does not start; its own words are in {0}")]
    DoesNotStart(PathBuf),
}

/// A private Redis that this process runs, or one that another Carnet process of the same data directory runs.
pub struct LocalRedis {
    /// Its address.
    pub address: String,
    dir: PathBuf,
    socket: PathBuf,
    server: Option<Server>,
}

struct Server {
    _lock: File,
    dir: PathBuf,
    socket: PathBuf,
    child: Child,
}

const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// Between the death of a server and the start of the next.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes at the end of its log in which its last words are.
const LAST_WORDS: u64 = 4096;

impl LocalRedis {
    /// Where the private Redis of a data directory listens, if one runs.
    pub fn address_in(data_dir: &Path) -> String {
        let dir = data_dir.join("redis");
        let dir = dir.canonicalize().unwrap_or(dir);
        format!("redis+unix://{}", socket_path(&dir).display())
    }

    /// Starts it, or joins the one that is running for this data directory.
    pub async fn start(data_dir: &Path) -> Result<Self, LocalError> {
        let dir = data_dir.join("redis");
        let unusable = |e: std::io::Error| LocalError::Directory(dir.clone(), e.to_string());
        std::fs::create_dir_all(&dir).map_err(unusable)?;
        let dir = dir.canonicalize().map_err(unusable)?;
        let (socket, address) = (socket_path(&dir), Self::address_in(data_dir));
        let lock = File::create(dir.join("lock")).map_err(unusable)?;
        // The lock dies with its owner, also when that is killed.
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Self { address, dir, socket, server: None }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        check_version().await?;
        stop_orphan(&address, &socket).await;
        let child = launch(&dir, &socket)?;
        let mut server = Server { _lock: lock, dir: dir.clone(), socket: socket.clone(), child };
        server.wait_until_ready(&address).await?;
        Ok(Self { address, dir, socket, server: Some(server) })
    }

    /// Restarts it whenever it dies, until `stop`; then stops it in order. One that another process runs (a command, say) is
    /// taken over when that process ends.
    pub async fn supervise(self, stop: CancellationToken) {
        let mut server = match self.server {
            Some(server) => server,
            None => match take_over(&self.dir, &self.socket, &self.address, &stop).await {
                Some(server) => server,
                None => return,
            },
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            let begun = tokio::time::Instant::now();
            tokio::select! {
                () = stop.cancelled() => break,
                status = server.child.wait() => {
                    let said = last_words(&server.dir);
                    tracing::error!(status = ?status.ok(), said, "the private redis-server stopped; starting it again");
                    if is_about_the_disk(&said) {
                        tracing::error!(
                            dir = %server.dir.display(),
                            "its disk is full or cannot be written: make room; until then webhooks are answered 429 and nothing is lost"
                        );
                    }
                    // A server that dies at once, again and again, shall take neither the whole processor nor the log.
                    pause = if begun.elapsed() > STARTS_WITHIN { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
                    tokio::time::sleep(pause).await;
                    match launch(&server.dir, &server.socket) {
                        Ok(child) => server.child = child,
                        Err(error) => tracing::error!(%error, "the private redis-server does not start"),
                    }
                }
            }
        }
        server.stop(&self.address).await;
    }
}

impl Server {
    async fn wait_until_ready(&mut self, address: &str) -> Result<(), LocalError> {
        let started = tokio::time::Instant::now();
        while started.elapsed() < STARTS_WITHIN {
            if answers(address).await {
                return Ok(());
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(LocalError::DoesNotStart(self.dir.join("redis.log")))
    }

    async fn stop(&mut self, address: &str) {
        ask_to_shut_down(address).await;
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            tracing::warn!("the private redis-server does not stop; killing it");
            self.child.kill().await.ok();
        }
    }
}

/// Waits until the process that runs the server has ended, then runs it.
async fn take_over(dir: &Path, socket: &Path, address: &str, stop: &CancellationToken) -> Option<Server> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        let Ok(lock) = File::create(dir.join("lock")) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        stop_orphan(address, socket).await;
        match launch(dir, socket) {
            Ok(child) => {
                tracing::info!("the private redis-server is run by this process now");
                return Some(Server { _lock: lock, dir: dir.to_owned(), socket: socket.to_owned(), child });
            }
            Err(error) => tracing::error!(%error, "the private redis-server does not start"),
        }
    }
}

/// A unix socket's path has room for about 100 bytes; a longer one moves to the temporary directory.
fn socket_path(dir: &Path) -> PathBuf {
    let beside = dir.join("redis.sock");
    if beside.as_os_str().len() <= 100 {
        return beside;
    }
    use sha2::Digest;
    let digest = hex::encode(sha2::Sha256::digest(dir.as_os_str().as_encoded_bytes()));
    std::env::temp_dir().join(format!("carnet-{}.sock", &digest[..16]))
}

async fn check_version() -> Result<(), LocalError> {
    let output = Command::new("redis-server").arg("--version").output().await.map_err(|_| LocalError::NotInstalled)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or_default();
    let major: u32 = version.split('.').next().and_then(|m| m.parse().ok()).unwrap_or(0);
    if major >= 7 { Ok(()) } else { Err(LocalError::TooOld(version.to_owned())) }
}

fn launch(dir: &Path, socket: &Path) -> Result<Child, LocalError> {
    let say = |e: std::io::Error| LocalError::Directory(dir.to_owned(), e.to_string());
    let log = File::options().create(true).append(true).open(dir.join("redis.log")).map_err(say)?;
    Command::new("redis-server")
        .args(["--port", "0", "--unixsocketperm", "700", "--daemonize", "no", "--loglevel", "warning"])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction"])
        .arg("--unixsocket")
        .arg(socket)
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(say)?)
        .stderr(log)
        // A Ctrl-C in the terminal is for us: we stop it once the work in flight is written.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| LocalError::NotInstalled)
}

/// The last lines of its log, as one. With `appendfsync always` a server that cannot write says so and ends.
fn last_words(dir: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut log = File::open(dir.join("redis.log"))?;
        let length = log.metadata()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)))?;
        let mut text = Vec::new();
        log.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(2)..].join(" / ")
}

fn is_about_the_disk(said: &str) -> bool {
    ["AOF write error", "writing to the AOF", "No space left"].iter().any(|words| said.contains(words))
}

/// A server whose Carnet was killed goes on without a master; it is stopped, so that ours is the only one.
async fn stop_orphan(address: &str, socket: &Path) {
    if !socket.exists() || !answers(address).await {
        return;
    }
    ask_to_shut_down(address).await;
    let asked = tokio::time::Instant::now();
    while answers(address).await && asked.elapsed() < STARTS_WITHIN {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn answers(address: &str) -> bool {
    let Ok(pool) = Pool::open(address) else { return false };
    let Ok(mut connection) = pool.get().await else { return false };
    redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
}

/// Writes the log on disk anew, from what is held now: what was taken out is gone from there too.
pub async fn rewrite_log(pool: &Pool) -> Result<(), StoreError> {
    let mut connection = pool.get().await?;
    // One that is going on may have begun before; ours begins after it.
    let asked = tokio::time::Instant::now();
    while redis::cmd("BGREWRITEAOF").query_async::<String>(&mut connection).await.is_err() {
        if asked.elapsed() > STARTS_WITHIN {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    loop {
        let said: String = redis::cmd("INFO").arg("persistence").query_async(&mut connection).await?;
        let is_over = |fact: &str| said.lines().any(|line| line == format!("{fact}:0"));
        if is_over("aof_rewrite_in_progress") && is_over("aof_rewrite_scheduled") {
            let went_well = said.lines().any(|line| line == "aof_last_bgrewrite_status:ok");
            let failed =
                || StoreError::Unreadable("the log on disk", "Redis could not rewrite it; see redis.log".into());
            return if went_well { Ok(()) } else { Err(failed()) };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ask_to_shut_down(address: &str) {
    if let Ok(pool) = Pool::open(address)
        && let Ok(mut connection) = pool.get().await
    {
        // It answers by closing the connection.
        redis::cmd("SHUTDOWN").query_async::<()>(&mut connection).await.ok();
    }
}
