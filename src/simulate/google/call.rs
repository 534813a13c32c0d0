//! One request, read whole: what the rest asks of it.

use axum::{
    body::{Body, to_bytes},
    http::{Request, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::refusal::Refusal;

/// Bulk seeding of a whole account must fit.
const BODY_LIMIT: usize = 128 << 20;

pub struct Call {
    pub method: String,
    pub path: String,
    /// Decoded, in order, repeats kept.
    pub query: Vec<(String, String)>,
    pub bearer: Option<String>,
    /// Client id and secret of the `Authorization: Basic` header.
    pub basic: Option<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub async fn read(request: Request<Body>) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let authorization = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (scheme, credential) = authorization.split_once(' ').unwrap_or_default();
        let query = decode(head.uri.query().unwrap_or_default().as_bytes());
        let by_query = || query.iter().find(|(k, _)| k == "access_token").map(|(_, v)| v.clone());
        let bearer = scheme.eq_ignore_ascii_case("bearer").then(|| credential.to_owned()).or_else(by_query);
        let basic = scheme.eq_ignore_ascii_case("basic").then(|| basic(credential)).flatten();
        let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Refusal::invalid("The body is too large."))?;
        let path = head.uri.path().to_owned();
        Ok(Self { method: head.method.to_string(), path, query, bearer, basic, body: body.into() })
    }

    /// The first value of a query parameter; empty counts as absent.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    pub fn params<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.param(name) else { return Ok(None) };
        let bad = || Refusal::violation(name, &format!("Invalid value at '{name}' (TYPE_INT32), \"{text}\""));
        text.parse().map(Some).map_err(|_| bad())
    }

    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.param(name) {
            None | Some("false" | "False" | "0") => Ok(false),
            Some("true" | "True" | "1") => Ok(true),
            Some(text) => Err(Refusal::violation(name, &format!("Invalid value at '{name}' (TYPE_BOOL), \"{text}\""))),
        }
    }

    /// The body as a JSON object; none is an empty one.
    pub fn object(&self) -> Result<Map<String, Value>, Refusal> {
        match self.json()? {
            Value::Null => Ok(Map::new()),
            Value::Object(object) => Ok(object),
            _ => Err(Refusal::violation("", "Invalid JSON payload received. Root element must be a message.")),
        }
    }

    pub fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|e| Refusal::violation("", &format!("Invalid JSON payload received. {e}")))
    }

    /// The body as a form, with the query behind it: Google takes OAuth parameters from either.
    pub fn form(&self) -> Vec<(String, String)> {
        let mut form = decode(&self.body);
        form.extend(self.query.iter().cloned());
        form
    }
}

fn decode(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

fn basic(credential: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_STANDARD.decode(credential).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| decode(part.as_bytes()).into_iter().next().map_or_else(String::new, |(k, _)| k);
    Some((decoded(id), decoded(secret)))
}
