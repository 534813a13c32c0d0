//! What `/metrics` says, and that the alerts for Prometheus ask for nothing else.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{World, process::free_address, server::RedisServer, until};

/// Names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("carnet_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_ask_for_what_is_measured_and_see_what_is_wrong() {
    let mut world = World::new().await;
    let redis = RedisServer::start_in_memory().await;
    world.set("CARNET_REDIS_URL", redis.url());
    world.set("CARNET_API_TOKEN", "the api token").set("CARNET_TUNE_DEAD_AGE_MS", 1);
    world.sync_lines = "every = \"off\"".into();
    world.google_knows_no("AQ").await;
    world.crm_seed(&[json!({"firstName": "Luc", "lastName": "Roy", "country": "AQ", "city": "Laval"})]).await;
    // In a process of its own: what it counts is its own.
    let settings = world.settings(&free_address().await);
    world.apply(&world.declared()).await.done();
    let _process = world.spawn("carnet", &settings, &["serve"]);
    let service = world.watch_when_ready(&redis.url(), &settings).await;
    service.reconcile().await;
    let forged = world.http.post(format!("{}/webhooks/centiva", service.url)).json(&json!({"type": "ContactUpdate"}));
    assert_eq!(forged.send().await.expect("an answer").status().as_u16(), 401);
    world.carnet(&["sync", "pause", "phone"]).await.done();

    let url = format!("{}/metrics", service.url);
    assert_eq!(world.http.get(&url).send().await.expect("an answer").status().as_u16(), 401, "not for everybody");
    let mut said = String::new();
    until("the letter to expire", async || {
        said = world
            .http
            .get(&url)
            .bearer_auth("the api token")
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text");
        said.contains("carnet_dead_letters_expired_total")
    })
    .await;
    let alerts = include_str!("../../deploy/alerts.yml");
    let unknown: Vec<&str> = names(alerts).into_iter().filter(|name| !names(&said).contains(name)).collect();
    assert_eq!(unknown, Vec::<&str>::new(), "{said}");
    for line in [
        r#"carnet_sync_state{sync="phone",state="paused"} 1"#,
        r#"carnet_sync_state{sync="phone",state="failed"} 0"#,
        r#"carnet_dead_letters_expired_total{reason="rejected_by_google"} 1"#,
        r#"carnet_webhooks_total{crm="centiva",outcome="missing_signature"} 1"#,
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    service.nothing_left().await;
}
