//! The door over a real socket and a real Redis: every status it answers with, and what is in the stream afterwards.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use carnet::{
    caller::ShutOut,
    config::{Tune, declared::Declared},
    contact::AccountKey,
    queue::{
        dispatch::dispatch,
        door::Door,
        retention::{backlog, trim},
        streaks::Streaks,
    },
    receive::{Doors, Limits, Receive, router},
    store::{clock::Clock, keys::CrmKeys, pool::Pool},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    own_redis::Redis,
    world::{server::RedisServer, until},
};

const CRMS: &str = r#"
[[crm]]
name = "flow"
kind = "highlevel-workflow"
[crm.signature]
scheme = "bearer"
secrets = ["s3cret"]
[[crm.account]]
id = "loc"

[[crm]]
name = "hub"
kind = "generic"
vendor = "hubspot"
[crm.signature]
scheme = "hubspot-v3"
secrets = ["client secret"]
[crm.map]
events = ""
account = "/portalId"
contact = "/objectId"
event = "/subscriptionType"
[[crm.account]]
id = "44310987"
"#;
const LEAD: &str = r#"{"contact_id":"c1","location":{"id":"loc"}}"#;

fn open_doors() -> Doors {
    Doors::build(&toml::from_str::<Declared>(CRMS).expect("declared state").crm)
        .map_err(|e| e.to_string())
        .expect("doors")
}

fn nobody_is_out() -> Arc<ShutOut> {
    Arc::new(ShutOut::new((&Tune::default()).into()))
}

fn limits() -> Limits {
    Limits { body: 10_000, body_time: Duration::from_secs(10), all_bodies: 100_000 }
}

