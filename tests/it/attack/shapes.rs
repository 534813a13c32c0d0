//! Requests that are none, or that are read in two ways.

use futures_util::future::join_all;

use super::{Siege, post_to};
use crate::world::post::{API_TOKEN, event};

/// A body that would be believed at `/webhooks/bearer`.
fn good() -> (String, Vec<u8>) {
    let body = event("smuggled").to_string().into_bytes();
    (format!("authorization: Bearer bearer secret\r\ncontent-length: {}\r\n", body.len()), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_out_of_shape_break_nothing() {
    let siege = Siege::begin(&[]).await;
    siege.each(heads()).await;
    siege.each(paths()).await;
    siege.each(other_protocols()).await;
    siege.lifted(0).await;
}

fn heads() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let long = "x".repeat(200_000);
    let many: String = (0..2_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let get = |line: &str| format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n").into_bytes();
    let head = |lines: &[u8]| [b"POST /webhooks/github HTTP/1.1\r\nhost: x\r\n", lines, b"\r\n\r\n"].concat();
    vec![
        ("a long header", post_to("/webhooks/github", &format!("x: {long}\r\n"), b""), &[431]),
        ("a header with a long name", post_to("/webhooks/github", &format!("{long}: x\r\n"), b""), &[431]),
        ("a header without end", [b"POST / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 400_000]].concat(), &[431]),
        ("many headers", post_to("/webhooks/github", &many, b""), &[431]),
        ("a long path", get(&format!("GET /webhooks/{} HTTP/1.1", "a".repeat(60_000))), &[404, 405, 414]),
        ("a path that is longer", get(&format!("GET /{long} HTTP/1.1")), &[414, 431]),
        ("a long query", get(&format!("POST /webhooks/address?token={} HTTP/1.1", "a".repeat(50_000))), &[401]),
        ("a long method", get(&format!("{} / HTTP/1.1", "A".repeat(60_000))), &[400, 404, 405]),
        ("no method", get(" / HTTP/1.1"), &[400]),
        ("no version", get("POST /webhooks/github"), &[400]),
        ("a version of tomorrow", get("POST /webhooks/github HTTP/9.9"), &[400, 0]),
        ("a method that nobody knows", get("BREW /webhooks/github HTTP/1.1"), &[405]),
        ("CONNECT", get("CONNECT 169.254.169.254:80 HTTP/1.1"), &[400, 404, 405]),
        ("TRACE", get("TRACE /webhooks/github HTTP/1.1"), &[405]),
        (
            "an upgrade",
            post_to("/webhooks/github", "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n", b""),
            &[401],
        ),
        ("a NUL in a value", head(b"x: a\0b"), &[400]),
        ("a NUL in a name", head(b"x\0: a"), &[400]),
        ("a NUL in the path", get("POST /webhooks/git\0hub HTTP/1.1"), &[400]),
        ("invalid UTF-8 in a value", head(b"content-length: 0\r\nx-hub-signature-256: sha256=\xff\xfe\xc3"), &[401]),
        (
            "invalid UTF-8 in the path",
            [b"POST /webhooks/\xff\xfe HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".as_slice()].concat(),
            &[400, 404],
        ),
        ("encoded invalid UTF-8 in the path", post_to("/webhooks/%ff%fe", "content-length: 0\r\n", b""), &[404]),
        ("a space before the colon", head(b"content-length : 5"), &[400]),
        ("a folded header", head(b"x: a\r\n b"), &[400]),
        ("a name with spaces", head(b"x y: z"), &[400]),
        (
            "lines that end alone",
            b"POST /webhooks/github HTTP/1.1\nhost: x\ncontent-length: 0\n\n".to_vec(),
            &[400, 401],
        ),
        ("noise", (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), &[400, 0]),
        ("NULs", vec![0; 10_000], &[400, 0]),
        ("empty lines", b"\r\n".repeat(10_000), &[400, 431, 0]),
    ]
}

fn paths() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let (lines, body) = good();
    // The token opens the API: whatever is reached by a trick would answer 200.
    let lines = format!("{lines}x-carnet-secret: copper secret\r\n");
    let to = |path: &str| post_to(path, &lines, &body);
    let token = format!("authorization: Bearer {API_TOKEN}\r\ncontent-length: 0\r\n");
    let with_token = |path: &str| post_to(path, &token, b"");
    const NOT_HERE: &[u16] = &[400, 401, 404, 405];
    vec![
        ("a CRM that nobody knows", to("/webhooks/nobody"), &[404]),
        ("the name of one in capitals", to("/webhooks/BEARER"), &[404]),
        ("a name and a slash", to("/webhooks/bearer/"), &[404]),
        ("a name and more", to("/webhooks/bearer/x"), &[404]),
        ("two slashes", to("//webhooks/bearer"), &[404]),
        ("two slashes inside", to("/webhooks//bearer"), &[404]),
        ("a dot", to("/./webhooks/bearer"), &[404]),
        ("up and down", to("/x/../webhooks/bearer"), &[404]),
        ("a name that ends early", to("/webhooks/bearer%00"), &[404]),
        ("a name with a line end", to("/webhooks/bearer%0d%0a"), &[404]),
        ("a name with parameters", to("/webhooks/bearer;x=1"), &[404]),
        ("a slash in a name", to("/webhooks/x%2fbearer"), &[404]),
        ("a name with a format in it", to("/webhooks/%25s%25n"), &[404]),
        ("a name of a script", to("/webhooks/%3Cscript%3E"), &[404]),
        ("up to the API", with_token("/webhooks/../api/v1/syncs"), NOT_HERE),
        ("up to the metrics", with_token("/webhooks/..%2f..%2fmetrics"), NOT_HERE),
        ("up, encoded", with_token("/webhooks/%2e%2e/metrics"), NOT_HERE),
        ("up, encoded twice", with_token("/webhooks/%252e%252e/metrics"), NOT_HERE),
        ("up, in the other direction", with_token("/webhooks/..\\metrics"), NOT_HERE),
        ("out of the files", with_token("/../../../../etc/passwd"), NOT_HERE),
        ("another host's", with_token("http://169.254.169.254/latest/meta-data/"), NOT_HERE),
        ("a star", with_token("*"), NOT_HERE),
    ]
}

fn other_protocols() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    // HTTP/2 with prior knowledge: settings, then streams that are opened and reset.
    let mut h2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..20_001_u32).step_by(2) {
        h2.extend([0, 0, 3, 1, 5]);
        h2.extend(stream.to_be_bytes());
        h2.extend([0x82, 0x84, 0x86]);
        h2.extend([0, 0, 4, 3, 0]);
        h2.extend(stream.to_be_bytes());
        h2.extend([0, 0, 0, 8]);
    }
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 600]].concat();
    vec![
        ("HTTP/2, ten thousand streams reset", h2, &[400, 0]),
        ("HTTP/2, half a preface", b"PRI * HT".to_vec(), &[400, 408, 0]),
        ("TLS", hello, &[400, 0]),
        (
            "a proxy's own line",
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /metrics HTTP/1.1\r\n\r\n".to_vec(),
            &[400, 0],
        ),
        ("Redis", b"*1\r\n$8\r\nFLUSHALL\r\n".to_vec(), &[400, 0]),
        ("mail", b"EHLO x\r\nMAIL FROM:<a@b>\r\n".to_vec(), &[400, 0]),
    ]
}

