//! A disk on which Redis cannot write any more.

use super::Scene;
use crate::world::{World, server::RedisServer, until};

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
