//! Each axis of the signature schemes, with what it believes and what it does not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use carnet::crm::signature::Refusal;
use hmac::{Hmac, KeyInit as _, Mac as _};

use crate::signatures::{Sent, crm, sent, signed_by, verify};

fn sha256(key: &[u8], message: &str) -> Vec<u8> {
    let hmac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key");
    hmac.chain_update(message).finalize().into_bytes().to_vec()
}

fn sha256_hex(key: &str, message: &str) -> String {
    hex::encode(sha256(key.as_bytes(), message))
}

fn at(now: i64, mut sent: Sent) -> Sent {
    sent.now = now;
    sent
}

#[test]
fn hex_is_read_in_either_case_and_base64_with_the_line_end_that_ruby_writes() {
    let hex = signed_by("scheme = 'hmac-sha256'\nheader = 'X-Sig'\nsecrets = ['k']");
    assert_eq!(verify(&hex, &sent("b", &[("x-sig", &sha256_hex("k", "b").to_uppercase())])), Ok(()));
    let base64 = signed_by("scheme = 'hmac-sha256'\nheader = 'X-Sig'\nencoding = 'base64'\nsecrets = ['k']");
    let written = BASE64_STANDARD.encode(sha256(b"k", "b"));
    let broken = format!("{} {} ", &written[..20], &written[20..]);
    for written in [&written, &broken, written.trim_end_matches('=')] {
        assert_eq!(verify(&base64, &sent("b", &[("x-sig", written)])), Ok(()), "{written:?}");
    }
    for wrong in [&written[..40], "", "=", &sha256_hex("k", "b")] {
        assert!(verify(&base64, &sent("b", &[("x-sig", wrong)])).is_err(), "{wrong}");
    }
}

#[test]
fn a_prefix_is_part_of_the_signature() {
    let crm = signed_by("scheme = 'hmac-sha1'\nheader = 'X-Hub-Signature'\nprefix = 'sha1='\nsecrets = ['k']");
    let mac = hex::encode(Hmac::<sha1::Sha1>::new_from_slice(b"k").unwrap().chain_update("b").finalize().into_bytes());
    assert_eq!(verify(&crm, &sent("b", &[("x-hub-signature", &format!("sha1={mac}"))])), Ok(()));
    for wrong in [mac.clone(), format!("sha256={mac}"), "sha1=".into(), format!("sha1={}", &mac[..38])] {
        let outcome = verify(&crm, &sent("b", &[("x-hub-signature", &wrong)]));
        assert_eq!(outcome, Err(Refusal::WrongSignature), "{wrong}");
    }
    assert_eq!(verify(&crm, &sent("b", &[])), Err(Refusal::MissingSignature));
}

#[test]
fn several_secrets_are_valid_at_once() {
    let crm = signed_by("scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['old', 'new']");
    for (secret, outcome) in [("old", Ok(())), ("new", Ok(())), ("older", Err(Refusal::WrongSignature))] {
        assert_eq!(verify(&crm, &sent("b", &[("x", &sha256_hex(secret, "b"))])), outcome, "{secret}");
    }
}

#[test]
fn any_named_part_of_a_list_may_fit_but_the_list_is_short() {
    let crm = signed_by("scheme = 'hmac-sha256'\nheader = 'x'\npart = 'h1'\nsecrets = ['k']");
    let right = sha256_hex("k", "b");
    for (value, outcome) in [
        (format!("h1=00; h1={right}"), Ok(())),
        (format!("h0={right}"), Err(Refusal::WrongSignature)),
        ("h1=".into(), Err(Refusal::WrongSignature)),
        (right.clone(), Err(Refusal::WrongSignature)),
        (format!("{}h1={right}", "h1=00,".repeat(15)), Ok(())),
        (format!("{}h1={right}", "h1=00,".repeat(16)), Err(Refusal::WrongSignature)),
    ] {
        assert_eq!(verify(&crm, &sent("b", &[("x", &value)])), outcome, "{value}");
    }
}

