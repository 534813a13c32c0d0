//! Signature vectors of the vendors, what a wrong configuration is told, and that nothing unsigned is ever believed.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use carnet::{
    config::declared::{Crm, Declared},
    crm::signature::{Delivery, Refusal, Verifier},
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;

/// One delivery as a test writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Sent {
    #[serde(default = "post")]
    pub method: String,
    #[serde(default)]
    pub url: String,
    /// Unix seconds of the verifier's clock.
    #[serde(default)]
    pub now: i64,
    #[serde(with = "pairs")]
    pub headers: Vec<(String, String)>,
    pub body: String,
}

fn post() -> String {
    "POST".into()
}

mod pairs {
    use serde::{Deserialize, Deserializer};
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<(String, String)>, D::Error> {
        std::collections::BTreeMap::deserialize(d).map(|map| map.into_iter().collect())
    }
}

/// A POST of `body` at the epoch with these headers.
pub fn sent(body: &str, headers: &[(&str, &str)]) -> Sent {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sent { method: post(), url: String::new(), now: 0, headers, body: body.to_owned() }
}

/// The first CRM of a declared state.
pub fn crm(toml: &str) -> Crm {
    toml::from_str::<Declared>(toml).expect("declared state").crm.remove(0)
}

/// A generic CRM with these lines in its `[crm.signature]`.
pub fn signed_by(lines: &str) -> Crm {
    crm(&format!("[[crm]]\nname = \"c\"\nkind = \"generic\"\n[crm.signature]\n{lines}"))
}

pub fn verify(crm: &Crm, sent: &Sent) -> Result<(), Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        headers.append(
            HeaderName::try_from(name.as_str()).expect("header name"),
            HeaderValue::try_from(value.as_str()).expect("header value"),
        );
    }
    let delivery = Delivery {
        method: &sent.method,
        public_url: &sent.url,
        query: sent.url.split_once('?').map(|(_, query)| query),
        headers: &headers,
        body: sent.body.as_bytes(),
        now: Timestamp::from_second(sent.now).expect("clock"),
    };
    Verifier::build(crm).map_err(|e| e.to_string()).expect("a verifier").verify(&delivery)
}

#[test]
fn every_vector_has_its_outcome() {
    #[derive(Deserialize)]
    struct Vector {
        is: String,
        crm: Crm,
        delivery: Sent,
        outcome: String,
    }
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("fixtures/signature_vectors.json")).expect("signature_vectors.json");
    assert_eq!(vectors.len(), 21);
    for vector in vectors {
        let outcome = verify(&vector.crm, &vector.delivery).map_or_else(Refusal::code, |()| "believed");
        assert_eq!(outcome, vector.outcome, "{}", vector.is);
        let mut other = vector.delivery.clone();
        other.body.push(' ');
        assert!(verify(&vector.crm, &other).is_err(), "{}: another body", vector.is);
    }
}

#[test]
fn what_could_not_be_checked_is_refused_with_the_sentence_that_helps() {
    for (signature, said) in [
        ("scheme = 'hmac-sha256'\nheader = 'x'", "add secrets ="),
        ("scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['']", "secret number 1"),
        ("scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['a', 'env:NOT_RESOLVED']", "secret number 2"),
        ("scheme = 'hmac-sha256'\nheader = 'x'\nsecret_encoding = 'hex'\nsecrets = ['xyz']", "secret number 1"),
        ("scheme = 'standard-webhooks'\nsecrets = ['whsec_!']", "secret number 1"),
        ("scheme = 'hmac-sha256'\nsecrets = ['a']", "needs `header`"),
        ("scheme = 'hmac-sha256'\nheader = 'a b'\nsecrets = ['a']", "cannot be the name of a header"),
        ("scheme = 'hmac-sha1'\nheader = 'x'\nmessage = '{url}'\nsecrets = ['a']", "does not hold {body}"),
        ("scheme = 'hmac-sha1'\nheader = 'x'\nmessage = '{key}{body}'\nsecrets = ['a']", "message holds {key}"),
        ("scheme = 'hmac-sha1'\nheader = 'x'\nmessage = '{id}{body}'\nsecrets = ['a']", "needs `id_header`"),
        (
            "scheme = 'hmac-sha1'\nheader = 'x'\nmessage = '{timestamp}{body}'\nsecrets = ['a']",
            "needs `timestamp_header`",
        ),
        ("scheme = 'hmac-sha1'\nheader = 'x'\ntolerance = 3\nsecrets = ['a']", "needs `timestamp_header`"),
        ("scheme = 'hmac-sha1'\nheader = 'x'\ntolerance = 3\ntimestamp_header = 't'\nsecrets = ['a']", "is not signed"),
        (
            "scheme = 'hmac-sha1'\nheader = 'x'\nmessage = '{timestamp}{body}'\ntimestamp_pointer = '/t'\nsecrets = ['a']",
            "cannot come from timestamp_pointer",
        ),
        ("scheme = 'ed25519'\nheader = 'x'", "add public_keys"),
        ("scheme = 'ed25519'\nheader = 'x'\npublic_keys = ['MCow']", "key number 1"),
        ("scheme = 'rsa-sha256'\nheader = 'x'\npublic_keys = ['-----BEGIN PUBLIC KEY-----']", "an RSA public key"),
        ("scheme = 'token'\nsecrets = ['a']", "needs `header`"),
        ("scheme = 'basic'\nsecrets = ['a']", "needs `user`"),
        ("scheme = 'bearer'\nsecrets = [' ']", "secret number 1"),
        ("scheme = 'body'\nsecrets = ['a']", "needs `pointer`"),
        ("scheme = 'body'\npointer = 'token'\nsecrets = ['a']", "is not a JSON pointer"),
        ("scheme = 'url'", "add secrets ="),
    ] {
        let sentence = Verifier::build(&signed_by(signature)).err().expect(signature).to_string();
        assert!(sentence.contains(said) && sentence.starts_with("CRM \"c\": "), "{signature}\n{sentence}");
    }
    for (declared, said) in [
        ("kind = 'generic'", "add [crm.signature]"),
        ("kind = 'highlevel-workflow'", "add [crm.signature]"),
        ("kind = 'highlevel'\n[crm.signature]\nscheme = 'bearer'\nsecrets = ['a']", "remove [crm.signature]"),
        ("kind = 'highlevel'\npublic_keys = ['?']", "an Ed25519 public key"),
        ("kind = 'highlevel'\nlegacy_rsa = true\nlegacy_public_keys = ['?']", "an RSA public key"),
    ] {
        let crm = crm(&format!("[[crm]]\nname = 'c'\n{declared}"));
        let sentence = Verifier::build(&crm).err().expect(declared).to_string();
        assert!(sentence.contains(said), "{declared}\n{sentence}");
    }
}

