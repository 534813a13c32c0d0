//! A redis-server of the test's own that writes through to disk, and what can happen to it: killed, emptied, put back to an
//! older copy.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::until;

/// The server; its data outlive a kill.
pub struct RedisServer {
    dir: tempfile::TempDir,
    child: Child,
    on_disk: bool,
}

impl RedisServer {
    /// Started and answering.
    pub async fn start() -> Self {
        Self::start_with(true).await
    }

    /// One that writes nothing to disk, for those who never kill it.
    pub async fn start_in_memory() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(on_disk: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("data")).expect("a folder");
        let child = launch(dir.path(), on_disk);
        let server = Self { dir, child, on_disk };
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

    /// Killed in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Started again on the data that it has.
    pub async fn restart(&mut self) {
        self.child = launch(self.dir.path(), self.on_disk);
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

fn launch(dir: &Path, on_disk: bool) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", if on_disk { "yes" } else { "no" }])
        .args(["--appendfsync", "always", "--unixsocket"])
        .arg(dir.join("redis.sock"))
        .arg("--dir")
        .arg(dir.join("data"))
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
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
