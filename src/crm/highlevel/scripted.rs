//! A server for tests that gives prepared answers in order (the last one for ever) and keeps what it was asked.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::IntoResponse,
};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{Access, HighLevel};
use crate::{
    config::{Tune, mapping::NOTHING},
    contact::AccountKey,
};

#[derive(Clone)]
pub(super) struct Prepared {
    status: u16,
    headers: HeaderMap,
    body: String,
}

/// JSON, or raw text when the value is a text.
pub(super) fn answer(status: u16, body: impl Into<Value>) -> Prepared {
    let body = match body.into() {
        Value::String(text) => text,
        json => json.to_string(),
    };
    Prepared { status, headers: HeaderMap::new(), body }
}

impl Prepared {
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("header"));
        self
    }
}

#[derive(Clone)]
pub(super) struct Asked {
    /// Method, path and query.
    pub(super) line: String,
    pub(super) body: String,
    headers: HeaderMap,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("json")
    }
}

pub(super) struct Scripted {
    pub(super) url: Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    pub(super) async fn serve(answers: impl IntoIterator<Item = Prepared>) -> Self {
        let answers: Vec<Prepared> = answers.into_iter().collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let mut log = log.lock().expect("lock");
            let body = String::from_utf8(body.to_vec()).expect("text");
            log.push(Asked { line: format!("{method} {uri}"), body, headers });
            let prepared = answers[(log.len() - 1).min(answers.len() - 1)].clone();
            (StatusCode::from_u16(prepared.status).expect("status"), prepared.headers, prepared.body).into_response()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}/", listener.local_addr().expect("address")).parse().expect("url");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("lock").clone()
    }

    /// Of this server, with no pace to speak of.
    pub(super) fn client(&self) -> HighLevel {
        HighLevel::new(self.url.clone(), &Tune { crm_rate: 1_000_000, ..Tune::default() }).expect("client")
    }
}

/// Location `loc` with a static token.
pub(super) struct Caller {
    account: AccountKey,
    token: SecretString,
}

impl Caller {
    pub(super) fn new() -> Self {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        Self { account, token: SecretString::from("pit-secret") }
    }

    pub(super) fn access(&self) -> Access<'_> {
        Access { account: &self.account, token: &self.token, region: "CA", wants: &NOTHING }
    }
}
