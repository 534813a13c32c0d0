//! Clients that hold what they get: connections, time, answers.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{ATTACKER, BOUND, Siege};
use crate::world::until;

/// Drips the rest of `bytes` behind its first `at_once`, and answers what is said until the connection is closed.
async fn drip(mut connection: TcpStream, bytes: &[u8], at_once: usize) -> String {
    let dripping = async {
        let mut answer = Vec::new();
        connection.write_all(&bytes[..at_once]).await.ok();
        for byte in bytes[at_once..].chunks(1).cycle() {
            let mut piece = [0; 1024];
            tokio::select! {
                read = connection.read(&mut piece) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(length) => answer.extend(&piece[..length]),
                },
                () = sleep(Duration::from_millis(100)) => drop(connection.write_all(byte).await),
            }
        }
        answer
    };
    let answer = timeout(BOUND, dripping).await.unwrap_or_else(|_| panic!("held: {}", String::from_utf8_lossy(bytes)));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off() {
    let siege = Siege::begin(&[]).await;
    let line = b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\nx-a: b".as_slice();
    let body = b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n ".as_slice();
    let chunks =
        b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n \r\n".as_slice();
    let form =
        b"POST /login HTTP/1.1\r\nhost: x\r\norigin: http://x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: 100000\r\n\r\na"
            .as_slice();
    let call = b"POST /api/v1/dead/replay HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n ".as_slice();
    for (what, bytes, at_once, statuses) in [
        ("not a word", line, 0, &[""][..]),
        ("a head, byte by byte", line, 1, &["", "HTTP/1.1 408"]),
        ("a header without end", line, line.len() - 1, &["", "HTTP/1.1 408"]),
        ("a body, byte by byte", body, body.len() - 1, &["HTTP/1.1 408"]),
        ("chunks, byte by byte", chunks, chunks.len() - 6, &["HTTP/1.1 408", "HTTP/1.1 400"]),
        ("a password, byte by byte", form, form.len() - 1, &["HTTP/1.1 408"]),
        ("a call of the API, byte by byte", call, call.len() - 1, &["HTTP/1.1 408"]),
    ] {
        let connections = join_all((0..40).map(|_| siege.connect())).await;
        // One that says nothing says it by not even beginning.
        let all = connections.into_iter().map(|connection| async move {
            if what == "not a word" { silent(connection).await } else { drip(connection, bytes, at_once).await }
        });
        for answer in join_all(all).await {
            let status = answer.get(..12).unwrap_or_default();
            assert!(statuses.contains(&status), "{what}: {answer}");
        }
    }
    siege.lifted(0).await;
}

async fn silent(mut connection: TcpStream) -> String {
    let mut answer = String::new();
    let ended = timeout(BOUND, connection.read_to_string(&mut answer)).await;
    ended.expect("a connection that says nothing is closed").ok();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_closed() {
    let siege = Siege::begin(&[]).await;
    let mut connection = siege.connect().await;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let answer = silent(connection).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("ok"), "{answer}");
    siege.lifted(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_never_reads_is_let_go() {
    let siege = Siege::begin(&[]).await;
    let request = b"GET /login HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let deaf = async || {
        let mut connection = siege.connect().await;
        // Until nothing more goes through, and then until the other side has had enough.
        until("a client that does not read to be let go", async || {
            matches!(timeout(Duration::from_millis(200), connection.write_all(&request)).await, Ok(Err(_)))
        })
        .await;
    };
    join_all((0..4).map(|_| deaf())).await;
    siege.lifted(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_its_share_of_connections_and_no_more() {
    let siege =
        Siege::begin(&[("CARNET_TUNE_CONNECTIONS_PER_ADDRESS", "30"), ("CARNET_TUNE_HEADERS_TIMEOUT_MS", "30000")])
            .await;
    let held = join_all((0..30).map(|_| siege.connect())).await;
    until("all of them to have a place", async || {
        let answer = silent(siege.connect().await).await;
        answer.is_empty() || answer.starts_with("HTTP/1.1 429")
    })
    .await;
    for _ in 0..20 {
        let answer = silent(siege.connect().await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 429"), "{answer}");
    }
    assert!(siege.post.counted("carnet_connections_refused_total", "").await >= 21);
    drop(held);
    until("the places to be free again", async || {
        siege
            .client()
            .get(format!("{}/healthz", siege.post.service.url))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    siege.lifted(0).await;
}

/// Through a proxy all connections are the proxy's: who is who is told by what it says.
#[tokio::test(flavor = "multi_thread")]
async fn one_client_behind_a_proxy_has_its_share_and_no_more() {
    let siege =
        Siege::begin(&[("CARNET_TRUSTED_PROXIES", ATTACKER), ("CARNET_TUNE_CONNECTIONS_PER_ADDRESS", "4")]).await;
    let slow = async |client: &str| {
        let mut connection = siege.connect().await;
        let head = format!("POST /webhooks/github HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {client}\r\n");
        let body = "connection: close\r\ncontent-length: 100000\r\n\r\n ";
        connection.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
        silent(connection).await
    };
    let answers = join_all((0..20).map(|_| slow("203.0.113.7"))).await;
    let put_off = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 429")).count();
    assert!(
        put_off >= 16 && answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 408")).count() >= 1,
        "{answers:?}"
    );
    assert!(
        answers.iter().filter(|a| a.starts_with("HTTP/1.1 429")).all(|a| a.contains("retry-after: 30")),
        "{answers:?}"
    );
    let others: Vec<String> = (0..20).map(|number| format!("203.0.113.{}", 50 + number)).collect();
    let answers = join_all(others.iter().map(|client| slow(client))).await;
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 408")), "others are heard: {answers:?}");
    siege.lifted(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_with_large_bodies_is_put_off_and_not_kept_in_memory() {
    let siege = Siege::begin(&[]).await;
    let body = vec![b' '; 1 << 20];
    let client = siege.client();
    let one = || async {
        let request = client.post(format!("{}/webhooks/github", siege.post.service.url)).body(body.clone());
        // Put off before it has sent everything, a client may not hear why.
        request.send().await.map_or(0, |answer| answer.status().as_u16())
    };
    let answers = join_all((0..150).map(|_| one())).await;
    assert!(answers.iter().all(|status| [0, 401, 408, 429].contains(status)), "{answers:?}");
    siege.lifted(0).await;
}
