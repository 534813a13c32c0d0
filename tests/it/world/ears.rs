//! Where alerts arrive: an address that checks signatures, and a mailbox. Real sockets; both can be deaf for a while.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What was heard.
#[derive(Clone, Default)]
pub struct Ears {
    /// Every message that was taken, with its id.
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    /// Ids of messages that came while nobody listened.
    missed: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
    is_deaf: Arc<AtomicBool>,
    /// The kind of message that it cannot stand.
    unheard: Arc<Mutex<Option<String>>>,
}

/// 24 bytes in base64.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

impl Ears {
    /// The address for messages.
    pub async fn webhook(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("an address"));
        let app = Router::new().route("/alerts", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    /// The mail server.
    pub async fn mailbox(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let ears = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ears = ears.clone();
                tokio::spawn(async move { ears.smtp(stream).await.ok() });
            }
        });
        url
    }

    /// Answers messages of this kind with 400.
    pub fn refuse(&self, kind: &str) {
        *self.unheard.lock().expect("ears") = Some(kind.to_owned());
    }

    pub fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Ordering::SeqCst);
    }

    /// Types of the messages of this kind, in the order in which they came.
    pub fn types(&self, kind: &str) -> Vec<String> {
        let of_kind = |(_, message): &(String, Value)| {
            (message["data"]["kind"] == kind).then(|| message["type"].as_str().unwrap_or_default().to_owned())
        };
        self.heard.lock().expect("ears").iter().filter_map(of_kind).collect()
    }

    /// The last message of this kind.
    pub fn last(&self, kind: &str) -> Value {
        let heard = self.heard.lock().expect("ears");
        let of_kind = heard.iter().rev().find(|(_, message)| message["data"]["kind"] == kind);
        of_kind.map(|(_, message)| message["data"].clone()).unwrap_or_default()
    }

    pub fn ids(&self) -> Vec<String> {
        self.heard.lock().expect("ears").iter().map(|(id, _)| id.clone()).collect()
    }

    pub fn missed(&self) -> Vec<String> {
        self.missed.lock().expect("ears").clone()
    }

    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("ears").clone()
    }

    async fn smtp(&self, stream: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"220 ears\r\n").await?;
        let (mut mail, mut in_body) = (String::new(), false);
        while let Some(line) = lines.next_line().await? {
            let answer = match (in_body, line.as_str()) {
                (true, ".") => {
                    self.mails.lock().expect("ears").push(std::mem::take(&mut mail));
                    in_body = false;
                    "250 taken"
                }
                (true, _) => {
                    mail.push_str(&line);
                    mail.push('\n');
                    continue;
                }
                (_, "DATA") => {
                    in_body = true;
                    "354 go on"
                }
                (_, "QUIT") => return writer.write_all(b"221 bye\r\n").await,
                _ if self.is_deaf.load(Ordering::SeqCst) => "451 later",
                _ => "250 well",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}

async fn take(State(ears): State<Ears>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, at, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&body);
    if signature != format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())) {
        return StatusCode::UNAUTHORIZED;
    }
    if ears.is_deaf.load(Ordering::SeqCst) {
        ears.missed.lock().expect("ears").push(id);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let message: Value = serde_json::from_slice(&body).expect("JSON");
    if ears.unheard.lock().expect("ears").as_deref() == message["data"]["kind"].as_str() {
        ears.missed.lock().expect("ears").push(id);
        return StatusCode::BAD_REQUEST;
    }
    ears.heard.lock().expect("ears").push((id, message));
    StatusCode::NO_CONTENT
}
