//! For tests: a server that gives prepared answers and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::Value;
use url::Url;

use super::{http::client, people::People};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET /path?query`, the query as it was encoded.
    pub line: String,
    pub authorization: String,
    pub user_agent: String,
    pub text: String,
}

impl Seen {
    /// The body; `null` when there is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

#[derive(Default)]
struct Tape {
    answers: VecDeque<(u16, String)>,
    seen: Vec<Seen>,
}

/// The server; it ends with the test's runtime.
pub struct Recorder {
    pub url: Url,
    tape: Arc<Mutex<Tape>>,
}

impl Recorder {
    /// Gives these answers in this order, then 418.
    pub async fn answering<T: Into<String>>(answers: impl IntoIterator<Item = (u16, T)>) -> Self {
        let answers = answers.into_iter().map(|(status, body)| (status, body.into())).collect();
        let tape = Arc::new(Mutex::new(Tape { answers, seen: Vec::new() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().fallback(record).with_state(tape.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: format!("http://{address}/").parse().expect("a URL"), tape }
    }

    /// The People API as this server plays it.
    pub fn people(&self) -> People {
        People::new(client(Duration::from_secs(5)).expect("a client"), self.url.clone())
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.tape.lock().expect("no panic").seen.clone()
    }
}

async fn record(State(tape): State<Arc<Mutex<Tape>>>, request: Request) -> (StatusCode, String) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        authorization: header("authorization"),
        user_agent: header("user-agent"),
        text: String::from_utf8_lossy(&body).into_owned(),
    };
    let mut tape = tape.lock().expect("no panic");
    tape.seen.push(seen);
    let (status, body) = tape.answers.pop_front().unwrap_or((418, String::new()));
    (StatusCode::from_u16(status).expect("a status"), body)
}