#[test]
fn a_repeated_signature_header_is_refused_even_if_one_of_them_fits() {
    let crm = signed_by("scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['k']");
    let right = sha256_hex("k", "b");
    assert_eq!(verify(&crm, &sent("b", &[("x", &right), ("X", &right)])), Err(Refusal::RepeatedHeader));
}

#[test]
fn method_address_id_and_time_can_be_signed() {
    let crm = signed_by(
        "scheme = 'hmac-sha256'\nheader = 'x'\nmessage = '{method} {url} {id}/{timestamp}/{body}'\nid_header = 'x-id'\n\
         timestamp_header = 'x-at'\nsecrets = ['k']",
    );
    let right = sha256_hex("k", "POST https://x.example/w?a=%20 7/100/b");
    let all = [("x", right.as_str()), ("x-id", "7"), ("x-at", "100")];
    let believed = Sent { url: "https://x.example/w?a=%20".into(), ..sent("b", &all) };
    assert_eq!(verify(&crm, &believed), Ok(()));
    for other in [
        Sent { method: "PUT".into(), ..believed.clone() },
        Sent { url: "https://x.example/w".into(), ..believed.clone() },
        Sent { body: "c".into(), ..believed.clone() },
    ] {
        assert_eq!(verify(&crm, &other), Err(Refusal::WrongSignature));
    }
    assert_eq!(verify(&crm, &sent("b", &all[..2])), Err(Refusal::MissingTimestamp));
    assert_eq!(verify(&crm, &sent("b", &[all[0], all[2]])), Err(Refusal::MissingId));
}

#[test]
fn times_in_each_unit_are_held_against_the_clock_both_ways() {
    for (unit, written) in [("s", "1000"), ("ms", "1000000"), ("iso", "1970-01-01T00:16:40Z")] {
        let crm = signed_by(&format!(
            "scheme = 'hmac-sha256'\nheader = 'x'\nmessage = '{{timestamp}}{{body}}'\ntimestamp_header = 'x-at'\n\
             timestamp_unit = '{unit}'\ntolerance = 60\nsecrets = ['k']"
        ));
        let right = sha256_hex("k", &format!("{written}b"));
        let sent = sent("b", &[("x", &right), ("x-at", written)]);
        for (now, outcome) in [(940, Ok(())), (1060, Ok(())), (939, Err(Refusal::Stale)), (1061, Err(Refusal::Stale))] {
            assert_eq!(verify(&crm, &at(now, sent.clone())), outcome, "{unit} at {now}");
        }
    }
}

#[test]
fn a_time_that_is_no_time_is_refused_even_when_signed() {
    let crm = signed_by(
        "scheme = 'hmac-sha256'\nheader = 'x'\nmessage = '{timestamp}{body}'\ntimestamp_header = 'x-at'\ntolerance = 60\n\
         secrets = ['k']",
    );
    for written in ["soon", "99999999999999999999", "9223372036854775807", "1.5"] {
        let sent = sent("b", &[("x", &sha256_hex("k", &format!("{written}b"))), ("x-at", written)]);
        assert_eq!(verify(&crm, &sent), Err(Refusal::UnreadableTimestamp), "{written}");
    }
}

#[test]
fn a_time_inside_the_body_is_judged_once_the_body_is_believed() {
    let crm = signed_by(
        "scheme = 'hmac-sha256'\nheader = 'x'\ntimestamp_pointer = '/sent/at'\ntimestamp_unit = 'ms'\ntolerance = 60\n\
         secrets = ['k']",
    );
    let body = r#"{"sent":{"at":1000000}}"#;
    let right = sha256_hex("k", body);
    assert_eq!(verify(&crm, &at(1000, sent(body, &[("x", &right)]))), Ok(()));
    assert_eq!(verify(&crm, &at(2000, sent(body, &[("x", &right)]))), Err(Refusal::Stale));
    assert_eq!(verify(&crm, &at(2000, sent(body, &[("x", "00")]))), Err(Refusal::WrongSignature));
    assert_eq!(verify(&crm, &sent("{}", &[("x", &sha256_hex("k", "{}"))])), Err(Refusal::MissingTimestamp));
}

