//! From declared configuration to a rule that can be applied, or the sentence that says what is missing.

use axum::http::HeaderName;
use jiff::SignedDuration;

use super::{
    Rule,
    carried::{Carried, Shape},
    clock::{Clock, Source},
    key::{HIGHLEVEL_ED25519, HIGHLEVEL_RSA, Key},
    message::{Message, Piece},
    problem::Problem,
    shared::{Place, Shared, digest},
    signed::Signed,
};
use crate::config::declared::{Crm, Encoding, Kind, Scheme, SecretEncoding, Signature, TimeUnit};

/// Seconds that Standard Webhooks and HubSpot allow, either way.
const PRESET_TOLERANCE: u64 = 300;

pub(super) fn rule(crm: &Crm) -> Result<Rule, Problem> {
    match (crm.kind, &crm.signature) {
        (Kind::Highlevel, Some(_)) => Err(Problem::NotWanted),
        (Kind::Highlevel, None) => highlevel(crm),
        (_, None) => Err(Problem::NoSignature),
        (_, Some(signature)) => from_axes(signature),
    }
}

/// Ed25519 first; the RSA one only where it was allowed, and only for deliveries that carry no Ed25519 signature.
fn highlevel(crm: &Crm) -> Result<Rule, Problem> {
    let scheme = |header, keys| Signed {
        carried: Carried { header, shape: Shape::Alone, prefix: String::new(), encoding: Encoding::Base64 },
        message: Message::of(&[Piece::Body]),
        clock: None,
        id_header: None,
        keys,
    };
    let or_published = |given: &[String], published: &str| {
        if given.is_empty() { vec![published.to_owned()] } else { given.to_vec() }
    };
    let keys = public_keys(&or_published(&crm.public_keys, HIGHLEVEL_ED25519), "an Ed25519", Key::ed25519)?;
    let mut schemes = vec![scheme(HeaderName::from_static("x-ghl-signature"), keys)];
    if crm.legacy_rsa {
        let keys = public_keys(&or_published(&crm.legacy_public_keys, HIGHLEVEL_RSA), "an RSA", Key::rsa_sha256)?;
        schemes.push(scheme(HeaderName::from_static("x-wh-signature"), keys));
    }
    Ok(Rule::Signed(schemes))
}

fn from_axes(s: &Signature) -> Result<Rule, Problem> {
    let place = match s.scheme {
        Scheme::HmacSha256 => {
            return one(generic(s, secret_keys(s, |t| Key::hmac_sha256(t, s.secret_encoding))?)?);
        }
        Scheme::HmacSha1 => return one(generic(s, secret_keys(s, |t| Key::hmac_sha1(t, s.secret_encoding))?)?),
        Scheme::Ed25519 => return one(generic(s, public_keys(&s.public_keys, "an Ed25519", Key::ed25519)?)?),
        Scheme::RsaSha256 => return one(generic(s, public_keys(&s.public_keys, "an RSA", Key::rsa_sha256)?)?),
        Scheme::StandardWebhooks => return standard_webhooks(s),
        Scheme::HubspotV3 => return one(hubspot_v3(s)?),
        Scheme::Token => Place::Header { name: header(s.header.as_deref(), "header")?, prefix: s.prefix.clone() },
        Scheme::Bearer => Place::Bearer,
        Scheme::Basic => Place::Basic,
        Scheme::Url => Place::Url { parameter: s.parameter.clone().unwrap_or_else(|| "token".into()) },
        Scheme::Body => Place::Body { pointer: pointer(s.pointer.as_deref(), "pointer")? },
    };
    let user = match s.scheme {
        Scheme::Basic => format!("{}:", s.user.as_deref().ok_or(Problem::Missing("user"))?),
        _ => String::new(),
    };
    let digests =
        secret_keys(s, |secret| (!secret.trim().is_empty()).then(|| digest(format!("{user}{secret}").as_bytes())))?;
    Ok(Rule::Shared(Shared { place, digests }))
}

fn one(signed: Signed) -> Result<Rule, Problem> {
    Ok(Rule::Signed(vec![signed]))
}

fn generic(s: &Signature, keys: Vec<Key>) -> Result<Signed, Problem> {
    let message = Message::parse(&s.message).map_err(Problem::BadMessage)?;
    if !message.has(&Piece::Body) {
        return Err(Problem::BodyUnsigned);
    }
    let id_header = s.id_header.as_deref().map(|name| header(Some(name), "id_header")).transpose()?;
    if message.has(&Piece::Id) && id_header.is_none() {
        return Err(Problem::Missing("id_header"));
    }
    let shape = s.part.clone().map_or(Shape::Alone, Shape::Part);
    let carried = Carried {
        header: header(s.header.as_deref(), "header")?,
        shape,
        prefix: s.prefix.clone(),
        encoding: s.encoding,
    };
    // An id that is not signed is not asked for: some senders leave it out of retries.
    let id_header = id_header.filter(|_| message.has(&Piece::Id));
    Ok(Signed { carried, clock: clock(s, &message)?, message, id_header, keys })
}

