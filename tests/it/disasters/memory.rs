//! A Redis that is full, and one that forgets.

use super::Scene;
use crate::world::{World, server::RedisServer, until};

/// As an operator may have it, without persistence and with a cache's settings.
const A_CACHE: &[&str] = &["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_is_named_at_the_start_and_by_the_doctor() {
    let redis = RedisServer::start_with(A_CACHE).await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let mut scene = Scene::open(world, &redis.url(), &[]).await;
    let log = scene.world.log("carnet");
    for sentence in ["keeps no append-only file", "may throw away", "maxmemory-policy noeviction"] {
        assert!(log.contains(sentence), "{sentence}: {log}");
    }
    for (about, word) in [("persistence", "appendonly yes"), ("eviction", "allkeys-lru")] {
        let (state, said) = scene.doctor(about);
        assert!(state == "problem" && said.contains(word), "{state}: {said}");
    }
    scene.make(3).await;
    scene.all_is_done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_events_and_goes_on_when_there_is_room() {
    let redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let mut scene = Scene::open(world, &redis.url(), &[]).await;
    scene.make(5).await;
    scene.service.quiet(&scene.world).await;
    redis.configure("maxmemory", &redis.info("used_memory").await.saturating_sub(1000).to_string()).await;
    scene.refuses().await;
    scene.make(10).await;
    let (state, said) = scene.doctor("memory");
    assert!(state == "problem" && said.contains("429") && said.contains("maxmemory"), "{state}: {said}");
    until("the log to say it", async || scene.world.log("carnet").contains("maxmemory")).await;
    redis.configure("maxmemory", "0").await;
    scene.all_is_done().await;
    assert_eq!(scene.doctor("memory").0, "ok");
}

/// Whatever it throws away, nobody is twice in Google; what was lost is found again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_forgetful_redis_threw_away_is_found_again() {
    let redis = RedisServer::start_with(A_CACHE).await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let mut scene = Scene::open(world, &redis.url(), &[]).await;
    scene.make(40).await;
    scene.service.quiet(&scene.world).await;
    // Full for a moment: the least used go, whatever they are.
    redis.configure("maxmemory-policy", "allkeys-random").await;
    redis.configure("maxmemory", &(redis.info("used_memory").await * 9 / 10).to_string()).await;
    scene.make(5).await;
    assert!(redis.info("evicted_keys").await > 0, "nothing was thrown away");
    redis.configure("maxmemory", "100mb").await;
    until("the service to have its configuration again", async || {
        scene
            .world
            .http
            .get(format!("{}/readyz", scene.service.url))
            .send()
            .await
            .is_ok_and(|a| a.status().is_success())
    })
    .await;
    scene.world.delivered().await;
    scene.service.reconcile().await;
    scene.all_is_done().await;
}
