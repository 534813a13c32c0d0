//! What stands between two looks at Google's list, and at the end of its room: sync tokens of every bad kind, and an account that
//! holds as many contacts as Google allows.

use carnet::store::keys::GoogleKeys;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{Service, World, text, until};

fn contact(number: usize) -> Value {
    json!({"firstName": "Aimée", "lastName": format!("Roy{number}"), "email": format!("c{number}@example.com")})
}

/// This is the token of a listing that was made long ago.
async fn keeps_token(service: &Service, token: &str) {
    let key = GoogleKeys::new(&service.subject()).listing_facts();
    let facts = [("sync_token", token), ("full", "0")];
    let _: () = service.pool.get().await.expect("redis").hset_multiple(key, &facts).await.expect("kept");
}

/// A sync token of Google's for a listing of other fields than ours.
async fn of_other_fields(world: &World) -> String {
    let account = world.google("POST", "accounts", &json!({ "subject": world.subject })).await;
    let url = format!("{}/v1/people/me/connections?personFields=names&requestSyncToken=true", world.google_url);
    let request = world.http.get(url).bearer_auth(text(&account, "access_token"));
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    text(&answer, "nextSyncToken")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_token_that_google_does_not_take_costs_one_full_listing_and_no_twin() {
    let world = World::new().await;
    world.crm_seed(&(0..8).map(contact).collect::<Vec<_>>()).await;
    let service = world.start().await;
    service.reconcile().await;
    for token in ["garbage", &of_other_fields(&world).await] {
        keeps_token(&service, token).await;
        world.google("DELETE", "log", &Value::Null).await;
        let run = service.reconcile().await;
        assert_eq!((run.marked, run.unchanged), (0, 8), "{token}: {run:#?}");
        let lists = |status| world.calls("people.connections.list", status);
        assert_eq!((lists(200).await, lists(400).await), (1, 1), "{token}: refused once, then listed whole once");
    }
    assert_eq!(world.people().await.len(), 8);
    // What comes next goes by the new token.
    world.google("DELETE", "log", &Value::Null).await;
    service.reconcile().await;
    assert_eq!(
        (world.calls("people.connections.list", 200).await, world.calls("people.connections.list", 400).await),
        (1, 0)
    );
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_full_waits_and_says_so_and_goes_on_when_there_is_room() {
    let world = World::new().await;
    world.crm_seed(&(0..12).map(contact).collect::<Vec<_>>()).await;
    let room = |contacts: usize| json!({ "contacts": contacts });
    world.user("PATCH", "limits", room(5)).await;
    let service = world.start().await;
    service.runs().want("asked").await.expect("asked");
    let listed = async || world.carnet(&["sync", "list", "--json"]).await.json();
    until("the account to be called full", async || listed().await[0]["state"] == "failed").await;
    let why = listed().await[0]["why"].to_string();
    assert!(why.contains("full") || why.contains("25,000") || why.contains("room"), "{why}");
    assert!(world.people().await.len() <= 5);
    // The owner makes room; nothing has been lost or doubled.
    world.user("PATCH", "limits", room(25_000)).await;
    world.carnet(&["sync", "resume", "phone"]).await.done();
    until("the run to end", async || service.runs().current().await.expect("runs").is_some_and(|run| run.is_over()))
        .await;
    assert_eq!(world.labelled().await.len(), 12);
    assert_eq!(world.people().await.len(), 12);
    service.nothing_left().await;
    service.stop().await;
}
