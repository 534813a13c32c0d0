//! What is not for the world stays inside, however it is asked for.

use futures_util::future::join_all;

use super::{Kind, ODD_CLIENT, Stage, proxy};
use crate::world::post::API_TOKEN;

/// What is not for the world, in every shape in which a proxy may take it for something else.
const CLOSED: &[&str] = &[
    "/",
    "//",
    "/login",
    "/healthz",
    "/readyz",
    "/metrics",
    "/metrics/",
    "/api/v1/syncs",
    "/api/v1/openapi.json",
    "/syncs/phone/run",
    "/webhooks/../metrics",
    "/webhooks/%2e%2e/metrics",
    "/webhooks/..%2fmetrics",
    "/webhooks/..;/metrics",
    "/webhooks/..\\metrics",
    "/webhooks/../api/v1/openapi.json",
    "/webhooks//../../api/v1/openapi.json",
    "/webhooks/./../api/v1/openapi.json",
    "/oauth/../login",
    "/connect/..%2f..%2flogin",
    "/./metrics",
    "//metrics",
    "/%6detrics",
    "/metrics?/webhooks/",
    "/metrics#/webhooks/",
    "/metrics%00/webhooks/x",
    "/api/v1/syncs/..%2f..%2f..%2fwebhooks%2fgithub",
    "/api/v1/syncs/..%2f..%2f..%2foauth%2fx",
    "/api/v1/dead/..%2F..%2F..%2F..%2Fconnect%2Fx",
    "/syncs/..%2fwebhooks/run",
    "/syncs/..%2fwebhooks%2f/run",
    "https://carnet.test/metrics",
    "https://other.example/api/v1/syncs",
    "http://127.0.0.1:8080/metrics",
    "*",
    "metrics",
];

pub async fn story(kind: Kind) {
    let stage = Stage::open(kind).await;
    for path in CLOSED {
        for method in ["GET", "POST"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {API_TOKEN}\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n",
                proxy::NAME
            );
            let answer = stage.raw(request.as_bytes()).await;
            // Caddy gives an empty 200 for a name that is not its own.
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            assert!(!head.is_empty(), "{method} {path} was not answered");
            let passed = head.starts_with("HTTP/1.1 2") && (head.contains("x-request-id") || !body.is_empty());
            assert!(!passed && !head.starts_with("HTTP/1.1 5"), "{method} {path}\n{answer}");
        }
    }
    let smuggled = smuggled();
    let answers = join_all(smuggled.iter().map(|(_, bytes)| stage.raw(bytes))).await;
    for ((what, _), answer) in smuggled.iter().zip(answers) {
        // 501 is what RFC 9112 wants for a coding that nobody knows.
        let broke = answer.contains("HTTP/1.1 5") && !answer.contains("HTTP/1.1 501");
        assert!(!broke && !answer.contains("carnet_"), "{what}\n{answer}");
    }
    let open = ["/webhooks/{crm}", "/connect/{token}", "/oauth/google/callback", "none"];
    let seen = stage.routes_seen();
    assert!(seen.iter().all(|route| open.contains(&route.as_str())), "{seen:?}");
    assert_eq!(stage.post.received().await, [], "nothing of it was believed");

    let client = stage.proxy.client(ODD_CLIENT);
    for path in ["/connect/none", "/oauth/google/callback", "/webhooks/github"] {
        let answer = client.get(stage.url(path)).send().await.expect("an answer");
        assert!(answer.headers().contains_key("x-request-id"), "{path}: {}", answer.status());
    }
    let seen = stage.routes_seen();
    assert!(open[..3].iter().all(|route| seen.iter().any(|seen| seen == route)), "{seen:?}");
}

/// Requests whose end two readers may see at different places, with another one behind it.
fn smuggled() -> Vec<(&'static str, Vec<u8>)> {
    let inner = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_TOKEN}\r\n\r\n");
    let around = |head: &str, body: &str| {
        let name = proxy::NAME;
        format!(
            "POST /webhooks/github HTTP/1.1\r\nhost: {name}\r\nconnection: keep-alive\r\n{head}\r\n\r\n{body}{inner}"
        )
        .into_bytes()
    };
    let length = inner.len();
    [
        ("a length and chunks", format!("content-length: {}\r\ntransfer-encoding: chunked", length + 5), "0\r\n\r\n"),
        ("chunks and a length", format!("transfer-encoding: chunked\r\ncontent-length: {}", length + 5), "0\r\n\r\n"),
        ("two lengths", format!("content-length: 0\r\ncontent-length: {length}"), ""),
        ("two lengths in one", format!("content-length: 0, {length}"), ""),
        ("a signed length", format!("content-length: +{length}"), ""),
        ("a length with a space before the colon", format!("content-length : {length}"), ""),
        ("chunks that are none", "transfer-encoding: xchunked".into(), "0\r\n\r\n"),
        ("chunks, then something else", "transfer-encoding: chunked, identity".into(), "0\r\n\r\n"),
        ("chunks with a space", "transfer-encoding : chunked".into(), "0\r\n\r\n"),
        ("chunks behind a tab", "transfer-encoding:\tchunked".into(), "0\r\n\r\n"),
        ("chunks in a folded line", "transfer-encoding:\r\n chunked".into(), "0\r\n\r\n"),
        ("a chunk of an unreal size", "transfer-encoding: chunked".into(), "ffffffffffffffff0\r\n\r\n"),
        ("a chunk without a size", "transfer-encoding: chunked".into(), "\r\n\r\n"),
        ("a line that ends alone", format!("x: y\ncontent-length: {length}"), ""),
    ]
    .into_iter()
    .map(|(what, head, body)| (what, around(&head, body)))
    .collect()
}
