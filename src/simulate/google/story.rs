//! The simulator over its own wire: what only shows when requests meet faults, time and each other.

use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Limits, Options, serve};

/// A simulator with one account, and a client of it.
struct Sim {
    url: String,
    http: Client,
    subject: String,
    token: String,
    refresh_token: String,
    server: JoinHandle<std::io::Result<()>>,
    shutdown: DropGuard,
}

impl Sim {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let limits = Limits { critical_writes_per_minute: 1_000_000, ..Limits::default() };
        let limits = Limits { critical_reads_per_minute: 1_000_000, contact_writes_per_day: 10_000_000, ..limits };
        let options = Options { client_id: "app".into(), client_secret: "secret".into(), seed: 1, limits };
        let server = tokio::spawn(serve(listener, options, shutdown.clone()));
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let shutdown = shutdown.drop_guard();
        let (subject, token, refresh_token) = Default::default();
        let mut sim = Self { url, http, subject, token, refresh_token, server, shutdown };
        let account = sim.control(Method::POST, "accounts", json!({"email": "office@example.com"})).await;
        let text = |key: &str| account[key].as_str().unwrap().to_owned();
        (sim.subject, sim.token, sim.refresh_token) = (text("subject"), text("access_token"), text("refresh_token"));
        sim
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, format!("{}/control/{path}", self.url)).json(&body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    async fn account(&self, method: Method, path: &str, body: Value) -> Value {
        self.control(method, &format!("accounts/{}{path}", self.subject), body).await
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> reqwest::Result<Response> {
        let request = self.http.request(method, format!("{}/v1/{path}", self.url)).bearer_auth(&self.token);
        if body.is_null() { request.send().await } else { request.json(&body).send().await }
    }

    /// HTTP status and body.
    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(method, path, body).await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn create(&self, name: &str) -> Value {
        let (status, person) = self.call(Method::POST, "people:createContact", named(name)).await;
        assert_eq!(status, 200, "{person}");
        person
    }

    async fn contacts(&self) -> usize {
        self.account(Method::GET, "", Value::Null).await["contacts"].as_array().unwrap().len()
    }
}

fn named(name: &str) -> Value {
    json!({"names": [{"givenName": name}]})
}

fn batch(count: usize) -> Value {
    let contacts: Vec<Value> = (0..count).map(|i| json!({"contactPerson": named(&format!("n{i}"))})).collect();
    json!({"contacts": contacts, "readMask": "names,metadata"})
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_commit() {
    let sim = Sim::start().await;
    let rule = json!({"match": "people.createContact", "kind": "drop", "when": "after"});
    sim.control(Method::POST, "faults", rule).await;
    assert!(sim.send(Method::POST, "people:createContact", named("A")).await.is_err());
    assert_eq!(sim.contacts().await, 1);
    let html = json!({"match": "POST /v1/people", "kind": "status", "status": 502, "body": "html"});
    sim.control(Method::POST, "faults", html).await;
    let answer = sim.send(Method::POST, "people:createContact", named("B")).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(sim.contacts().await, 1);
}

#[tokio::test]
async fn a_request_is_carried_out_even_if_its_client_gives_up() {
    let sim = Sim::start().await;
    sim.control(Method::POST, "faults", json!({"match": "people.", "kind": "delay", "ms": 300})).await;
    let late = sim.http.post(format!("{}/v1/people:createContact", sim.url)).bearer_auth(&sim.token);
    let late = late.json(&named("A")).timeout(Duration::from_millis(100)).send().await;
    assert!(late.unwrap_err().is_timeout());
    let (status, refused) = sim.call(Method::POST, "people:createContact", named("B")).await;
    assert_eq!((status, &refused["error"]["status"]), (409, &json!("ABORTED")), "one write at a time");
    while sim.contacts().await == 0 {
        tokio::task::yield_now().await;
    }
    sim.create("B").await;
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_unless_a_fault_cuts_it() {
    let sim = Sim::start().await;
    let mut bad = batch(3);
    bad["contacts"][1]["contactPerson"]["biographies"] = json!([{"value": "a"}, {"value": "b"}]);
    let (status, refused) = sim.call(Method::POST, "people:batchCreateContacts", bad).await;
    assert_eq!(status, 400);
    let errors = &refused["error"]["details"][0]["contactErrors"];
    assert_eq!(errors["1"]["message"], "Cannot have more than one person.biographies per source.");
    assert_eq!((errors["0"].is_null(), sim.contacts().await), (true, 0));
    let rule = json!({"match": "people.batchCreateContacts", "kind": "commit_prefix", "items": 2});
    sim.control(Method::POST, "faults", rule).await;
    assert_eq!(sim.call(Method::POST, "people:batchCreateContacts", batch(5)).await.0, 500);
    assert_eq!(sim.contacts().await, 2);
    let mut silent = batch(1);
    silent["readMask"] = "".into();
    assert_eq!(sim.call(Method::POST, "people:batchCreateContacts", silent).await, (200, json!({})));
}

#[tokio::test]
async fn reads_may_lag_behind_an_update_and_their_etag_is_stale_then() {
    let sim = Sim::start().await;
    sim.control(Method::PATCH, "limits", json!({"stale_read_ms": 60_000})).await;
    let created = sim.create("A").await;
    let name = created["resourceName"].as_str().unwrap();
    let update = format!("{name}:updateContact?updatePersonFields=names");
    let mut body = named("B");
    body["etag"] = created["etag"].clone();
    let (status, updated) = sim.call(Method::PATCH, &update, body.clone()).await;
    assert_eq!((status, &updated["names"][0]["givenName"]), (200, &json!("B")));
    let get = format!("{name}?personFields=names,metadata");
    let (_, stale) = sim.call(Method::GET, &get, Value::Null).await;
    assert_eq!(stale["names"][0]["givenName"], "A");
    body["etag"] = stale["etag"].clone();
    let (status, refused) = sim.call(Method::PATCH, &update, body.clone()).await;
    assert_eq!((status, &refused["error"]["status"]), (400, &json!("FAILED_PRECONDITION")));
    body["etag"] = updated["etag"].clone();
    assert_eq!(sim.call(Method::PATCH, &update, body).await.0, 200, "the etag of the answer is good");
    sim.control(Method::POST, "clock/advance", json!({"seconds": 61})).await;
    assert_eq!(sim.call(Method::GET, &get, Value::Null).await.1["names"][0]["givenName"], "B");
}

#[tokio::test]
async fn the_feed_tells_merges_new_ids_and_deletions_after_its_delay() {
    let sim = Sim::start().await;
    sim.control(Method::PATCH, "limits", json!({"sync_delay_ms": 60_000})).await;
    let people = json!([named("A"), named("B"), named("C"), named("D")]);
    let seeded = sim.account(Method::POST, "/contacts", people).await;
    let id = |i: usize| seeded["resourceNames"][i].as_str().unwrap().replace("people/", "");
    sim.control(Method::POST, "clock/advance", json!({"seconds": 61})).await;
    let list = "people/me/connections?personFields=names,metadata&requestSyncToken=true";
    let (_, full) = sim.call(Method::GET, list, Value::Null).await;
    let feed = format!("{list}&syncToken={}", full["nextSyncToken"].as_str().unwrap());
    sim.account(Method::POST, "/merge", json!({"keep": id(0), "absorb": id(1)})).await;
    let moved = sim.account(Method::POST, &format!("/contacts/{}/rename", id(2)), json!({})).await;
    sim.call(Method::DELETE, &format!("people/{}:deleteContact", id(3)), Value::Null).await;
    assert_eq!(sim.call(Method::GET, &feed, Value::Null).await.1["connections"], Value::Null);
    sim.control(Method::POST, "clock/advance", json!({"seconds": 61})).await;
    let (_, changes) = sim.call(Method::GET, &feed, Value::Null).await;
    let changes = changes["connections"].as_array().unwrap();
    let find = |name: &str| changes.iter().find(|p| p["resourceName"] == name).unwrap();
    assert_eq!(changes.len(), 4);
    assert_eq!(find(&format!("people/{}", id(1)))["metadata"]["deleted"], true);
    assert_eq!(find(&format!("people/{}", id(3)))["metadata"]["deleted"], true);
    let moved = find(moved["resourceName"].as_str().unwrap());
    assert_eq!(moved["metadata"]["previousResourceNames"][0], format!("people/{}", id(2)));
}

#[tokio::test]
async fn consent_code_and_tokens_follow_the_rules() {
    let sim = Sim::start().await;
    sim.control(Method::PUT, "consent", json!({"untick": ["https://www.googleapis.com/auth/contacts"]})).await;
    let query = "client_id=app&redirect_uri=http://127.0.0.1/cb&response_type=code&access_type=offline&state=s&\
                 scope=openid%20email%20https://www.googleapis.com/auth/contacts&code_challenge_method=S256&\
                 code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let code = async || {
        let consent = sim.http.get(format!("{}/o/oauth2/v2/auth?{query}", sim.url)).send().await.unwrap();
        let back = url::Url::parse(consent.headers()["location"].to_str().unwrap()).unwrap();
        back.query_pairs().find(|(k, _)| k == "code").unwrap().1.into_owned()
    };
    let exchange = async |form: &[(&str, &str)]| {
        let form = [form, &[("client_id", "app"), ("client_secret", "secret")]].concat();
        let response = sim.http.post(format!("{}/token", sim.url)).form(&form).send().await.unwrap();
        response.json::<Value>().await.unwrap()
    };
    let first = code().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", first.as_str()),
        ("redirect_uri", "http://127.0.0.1/cb"),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
    ];
    let tokens = exchange(&form).await;
    assert_eq!(tokens["scope"], "https://www.googleapis.com/auth/userinfo.email openid", "the user unticked one");
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].as_str().unwrap().split('.').count() == 3);
    assert_eq!(exchange(&form).await["error"], "invalid_grant", "a code works once");
    let second = code().await;
    let wrong = [form[0], ("code", second.as_str()), form[2], ("code_verifier", "wrong")];
    assert_eq!(exchange(&wrong).await["error"], "invalid_grant");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", sim.refresh_token.as_str())];
    let refreshed = exchange(&refresh).await;
    assert!(refreshed["access_token"].is_string() && refreshed["refresh_token"].is_null());
    sim.account(Method::POST, "/revoke", json!({})).await;
    assert_eq!(exchange(&refresh).await["error"], "invalid_grant");
    assert_eq!(sim.call(Method::GET, "contactGroups", Value::Null).await.0, 401);
}

