//! One delivery from its headers to Redis.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use jiff::Timestamp;

use super::{
    Receive,
    answer::{Taken, Turned},
    body,
    doors::Opened,
};
use crate::crm::{
    event::{self, Read},
    signature::Delivery,
};

pub(super) async fn deliver(receive: &Receive, opened: &Opened, request: Request) -> Result<Taken, Turned> {
    let (parts, body) = request.into_parts();
    refuse_if_encoded(&parts.headers)?;
    refuse_unless_json(&parts.headers)?;
    let held = body::read(body, receive.limits, &receive.room).await?;
    verify(receive, opened, &parts, &held.bytes)?;
    let read = event::read(&opened.crm, parts.uri.query(), &held.bytes).map_err(Turned::Unreadable)?;
    let (mut events, mut ignored) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Read::Event(event) => events.push(event),
            Read::Ignored(why) => ignored.push(why),
        }
    }
    if !events.is_empty() {
        receive.door.append(&events).await.map_err(|refused| Turned::NotStored(refused.to_string()))?;
    }
    Ok(Taken { stored: events.len(), ignored })
}

fn verify(receive: &Receive, opened: &Opened, parts: &Parts, body: &[u8]) -> Result<(), Turned> {
    // What the server sees behind a proxy is not what the sender was given; path and query are passed on as they came.
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let delivery = Delivery {
        method: parts.method.as_str(),
        public_url: &format!("{}{path}", receive.public_url),
        query: parts.uri.query(),
        headers: &parts.headers,
        body,
        now: Timestamp::now(),
    };
    opened.verifier.verify(&delivery).map_err(Turned::BadSignature)
}

/// A signature covers the bytes on the wire, and unpacking what nobody vouches for is how to run out of memory.
fn refuse_if_encoded(headers: &HeaderMap) -> Result<(), Turned> {
    let is_plain = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty() || value.eq_ignore_ascii_case(b"identity")
    };
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) { Ok(()) } else { Err(Turned::Encoded) }
}

/// `application/json`, anything `+json`, or nothing said: some senders leave it out.
fn refuse_unless_json(headers: &HeaderMap) -> Result<(), Turned> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = value.to_str().unwrap_or("?").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") { Ok(()) } else { Err(Turned::NotJson) }
}
