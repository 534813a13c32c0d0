//! Bodies that are too much, or not what they say. Signed rightly where the signature would stop them, so that they get as far
//! as they can.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Siege, post_to};
use crate::world::post::{ACCOUNT, event};

const SECRET: &str = "authorization: Bearer bearer secret\r\n";

/// A rightly authenticated delivery with this body.
fn with(lines: &str, body: &[u8]) -> Vec<u8> {
    post_to("/webhooks/bearer", &format!("{SECRET}{lines}content-length: {}\r\n", body.len()), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_much_break_nothing() {
    let siege = Siege::begin(&[]).await;
    siege.each(documents()).await;
    siege.each(sizes()).await;
    siege.each(kinds()).await;
    // Read as JSON, they are about somebody; what they say beside that is nobody's trouble.
    let (deep_inside, twice) = (format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100)), "\"contact\":\"twice\"");
    let odd = [
        ("a number without end", format!("\"n\":{}", "9".repeat(100_000)), &[202, 400][..]),
        ("a number beyond all", "\"n\":1e999999999".into(), &[202, 400]),
        ("a number below all", "\"n\":-1e-999999999".into(), &[202, 400]),
        ("a long key", format!("\"{}\":1", "k".repeat(500_000)), &[202]),
        ("many keys", (0..50_000).map(|n| format!("\"{n}\":{n}")).collect::<Vec<_>>().join(","), &[202]),
        ("many keys of one name", vec!["\"a\":1"; 50_000].join(","), &[202]),
        ("deep, but not too deep", deep_inside.trim_matches(['{', '}']).into(), &[202]),
        ("two contacts", twice.into(), &[202, 400]),
        ("half a character", "\"s\":\"\\ud800\"".into(), &[202, 400]),
        ("a NUL", "\"s\":\"\\u0000\"".into(), &[202]),
    ];
    let about = |rest: String| format!("{{\"account\":\"{ACCOUNT}\",\"contact\":\"odd\",{rest}}}");
    let odd = odd.map(|(what, rest, statuses)| (what, with("", about(rest).as_bytes()), statuses));
    siege.each(odd.into()).await;
    let believed = siege.post.received().await.len();
    assert!((5..=10).contains(&believed), "{believed}");
    siege.lifted(believed).await;
}

