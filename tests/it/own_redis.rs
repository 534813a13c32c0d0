//! A redis-server for one test.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::AsyncCommands as _;

/// A redis-server of the test's own, gone with it.
pub struct Redis {
    child: Child,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Started and answering.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("redis.sock");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let redis = Self { child, folder };
        let patience = Instant::now() + Duration::from_secs(10);
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            assert!(Instant::now() < patience, "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        redis
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.folder.path().join("redis.sock").display())
    }

    /// All entries of a stream; none if there is no such key.
    pub async fn stream(&self, key: &str) -> Vec<redis::streams::StreamId> {
        let client = redis::Client::open(self.url()).expect("a client");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let range: redis::streams::StreamRangeReply = connection.xrange_all(key).await.expect("a stream");
        range.ids
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Nothing can be done about a server that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