/// Serves the door until the test ends.
async fn serve(doors: Doors, redis_url: &str, limits: Limits) -> SocketAddr {
    let door = Arc::new(Door::new(Pool::open(redis_url).expect("an address")));
    door.set_open(true);
    let (_, crms) = watch::channel(Arc::new(doors));
    let streaks = Arc::new(Streaks::new(Clock::default()));
    let app = router(Receive::new(crms, door, streaks, "https://hooks.example.com", limits, nobody_is_out()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn lead(address: SocketAddr) -> RequestBuilder {
    Client::new().post(format!("http://{address}/webhooks/flow")).bearer_auth("s3cret").body(LEAD)
}

async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.expect("a JSON answer"))
}

#[tokio::test]
async fn a_believed_event_is_in_the_stream_when_the_sender_is_told() {
    let redis = Redis::start().await;
    let address = serve(open_doors(), &redis.url(), limits()).await;
    assert_eq!(told(lead(address).send().await.unwrap()).await, (202, json!({"stored": 1})));
    let stored = redis.stream("carnet:{highlevel:loc}:events").await;
    assert_eq!(stored.len(), 1);
    let field = |name: &str| stored[0].get::<String>(name);
    assert_eq!(field("contact").as_deref(), Some("c1"));
    assert_eq!(field("says").as_deref(), Some("changed"));
    assert_eq!(field("body").as_deref(), Some(LEAD));
}

#[tokio::test]
async fn a_list_of_events_signed_over_the_public_address_is_stored_one_by_one() {
    let redis = Redis::start().await;
    let address = serve(open_doors(), &redis.url(), limits()).await;
    let mut events: Value =
        serde_json::from_str(include_str!("fixtures/hubspot/object_creation_generic.json")).unwrap();
    events[0]["portalId"] = json!("nobody's");
    events[1]["subscriptionType"] = json!("contact.propertyChange");
    let again = events[1].clone();
    events.as_array_mut().unwrap().push(again);
    let (body, at) = (events.to_string(), jiff::Timestamp::now().as_millisecond());
    let message = format!("POSThttps://hooks.example.com/webhooks/hub?a=b%20c{body}{at}");
    let mac = Hmac::<sha2::Sha256>::new_from_slice(b"client secret").unwrap().chain_update(message).finalize();
    let send = |path: &str| {
        Client::new()
            .post(format!("http://{address}/webhooks/hub{path}"))
            .header("x-hubspot-signature-v3", BASE64_STANDARD.encode(mac.clone().into_bytes()))
            .header("x-hubspot-request-timestamp", at)
            .body(body.clone())
            .send()
    };
    assert_eq!(told(send("?a=b%20c").await.unwrap()).await, (202, json!({"stored": 2})));
    assert_eq!(told(send("?a=b").await.unwrap()).await, (401, json!({"error": "bad signature"})));
    assert_eq!(redis.stream("carnet:{hubspot:44310987}:events").await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_without_details_and_leaves_nothing_in_the_stream() {
    let redis = Redis::start().await;
    let address = serve(open_doors(), &redis.url(), limits()).await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
    let unreadable = json!({"error": "unreadable"});
    let bad_signature = json!({"error": "bad signature"});
    let encoded = json!({"error": "send the body without Content-Encoding"});
    let not_json = json!({"error": "send JSON"});
    let unauthorised = lead(address).build().map(|mut request| {
        request.headers_mut().remove(header::AUTHORIZATION);
        *request.body_mut() = Some("no JSON".into());
        request
    });
    let elsewhere = Client::new().post(format!("http://{address}/webhooks/other")).body(LEAD);
    for (request, status, answer) in [
        (lead(address).body(r#"{"contact_id":"c1","locationId":"x"}"#), 200, json!({"ignored": "unknown_account"})),
        (lead(address).body("{}"), 200, json!({"ignored": "no_contact"})),
        (lead(address).body("no JSON"), 400, unreadable.clone()),
        (lead(address).body(""), 400, unreadable.clone()),
        (lead(address).body(deep), 400, unreadable),
        (RequestBuilder::from_parts(Client::new(), unauthorised.unwrap()), 401, bad_signature.clone()),
        (lead(address).bearer_auth("s3cret"), 401, bad_signature),
        (elsewhere, 404, json!({"error": "unknown webhook"})),
        (lead(address).body("x".repeat(10_001)), 413, json!({"error": "too large"})),
        (lead(address).header("content-encoding", "gzip"), 415, encoded.clone()),
        (lead(address).header("content-encoding", "identity, br"), 415, encoded),
        (lead(address).header("content-type", "application/x-www-form-urlencoded"), 415, not_json.clone()),
        (lead(address).header("content-type", "text/json"), 415, not_json),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(told(request.send().await.unwrap()).await, (status, answer), "{shown}");
    }
    assert!(redis.stream("carnet:{highlevel:loc}:events").await.is_empty());
}

#[tokio::test]
async fn json_may_be_called_by_any_of_its_names() {
    let redis = Redis::start().await;
    let address = serve(open_doors(), &redis.url(), limits()).await;
    for name in ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"] {
        let request = lead(address).header("content-type", name).header("content-encoding", "identity");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED, "{name}");
    }
    assert_eq!(redis.stream("carnet:{highlevel:loc}:events").await.len(), 3);
}

#[tokio::test]
async fn other_methods_are_told_which_one_is_meant() {
    let address = serve(open_doors(), "redis://127.0.0.1:1", limits()).await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let url = format!("http://{address}/webhooks/flow");
        let response = Client::new().request(method.parse().unwrap(), url).send().await.unwrap();
        assert_eq!(response.headers().get(header::ALLOW).unwrap(), "POST");
        assert_eq!(told(response).await, (405, json!({"error": "use POST"})), "{method}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_now_is_asked_to_come_again() {
    let no_redis = serve(open_doors(), "redis://127.0.0.1:1", limits()).await;
    let not_ready = serve(Doors::NotReady, "redis://127.0.0.1:1", limits()).await;
    for address in [no_redis, not_ready] {
        let response = lead(address).send().await.unwrap();
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "30");
        assert_eq!(told(response).await, (429, json!({"error": "come again later"})));
    }
}

#[tokio::test]
async fn bodies_that_together_are_too_much_are_put_off_and_their_room_is_given_back() {
    let redis = Redis::start().await;
    let address = serve(open_doors(), &redis.url(), Limits { all_bodies: LEAD.len(), ..limits() }).await;
    for _ in 0..2 {
        let longer = lead(address).body(format!("{LEAD} ")).send().await.unwrap();
        assert_eq!(longer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(lead(address).send().await.unwrap().status(), StatusCode::ACCEPTED);
    }
}

/// Sends a head and pieces of a body as they are, and returns the status line.
async fn raw(address: SocketAddr, head: &str, pieces: &[&str]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head = format!("POST /webhooks/flow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer s3cret\r\n{head}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("a head");
    for piece in pieces {
        // The server may have answered and closed already: that is what the caller looks at.
        let _ = socket.write_all(piece.as_bytes()).await;
    }
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_is_read_no_further_and_no_longer_than_allowed() {
    let limits = Limits { body_time: Duration::from_millis(100), ..limits() };
    let address = serve(open_doors(), "redis://127.0.0.1:1", limits).await;
    assert_eq!(raw(address, "content-length: 999999999", &[]).await, "HTTP/1.1 413", "before anything was sent");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = [chunk.as_str(); 3];
    assert_eq!(raw(address, "transfer-encoding: chunked", &endless).await, "HTTP/1.1 413", "without saying its length");
    assert_eq!(raw(address, "content-length: 10", &["123"]).await, "HTTP/1.1 408", "slower than allowed");
    let doubled = "content-length: 2\r\nauthorization: Bearer s3cret";
    assert_eq!(raw(address, doubled, &["{}"]).await, "HTTP/1.1 401", "a secret that came twice");
}

#[test]
fn outcomes_are_counted_by_crm_and_never_by_a_name_from_outside() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    // One thread, so that the recorder sees what the server does.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let redis = Redis::start().await;
        let address = serve(open_doors(), &redis.url(), limits()).await;
        for request in [
            lead(address),
            lead(address),
            lead(address).body("{}"),
            lead(address).bearer_auth("again"),
            Client::new().post(format!("http://{address}/webhooks/any-name")),
        ] {
            request.send().await.unwrap();
        }
    });
    let counted = counted.render();
    for line in [
        r#"carnet_webhooks_total{crm="flow",outcome="stored"} 2"#,
        r#"carnet_webhooks_total{crm="flow",outcome="no_contact"} 1"#,
        r#"carnet_webhooks_total{crm="flow",outcome="repeated_header"} 1"#,
        r#"carnet_webhooks_total{crm="",outcome="unknown_crm"} 1"#,
    ] {
        assert!(counted.contains(line), "{line}\n{counted}");
    }
}

#[test]
fn the_limits_come_from_the_settings() {
    let limits = Limits::from(&Tune::default());
    assert_eq!((limits.body, limits.body_time, limits.all_bodies), (1 << 20, Duration::from_secs(10), 64 << 20));
}

/// So no run is needed after a trim: nothing was lost by it.
#[tokio::test]
async fn what_no_contact_was_marked_for_yet_is_never_trimmed() {
    let server = Redis::start().await;
    let pool = Pool::open(&server.url()).expect("a pool");
    let keys = CrmKeys::new(&AccountKey { vendor: "hubspot".into(), id: "loc".into() });
    let tune = Tune { stream_max: 1, stream_age: Duration::ZERO, ..Tune::default() };
    let add = async |contact: &str| {
        let fields = [("contact", contact), ("says", "changed"), ("at", "1")];
        let mut connection = pool.get().await.expect("redis");
        let _: String =
            redis::AsyncCommands::xadd(&mut connection, keys.events(), "*", &fields).await.expect("an event");
    };
    for contact in ["a", "b", "c"] {
        add(contact).await;
    }
    let moved = dispatch(&pool, &keys, &["sync".into()], false, &tune).await.expect("dispatched");
    assert_eq!((moved.events, moved.marks), (3, 3));
    for contact in ["d", "e"] {
        add(contact).await;
    }
    assert_eq!(trim(&pool, &keys, &tune).await.expect("trimmed"), 2, "the newest that was dispatched marks the place");
    assert_eq!(backlog(&pool, &keys).await.expect("a stream"), (3, 2));
    let moved = dispatch(&pool, &keys, &["sync".into()], false, &tune).await.expect("dispatched");
    assert_eq!((moved.events, moved.marks), (2, 2));
}

/// A restart forgets how much a reader has read, and what Redis guesses then stays wrong.
#[tokio::test]
async fn how_much_waits_is_known_after_a_restart_of_redis() {
    let mut server = RedisServer::start().await;
    let pool = Pool::open(&server.url()).expect("a pool");
    let keys = CrmKeys::new(&AccountKey { vendor: "hubspot".into(), id: "loc".into() });
    let tune = Tune { stream_max: 400, stream_age: Duration::from_secs(3600), ..Tune::default() };
    let mut waiting = 0;
    // More than is taken at a time, then less.
    for (round, more) in [(0, 700), (1, 100), (2, 900), (3, 50)] {
        let mut add = redis::pipe();
        for number in 0..more {
            let contact = format!("c{round}-{number}");
            add.xadd(keys.events(), "*", &[("contact", contact.as_str()), ("says", "changed"), ("at", "1")]).ignore();
        }
        add.query_async::<()>(&mut pool.get().await.expect("redis")).await.expect("events");
        waiting += more;
        server.kill();
        server.restart().await;
        until("Redis to answer", async || backlog(&pool, &keys).await.is_ok()).await;
        assert_eq!(backlog(&pool, &keys).await.expect("a stream").1, waiting, "round {round}");
        waiting -= dispatch(&pool, &keys, &["sync".into()], false, &tune).await.expect("dispatched").events;
        trim(&pool, &keys, &tune).await.expect("trimmed");
        assert_eq!(backlog(&pool, &keys).await.expect("a stream").1, waiting, "round {round}, dispatched");
        server.kill();
        server.restart().await;
        until("Redis to answer", async || backlog(&pool, &keys).await.is_ok()).await;
        assert_eq!(backlog(&pool, &keys).await.expect("a stream").1, waiting, "round {round}, once more");
    }
    while waiting > 0 {
        waiting -= dispatch(&pool, &keys, &["sync".into()], false, &tune).await.expect("dispatched").events;
        assert_eq!(backlog(&pool, &keys).await.expect("a stream").1, waiting);
    }
}