fn documents() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let nested = |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let bad: &[u16] = &[400];
    vec![
        ("arrays in arrays", with("", nested("[", "]", 200_000).as_bytes()), bad),
        ("objects in objects", with("", nested("{\"a\":", "}", 100_000).as_bytes()), bad),
        ("arrays without end", with("", "[".repeat(1_000_000).as_bytes()), bad),
        ("nothing", with("", b""), bad),
        ("a word", with("", b"NaN"), bad),
        ("two documents", with("", b"{}{}"), bad),
        ("invalid UTF-8", with("", b"{\"account\":\"acc\",\"contact\":\"\xc3\x28\"}"), bad),
        ("UTF-16", with("", b"\xff\xfe{\0}\0"), bad),
        ("a list for a contact", with("", br#"{"account":"acc","contact":[1]}"#), &[200, 400]),
        ("an object for an account", with("", br#"{"account":{},"contact":"x"}"#), &[200, 400]),
        (
            "a long id",
            with("", format!(r#"{{"account":"acc","contact":"{}"}}"#, "9".repeat(600_000)).as_bytes()),
            &[200, 400],
        ),
        ("an account of somebody else", with("", br#"{"account":"../acc","contact":"x"}"#), &[200]),
    ]
}

fn sizes() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let long = vec![b' '; 3 << 20];
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked =
        |body: &str| post_to("/webhooks/bearer", &format!("{SECRET}transfer-encoding: chunked\r\n"), body.as_bytes());
    let lying = |length: &str| post_to("/webhooks/bearer", &format!("{SECRET}content-length: {length}\r\n"), b"{}");
    vec![
        ("more than may be", with("", &long), &[413]),
        ("more than may be, in chunks", chunked(&piece.repeat(40)), &[413]),
        ("a terabyte, it says", lying("1099511627776"), &[413]),
        ("all there is, it says", lying("18446744073709551615"), &[400, 413, 431]),
        ("more than comes", lying("1000"), &[408]),
        ("chunks that stop", chunked("5\r\n{\"a\""), &[408]),
        ("chunks that are none", chunked("hello\r\n"), &[400]),
        ("chunks of one byte", chunked(&("1\r\n \r\n".repeat(100_000) + "0\r\n\r\n")), &[400, 408]),
        (
            "a form for the password, a megabyte",
            post_to("/login", "content-length: 1048576\r\n", &long[..1 << 20]),
            &[403, 413],
        ),
    ]
}

fn kinds() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    // A megabyte of zeros, packed a thousand to one: 1,031 bytes of deflate are about that.
    let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xec, 0xc1][..], &[0; 1_024]].concat();
    let body = event("x").to_string().into_bytes();
    let (encoded, kind): (&[u16], &[u16]) = (&[415], &[415]);
    vec![
        ("gzip", with("content-encoding: gzip\r\n", &bomb), encoded),
        ("gzip, said twice", with("content-encoding: identity\r\ncontent-encoding: gzip\r\n", &bomb), encoded),
        ("gzip in gzip", with("content-encoding: gzip, gzip, gzip\r\n", &bomb), encoded),
        ("brotli", with("content-encoding: br\r\n", &bomb), encoded),
        ("an encoding that nobody knows", with("content-encoding: é\r\n", &body), encoded),
        ("gzip, not said", with("", &bomb), &[400]),
        ("a form", with("content-type: application/x-www-form-urlencoded\r\n", &body), kind),
        ("parts", with("content-type: multipart/form-data; boundary=x\r\n", &body), kind),
        ("XML", with("content-type: application/xml\r\n", b"<!DOCTYPE a [<!ENTITY b \"b\">]><a>&b;</a>"), kind),
        ("a kind that is none", with("content-type: é/ü\r\n", &body), kind),
        ("no kind", with("content-type: \r\n", &body), kind),
    ]
}

/// Closed while its sender still sends, a connection is reset: a proxy loses the answer, and the CRM is told to come again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_early_lets_its_sender_finish() {
    let siege = Siege::begin(&[]).await;
    let mut connection = siege.connect().await;
    let body = vec![b' '; 3 << 20];
    for (path, status) in [("/webhooks/nobody", "404"), ("/webhooks/bearer", "413"), ("/webhooks/github", "413")] {
        connection.write_all(&post_to(path, &format!("content-length: {}\r\n", body.len()), b"")).await.expect("sent");
        let answer = heard(&mut connection).await;
        assert_eq!(&answer[9..12], status, "{answer}");
        connection.write_all(&body).await.expect("the rest is taken in");
    }
    // The connection is as good as before.
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    assert_eq!(&heard(&mut connection).await[9..12], "200");
    // Whoever asks first is told no, and that this was all.
    let asking = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    connection.write_all(&post_to("/webhooks/nobody", &asking, b"")).await.expect("sent");
    let answer = heard(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close"), "{answer}");
    connection.write_all(&body).await.expect("the rest is taken in, if it comes all the same");
    // Without end, it is cut off, long before it has sent all that.
    let mut connection = siege.connect().await;
    connection.write_all(&post_to("/webhooks/nobody", "content-length: 999999999\r\n", b"")).await.expect("sent");
    heard(&mut connection).await;
    let mut sent = 0;
    while connection.write_all(&body).await.is_ok() {
        sent += body.len();
        assert!(sent < 100 << 20, "taken in without end");
    }
    siege.lifted(0).await;
}

/// What is said up to the end of an answer in JSON or of one word.
async fn heard(connection: &mut tokio::net::TcpStream) -> String {
    let mut answer = String::new();
    loop {
        let length =
            answer.split_once("content-length: ").and_then(|(_, rest)| rest.split_once("\r\n")?.0.parse().ok());
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if length.is_some() && length == body {
            return answer;
        }
        let mut piece = [0; 4096];
        let length = connection.read(&mut piece).await.expect("an answer");
        assert!(length > 0, "closed after: {answer}");
        answer.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
}
