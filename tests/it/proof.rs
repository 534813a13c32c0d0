//! Proof that people's own contacts are as they were: the first run looks at them before and after, and says so.

use carnet::{reconcile::report, store::keys::GoogleKeys};
use redis::AsyncCommands as _;
use serde_json::json;

use crate::world::{Service, World, text, until};

fn own(number: usize) -> serde_json::Value {
    json!({
        "names": [{"givenName": "Ami", "familyName": format!("Numéro{number}")}],
        "phoneNumbers": [{"value": format!("+1418555{number:04}")}],
    })
}

/// Waits until the first look of the run that is going on was taken.
async fn looked(service: &Service) {
    let keys = GoogleKeys::new(&service.subject());
    let mut redis = service.pool.get().await.expect("redis");
    until("the first look", async || {
        let Some(run) = service.runs().current().await.expect("runs") else { return false };
        let state: Option<String> = redis.hget(keys.proofs(), &run.id).await.expect("a state");
        state.as_deref() == Some("\"seen\"")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_says_that_nothing_of_the_owners_own_was_touched() {
    let world = World::new().await;
    let town = carnet::simulate::people::town(11, 40, 25, 8);
    world.crm_seed(&town.crm).await;
    let before = world.google_seed(&town.google).await.len() as u64;
    let service = world.start().await;
    let run = service.reconcile().await;
    let proof = run.proof.clone().expect("a proof");
    let adopted = run.counts.get("adopted").and_then(|count| u64::try_from(*count).ok()).unwrap_or(0);
    let strangers = before - adopted;
    assert!(adopted > 0 && strangers > 0, "{run:#?}");
    assert_eq!((proof.unchanged, proof.changed, proof.gone), (strangers, 0, 0), "{proof:?} {before} {adopted}");
    assert!(report(&run).contains(&format!("{strangers} contacts that are not ours: unchanged.")), "{}", report(&run));

    let second = service.reconcile().await;
    assert_eq!(second.proof, None, "later runs say it from the journal");
    assert!(report(&second).contains("By the journal, no contact in Google was written."), "{}", report(&second));
    // One that is Carnet's, one of the owner's that is recognised, and a new one, of which no webhook tells.
    world.google_seed(&[json!({"names": [{"givenName": "Aimée", "familyName": "Roy"}], "emailAddresses": [{"value": "aimee@exemple.ca"}]})]).await;
    let silent = format!("locations/{}/contacts", world.location);
    let new = [
        json!({"firstName": "Aimée", "lastName": "Roy", "email": "aimee@exemple.ca", "city": "Laval"}),
        json!({"firstName": "Zoé", "lastName": "Neuve", "email": "zoe@exemple.ca"}),
    ];
    world.crm_seed(&new).await;
    let known = text(&town.crm[0], "id");
    world.crm("PUT", &format!("{silent}/{known}?silent=true"), &json!({"city": "Rimouski"})).await;
    let third = service.reconcile().await;
    let said =
        "the contacts written in Google are 1 made by it, 1 newly linked, 1 Carnet's before; no other was touched.";
    assert!(report(&third).contains(said), "{}", report(&third));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_owner_does_meanwhile_is_told_apart() {
    let world = World::new().await;
    world.crm_seed(&[json!({"firstName": "Aimée", "lastName": "Roy", "email": "aimee@example.com"})]).await;
    let names = world.google_seed(&(0..4).map(own).collect::<Vec<_>>()).await;
    let service = world.start().await;
    // The CRM does not answer until the owner is done.
    world.crm_fault(json!({"path": "/contacts/search", "status": 503})).await;
    service.runs().want("asked").await.expect("asked");
    looked(&service).await;
    world.user_edits(&names[0], json!({"phoneNumbers": [{"value": "+14185559999"}]})).await;
    world.user_deletes(&names[1]).await;
    world.google_seed(&[own(9)]).await;
    world.fair_weather().await;
    until("the run to end", async || service.runs().current().await.expect("runs").is_some_and(|run| run.is_over()))
        .await;
    let run = service.runs().current().await.expect("runs").expect("a run");
    let proof = run.proof.clone().expect("a proof");
    assert_eq!((proof.unchanged, proof.changed, proof.gone), (2, 1, 1), "{proof:?}");
    assert_eq!(proof.names, {
        let mut two = names[..2].to_vec();
        two.sort();
        two
    });
    // Nothing of it is kept beside the report.
    let keys = GoogleKeys::new(&service.subject());
    let mut redis = service.pool.get().await.expect("redis");
    let left: u64 = redis.exists(&[keys.proofs(), keys.prints(&run.id)]).await.expect("keys");
    assert_eq!(left, 0);
    service.nothing_left().await;
    service.stop().await;
}

/// Three pages of contacts.
const PAGES: usize = 2_100;

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_googles_limit_stops_goes_on_where_it_was() {
    const LIST: &str = "people.connections.list";
    let world = World::new().await;
    world.crm_seed(&[json!({"firstName": "Aimée", "lastName": "Roy", "email": "aimee@example.com"})]).await;
    world.google_seed(&(0..PAGES).map(own).collect::<Vec<_>>()).await;
    // The account is read once, and then looked at: the look's third page is refused.
    world.google_fault(json!({"match": LIST, "kind": "status", "status": 429, "retry_after": 1, "skip": 5})).await;
    let service = world.start().await;
    service.runs().want("asked").await.expect("asked");
    looked(&service).await;
    let pages = world.calls(LIST, 200).await;
    assert_eq!((world.calls(LIST, 429).await, pages), (1, 3 + 1 + 3), "read, brought up to date meanwhile, looked at");
    until("the run to end", async || service.runs().current().await.expect("runs").is_some_and(|run| run.is_over()))
        .await;
    let run = service.runs().current().await.expect("runs").expect("a run");
    assert_eq!(run.proof.map(|proof| proof.unchanged), Some(PAGES as u64));
    service.nothing_left().await;
    service.stop().await;
}
