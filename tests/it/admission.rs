//! Who is let in on the admin side: sessions that change and end, tokens with a scope, and who asked for what afterwards.

use std::time::Duration;

use axum::http::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use redis::AsyncCommands as _;
use reqwest::{Client, Method, Response, redirect::Policy};
use serde_json::{Value, json};

use crate::world::{Service, World, text, until};

const PASSWORD: &str = "a good password";
const HOUR: Duration = Duration::from_secs(3_600);

fn browser() -> Client {
    Client::builder().redirect(Policy::none()).build().expect("a browser")
}

fn set_cookie(response: &Response) -> Option<String> {
    let set = response.headers().get(SET_COOKIE)?.to_str().expect("text");
    set.split(';').next().map(str::to_owned)
}

async fn log_in(service: &Service) -> String {
    let form = browser().post(format!("{}/login", service.url)).form(&[("password", PASSWORD)]);
    let answer = form.header(ORIGIN, &service.url).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    set_cookie(&answer).expect("a session")
}

/// Asks for the first page; whether it came, and what the browser holds from now on.
async fn page(service: &Service, cookie: &str) -> (bool, Option<String>) {
    let answer = browser().get(&service.url).header(COOKIE, cookie).send().await.expect("an answer");
    let is_in = answer.status() == 200;
    assert!(is_in || answer.headers()[LOCATION] == "/login");
    (is_in, set_cookie(&answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_changes_every_hour_and_ends_by_itself_and_by_logging_out() {
    let mut world = World::new().await;
    world.set("CARNET_ADMIN_PASSWORD", PASSWORD);
    let service = world.start().await;
    let (first, second) = (log_in(&service).await, log_in(&service).await);
    assert_ne!(first, second, "never the same twice");
    assert_eq!(page(&service, "carnet_session=guess").await, (false, None));
    assert_eq!(page(&service, &first).await, (true, None));
    service.pool.clock.advance(HOUR);
    let (is_in, renewed) = page(&service, &first).await;
    let renewed = renewed.expect("another cookie");
    assert!(is_in && renewed != first);
    // A second tab still comes with the old one, for a moment; it is not renewed again.
    assert_eq!(page(&service, &first).await, (true, None));
    service.pool.clock.advance(Duration::from_secs(61));
    assert_eq!(page(&service, &first).await, (false, None));
    assert_eq!(page(&service, &renewed).await, (true, None));
    // Out is out, also for whoever has copied the cookie.
    let out = browser().post(format!("{}/logout", service.url)).header(ORIGIN, &service.url).header(COOKIE, &renewed);
    assert_eq!(out.send().await.expect("an answer").status(), 303);
    assert_eq!(page(&service, &renewed).await, (false, None));
    // The other one was not used for long; it ends 12 hours after it began at the latest, however busy.
    let mut busy = second;
    for _ in 0..12 {
        busy = page(&service, &busy).await.1.unwrap_or(busy);
        service.pool.clock.advance(HOUR);
    }
    assert_eq!(page(&service, &busy).await, (false, None));
    let keys: Vec<String> = service.pool.get().await.expect("redis").keys("carnet:session:*").await.expect("keys");
    assert!(
        keys.iter().all(|key| !key.contains(busy.split('=').nth(1).expect("a value"))),
        "Redis has no session to steal"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_when_the_hour_is_over_brings_the_next_cookie_too() {
    let mut world = World::new().await;
    world.set("CARNET_ADMIN_PASSWORD", PASSWORD);
    let service = world.start().await;
    let cookie = log_in(&service).await;
    service.pool.clock.advance(HOUR);
    let run = browser().post(format!("{}/syncs/phone/run", service.url));
    let run = run.header(ORIGIN, &service.url).header(COOKIE, &cookie).send().await.expect("an answer");
    let renewed = set_cookie(&run).expect("another cookie");
    service.pool.clock.advance(Duration::from_secs(61));
    assert_eq!((page(&service, &cookie).await, page(&service, &renewed).await), ((false, None), (true, None)));
    let runs = service.runs();
    until("the run to end", async || runs.current().await.expect("runs").is_some_and(|run| run.is_over())).await;
    service.nothing_left().await;
    service.stop().await;
}

/// The status of a call with this token.
async fn call(world: &World, service: &Service, token: &str, method: Method, path: &str, body: Value) -> u16 {
    let url = format!("{}{path}", service.url);
    let mut request = world.http.request(method, url).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    request.send().await.expect("an answer").status().as_u16()
}

async fn a_token_of_each_scope(world: &World) -> Vec<String> {
    let mut tokens = Vec::new();
    for scope in ["read", "operate", "admin"] {
        let made = world.carnet(&["token", "create", scope, "--scope", scope, "--json"]).await.json();
        tokens.push(text(&made, "token"));
    }
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_its_scope_says_until_it_is_revoked_and_leaves_a_trace() {
    let mut world = World::new().await;
    world.set("CARNET_API_TOKEN", "the api token");
    world.google_knows_no("AQ").await;
    world.crm_seed(&[json!({"firstName": "Luc", "lastName": "Roy", "country": "AQ", "city": "Laval"})]).await;
    let service = world.start().await;
    service.reconcile().await;
    let letter = text(&world.carnet(&["dead", "list", "--json"]).await.json()[0], "id");
    let tokens = a_token_of_each_scope(&world).await;
    world
        .carnet(&["token", "create", "read", "--scope", "read"])
        .await
        .refused("there is a token named \"read\" already");
    let ping = async |token: &str| call(&world, &service, token, Method::GET, "/api/v1/syncs", Value::Null).await;
    until("the tokens to be known", async || ping(&tokens[2]).await == 200).await;

    let (get, post, nothing) = (Method::GET, Method::POST, Value::Null);
    let reveal = format!("/api/v1/dead/{letter}?reveal=true");
    let table = [
        (get.clone(), "/api/v1/syncs", nothing.clone(), [200, 200, 200]),
        (get.clone(), "/metrics", nothing.clone(), [200, 200, 200]),
        (get.clone(), &format!("/api/v1/dead/{letter}"), nothing.clone(), [200, 200, 200]),
        (post.clone(), "/api/v1/syncs/phone/pause", nothing.clone(), [403, 200, 200]),
        (post.clone(), "/api/v1/syncs/phone/resume", nothing.clone(), [403, 200, 200]),
        (get.clone(), &reveal, nothing.clone(), [403, 403, 200]),
        (get.clone(), &reveal.replace("reveal", "%72eveal"), nothing.clone(), [403, 403, 200]),
        (post, "/api/v1/dead/discard", json!({"all": {}}), [403, 403, 200]),
        (get.clone(), "/api/v1/audit", nothing.clone(), [403, 403, 200]),
        (get.clone(), "/api/v1/previews/phone/last", nothing.clone(), [403, 404, 404]),
    ];
    for (method, path, body, expected) in table {
        for (token, expected) in tokens.iter().zip(expected) {
            let status = call(&world, &service, token, method.clone(), path, body.clone()).await;
            assert_eq!(status, expected, "{method} {path}");
        }
    }
    let listed = world.carnet(&["token", "list"]).await.done();
    assert!(listed.contains("operate") && !tokens.iter().any(|token| listed.contains(token.as_str())), "{listed}");
    world.carnet(&["token", "revoke", "admin"]).await.done();
    until("the token to end", async || ping(&tokens[2]).await == 401).await;

    let deeds = world.carnet(&["audit", "--json"]).await.json();
    let deeds = deeds.as_array().expect("deeds");
    let traces = |actor: &str, action: &str, outcome: &str| {
        let is = |deed: &&Value| deed["action"] == action && deed["outcome"] == outcome;
        deeds.iter().filter(is).filter(|deed| text(deed, "actor").starts_with(actor)).count()
    };
    assert_eq!(traces("token operate", "POST /api/v1/syncs/phone/pause", "200"), 1, "{deeds:#?}");
    assert_eq!(traces("token operate", "POST /api/v1/syncs/phone/pause", "asked"), 1, "before it was done");
    assert_eq!(traces("token read", "POST /api/v1/syncs/phone/pause", "403"), 1, "what was declined too");
    assert_eq!(traces("token admin", &format!("GET /api/v1/dead/{letter}?reveal"), "200"), 2);
    assert_eq!(traces("command line (", "token revoke admin", "asked"), 1);
    let of_calls = deeds.iter().filter(|deed| text(deed, "actor").starts_with("token "));
    assert!(of_calls.clone().count() > 5);
    assert!(
        of_calls.clone().all(|deed| deed["from"] == "127.0.0.1" && text(deed, "request").len() == 16),
        "{deeds:#?}"
    );
    assert!(!deeds.iter().any(|deed| deed.to_string().contains("Laval")), "nothing of any contact");
    assert_eq!(world.carnet(&["audit", "--since", "2999-01-01", "--json"]).await.json(), json!([]));
    world.carnet(&["dead", "discard", "--all", "--because", "a test", "--yes"]).await.done();
    service.nothing_left().await;
    service.stop().await;
}
