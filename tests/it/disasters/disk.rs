//! A disk on which Redis cannot write any more.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::Scene;
use crate::world::{
    World,
    server::{RedisServer, file_size},
    until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_an_own_redis_refuses_events_and_goes_on_when_there_is_room() {
    let redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]).await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let mut scene = Scene::open(world, &redis.url(), &[]).await;
    scene.make(5).await;
    scene.service.quiet(&scene.world).await;
    redis.disk_has_room_for(2_000);
    scene.make(10).await;
    scene.refuses().await;
    let (state, said) = scene.doctor("disk");
    assert!(state == "problem" && said.contains("429") && said.contains("Make room"), "{state}: {said}");
    until("the log to say it", async || scene.world.log("carnet").contains("Errors writing to the AOF file")).await;
    redis.disk_has_room();
    scene.all_is_done().await;
}

/// With `appendfsync always` Redis ends when it cannot write, and is started again and again until it can.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_private_redis_refuses_events_and_goes_on_when_there_is_room() {
    let world = World::new().await;
    let disk = Disk::around_redis(world.dir.path());
    let address = format!("redis+unix://{}", world.dir.path().join("data/redis/redis.sock").display());
    let mut scene = Scene::open(world, &address, &[("PATH", disk.path.clone())]).await;
    scene.make(5).await;
    scene.service.quiet(&scene.world).await;
    disk.is_full_after(2_000);
    scene.make(10).await;
    scene.refuses().await;
    until("the log to say it", async || scene.world.log("carnet").contains("its disk is full or cannot be written"))
        .await;
    scene.refuses().await;
    disk.has_room();
    // What looks on has connections to servers that are gone.
    scene.service = scene.world.watch_when_ready(&address, &scene.settings).await;
    // A server of before cannot write the first event, and the next one can.
    until("an event to be taken", async || scene.world.knock(&scene.service.url, "nobody").await.0 == 202).await;
    scene.all_is_done().await;
}

/// The disk of the private redis-server, as large as a file says: the program stands before the real one.
struct Disk {
    path: String,
    limit: std::path::PathBuf,
    data: std::path::PathBuf,
}

impl Disk {
    fn around_redis(dir: &Path) -> Self {
        let (bin, limit) = (dir.join("bin"), dir.join("limit"));
        let path = std::env::var("PATH").expect("a PATH");
        fs::create_dir(&bin).expect("a folder");
        fs::write(&limit, "unlimited").expect("a file");
        let script = format!(
            "#!/bin/sh\ntrap '' XFSZ\nprlimit --pid $$ --fsize=$(cat '{}'):unlimited\nPATH='{path}' exec redis-server \"$@\"\n",
            limit.display()
        );
        let program = bin.join("redis-server");
        fs::write(&program, script).expect("a program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        Self { path: format!("{}:{path}", bin.display()), limit, data: dir.join("data/redis") }
    }

    /// Files may grow by so many bytes more; for the server that runs, and for those after it.
    fn is_full_after(&self, bytes: u64) {
        let files = fs::read_dir(self.data.join("appendonlydir")).expect("an append-only file");
        let sizes = files.map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |metadata| metadata.len()));
        let most = (sizes.max().unwrap_or(0) + bytes).to_string();
        fs::write(&self.limit, &most).expect("a file");
        file_size(self.server(), &most);
    }

    /// For servers that are started from now on; one that runs ends once more.
    fn has_room(&self) {
        fs::write(&self.limit, "unlimited").expect("a file");
    }

    /// The number of the process that runs.
    fn server(&self) -> u32 {
        let socket = self.data.join("redis.sock");
        let client = redis::Client::open(format!("unix://{}", socket.display())).expect("a client");
        let mut connection = client.get_connection().expect("a connection");
        let said: String = redis::cmd("INFO").arg("server").query(&mut connection).expect("INFO");
        let id = said.lines().find_map(|line| line.strip_prefix("process_id:"));
        id.and_then(|id| id.trim().parse().ok()).expect("a process")
    }
}
