//! The HTTP client for Google, and one exchange with it: sent at most once, the answer bounded, every way to fail told apart.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect};

/// Bytes of an answer at the most; the largest real one is a page of 1,000 contacts.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// An answer, whatever its status.
pub(super) struct Answer {
    pub status: StatusCode,
    /// `Retry-After` as written.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// No answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection: nothing was sent.
    NotSent,
    /// Timeout, reset, or an answer that is cut or too large.
    Lost,
}

/// The client for all accounts and for OAuth. `timeout` covers a call from connecting to the last byte of the answer.
///
/// Redirects are not followed, because the token would travel along. A request that the server refused before looking at
/// it (HTTP/2 `REFUSED_STREAM`) is sent again by the client; nothing else ever is.
///
/// # Errors
/// When TLS cannot be set up on this machine.
pub fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        // Shorter than the whole, so that an unreachable Google is seen as "not sent" and not as "lost".
        .connect_timeout(timeout / 2)
        .build()
}

/// Sends a request once and reads the whole answer.
pub(super) async fn exchange(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let response = request.send().await.map_err(|e| {
        // A request that cannot even be built was not sent either.
        if e.is_connect() || e.is_builder() { NoAnswer::NotSent } else { NoAnswer::Lost }
    })?;
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
    Ok(Answer { status, retry_after, body: read_bounded(response, MAX_ANSWER).await? })
}

async fn read_bounded(mut response: Response, max: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| NoAnswer::Lost)? {
        if body.len() + chunk.len() > max {
            return Err(NoAnswer::Lost);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers every connection with these bytes once something of the request has come, then closes or stays silent.
    async fn raw(answer: &'static [u8], close: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let read = socket.read(&mut [0; 4096]).await;
                assert!(read.is_ok_and(|n| n > 0));
                assert!(socket.write_all(answer).await.is_ok());
                if !close {
                    kept.push(socket);
                }
            }
        });
        url
    }

    async fn call(url: &str) -> Result<Answer, NoAnswer> {
        let client = client(Duration::from_millis(400)).expect("a client");
        exchange(client.post(url).body("x")).await
    }

    #[tokio::test]
    async fn a_refused_connection_is_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        drop(listener);
        assert_eq!(call(&url).await.err(), Some(NoAnswer::NotSent));
    }

    #[tokio::test]
    async fn silence_a_reset_and_a_cut_answer_are_lost() {
        for (answer, close) in [
            (&b""[..], false),
            (b"", true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a", true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a", false),
        ] {
            assert_eq!(call(&raw(answer, close).await).await.err(), Some(NoAnswer::Lost), "{answer:?} {close}");
        }
    }

    #[tokio::test]
    async fn redirects_are_answers() {
        let url = raw(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", true).await;
        assert_eq!(call(&url).await.map(|a| a.status.as_u16()), Ok(302));
    }

    #[tokio::test]
    async fn an_answer_beyond_the_bound_is_lost() {
        let url = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789", true).await;
        let client = client(Duration::from_millis(400)).expect("a client");
        let response = client.get(&url).send().await.expect("an answer");
        assert_eq!(read_bounded(response, 9).await, Err(NoAnswer::Lost));
    }
}