fn clock(s: &Signature, message: &Message) -> Result<Option<Clock>, Problem> {
    let source = match (&s.timestamp_header, &s.timestamp_part, &s.timestamp_pointer) {
        (Some(name), _, _) => Source::Header(header(Some(name), "timestamp_header")?),
        (_, Some(name), _) => Source::Part(name.clone()),
        (_, _, Some(place)) => Source::Body(pointer(Some(place), "timestamp_pointer")?),
        _ if message.has(&Piece::Timestamp) || s.tolerance.is_some() => {
            return Err(Problem::Missing("timestamp_header"));
        }
        _ => return Ok(None),
    };
    match (message.has(&Piece::Timestamp), &source) {
        (true, Source::Body(_)) => return Err(Problem::TimeInsideBody),
        (false, Source::Header(_) | Source::Part(_)) if s.tolerance.is_some() => return Err(Problem::TimeUnsigned),
        // Neither signed nor judged: not asked for.
        (false, _) if s.tolerance.is_none() => return Ok(None),
        _ => {}
    }
    Ok(Some(Clock { source, unit: s.timestamp_unit, tolerance: s.tolerance.map(seconds) }))
}

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, and Svix's older names.
fn standard_webhooks(s: &Signature) -> Result<Rule, Problem> {
    let named = |signature, timestamp, id| {
        Ok(Signed {
            carried: Carried {
                header: HeaderName::from_static(signature),
                shape: Shape::Versions,
                prefix: String::new(),
                encoding: Encoding::Base64,
            },
            message: Message::of(&[
                Piece::Id,
                Piece::Text(".".into()),
                Piece::Timestamp,
                Piece::Text(".".into()),
                Piece::Body,
            ]),
            clock: Some(preset_clock(s, timestamp, TimeUnit::S)),
            id_header: Some(HeaderName::from_static(id)),
            keys: secret_keys(s, |secret| Key::hmac_sha256(secret, SecretEncoding::Whsec))?,
        })
    };
    Ok(Rule::Signed(vec![
        named("webhook-signature", "webhook-timestamp", "webhook-id")?,
        named("svix-signature", "svix-timestamp", "svix-id")?,
    ]))
}

/// HubSpot's "Validating requests", v3: the app's client secret signs the URL that HubSpot was given.
fn hubspot_v3(s: &Signature) -> Result<Signed, Problem> {
    Ok(Signed {
        carried: Carried {
            header: HeaderName::from_static("x-hubspot-signature-v3"),
            shape: Shape::Alone,
            prefix: String::new(),
            encoding: Encoding::Base64,
        },
        message: Message::of(&[Piece::Method, Piece::UnescapedUrl, Piece::Body, Piece::Timestamp]),
        clock: Some(preset_clock(s, "x-hubspot-request-timestamp", TimeUnit::Ms)),
        id_header: None,
        keys: secret_keys(s, |secret| Key::hmac_sha256(secret, SecretEncoding::Utf8))?,
    })
}

fn preset_clock(s: &Signature, header: &'static str, unit: TimeUnit) -> Clock {
    let tolerance = Some(seconds(s.tolerance.unwrap_or(PRESET_TOLERANCE)));
    Clock { source: Source::Header(HeaderName::from_static(header)), unit, tolerance }
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Every secret through `read`. One that is still `env:…` or `file:…` would be a key that anyone can guess.
fn secret_keys<K>(s: &Signature, read: impl Fn(&str) -> Option<K>) -> Result<Vec<K>, Problem> {
    if s.secrets.is_empty() {
        return Err(Problem::NoSecret);
    }
    let read_one = |secret: &crate::config::secret::SecretText| {
        if secret.is_reference() { None } else { read(secret.written()) }
    };
    s.secrets.iter().enumerate().map(|(i, secret)| read_one(secret).ok_or(Problem::BadSecret(i + 1))).collect()
}

fn public_keys(pems: &[String], kind: &'static str, read: fn(&str) -> Option<Key>) -> Result<Vec<Key>, Problem> {
    if pems.is_empty() {
        return Err(Problem::NoKey);
    }
    pems.iter().enumerate().map(|(i, pem)| read(pem).ok_or(Problem::BadKey(i + 1, kind))).collect()
}

fn header(name: Option<&str>, setting: &'static str) -> Result<HeaderName, Problem> {
    let name = name.ok_or(Problem::Missing(setting))?;
    HeaderName::try_from(name).map_err(|_| Problem::BadHeader(name.to_owned()))
}

fn pointer(place: Option<&str>, setting: &'static str) -> Result<String, Problem> {
    let place = place.ok_or(Problem::Missing(setting))?;
    if place.starts_with('/') { Ok(place.to_owned()) } else { Err(Problem::BadPointer(place.to_owned())) }
}
