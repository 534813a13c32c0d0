//! Redis is killed in the middle of a stream of webhooks and comes back: what was acknowledged is done, what could not be
//! stored was asked to come again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::json;

use crate::world::{
    Service, World,
    judge::{person, phone},
    server::RedisServer,
    until,
};

/// Contacts made while Redis comes and goes, each of which has a webhook of its own.
const CONTACTS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_killed_redis_of_the_operators_own() {
    let mut redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let service = world.start().await;
    let old = world.crm_create(person("Old", 0)).await;
    service.quiet(&world).await;
    let over = AtomicBool::new(false);
    let trouble = async {
        until("half of the webhooks", async || world.crm_dump().await.len() > CONTACTS / 3).await;
        redis.kill();
        let (status, retry_after) = world.knock(&service.url, &old).await;
        assert_eq!((status, retry_after.is_some()), (429, true), "Redis is down");
        until("some more webhooks", async || world.crm_dump().await.len() > CONTACTS * 2 / 3).await;
        assert_eq!(world.knock(&service.url, &old).await.0, 429, "Redis is still down");
        redis.restart().await;
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(traffic(&world, &old), trouble);
    assert!(over.load(Ordering::Relaxed));
    let attempts = all_is_done(&world, &service).await;
    assert!(attempts.iter().any(|a| a.first() == Some(&429)), "nobody was asked to come again: {attempts:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_redis_is_started_again_when_it_is_killed_and_has_kept_everything() {
    let world = World::new().await;
    let service = world.start().await;
    let old = world.crm_create(person("Old", 0)).await;
    service.quiet(&world).await;
    let trouble = async {
        for part in 1..4 {
            until("some webhooks", async || world.crm_dump().await.len() > part * CONTACTS / 4).await;
            let before = process_id(&service).await.expect("the private Redis runs");
            let killed = std::process::Command::new("kill").args(["-9", &before]).status().expect("kill is there");
            assert!(killed.success());
            until("another redis-server", async || process_id(&service).await.is_some_and(|now| now != before)).await;
        }
    };
    tokio::join!(traffic(&world, &old), trouble);
    all_is_done(&world, &service).await;
    service.stop().await;
}

/// New contacts, and changes of an old one, at the pace of a busy office.
async fn traffic(world: &World, old: &str) {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for number in 1..=CONTACTS {
        pace.tick().await;
        world.crm_create(person("New", number)).await;
        if number % 10 == 0 {
            world.crm_update(old, json!({"phone": phone(5_000 + number)})).await;
        }
    }
}

/// Without a reconcile: only what was acknowledged can have done it.
async fn all_is_done(world: &World, service: &Service) -> Vec<Vec<u64>> {
    service.quiet(world).await;
    let wrongs = world.wrongs().await;
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    let attempts = world.attempts().await;
    for attempts in &attempts {
        let (last, before) = attempts.split_last().expect("it was delivered");
        assert!(*last == 202 && before.iter().all(|status| *status == 429), "{attempts:?}");
    }
    let run = service.reconcile().await;
    assert_eq!(run.marked, 0, "the reconcile had nothing to repair: {run:?}");
    service.quiet(world).await;
    let wrongs = world.wrongs().await;
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    service.nothing_left().await;
    attempts
}

async fn process_id(service: &Service) -> Option<String> {
    let mut connection = service.pool.get().await.ok()?;
    let said: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await.ok()?;
    said.lines().find_map(|line| line.strip_prefix("process_id:").map(|id| id.trim().to_owned()))
}