#[test]
fn standard_webhooks_come_under_two_names_and_with_versions_nobody_knows() {
    let crm = signed_by("scheme = 'standard-webhooks'\nsecrets = ['c2VjcmV0']");
    let right = BASE64_STANDARD.encode(sha256(b"secret", "m1.1000.b"));
    let signed = |prefix: &str, signature: &str, id: &str| {
        let names = ["id", "timestamp", "signature"].map(|name| format!("{prefix}-{name}"));
        at(1300, sent("b", &[(&names[0], id), (&names[1], "1000"), (&names[2], signature)]))
    };
    assert_eq!(verify(&crm, &signed("webhook", &format!("v1,{right}"), "m1")), Ok(()));
    assert_eq!(verify(&crm, &signed("svix", &format!("v1a,AAAA v2,x v1,{right}"), "m1")), Ok(()));
    for (signature, id) in [(format!("v2,{right}"), "m1"), (right.clone(), "m1"), (format!("v1,{right}"), "m2")] {
        assert_eq!(verify(&crm, &signed("webhook", &signature, id)), Err(Refusal::WrongSignature), "{signature} {id}");
    }
    let right = signed("webhook", &format!("v1,{right}"), "m1");
    assert_eq!(verify(&crm, &at(699, right.clone())), Err(Refusal::Stale), "from the future");
    let without_id = Sent { headers: right.headers[1..].to_vec(), ..right };
    assert_eq!(verify(&crm, &without_id), Err(Refusal::MissingId));
}

#[test]
fn hubspot_signs_the_public_address_with_its_own_escapes_undone() {
    let crm = signed_by("scheme = 'hubspot-v3'\nsecrets = ['k']");
    let right = BASE64_STANDARD.encode(sha256(b"k", "POSThttps://x.example/a:b?next=/c%20d[]1000000"));
    let headers = [("x-hubspot-signature-v3", right.as_str()), ("x-hubspot-request-timestamp", "1000000")];
    let believed = Sent { url: "https://x.example/a%3Ab?next=%2fc%20d".into(), now: 1300, ..sent("[]", &headers) };
    assert_eq!(verify(&crm, &believed), Ok(()));
    assert_eq!(verify(&crm, &at(1301, believed.clone())), Err(Refusal::Stale));
    let elsewhere = Sent { url: "http://10.0.0.7:8080/a:b".into(), ..believed };
    assert_eq!(verify(&crm, &elsewhere), Err(Refusal::WrongSignature));
}

