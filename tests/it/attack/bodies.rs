//! Bodies that are too much, or not what they say. Signed rightly where the signature would stop them, so that they get as far
//! as they can.

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
        ("more than may be", with("", &long), &[413, 0]),
        ("more than may be, in chunks", chunked(&piece.repeat(40)), &[413, 0]),
        ("a terabyte, it says", lying("1099511627776"), &[413]),
        ("all there is, it says", lying("18446744073709551615"), &[400, 413, 431]),
        ("more than comes", lying("1000"), &[408]),
        ("chunks that stop", chunked("5\r\n{\"a\""), &[408]),
        ("chunks that are none", chunked("hello\r\n"), &[400]),
        ("chunks of one byte", chunked(&("1\r\n \r\n".repeat(100_000) + "0\r\n\r\n")), &[400, 408]),
        (
            "a form for the password, a megabyte",
            post_to("/login", "content-length: 1048576\r\n", &long[..1 << 20]),
            &[403, 413, 0],
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