/// Each holds a second request where a reader who sees the end of the first elsewhere would find it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_smuggled_behind_a_request() {
    let siege = Siege::begin(&[]).await;
    let (lines, body) = good();
    let inner = String::from_utf8(post_to("/webhooks/bearer", &lines, &body)).expect("text");
    let around = |lines: &str, before: &str| post_to("/webhooks/github", lines, format!("{before}{inner}").as_bytes());
    let length = inner.len();
    let two = [
        ("two lengths", around(&format!("content-length: 0\r\ncontent-length: {length}\r\n"), "")),
        ("two lengths in one", around(&format!("content-length: 0, {length}\r\n"), "")),
        ("a length that is signed", around("content-length: +0\r\n", "")),
        ("a length below zero", around("content-length: -1\r\n", "")),
        ("a length in hex", around("content-length: 0x0\r\n", "")),
        ("a length that is too long", around("content-length: 99999999999999999999\r\n", "")),
        (
            "chunks and a length",
            around(&format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"), "0\r\n\r\n"),
        ),
        (
            "a length and chunks",
            around(&format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), "0\r\n\r\n"),
        ),
        ("chunks that are none", around("transfer-encoding: xchunked\r\n", "0\r\n\r\n")),
        ("chunks, then something else", around("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n")),
        (
            "chunks of HTTP/1.0",
            inner
                .replacen("HTTP/1.1", "HTTP/1.0", 1)
                .replacen("content-length", "transfer-encoding: chunked\r\nx", 1)
                .into_bytes(),
        ),
        ("a chunk of no size", around("transfer-encoding: chunked\r\n", "\r\n\r\n")),
        ("a chunk of an odd size", around("transfer-encoding: chunked\r\n", "-1\r\n\r\n")),
        ("a chunk of an unreal size", around("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\n\r\n")),
        (
            "a chunk with a long extension",
            around("transfer-encoding: chunked\r\n", &format!("1;{}\r\n", "x".repeat(50_000))),
        ),
        ("a chunk with an end too early", around("transfer-encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n")),
        (
            "trailers without end",
            around("transfer-encoding: chunked\r\n", &format!("0\r\n{}", "x: y\r\n".repeat(20_000))),
        ),
    ];
    let answers = join_all(two.iter().map(|(_, bytes)| siege.raw(bytes))).await;
    for ((what, _), answer) in two.iter().zip(answers) {
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answers <= 1 && !answer.contains("HTTP/1.1 5"), "{what}: {answer}");
    }
    siege.lifted(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_answered_request_by_request() {
    let siege = Siege::begin(&[]).await;
    let (lines, body) = good();
    let mut bytes = Vec::new();
    for number in 0..200 {
        let forged = if number % 10 == 0 { lines.clone() } else { lines.replace("bearer secret", "guess") };
        bytes.extend(post_to("/webhooks/bearer", &forged, &body));
    }
    let answer = siege.raw(&bytes).await;
    assert_eq!(answer.matches("HTTP/1.1 202").count(), 20);
    assert_eq!(answer.matches("HTTP/1.1 401").count(), 180);
    siege.lifted(20).await;
}
