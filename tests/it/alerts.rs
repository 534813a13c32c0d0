//! Alerts: one for each problem, by webhook and by mail, said again once a day and closed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    ears::{Ears, SECRET},
    text, until,
};

const TOKEN: &str = "the api token";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A world whose alerts are heard.
async fn heard() -> (World, Ears) {
    let (mut world, ears) = (World::new().await, Ears::default());
    world.set("CARNET_API_TOKEN", TOKEN);
    world.set("CARNET_TUNE_ALERT_LOOK_MS", 100).set("CARNET_TUNE_ALERT_SIGNATURES", 5);
    world.set("CARNET_ALERT_WEBHOOK_URL", ears.webhook().await).set("CARNET_ALERT_WEBHOOK_SECRET", SECRET);
    world.set("CARNET_ALERT_SMTP_URL", ears.mailbox().await);
    world.set("CARNET_ALERT_MAIL_FROM", "Carnet <carnet@example.com>");
    world.set("CARNET_ALERT_MAIL_TO", "ops@example.com, Léa <lea@example.com>");
    (world, ears)
}

async fn told(ears: &Ears, kind: &str, types: &[&str]) {
    until(&format!("{types:?} of {kind}"), async || ears.types(kind) == types).await;
}

async fn listed(world: &World) -> Vec<String> {
    let alerts = world.carnet(&["alerts", "list", "--json"]).await.json();
    alerts.as_array().expect("alerts").iter().map(|alert| text(alert, "kind")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_told_once_then_daily_and_its_end_too_although_nobody_listened_at_first() {
    let (world, ears) = heard().await;
    world.google_knows_no("AQ").await;
    let contact = |name: &str| json!({"firstName": name, "lastName": "Roy", "country": "AQ", "city": "Laval"});
    world.crm_seed(&[contact("Luc"), contact("Léa")]).await;
    ears.set_deaf(true);
    let service = world.start().await;
    service.reconcile().await;
    until("the webhook to be tried twice", async || ears.missed().len() >= 2).await;
    assert!(ears.missed().iter().all(|id| *id == ears.missed()[0]), "the same message: {:?}", ears.missed());
    ears.set_deaf(false);
    told(&ears, "dead_letters", &["alert.opened"]).await;
    assert_eq!(ears.ids(), [ears.missed()[0].clone()]);
    let data = ears.last("dead_letters");
    assert_eq!(data["sentence"], "In \"phone\", 2 contacts could not be written.");
    assert!(text(&data, "to_do").contains("carnet dead list"), "{data}");
    until("the mail", async || ears.mails().len() == 1).await;
    let mail = ears.mails()[0].clone();
    assert!(
        mail.contains("Subject: Carnet: dead letters") && mail.contains("2 contacts could not be written"),
        "{mail}"
    );
    assert!(mail.contains("To: ops@example.com") && mail.contains("Auto-Submitted: auto-generated"), "{mail}");
    assert!(!mail.contains("Roy") && !data.to_string().contains("Roy"), "nobody is named");

    assert_eq!(listed(&world).await, ["dead_letters"]);
    let api =
        world.http.get(format!("{}/api/v1/alerts", service.url)).bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(api.json::<Value>().await.expect("JSON")["alerts"][0]["kind"], "dead_letters");

    service.pool.clock.advance(DAY);
    told(&ears, "dead_letters", &["alert.opened", "alert.lasts"]).await;
    world.carnet(&["dead", "discard", "--all", "--because", "a test", "--yes"]).await.done();
    told(&ears, "dead_letters", &["alert.opened", "alert.lasts", "alert.closed"]).await;
    until("three mails", async || ears.mails().len() == 3).await;
    assert!(ears.mails()[2].contains("It is over"), "{}", ears.mails()[2]);
    assert_eq!(listed(&world).await, Vec::<String>::new());
    service.nothing_left().await;
    service.stop().await;
}

async fn forge(world: &World, service: &Service) -> u16 {
    let url = format!("{}/webhooks/centiva", service.url);
    let forged = world.http.post(url).json(&json!({"type": "ContactUpdate"}));
    forged.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_fail_in_a_row_are_told_and_a_right_one_ends_it() {
    let (world, ears) = heard().await;
    let service = world.start().await;
    for _ in 0..4 {
        assert_eq!(forge(&world, &service).await, 401);
    }
    let id = world.crm_create(json!({"firstName": "Luc", "lastName": "Roy", "phone": "514-555-0123"})).await;
    world.delivered().await;
    for _ in 0..4 {
        forge(&world, &service).await;
    }
    // Neither four nor four are five in a row.
    forge(&world, &service).await;
    told(&ears, "signatures", &["alert.opened"]).await;
    assert!(text(&ears.last("signatures"), "sentence").contains("The last 5 webhooks of \"centiva\""));
    world.crm_update(&id, json!({"city": "Laval"})).await;
    told(&ears, "signatures", &["alert.opened", "alert.closed"]).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}

/// Nobody has mended the secret; only the process is another one, and a day has passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ends_no_row_of_failing_signatures() {
    let (world, ears) = heard().await;
    let service = world.start().await;
    for _ in 0..5 {
        forge(&world, &service).await;
    }
    told(&ears, "signatures", &["alert.opened"]).await;
    service.stop().await;
    let service = world.start().await;
    service.pool.clock.advance(DAY);
    told(&ears, "signatures", &["alert.opened", "alert.lasts"]).await;
    service.pool.clock.advance(DAY);
    told(&ears, "signatures", &["alert.opened", "alert.lasts", "alert.lasts"]).await;
    world.crm_create(json!({"firstName": "Luc", "lastName": "Roy"})).await;
    told(&ears, "signatures", &["alert.opened", "alert.lasts", "alert.lasts", "alert.closed"]).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_taken_holds_up_no_other_and_expiring_letters_are_said() {
    let (mut world, ears) = heard().await;
    world.set("CARNET_TUNE_DEAD_AGE_MS", 6 * 24 * 3_600_000);
    ears.refuse("dead_letters");
    world.google_knows_no("AQ").await;
    world.crm_seed(&[json!({"firstName": "Luc", "lastName": "Roy", "country": "AQ", "city": "Laval"})]).await;
    let service = world.start().await;
    service.reconcile().await;
    until("the letter to be told of", async || !ears.missed().is_empty()).await;
    for _ in 0..5 {
        forge(&world, &service).await;
    }
    told(&ears, "signatures", &["alert.opened"]).await;
    assert_eq!(ears.types("dead_letters"), [""; 0]);
    let alerts = world.carnet(&["alerts", "list", "--json"]).await.json();
    let said = "In \"phone\", 1 contact could not be written. The dead letters of 1 expire within a week.";
    assert!(alerts.as_array().expect("alerts").iter().any(|alert| alert["sentence"] == said), "{alerts:#}");
    service.quiet(&world).await;
    world.carnet(&["dead", "discard", "--all", "--because", "a test", "--yes"]).await.done();
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_told_only_where_it_is_unusual() {
    let (mut world, ears) = heard().await;
    world.set("CARNET_TUNE_ALERT_SILENCE_MS", 400);
    let service = world.start().await;
    let began = std::time::Instant::now();
    let mut count = 0;
    // Known for three times the least silence.
    until("events to be known for a while", async || {
        count += 1;
        world.crm_create(json!({"firstName": format!("Luc{count}"), "lastName": "Roy"})).await;
        began.elapsed() > Duration::from_secs(2)
    })
    .await;
    told(&ears, "silence", &["alert.opened"]).await;
    world.crm_create(json!({"firstName": "Léa", "lastName": "Roy"})).await;
    told(&ears, "silence", &["alert.opened", "alert.closed"]).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ended_after_a_week_tells_when_the_next_one_ends() {
    let (mut world, ears) = heard().await;
    let service = world.start().await;
    service.reconcile().await;
    service.pool.clock.advance(7 * DAY - DAY / 3);
    world.user("POST", "revoke", json!({})).await;
    service.runs().want("asked").await.expect("asked");
    told(&ears, "google_access", &["alert.opened"]).await;
    let said = text(&ears.last("google_access"), "sentence");
    assert!(said.contains("The Google account \"office\" is not written to"), "{said}");
    let account = world.google("POST", "accounts", &json!({ "subject": world.subject })).await;
    world.refresh_token = text(&account, "refresh_token");
    world.apply(&world.declared()).await.done();
    told(&ears, "google_access", &["alert.opened", "alert.closed"]).await;
    // `apply` goes by the machine's clock: the new connection is nearly a week old in this story.
    told(&ears, "google_testing", &["alert.opened"]).await;
    let said = text(&ears.last("google_testing"), "sentence");
    assert!(said.contains("The connection to the Google account \"office\" ends within a day"), "{said}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_lets_nobody_in_is_told_and_shown_and_a_new_token_ends_it() {
    let (mut world, ears) = heard().await;
    let service = world.start().await;
    let id = world.crm_create(json!({"firstName": "Luc", "lastName": "Roy", "phone": "514-555-0123"})).await;
    service.quiet(&world).await;
    let right = std::mem::replace(&mut world.crm_token, "another".to_owned());
    world.apply(&world.declared()).await.done();
    world.crm_update(&id, json!({"city": "Laval"})).await;
    told(&ears, "crm_access", &["alert.opened"]).await;
    let shown = world.carnet(&["sync", "list", "--json"]).await.json();
    assert_eq!(shown[0]["state"], "failed", "{shown:#}");
    world.crm_token = right;
    world.apply(&world.declared()).await.done();
    told(&ears, "crm_access", &["alert.opened", "alert.closed"]).await;
    service.pool.clock.advance(Duration::from_secs(60));
    service.quiet(&world).await;
    assert_eq!(world.people().await[0]["addresses"][0]["city"], "Laval", "nothing was lost");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_alerts_arrive_can_be_tried() {
    let (mut world, ears) = heard().await;
    let said = world.carnet(&["alerts", "test"]).await.done();
    assert_eq!(
        (said.trim(), ears.types("needs_you"), ears.mails().len()),
        ("Sent by webhook and mail.", vec!["alert.test".to_owned()], 1)
    );
    ears.set_deaf(true);
    world.carnet(&["alerts", "test"]).await.refused("was not taken by webhook: it was answered 503");
    world.set("CARNET_ALERT_WEBHOOK_SECRET", "short");
    world.carnet(&["alerts", "test"]).await.refused("CARNET_ALERT_WEBHOOK_SECRET: it is not whsec_ and 24 to 64 bytes");
    world.settings.retain(|key, _| !key.starts_with("CARNET_ALERT_"));
    world.carnet(&["alerts", "test"]).await.refused("alerts go to the log only");
}
