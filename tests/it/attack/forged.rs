//! Deliveries that nobody may believe, for every way of signing that there is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use carnet::{
    config::declared::Crm,
    crm::signature::{Outgoing, sign},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{Timestamp, ToSpan as _};
use reqwest::{Client, StatusCode};

use super::Siege;
use crate::world::post::{Post, SCHEMES, event};

/// What is sent to whom, and why it is wrong.
struct Forgery {
    why: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forgery_of_any_scheme_is_believed() {
    let siege = Siege::begin(&[]).await;
    let client = siege.client();
    let mut forgeries = highlevel(&siege.post);
    for (name, _) in SCHEMES {
        let good = siege.post.signed(name, &format!("/webhooks/{name}"), event("good").to_string().as_bytes());
        assert_eq!(send(&client, &siege.post, &as_sent("right", &good)).await, 202, "{name}: or nothing is shown here");
        forgeries.extend(of(&siege.post, name));
    }
    forgeries.extend(confused());
    println!("{} forgeries", forgeries.len());
    for forgery in &forgeries {
        let status = send(&client, &siege.post, forgery).await;
        assert_eq!(status, 401, "{} at {}: {:?}", forgery.why, forgery.path, forgery.headers);
    }
    siege.lifted(SCHEMES.len()).await;
}

async fn send(client: &Client, post: &Post, forgery: &Forgery) -> StatusCode {
    let mut request = client.post(format!("{}{}", post.service.url, forgery.path)).body(forgery.body.clone());
    for (name, value) in &forgery.headers {
        request = request.header(name, value);
    }
    request.send().await.expect("an answer in time").status()
}

fn as_sent(why: &str, signed: &Outgoing) -> Forgery {
    let path = signed.url.splitn(4, '/').nth(3).unwrap_or_default();
    let (headers, body) = (signed.headers.clone(), signed.body.clone());
    Forgery { why: why.to_owned(), path: format!("/{path}"), headers, body }
}

fn of(post: &Post, name: &str) -> Vec<Forgery> {
    let crm = post.crm(name);
    let (path, body) = (format!("/webhooks/{name}"), event("forged").to_string());
    let right = post.signed(name, &path, body.as_bytes());
    let mut all = vec![];
    all.extend(without(&right, &path));
    all.extend(repeated(&right));
    all.extend(crippled(&right));
    all.extend(by_others(name, &right));
    let signed = |crm: &Crm, at: Timestamp| {
        let url = format!("{}{path}", post.service.url);
        sign(crm, &url, body.as_bytes(), "msg_1", at).expect("signed")
    };
    all.push(as_sent("another secret", &signed(&with_another_secret(&crm), Timestamp::now())));
    if ["stripe", "slack", "inside", "standard", "hubspot"].contains(&name) {
        all.push(as_sent("an hour old", &signed(&crm, Timestamp::now() - 1.hour())));
        all.push(as_sent("an hour too early", &signed(&crm, Timestamp::now() + 1.hour())));
    }
    if !right.shows_secret {
        let other = String::from_utf8_lossy(&right.body).replace("forged", "others");
        let mut moved = as_sent("right for another body", &right);
        moved.body = other.into_bytes();
        all.push(moved);
        for changed in [[b" ", right.body.as_slice()].concat(), [right.body.as_slice(), b"\n"].concat(), Vec::new()] {
            let mut moved = as_sent("right for nearly the same body", &right);
            moved.body = changed;
            all.push(moved);
        }
    }
    all
}

fn with_another_secret(crm: &Crm) -> Crm {
    let text = toml::to_string(crm).expect("TOML");
    let other = text.replace(" secret", " Secret").replace("whsec_Mf", "whsec_NE");
    assert_ne!(text, other);
    toml::from_str(&other).expect("a CRM")
}

/// No secret at all, where it is a header's, the address's or the body's.
fn without(right: &Outgoing, path: &str) -> Vec<Forgery> {
    let mut bare = as_sent("nothing", right);
    path.clone_into(&mut bare.path);
    bare.headers.retain(|(name, _)| name == "content-type");
    bare.body = event("forged").to_string().into_bytes();
    vec![bare]
}

/// Headers of which each reader may see another.
fn repeated(right: &Outgoing) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (place, (name, value)) in right.headers.iter().enumerate().filter(|(_, (name, _))| name != "content-type") {
        for (at, again, why) in [
            (place, value.clone(), "twice the same"),
            (place, "0".into(), "a wrong one before"),
            (place + 1, "0".into(), "a wrong one behind"),
        ] {
            let mut double = as_sent(why, right);
            double.headers.insert(at, (name.clone(), again));
            all.push(double);
        }
    }
    all
}

/// Each header that counts with less or something else in it; each place of a secret in address or body likewise.
fn crippled(right: &Outgoing) -> Vec<Forgery> {
    let mut all = Vec::new();
    for (place, (_, value)) in right.headers.iter().enumerate().filter(|(_, (name, _))| name != "content-type") {
        let half = value[..value.len() / 2].to_owned();
        // The padding of base64 says nothing.
        let whole = value.trim_end_matches('=');
        let short = whole[..whole.len() - 1].to_owned();
        let words = ["", "N/A", "null", "undefined", "true", "0", "*", "%00", "' or 1=1 --"].map(str::to_owned);
        // A list may say the same twice.
        let twice = (!value.starts_with("t=")).then(|| format!("{value},{value}"));
        for changed in [half, short, format!("{value}0")].into_iter().chain(twice).chain(words) {
            let mut forgery = as_sent(&format!("cut or changed to {changed:?}"), right);
            forgery.headers[place].1 = changed;
            all.push(forgery);
        }
        let mut gone = as_sent("one header left out", right);
        gone.headers.remove(place);
        all.push(gone);
    }
    if right.url.contains("token=") {
        for query in ["token=", "token=address%20secre", "TOKEN=address%20secret", "token=x&token=address%20secret"] {
            let mut forgery = as_sent(query, right);
            forgery.path = format!("/webhooks/address?{query}");
            all.push(forgery);
        }
    }
    if right.body.windows(8).any(|part| part == b"\"token\":") {
        for token in ["\"zoho secre\"", "null", "true", "[\"zoho secret\"]", "{}"] {
            let mut forgery = as_sent(token, right);
            forgery.body = format!("{{\"account\":\"acc\",\"contact\":\"forged\",\"token\":{token}}}").into_bytes();
            all.push(forgery);
        }
    }
    all
}

