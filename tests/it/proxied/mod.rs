//! Behind real proxies: nginx and Caddy with the shipped files, each through the same stories.

mod closed;
mod load;
mod proxy;

use std::time::Duration;

use carnet::crm::signature::Outgoing;
use reqwest::{Client, Response};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::world::{
    World,
    post::{API_TOKEN, Post, event},
};
use proxy::{Kind, Proxy, place};

macro_rules! through_both {
    ($($story:ident)+) => {
        mod nginx { $(#[tokio::test(flavor = "multi_thread")] async fn $story() { super::$story(super::Kind::Nginx).await; })+ }
        mod caddy { $(#[tokio::test(flavor = "multi_thread")] async fn $story() { super::$story(super::Kind::Caddy).await; })+ }
    };
}

through_both! {
    what_was_signed_arrives_as_it_was_sent
    clients_are_told_apart
    only_what_the_world_needs_is_open
    reloads_restarts_and_kills_lose_nothing
}

/// The service and the proxy before it.
struct Stage {
    post: Post,
    proxy: Proxy,
}

impl Stage {
    async fn open(kind: Kind) -> Self {
        let mut world = World::new().await;
        world
            .set("CARNET_TRUSTED_PROXIES", "127.0.0.1")
            .set("CARNET_API_TOKEN", API_TOKEN)
            .set("CARNET_LOG", "carnet=debug")
            .set("CARNET_TUNE_FAILURES", 5);
        let (address, url) = place().await;
        let post = Post::open(world, Some(url)).await;
        let proxy = Proxy::start(kind, &address, &post.listen).await;
        Self { post, proxy }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.post.settings["CARNET_PUBLIC_URL"])
    }

    /// Sends bytes as they are, from an address of their own; answers with what comes back until the proxy closes or is silent.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut connection = self.proxy.raw(ODD_CLIENT).await;
        connection.write_all(bytes).await.expect("sent");
        let (mut answer, mut piece) = (Vec::new(), [0; 16 * 1024]);
        // A connection that is closed or reset is as good an end as any: what counts is what was said.
        while let Ok(Ok(length @ 1..)) = timeout(SILENCE, connection.read(&mut piece)).await {
            answer.extend(&piece[..length]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Routes that the service has answered to the odd client.
    fn routes_seen(&self) -> Vec<String> {
        let log = self.post.world.log("carnet");
        let lines = log.lines().filter(|line| line.contains(ODD_CLIENT) && line.contains("answered"));
        let route = |line: &str| Some(line.split_once("route=\"")?.1.split_once('"')?.0.to_owned());
        lines.map(|line| route(line).unwrap_or_else(|| line.to_owned())).collect()
    }
}

/// After which a connection that is kept open has nothing more to say.
const SILENCE: Duration = Duration::from_secs(1);

/// Where raw bytes are sent from, so that they can be told from others in the log.
const ODD_CLIENT: &str = "127.0.0.9";

async fn send(client: &Client, signed: Outgoing) -> Response {
    let mut request = client.post(&signed.url).body(signed.body);
    for (name, value) in signed.headers {
        request = request.header(name, value);
    }
    request.send().await.expect("an answer")
}

async fn what_was_signed_arrives_as_it_was_sent(kind: Kind) {
    let stage = Stage::open(kind).await;
    let (client, post) = (stage.proxy.client("127.0.0.1"), &stage.post);
    let long = format!("{{\"account\":\"acc\",\"contact\":\"long\",\"x\":\"{}\"}}", "é".repeat(500_000));
    for (body, status) in [
        (&b"{\"account\":\"acc\",\"contact\":\"plain\"}"[..], 202),
        (b"\r\n\t {\"account\" :\"acc\",\n\n\"contact\":\"spaces\"}  \r\n\r\n ", 202),
        ("{\"account\":\"acc\",\"contact\":\"Zoé 漢字 🙂 e\u{301}\"}".as_bytes(), 202),
        (b"{\"account\":\"acc\",\"contact\":\"escaped \\u00e9\\/\\ud83d\\ude00 %2f+&=\"}", 202),
        (long.as_bytes(), 202),
        // Believed, and only then found to be no JSON.
        (b"{\"account\":\"acc\",\"contact\":\"\xff\xfe\"}", 400),
        (b"\x00\x01\x02\x1f\x8b\x08", 400),
    ] {
        for scheme in ["github", "standard", "hubspot"] {
            let answer = send(&client, post.signed(scheme, &format!("/webhooks/{scheme}"), body)).await;
            assert_eq!(answer.status(), status, "{scheme} {:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        }
    }
    assert_eq!(post.received().await.len(), 5 * 3);

    // Without a length, in pieces.
    let body = event("pieces").to_string();
    let signed = post.signed("github", "/webhooks/github", body.as_bytes());
    let answer = stage.raw(&in_pieces(&signed.headers[1].1, &signed.body, 3)).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");

    // The address is part of what HubSpot signs, as it was given to HubSpot.
    for path in ["/webhooks/hubspot?a=b%20c&d=%C3%A9&e=", "/webhooks/hubspot?", "/webhooks/hubspot?x=a/b:c@d"] {
        let answer = send(&client, post.signed("hubspot", path, body.as_bytes())).await;
        assert_eq!(answer.status(), 202, "{path}");
        let mut moved = post.signed("hubspot", path, body.as_bytes());
        moved.url.push_str("&more=1");
        assert_eq!(send(&client, moved).await.status(), 401, "{path}");
    }

    // One byte more than may be, often enough to meet the proxy in the middle of it, and the same without saying so.
    let large = vec![b' '; (1 << 20) + 1];
    for _ in 0..30 {
        let answer = send(&client, post.signed("github", "/webhooks/github", &large)).await;
        assert_eq!(answer.status(), 413);
    }
    let answer = stage.raw(&in_pieces("sha256=00", &large, 100_000)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(post.received().await.len(), 5 * 3 + 1 + 3);
    let logs = stage.proxy.logs();
    assert!(!logs.contains("contact"), "the proxy logs what people sent: {logs}");
}

/// A delivery that does not say how long it is.
fn in_pieces(signature: &str, body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = format!(
        "POST /webhooks/github HTTP/1.1\r\nhost: {}\r\nx-hub-signature-256: {signature}\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n\r\n",
        proxy::NAME
    )
    .into_bytes();
    for piece in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

async fn clients_are_told_apart(kind: Kind) {
    let stage = Stage::open(kind).await;
    let post = &stage.post;
    let (bad, good) = (stage.proxy.client("127.0.0.7"), stage.proxy.client("127.0.0.8"));
    let forged = |claims: &str| {
        bad.post(stage.url("/webhooks/github"))
            .header("x-forwarded-for", claims)
            .header("forwarded", format!("for={claims}"))
            .header("x-real-ip", claims)
            .header("x-hub-signature-256", "sha256=00")
            .body("{}")
            .send()
    };
    for number in 0..5 {
        let claims = format!("203.0.113.{number}");
        assert_eq!(forged(&claims).await.expect("an answer").status(), 401);
    }
    let shut_out = forged("127.0.0.8").await.expect("an answer");
    assert_eq!(shut_out.status(), 429, "five are too many, whatever the client says of itself");
    let seconds: u64 = shut_out.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
    let log = post.world.log("carnet");
    assert!(log.contains("client=127.0.0.7") && !log.contains("203.0.113."), "{log}");
    let right = || post.signed("github", "/webhooks/github", event("c").to_string().as_bytes());
    assert_eq!(send(&bad, right()).await.status(), 429);
    assert_eq!(send(&good, right()).await.status(), 202);
    let elsewhere = post.signed("shopify", "/webhooks/shopify", event("c").to_string().as_bytes());
    assert_eq!(send(&bad, elsewhere).await.status(), 202, "another CRM that sends from the same address");
    assert_eq!(post.counted("carnet_shut_out_total", "webhooks/github").await, 1);
    assert_eq!(post.counted("carnet_webhooks_total", "outcome=\"shut_out\"").await, 2);
}

async fn only_what_the_world_needs_is_open(kind: Kind) {
    closed::story(kind).await;
}

async fn reloads_restarts_and_kills_lose_nothing(kind: Kind) {
    load::story(kind).await;
}