#[tokio::test]
async fn a_full_account_is_listed_page_by_page_and_then_takes_no_more() {
    let sim = Sim::start().await;
    let people: Vec<Value> = (0..24_900).map(|i| named(&format!("n{i}"))).collect();
    sim.account(Method::POST, "/contacts", people.into()).await;
    assert_eq!(sim.call(Method::POST, "people:batchCreateContacts", batch(100)).await.0, 200);
    let (status, full) = sim.call(Method::POST, "people:createContact", named("one more")).await;
    assert_eq!(status, 400);
    assert!(full["error"]["message"].as_str().unwrap().contains("MY_CONTACTS_OVERFLOW_COUNT"));
    let first = "people/me/connections?personFields=names,metadata&pageSize=1000";
    let (mut names, mut token) = (std::collections::HashSet::new(), String::new());
    loop {
        let path = if token.is_empty() { first.to_owned() } else { format!("{first}&pageToken={token}") };
        let (_, page) = sim.call(Method::GET, &path, Value::Null).await;
        names.extend(page["connections"].as_array().unwrap().iter().map(|p| p["resourceName"].to_string()));
        let Some(next) = page["nextPageToken"].as_str() else { break };
        token = next.to_owned();
    }
    assert_eq!(names.len(), 25_000);
    let other = format!("{}&pageToken={token}", first.replace("1000", "999"));
    assert_eq!(sim.call(Method::GET, &other, Value::Null).await.0, 400, "parameters must not change midway");
}