#[test]
fn shared_secrets_are_believed_only_whole_and_in_their_place() {
    let secrets = "secrets = ['s3cret', 'next one']";
    let token = signed_by(&format!("scheme = 'token'\nheader = 'x-token'\nprefix = 'Key '\n{secrets}"));
    let bearer = signed_by(&format!("scheme = 'bearer'\n{secrets}"));
    let basic = signed_by(&format!("scheme = 'basic'\nuser = 'carnet'\n{secrets}"));
    let body = signed_by(&format!("scheme = 'body'\npointer = '/customData/token'\n{secrets}"));
    let encoded = |text: &str| format!("bAsIc {}", BASE64_STANDARD.encode(text));
    let wrong = Err(Refusal::WrongSignature);
    for (crm, header, value, outcome) in [
        (&token, "x-token", "Key s3cret".to_owned(), Ok(())),
        (&token, "x-token", "Key next one".into(), Ok(())),
        (&token, "x-token", "s3cret".into(), wrong),
        (&token, "x-token", "Key s3cre".into(), wrong),
        (&token, "x-token", "Key s3crets".into(), wrong),
        (&token, "x-other", "Key s3cret".into(), Err(Refusal::MissingSignature)),
        (&bearer, "authorization", "bearer s3cret".into(), Ok(())),
        (&bearer, "authorization", "Bearers3cret".into(), wrong),
        (&bearer, "authorization", "Basic s3cret".into(), wrong),
        (&bearer, "authorization", "é".into(), wrong),
        (&basic, "authorization", encoded("carnet:s3cret"), Ok(())),
        (&basic, "authorization", encoded("Carnet:s3cret"), wrong),
        (&basic, "authorization", encoded("carnet:"), wrong),
        (&basic, "authorization", "Basic carnet:s3cret".into(), wrong),
        (&basic, "authorization", "Bearer s3cret".into(), wrong),
    ] {
        assert_eq!(verify(crm, &sent("{}", &[(header, &value)])), outcome, "{header}: {value}");
    }
    for (given, outcome) in [
        (r#"{"customData":{"token":"s3cret"}}"#, Ok(())),
        (r#"{"customData":{"token":"S3cret"}}"#, wrong),
        (r#"{"token":"s3cret"}"#, Err(Refusal::MissingSignature)),
        ("no json", Err(Refusal::MissingSignature)),
    ] {
        assert_eq!(verify(&body, &sent(given, &[])), outcome, "{given}");
    }
}

#[test]
fn a_secret_in_the_address_is_believed_once() {
    let crm = signed_by("scheme = 'url'\nparameter = 'key'\nsecrets = ['a+b c']");
    for (query, outcome) in [
        ("?x=1&key=a%2Bb+c", Ok(())),
        ("?key=a+b+c", Err(Refusal::WrongSignature)),
        ("?token=a%2Bb+c", Err(Refusal::MissingSignature)),
        ("?key=no&key=a%2Bb+c", Err(Refusal::RepeatedHeader)),
        ("", Err(Refusal::MissingSignature)),
    ] {
        let sent = Sent { url: format!("https://x.example/w{query}"), ..sent("{}", &[]) };
        assert_eq!(verify(&crm, &sent), outcome, "{query}");
    }
}

#[test]
fn several_public_keys_are_valid_at_once() {
    let keys = [1u8, 2, 3].map(|seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key pair"));
    let pem = |key: &Ed25519KeyPair| {
        let mut der = hex::decode("302a300506032b6570032100").expect("the head of an Ed25519 key");
        der.extend_from_slice(key.public_key().as_ref());
        format!("-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----", BASE64_STANDARD.encode(der))
    };
    let both = format!("public_keys = [\"{}\", \"{}\"]", pem(&keys[0]), pem(&keys[1]));
    let highlevel = crm(&format!("[[crm]]\nname = 'c'\nkind = 'highlevel'\n{both}"));
    let generic = signed_by(&format!("scheme = 'ed25519'\nheader = 'x-sig'\n{both}"));
    for (key, outcome) in keys.iter().zip([Ok(()), Ok(()), Err(Refusal::WrongSignature)]) {
        let signature = key.sign(b"b");
        let ghl = sent("b", &[("X-GHL-Signature", &BASE64_STANDARD.encode(signature.as_ref()))]);
        assert_eq!(verify(&highlevel, &ghl), outcome);
        assert_eq!(verify(&generic, &sent("b", &[("x-sig", &hex::encode(signature.as_ref()))])), outcome);
    }
}

#[test]
fn highlevels_legacy_signature_counts_only_where_allowed_and_only_alone() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("fixtures/signature_vectors.json")).expect("signature_vectors.json");
    let last = &vectors[20];
    let crm: carnet::config::declared::Crm = serde_json::from_value(last["crm"].clone()).expect("a CRM");
    let both: Sent = serde_json::from_value(last["delivery"].clone()).expect("a delivery");
    let with_ed25519 = |value: Option<&str>| {
        let mut sent = both.clone();
        sent.headers.retain(|(name, _)| name == "x-wh-signature");
        sent.headers.extend(value.map(|value| ("x-ghl-signature".to_owned(), value.to_owned())));
        sent
    };
    assert_eq!(verify(&crm, &with_ed25519(None)), Ok(()));
    assert_eq!(verify(&crm, &with_ed25519(Some("N/A"))), Ok(()));
    assert_eq!(verify(&crm, &with_ed25519(Some("AAAA"))), Err(Refusal::WrongSignature));
    let not_allowed = carnet::config::declared::Crm { legacy_rsa: false, ..crm };
    assert_eq!(verify(&not_allowed, &with_ed25519(None)), Err(Refusal::MissingSignature));
}
