//! Signature headers of every scheme: nothing that was not signed with the secret is believed, and whatever was signed is.
//!
//! Input: a letter for the scheme and the address behind it, to the end of the line; headers as `name: value` lines; an empty
//! line; the body.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use carnet::{
    config::{
        declared::{Crm, Declared, Scheme},
        secret::SecretText,
    },
    crm::signature::{Delivery, Outgoing, Verifier, sign},
};
use jiff::Timestamp;

use super::lines::{chosen, first_line};

/// Two secrets that no input holds: a delivery that fits one of them was forged.
const SECRETS: [&str; 2] = ["whsec_Yy1vbmUtbmV2ZXItdG9sZC1hbnlib2R5LTE=", "whsec_Yy1vdGhlci1uZXZlci10b2xkLWFueWJvZHk="];
/// The clock of the verifiers (Unix seconds).
const NOW: i64 = 1_789_000_000;

static CRMS: LazyLock<Vec<[(Crm, Verifier); 2]>> = LazyLock::new(|| {
    let declared: Declared = toml::from_str(include_str!("signatures.toml")).expect("the declared CRMs");
    let with = |crm: &Crm, secret: &str| {
        let mut crm = crm.clone();
        if let Some(signature) = crm.signature.as_mut().filter(|s| s.public_keys.is_empty()) {
            signature.secrets = vec![SecretText::new(secret)];
        }
        let verifier = Verifier::build(&crm).map_err(|why| why.to_string()).expect("a verifier");
        (crm, verifier)
    };
    declared.crm.iter().map(|crm| SECRETS.map(|secret| with(crm, secret))).collect()
});

struct Sent<'a> {
    url: String,
    headers: HeaderMap,
    body: &'a [u8],
}

impl Sent<'_> {
    fn is_believed(&self, verifier: &Verifier) -> bool {
        let delivery = Delivery {
            method: "POST",
            public_url: &self.url,
            query: self.url.split_once('?').map(|(_, query)| query),
            headers: &self.headers,
            body: self.body,
            now: Timestamp::from_second(NOW).expect("a time"),
        };
        verifier.verify(&delivery).is_ok()
    }
}

/// Verifies it as it is; then signs its body and verifies that, as it was signed and with a byte changed.
pub fn look(data: &[u8]) {
    let (line, rest) = first_line(data);
    let [(crm, ours), (_, others)] = &CRMS[chosen(&CRMS, line)];
    let path = String::from_utf8_lossy(line.get(1..).unwrap_or_default()).into_owned();
    let (headers, body) = headers(rest);
    let sent = Sent { url: format!("https://carnet.example.com/webhooks/c{path}"), headers, body };
    assert!(!sent.is_believed(ours) && !sent.is_believed(others), "nobody knows the secret");
    if let Ok(signed) = sign(crm, &sent.url, body, "msg_1", Timestamp::from_second(NOW).expect("a time")) {
        signed_once(crm, ours, others, &signed);
    }
}

fn signed_once(crm: &Crm, ours: &Verifier, others: &Verifier, signed: &Outgoing) {
    let mut headers = HeaderMap::new();
    for (name, value) in &signed.headers {
        headers.append(HeaderName::try_from(name).expect("a name"), HeaderValue::try_from(value).expect("a value"));
    }
    let sent = Sent { url: signed.url.clone(), headers, body: &signed.body };
    assert!(sent.is_believed(ours), "it is signed");
    assert!(!sent.is_believed(others), "with another secret");
    let signs = !matches!(
        crm.signature.as_ref().map(|s| s.scheme),
        Some(Scheme::Token | Scheme::Bearer | Scheme::Basic | Scheme::Url | Scheme::Body)
    );
    if signs {
        let longer = [signed.body.as_slice(), b" "].concat();
        assert!(!Sent { body: &longer, ..sent }.is_believed(ours), "another body");
    }
}

/// Headers to the first empty line, those that HTTP allows; and what follows.
fn headers(mut rest: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    loop {
        let (line, behind) = first_line(rest);
        rest = behind;
        if line.is_empty() {
            return (headers, rest);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
}