#[tokio::test]
async fn a_hanging_answer_does_not_keep_the_simulator_from_stopping() {
    let sim = Sim::start().await;
    sim.control(Method::POST, "faults", json!({"match": "*", "kind": "hang"})).await;
    let (http, url) = (sim.http.clone(), sim.url.clone());
    let hanging = tokio::spawn(async move { http.get(format!("{url}/v1/contactGroups")).send().await });
    while !sim.control(Method::GET, "faults", Value::Null).await.as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(sim.shutdown);
    assert!(hanging.await.unwrap().is_err());
    drop(sim.http);
    sim.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn each_mode_changes_what_it_says() {
    let sim = Sim::start().await;
    let mode = async |patch: Value| sim.account(Method::PATCH, "/modes", patch).await;
    let unknown = json!({"resourceNames": ["people/c1"]});
    mode(json!({"missing_is_500": true, "batch_delete_skips_unknown": true, "refuse_list_etags": true})).await;
    assert_eq!(sim.call(Method::DELETE, "people/c1:deleteContact", Value::Null).await.0, 500);
    assert_eq!(sim.call(Method::POST, "people:batchDeleteContacts", unknown).await.0, 200);
    let mut marked = named("A");
    marked["clientData"] = json!([{"key": "other", "value": "theirs"}]);
    let (_, one) = sim.call(Method::POST, "people:createContact", marked).await;
    let name = one["resourceName"].as_str().unwrap();
    let (_, page) = sim.call(Method::GET, "people/me/connections?personFields=names", Value::Null).await;
    let listed = json!({"etag": page["connections"][0]["etag"], "clientData": [{"key": "k", "value": ""}]});
    let update = format!("{name}:updateContact?updatePersonFields=clientData");
    assert_eq!(sim.call(Method::PATCH, &update, listed.clone()).await.0, 400, "an etag from a listing");
    mode(json!({"refuse_list_etags": false, "sticky_client_data": true})).await;
    let (status, sticky) = sim.call(Method::PATCH, &update, listed).await;
    let mut entries: Vec<_> = sticky["clientData"].as_array().unwrap().iter().map(|e| &e["value"]).collect();
    entries.sort_by_key(|v| v.to_string());
    assert_eq!((status, entries), (200, vec![&json!("k"), &json!("theirs")]));

    let two = sim.create("B").await;
    let body = |etag: &Value| {
        let mut contacts = json!({name: named("A2"), two["resourceName"].as_str().unwrap(): named("B2")});
        contacts[name]["etag"] = etag.clone();
        contacts[two["resourceName"].as_str().unwrap()]["etag"] = one["etag"].clone();
        json!({"contacts": contacts, "updateMask": "names", "readMask": "names"})
    };
    let given = async || {
        let dump = sim.account(Method::GET, "", Value::Null).await;
        let shown = dump["contacts"].as_array().unwrap().iter().find(|c| c["resourceName"] == name).unwrap().clone();
        shown["person"]["names"][0]["givenName"].clone()
    };
    mode(json!({"batch_update_errors": "per_item"})).await;
    let (status, mixed) = sim.call(Method::POST, "people:batchUpdateContacts", body(&sticky["etag"])).await;
    let results = &mixed["updateResult"];
    assert_eq!((status, &results[two["resourceName"].as_str().unwrap()]["status"]["code"]), (200, &json!(9)));
    sim.account(Method::PATCH, &format!("/contacts/{}", &name[7..]), named("hand")).await;
    assert_eq!(given().await, "hand");
    mode(json!({"batch_update_errors": "apply_rest"})).await;
    let (_, fresh) = sim.call(Method::GET, &format!("{name}?personFields=names"), Value::Null).await;
    assert_eq!(sim.call(Method::POST, "people:batchUpdateContacts", body(&fresh["etag"])).await.0, 400);
    assert_eq!(given().await, "A2", "refused, but the other was written");
}

#[tokio::test]
async fn reads_mix_in_a_linked_profile_unless_told_not_to() {
    let sim = Sim::start().await;
    let created = sim.create("A").await;
    let name = created["resourceName"].as_str().unwrap();
    let profile = json!({"names": [{"givenName": "From the profile"}]});
    sim.account(Method::PUT, &format!("/contacts/{}/profile", &name[7..]), profile).await;
    let names = async |sources: &str| {
        let path = format!("{name}?personFields=names{sources}");
        sim.call(Method::GET, &path, Value::Null).await.1["names"].as_array().unwrap().len()
    };
    assert_eq!((names("").await, names("&sources=READ_SOURCE_TYPE_CONTACT").await), (2, 1));
}

#[tokio::test]
async fn the_storage_behind_an_account_may_refuse_for_hours() {
    let sim = Sim::start().await;
    sim.account(Method::PATCH, "/modes", json!({"retry_after": true})).await;
    sim.account(Method::POST, "/storage-block", json!({"seconds": 1800, "extend_by": 60})).await;
    let refused = sim.send(Method::GET, "contactGroups", Value::Null).await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["details"][0]["violations"][0]["description"], "FBS quota limit exceeded");
    sim.control(Method::POST, "clock/advance", json!({"seconds": 1801})).await;
    assert_eq!(
        sim.send(Method::GET, "contactGroups", Value::Null).await.unwrap().status(),
        429,
        "the retry cost a minute"
    );
}

