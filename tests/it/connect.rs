//! A client gets a link, agrees on Google's page, and her contacts are kept in step; and what the admin page shows of it.

use std::time::Duration;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE,
};
use carnet::{admin::connect::connect_link, store::seal::Sealer};
use reqwest::{Client, Response, redirect::Policy};
use serde_json::json;

use crate::world::{World, until};

/// A browser that shows each step instead of following it.
fn browser() -> Client {
    Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(20)).build().expect("a browser")
}

fn header(response: &Response, name: axum::http::HeaderName) -> String {
    response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn link(url: &str, google: &str) -> String {
    connect_link(&Sealer::new(&"a secret key for tests".into()).expect("a sealer"), url, google).expect("a link")
}

/// A world in which the office's Google account is not connected, and one more.
fn unconnected(world: &World) -> String {
    let declared = world.declared();
    let token =
        declared.lines().find(|line| line.trim_start().starts_with("refresh_token")).expect("a line").to_owned();
    declared.replace(&token, "") + "\n[[google]]\nname = \"other\"\n"
}

/// Presses the button and lets Google send the browser back; answers where to, and with which cookie.
async fn agree(link: &str) -> (String, String) {
    let pressed = browser().post(link).send().await.expect("an answer");
    assert_eq!(pressed.status(), 303);
    let set = header(&pressed, SET_COOKIE);
    assert!(set.contains("HttpOnly; SameSite=Lax"), "{set}");
    let consent = browser().get(header(&pressed, LOCATION)).send().await.expect("Google answers");
    (header(&consent, LOCATION), set.split(';').next().expect("a pair").to_owned())
}

async fn come_back(back: &str, cookie: &str) -> (u16, String) {
    let answer = browser().get(back).header(COOKIE, cookie).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_connects_by_her_link_and_her_contacts_arrive() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"1h\"".into();
    let service = world.start_bare(&unconnected(&world)).await;
    world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy", "phone": "514-555-0123"})).await;
    let office = link(&service.url, "office");

    let page = browser().get(&office).send().await.expect("a page");
    assert_eq!(page.status(), 200);
    assert!(header(&page, CONTENT_SECURITY_POLICY).contains(&format!("form-action 'self' {}", world.google_url)));
    assert_eq!(header(&page, REFERRER_POLICY), "no-referrer");
    assert_eq!(header(&page, CACHE_CONTROL), "no-store");
    let page = page.text().await.expect("a page");
    assert!(page.contains("<html lang=\"fr\">") && page.contains("Continuer avec Google"), "{page}");

    let (back, cookie) = agree(&office).await;
    assert_eq!(come_back(&back, "").await.0, 400, "another browser");
    assert_eq!(come_back(&back.replace("state=", "state=x"), &cookie).await.0, 400, "another attempt");
    let (status, page) = come_back(&back, &cookie).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("C’est connecté"), "{page}");
    until("the new contact to arrive", async || world.labelled().await.len() == 1).await;

    let (back, cookie) = agree(&link(&service.url, "other")).await;
    let (status, page) = come_back(&back, &cookie).await;
    assert_eq!(status, 409, "one login, one name");
    assert!(page.contains("déjà connecté"), "{page}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_on_the_way_is_said_with_a_way_on() {
    let world = World::new().await;
    let service = world.start_bare(&unconnected(&world)).await;
    let office = link(&service.url, "office");
    for (wrong, status) in [(format!("{office}x"), 404), (link(&service.url, "nobody"), 404)] {
        assert_eq!(browser().get(&wrong).send().await.expect("a page").status(), status, "{wrong}");
        assert_eq!(browser().post(&wrong).send().await.expect("a page").status(), status, "{wrong}");
    }
    let contacts = "https://www.googleapis.com/auth/contacts";
    for (consent, said) in [(json!({"untick": [contacts]}), "case des contacts"), (json!({"deny": true}), "annulé")] {
        world.google("PUT", "consent", &consent).await;
        let (back, cookie) = agree(&office).await;
        let (status, page) = come_back(&back, &cookie).await;
        assert_eq!(status, 400, "{page}");
        assert!(page.contains(said) && page.contains("Continuer avec Google"), "{page}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_logs_in_sees_the_sync_and_runs_it() {
    let mut world = World::new().await;
    world.set("CARNET_ADMIN_PASSWORD", "a good password");
    let service = world.start().await;
    let url = |path: &str| format!("{}{path}", service.url);
    let form = |path: &str, password: &str| browser().post(url(path)).form(&[("password", password)]);

    let turned = browser().get(url("/")).send().await.expect("an answer");
    assert_eq!((turned.status().as_u16(), header(&turned, LOCATION).as_str()), (303, "/login"));
    let own = service.url.clone();
    let wrong = form("/login", "guess").header(ORIGIN, &own).send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    let foreign = form("/login", "a good password").header(ORIGIN, "https://evil.example").send().await;
    assert_eq!(foreign.expect("an answer").status(), 403);
    let right = form("/login", "a good password").header(ORIGIN, &own).send().await.expect("an answer");
    let set = header(&right, SET_COOKIE);
    assert!(right.status() == 303 && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().expect("a pair").to_owned();

    let page = browser().get(url("/")).header(COOKIE, &cookie).send().await.expect("a page");
    assert_eq!(header(&page, REFERRER_POLICY), "same-origin", "or our own forms would hide their origin");
    let page = page.text().await.expect("a page");
    assert!(page.contains("phone") && page.contains("Sync now") && !page.contains("<script"), "{page}");

    let run = || browser().post(url("/syncs/phone/run")).header(COOKIE, &cookie);
    assert_eq!(run().send().await.expect("an answer").status(), 403, "no origin");
    let stranger = browser().post(url("/syncs/phone/run")).header(ORIGIN, &own).send().await.expect("an answer");
    assert_eq!(header(&stranger, LOCATION), "/login");
    let before = service.runs().current().await.expect("runs").map(|run| run.id);
    assert_eq!(run().header(ORIGIN, &own).send().await.expect("an answer").status(), 303);
    until("the run that was asked for", async || {
        let run = service.runs().current().await.expect("runs");
        run.is_some_and(|run| run.is_over() && run.why == "asked" && Some(&run.id) != before.as_ref())
    })
    .await;
    service.stop().await;
}