/// What is right for one CRM, sent to each of the others.
fn by_others(name: &str, right: &Outgoing) -> Vec<Forgery> {
    let others = SCHEMES.iter().map(|(other, _)| *other).filter(|other| *other != name);
    let others = others.chain(["centiva"]).map(|other| {
        let mut forgery = as_sent(&format!("meant for {name}"), right);
        forgery.path = forgery.path.replacen(name, other, 1);
        forgery
    });
    others.collect()
}

/// The weaker or the other algorithm, with a secret or key that is right.
fn confused() -> Vec<Forgery> {
    let body = event("forged").to_string().into_bytes();
    let sha1 = |key: &[u8]| Hmac::<sha1::Sha1>::new_from_slice(key).expect("a key").chain_update(&body).finalize();
    let sha256 = |key: &[u8]| Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key").chain_update(&body).finalize();
    let (one, two) = (sha1(b"github secret").into_bytes(), sha256(b"github secret").into_bytes());
    let (meta, empty) = (sha256(b"meta secret").into_bytes(), sha256(b"").into_bytes());
    let long = BASE64_STANDARD.encode(two);
    [
        ("github", "X-Hub-Signature-256", format!("sha1={}", hex::encode(one)), "SHA-1 in its place"),
        ("github", "X-Hub-Signature-256", format!("sha256={}", hex::encode(one)), "SHA-1 by another name"),
        ("github", "X-Hub-Signature", format!("sha1={}", hex::encode(one)), "the old header"),
        ("github", "X-Hub-Signature-256", hex::encode(two), "without its prefix"),
        ("github", "X-Hub-Signature-256", format!("SHA256={}", hex::encode(two)), "its prefix in capitals"),
        ("github", "X-Hub-Signature-256", format!("sha256={long}"), "another encoding"),
        ("github", "X-Hub-Signature-256", format!("sha256={}", hex::encode(empty)), "an empty key"),
        ("github", "X-Hub-Signature-256", "none=".into(), "no algorithm"),
        ("meta", "X-Hub-Signature", format!("sha256={}", hex::encode(meta)), "SHA-256 where SHA-1 is agreed"),
        ("shopify", "X-Shopify-Hmac-Sha256", hex::encode(sha256(b"shopify secret").into_bytes()), "hex for base64"),
        ("standard", "webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(empty)), "an empty key"),
        ("standard", "webhook-signature", format!("v1a,{}", BASE64_STANDARD.encode(two)), "an asymmetric one"),
        (
            "stripe",
            "Stripe-Signature",
            format!("t={},v0={}", Timestamp::now().as_second(), hex::encode(two)),
            "test mode",
        ),
        ("basic", "authorization", "Bearer basic secret".into(), "bearer for basic"),
        ("basic", "authorization", format!("Basic {}", BASE64_STANDARD.encode("admin:basic secret")), "another user"),
        ("bearer", "authorization", format!("Basic {}", BASE64_STANDARD.encode("x:bearer secret")), "basic for bearer"),
        ("bearer", "authorization", "bearer secret".into(), "the secret bare"),
        ("copper", "X-Carnet-Secret", "COPPER SECRET".into(), "in capitals"),
    ]
    .map(|(name, header, value, why)| Forgery {
        why: why.into(),
        path: format!("/webhooks/{name}"),
        headers: vec![(header.into(), value)],
        body: body.clone(),
    })
    .into()
}

/// Of the CRM that signs with a private key.
fn highlevel(post: &Post) -> Vec<Forgery> {
    let (body, right) = post.world.told_of("somebody");
    let (other, _) = post.world.told_of("somebody else");
    let declared = post.world.declared();
    let pem = declared.split("\"\"\"").nth(1).expect("a public key");
    let mac = Hmac::<sha2::Sha256>::new_from_slice(pem.as_bytes()).expect("a key").chain_update(&body).finalize();
    let with = |why: &str, header: &str, value: &str, body: &str| Forgery {
        why: why.into(),
        path: "/webhooks/centiva".into(),
        headers: vec![(header.into(), value.into())],
        body: body.into(),
    };
    let zero = BASE64_STANDARD.encode([0; 64]);
    let identity = {
        let mut point = [0; 64];
        point[0] = 1;
        BASE64_STANDARD.encode(point)
    };
    vec![
        with("none", "x-other", "1", &body),
        with("a word that means none", "X-GHL-Signature", "N/A", &body),
        with("zeros", "X-GHL-Signature", &zero, &body),
        with("the neutral point", "X-GHL-Signature", &identity, &body),
        with("cut", "X-GHL-Signature", &right[..right.len() - 4], &body),
        with("of another body", "X-GHL-Signature", &right, &other),
        with("the public key as a secret", "X-GHL-Signature", &BASE64_STANDARD.encode(mac.into_bytes()), &body),
        with("under the old header", "x-wh-signature", &right, &body),
    ]
}