#[tokio::test]
async fn the_user_trashes_restores_and_relabels() {
    let sim = Sim::start().await;
    let seeded = json!([{"names": [{"givenName": "A"}],
        "memberships": [{"contactGroupMembership": {"contactGroupResourceName": "Amis & Cie"}}]}]);
    let seeded = sim.account(Method::POST, "/contacts", seeded).await;
    let person = seeded["resourceNames"][0].as_str().unwrap().replace("people/", "/contacts/");
    let labels = async || sim.account(Method::GET, "", Value::Null).await["contacts"][0]["labels"].clone();
    assert_eq!(labels().await, json!(["Amis & Cie"]));
    sim.account(Method::POST, &format!("{person}/labels"), json!({"add": ["starred"]})).await;
    sim.account(Method::PATCH, "/groups/Amis%20&%20Cie", json!({"name": "Amis"})).await;
    assert_eq!(labels().await, json!(["Amis", "starred"]));
    sim.account(Method::DELETE, &person, Value::Null).await;
    sim.account(Method::DELETE, "/groups/Amis", Value::Null).await;
    assert_eq!(sim.contacts().await, 0);
    sim.account(Method::POST, &format!("{person}/restore"), json!({})).await;
    assert_eq!(labels().await, json!(["starred"]));
    sim.account(Method::DELETE, &person, Value::Null).await;
    sim.control(Method::POST, "clock/advance", json!({"seconds": 31 * 86400})).await;
    assert_eq!(sim.account(Method::GET, "", Value::Null).await["trash"], json!([]));
}
