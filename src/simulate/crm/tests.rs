//! The pretend CRM over HTTP, as a client and a webhook receiver meet it.

use axum::{extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use super::{super::people, *};

/// A served CRM with one location; gone when dropped.
struct Served {
    base: String,
    http: reqwest::Client,
    location: Value,
    _stop: DropGuard,
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

impl Served {
    async fn start(options: Options) -> Self {
        let (listener, base) = listen().await;
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, options, shutdown.clone()));
        let mut served = Self {
            base,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            location: Value::Null,
            _stop: shutdown.drop_guard(),
        };
        served.location = served.control("locations", json!({"companyId": "agency"})).await;
        served
    }

    fn id(&self) -> &str {
        self.location["id"].as_str().unwrap()
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/control/{path}", self.base)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.get(format!("{}/{path}", self.base)).header("Version", "2021-07-28");
        request.bearer_auth(self.location["token"].as_str().unwrap())
    }

    async fn search(&self, body: &Value) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/contacts/search", self.base)).header("Version", "2021-07-28");
        let answer = request.bearer_auth(self.location["token"].as_str().unwrap()).json(body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Every id that a walk with the cursor meets.
    async fn walk(&self) -> Vec<String> {
        let (mut cursor, mut ids) = (Value::Null, Vec::new());
        loop {
            let body = json!({"locationId": self.id(), "pageLimit": 50, "searchAfter": cursor});
            let (_, page) = self.search(&body).await;
            let items = page["contacts"].as_array().unwrap();
            let Some(last) = items.last() else { return ids };
            cursor = last["searchAfter"].clone();
            ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        }
    }

    async fn refresh(&self, token: &Value) -> (StatusCode, Value) {
        let options = Options::default();
        let form = [
            ("client_id", options.client_id.as_str()),
            ("client_secret", options.client_secret.as_str()),
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str().unwrap()),
            ("user_type", "Location"),
        ];
        let answer = self.http.post(format!("{}/oauth/token", self.base)).form(&form).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

/// What a receiver of webhooks got: signature and body.
type Deliveries = mpsc::UnboundedReceiver<(Option<String>, Vec<u8>)>;

/// Answers the given statuses one after the other, then 202.
async fn receiver(statuses: &[u16]) -> (String, Deliveries) {
    let (sent, deliveries) = mpsc::unbounded_channel();
    let left: Vec<_> = statuses.iter().rev().copied().collect();
    let left = Arc::new(Mutex::new(left));
    let take = async move |State(left): State<Arc<Mutex<Vec<u16>>>>, headers: HeaderMap, body: axum::body::Bytes| {
        let signature = headers.get("X-GHL-Signature").map(|value| value.to_str().unwrap().to_owned());
        sent.send((signature, body.to_vec())).unwrap();
        StatusCode::from_u16(left.lock().unwrap().pop().unwrap_or(202)).unwrap()
    };
    let (listener, base) = listen().await;
    let app = Router::new().route("/hook", post(take)).with_state(left);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("{base}/hook"), deliveries)
}

#[tokio::test]
async fn a_town_is_walked_read_and_every_page_fault_shows() {
    let served = Served::start(Options::default()).await;
    let town = people::town(5, 230, 0, 0);
    let seed = json!({"contacts": town.crm, "customFields": town.custom_fields, "users": town.owners});
    let stored = served.control(&format!("locations/{}/seed", served.id()), seed).await;
    assert_eq!(stored["stored"], 230);
    assert_eq!(served.walk().await.len(), 230);
    for (page, seen) in [("lose", 180), ("repeat", 280), ("empty", 50)] {
        served.control("faults", json!({"page": page, "after": 1, "times": 1})).await;
        assert_eq!(served.walk().await.len(), seen, "{page}");
    }
    let path = format!("locations/{}/customFields?model=contact", served.id());
    let fields: Value = served.get(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!(fields["customFields"].as_array().unwrap().len(), 5);
    let path = format!("users/search?companyId=agency&locationId={}", served.id());
    let users: Value = served.get(&path).send().await.unwrap().json().await.unwrap();
    assert_eq!(users["count"], 3, "the deleted user is left out");
}

#[tokio::test]
async fn the_gate_wants_a_version_a_token_and_its_own_location() {
    let served = Served::start(Options { rate_limit: 3, ..Options::default() }).await;
    let other = served.control("locations", json!({})).await;
    let bare = served.http.get(format!("{}/locations/{}", served.base, served.id()));
    assert_eq!(bare.try_clone().unwrap().header("Version", "2021-07-28").send().await.unwrap().status(), 401);
    let token = served.location["token"].as_str().unwrap();
    assert_eq!(bare.bearer_auth(token).send().await.unwrap().status(), 401, "no version");
    let foreign = served.get(&format!("locations/{}", other["id"].as_str().unwrap()));
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let unknown = served.get("contacts/AAAAAAAAAAAAAAAAAAAA").send().await.unwrap();
    assert_eq!(
        (unknown.status(), &unknown.headers()["x-ratelimit-remaining"]),
        (StatusCode::NOT_FOUND, &"1".parse().unwrap())
    );
    assert_eq!(served.search(&json!({"locationId": served.id()})).await.0, 422);
    assert_eq!(served.get("contacts/AAAAAAAAAAAAAAAAAAAA").send().await.unwrap().status(), 429);
    served.control("clock", json!({"advanceMs": 10_000})).await;
    assert_eq!(served.get("contacts/nonsense").send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_index_lags_behind_a_direct_read() {
    let served = Served::start(Options { index_lag: Duration::from_secs(3600), ..Options::default() }).await;
    let created = served.control(&format!("locations/{}/contacts", served.id()), json!({"email": "A@a.example"})).await;
    let id = created["contact"]["id"].as_str().unwrap();
    let read: Value = served.get(&format!("contacts/{id}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["contact"]["emailLowerCase"], "a@a.example");
    assert!(served.walk().await.is_empty());
    served.control("clock", json!({"advanceMs": 3_600_000})).await;
    assert_eq!(served.walk().await, [id]);
}

#[tokio::test]
async fn a_refresh_token_rotates_even_when_its_answer_is_lost() {
    let served = Served::start(Options::default()).await;
    let first = &served.location["refreshToken"];
    served.control("faults", json!({"path": "/oauth/token", "drop": true, "times": 1})).await;
    let form = [("client_id", "x")];
    let lost = served.http.post(format!("{}/oauth/token", served.base)).form(&form).send().await;
    assert!(lost.is_err() || lost.unwrap().bytes().await.is_err(), "the connection is cut");
    let (status, pair) = served.refresh(first).await;
    assert_eq!((status, pair["userType"].as_str()), (StatusCode::OK, Some("Location")));
    assert_eq!(served.refresh(first).await.1["refresh_token"], pair["refresh_token"]);
    served.control("clock", json!({"advanceMs": 31_000})).await;
    assert_eq!(served.refresh(first).await.0, 400);
    assert_eq!(served.refresh(&pair["refresh_token"]).await.0, 200);
}

#[tokio::test]
async fn a_webhook_answered_429_comes_again_with_the_same_signed_body() {
    let (url, mut deliveries) = receiver(&[429, 429]).await;
    let options = Options { webhook_url: Some(url), retry_spacing: Duration::from_millis(5), ..Options::default() };
    let served = Served::start(options).await;
    let path = format!("locations/{}/contacts", served.id());
    served.control(&path, json!({"firstName": "Zoé"})).await;
    let (signature, body) = deliveries.recv().await.unwrap();
    assert_eq!(signature, Some(sign(1, &body)));
    assert_eq!(deliveries.recv().await.unwrap(), (signature.clone(), body.clone()));
    assert_eq!(deliveries.recv().await.unwrap(), (signature, body));
    served.control(&format!("{path}?wrongSignature=true&copies=1"), json!({"firstName": "Léo"})).await;
    for _ in 0..2 {
        let (signature, body) = deliveries.recv().await.unwrap();
        assert_ne!(signature, Some(sign(1, &body)));
    }
}

#[tokio::test]
async fn a_500_is_not_tried_again_and_a_reserialised_body_is_no_longer_the_signed_one() {
    let (url, mut deliveries) = receiver(&[500]).await;
    let served = Served::start(Options { webhook_url: Some(url), ..Options::default() }).await;
    let path = format!("locations/{}/contacts", served.id());
    served.control(&path, json!({"firstName": "Zoé"})).await;
    let (_, first) = deliveries.recv().await.unwrap();
    served.control(&format!("{path}?reserialise=true"), json!({"firstName": "Léo"})).await;
    let (signature, body) = deliveries.recv().await.unwrap();
    assert_ne!(first, body);
    assert_ne!(signature, Some(sign(1, &body)));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["firstName"], "Léo");
}

#[tokio::test]
async fn a_tag_edit_sends_two_events_and_a_merge_a_delete_and_an_update() {
    let (url, mut deliveries) = receiver(&[]).await;
    let served = Served::start(Options { webhook_url: Some(url), ..Options::default() }).await;
    let path = format!("locations/{}/contacts", served.id());
    let mut ids = Vec::new();
    for email in ["a@a.example", "b@a.example"] {
        let made = served.control(&format!("{path}?silent=true"), json!({"email": email})).await;
        ids.push(made["contact"]["id"].as_str().unwrap().to_owned());
    }
    let edit = served.http.put(format!("{}/control/{path}/{}", served.base, ids[0])).json(&json!({"tags": ["vip"]}));
    assert!(edit.send().await.unwrap().status().is_success());
    let merged = served.control(&format!("{path}/{}/merge", ids[1]), json!({"into": ids[0]})).await;
    assert_eq!(merged["contact"]["additionalEmails"], json!([{"email": "b@a.example"}]));
    let mut kinds = Vec::new();
    for _ in 0..4 {
        let event: Value = serde_json::from_slice(&deliveries.recv().await.unwrap().1).unwrap();
        kinds.push((event["type"].as_str().unwrap().to_owned(), event["id"] == ids[0].as_str()));
    }
    kinds.sort();
    let expected =
        [("ContactDelete", false), ("ContactTagUpdate", true), ("ContactUpdate", true), ("ContactUpdate", true)];
    assert_eq!(kinds, expected.map(|(kind, first)| (kind.to_owned(), first)));
}

#[tokio::test]
async fn a_workflow_webhook_is_unsigned_and_carries_labels_and_the_shared_secret() {
    let (url, mut deliveries) = receiver(&[]).await;
    let served = Served::start(Options::default()).await;
    let seed = json!({"customFields": [{"id": "cf", "name": "Budget range"}], "contacts": [{"id": "c1", "firstName": "Zoé",
        "tags": ["a", "b"], "customFields": [{"id": "cf", "value": 3}]}]});
    served.control(&format!("locations/{}/seed", served.id()), seed).await;
    let order = json!({"url": url, "customData": {"secret": "s"}});
    served.control(&format!("locations/{}/contacts/c1/workflow", served.id()), order).await;
    let (signature, body) = deliveries.recv().await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((signature, &body["Budget range"], &body["tags"]), (None, &json!(3), &json!("a,b")));
    assert_eq!(
        (&body["customData"]["secret"], &body["company_name"], &body["email"]),
        (&json!("s"), &json!("null"), &json!(""))
    );
}

#[tokio::test]
async fn traffic_plays_the_same_actions_for_the_same_seed_and_reports_them() {
    let mut reports = Vec::new();
    for _ in 0..2 {
        let served = Served::start(Options::default()).await;
        let town = people::town(5, 40, 0, 0);
        served.control(&format!("locations/{}/seed", served.id()), json!({"contacts": town.crm})).await;
        let fault = crate::simulate::traffic::FaultRequest {
            url: format!("{}/control/faults", served.base),
            body: json!({"status": 503, "times": 1}),
        };
        let traffic = crate::simulate::traffic::Traffic {
            seed: 9,
            crm_url: served.base.clone(),
            location: served.id().to_owned(),
            duration: Duration::from_secs(3600),
            speed: 1e6,
            per_minute: 2.0,
            faults: vec![fault],
        };
        let played = crate::simulate::traffic::play(traffic, CancellationToken::new()).await;
        assert_eq!((played.refused, played.faults), (0, 1));
        let dump = format!("control/locations/{}/contacts", served.id());
        let dump: Value = served.get(&dump).send().await.unwrap().json().await.unwrap();
        assert_eq!(dump["contacts"].as_array().unwrap().len(), 40 + played.created - played.deleted);
        reports.push(played);
    }
    let acts =
        |p: &crate::simulate::traffic::Played| [p.created, p.updated, p.deleted, p.duplicated, p.disordered, p.forged];
    assert_eq!(acts(&reports[0]).iter().sum::<usize>(), 120);
    assert!(acts(&reports[0]).iter().all(|count| *count > 0));
    assert_eq!(reports[0], reports[1]);
}
