//! What stands before the service in a real installation: a reverse proxy that answers 429 while the service is not there,
//! as the shipped nginx and Caddy files do.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

/// The reverse proxy.
pub struct Front {
    pub url: String,
    seen: Arc<Mutex<Vec<u16>>>,
}

#[derive(Clone)]
struct Way {
    service: String,
    http: reqwest::Client,
    seen: Arc<Mutex<Vec<u16>>>,
}

impl Front {
    /// Before the service at this address.
    pub async fn open(service: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
        // A connection of the dead process must not be taken for one of the new.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
        let way = Way { service: service.to_owned(), http, seen: seen.clone() };
        let app = Router::new().fallback(pass_on).with_state(way);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// Every status that senders were given so far.
    pub fn answered(&self) -> Vec<u16> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn pass_on(State(way): State<Way>, OriginalUri(uri): OriginalUri, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = way.http.post(format!("{}{}", way.service, uri.path())).body(body);
    for (name, value) in &headers {
        if ![header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name) {
            request = request.header(name, value);
        }
    }
    let status = request.send().await.map_or(StatusCode::TOO_MANY_REQUESTS, |answer| answer.status());
    way.seen.lock().unwrap_or_else(PoisonError::into_inner).push(status.as_u16());
    (status, [(header::RETRY_AFTER, "1")]).into_response()
}