/// Every scheme once, with all the headers that any of them looks at.
fn every_scheme() -> Vec<Crm> {
    let hmac = "header = 'x-sig'\nsecrets = ['a secret']\n";
    let mut crms: Vec<Crm> = [
        format!("scheme = 'hmac-sha256'\n{hmac}"),
        format!("scheme = 'hmac-sha1'\nencoding = 'base64'\nprefix = 'v0='\n{hmac}"),
        format!(
            "scheme = 'hmac-sha256'\npart = 'v1'\ntimestamp_part = 't'\nmessage = '{{timestamp}}.{{body}}'\ntolerance = 300\n{hmac}"
        ),
        format!("scheme = 'hmac-sha256'\ntimestamp_pointer = '/t'\ntolerance = 300\n{hmac}"),
        "scheme = 'standard-webhooks'\nsecrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']".into(),
        "scheme = 'hubspot-v3'\nsecrets = ['a secret']".into(),
        format!("scheme = 'token'\n{hmac}"),
        "scheme = 'bearer'\nsecrets = ['a secret']".into(),
        "scheme = 'basic'\nuser = 'u'\nsecrets = ['a secret']".into(),
        "scheme = 'url'\nsecrets = ['a secret']".into(),
        "scheme = 'body'\npointer = '/a/0/b'\nsecrets = ['a secret']".into(),
    ]
    .iter()
    .map(|lines| signed_by(lines))
    .collect();
    crms.push(crm("[[crm]]\nname = 'c'\nkind = 'highlevel'\nlegacy_rsa = true"));
    crms
}

const NAMES: [&str; 12] = [
    "x-sig",
    "x-ghl-signature",
    "x-wh-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "svix-id",
    "svix-timestamp",
    "svix-signature",
    "x-hubspot-signature-v3",
    "x-hubspot-request-timestamp",
    "authorization",
];

/// Values that look like the real thing, and ones that do not.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "(sha256=|v0=|v1,|v1=|t=0,v1=|Bearer |basic |)[0-9a-f]{0,64}",
        "(v1,|v1a,|Basic |)[A-Za-z0-9+/]{43}=",
        "([tv]1?=[0-9a-f]{0,8}[,;] ?){0,20}",
        "-?[0-9]{1,20}",
    ]
}

proptest! {
    #[test]
    fn nothing_random_is_believed_and_nothing_panics(
        values in proptest::collection::vec((0..NAMES.len(), value()), 0..8),
        body in prop_oneof!["\\PC{0,60}", r#"[{}\[\]:,"ab0t]{0,40}"#, Just(r#"{"a":[{"b":"guess"}],"t":0}"#.to_owned())],
        query in "(token=)?[ -~]{0,20}",
    ) {
        let headers = values.iter().map(|(i, value)| (NAMES[*i].to_owned(), value.clone())).collect();
        let sent = Sent { method: "POST".into(), url: format!("https://x.example/w?{query}"), now: 0, headers, body };
        for crm in every_scheme() {
            prop_assert!(verify(&crm, &sent).is_err());
        }
    }
}
