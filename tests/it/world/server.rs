//! A redis-server of the test's own that writes through to disk, and what can happen to it: killed, emptied, put back to an
//! older copy.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{process::send, until};

/// The server; its data outlive a kill.
pub struct RedisServer {
    dir: tempfile::TempDir,
    child: Child,
    args: &'static [&'static str],
}

const THROUGH_TO_DISK: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const IN_MEMORY: &[&str] = &["--appendonly", "no"];

impl RedisServer {
    /// Started and answering.
    pub async fn start() -> Self {
        Self::start_with(THROUGH_TO_DISK).await
    }

    /// One that writes nothing to disk, for those who never kill it.
    pub async fn start_in_memory() -> Self {
        Self::start_with(IN_MEMORY).await
    }

    /// With these arguments, as an operator may have set it up.
    pub async fn start_with(args: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("data")).expect("a folder");
        let child = launch(dir.path(), args);
        let server = Self { dir, child, args };
        server.answers().await;
        server
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// As `CARNET_REDIS_URL` wants it.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// From now on its files may grow by this many bytes: its disk is as good as full.
    pub fn disk_has_room_for(&self, bytes: u64) {
        let data = self.dir.path().join("data/appendonlydir");
        let sizes = std::fs::read_dir(data)
            .expect("an append-only file")
            .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |metadata| metadata.len()));
        file_size(self.child.id(), &(sizes.max().unwrap_or(0) + bytes).to_string());
    }

    /// There is room again.
    pub fn disk_has_room(&self) {
        file_size(self.child.id(), "unlimited");
    }

    /// Changes a setting while it runs.
    pub async fn configure(&self, key: &str, value: &str) {
        let mut connection = self.connection().await;
        let set = redis::cmd("CONFIG").arg("SET").arg(key).arg(value).query_async::<()>(&mut connection).await;
        set.expect("a setting of Redis");
    }

    /// A number out of its `INFO`, such as `used_memory` (bytes).
    pub async fn info(&self, key: &str) -> u64 {
        let said: String = redis::cmd("INFO").query_async(&mut self.connection().await).await.expect("INFO");
        let found = said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        found.and_then(|number| number.trim().parse().ok()).expect("a number")
    }

    /// Killed in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Holds it still: connections stay, and nothing is answered.
    pub fn hold(&self) {
        send("-STOP", self.child.id());
    }

    /// Lets it go on as if nothing had happened.
    pub fn let_go_on(&self) {
        send("-CONT", self.child.id());
    }

    /// Started again on the data that it has.
    pub async fn restart(&mut self) {
        self.child = launch(self.dir.path(), self.args);
        self.answers().await;
    }

    /// A copy of its data as they are now.
    pub fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a folder");
        copy_all(&self.dir.path().join("data"), copy.path());
        copy
    }

    /// Killed, and started on this copy in place of its data.
    pub async fn put_back(&mut self, copy: &tempfile::TempDir) {
        self.kill();
        let data = self.dir.path().join("data");
        std::fs::remove_dir_all(&data).expect("data");
        copy_all(copy.path(), &data);
        self.restart().await;
    }

    /// Everything in it is gone.
    pub async fn empty(&self) {
        let _: () = redis::cmd("FLUSHALL").query_async(&mut self.connection().await).await.expect("emptied");
    }

    async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a client");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).expect("a client");
        until("redis-server to answer", async || {
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else { return false };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Nothing can be done about a server that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(dir: &Path, args: &[&str]) -> Child {
    // A file that may not grow any more is then an error like that of a full disk, not a signal that kills.
    Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec redis-server \"$@\"", "redis-server", "--port", "0", "--save", ""])
        .args(args)
        .arg("--unixsocket")
        .arg(dir.join("redis.sock"))
        .arg("--dir")
        .arg(dir.join("data"))
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// How large files of a process may become (bytes, or `unlimited`).
pub fn file_size(process: u32, most: &str) {
    let limit = format!("--fsize={most}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status();
    assert!(done.expect("prlimit is there").success(), "{limit}");
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
