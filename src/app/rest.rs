//! The rest of a request that was answered before all of it was read: taken in and thrown away, within bounds.
//!
//! A connection that is closed while its sender still sends is reset, and the answer may be lost with it. A proxy then says
//! that nobody answered, and a CRM sends again what was refused for good.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{
        HeaderValue,
        header::{CONNECTION, EXPECT},
    },
    middleware::Next,
    response::Response,
};
use futures_util::TryStreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

/// Bytes that a sender may still send, and the time it has. Whoever goes on is cut off.
const BYTES: usize = 4 << 20;
const WITHIN: Duration = Duration::from_secs(2);

/// Lets the sender of a request finish, whenever it is answered.
pub(super) async fn taken_in(request: Request, next: Next) -> Response {
    let asks = request.headers().contains_key(EXPECT);
    let mut response = next.run(request.map(|body| Body::new(ReadOn(body)))).await;
    // Who asked first whether to send the body, and is told no, may send it or not: only the end of the connection tells.
    if asks && !response.status().is_success() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that is read on when nobody wants it any more.
struct ReadOn(Body);

impl HttpBody for ReadOn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.0).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = Body::empty();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for ReadOn {
    fn drop(&mut self) {
        let body = mem::take(&mut self.0);
        if !body.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(WITHIN, read(body)));
        }
    }
}

async fn read(body: Body) {
    let (mut chunks, mut left) = (body.into_data_stream(), BYTES);
    while left > 0
        && let Ok(Some(chunk)) = chunks.try_next().await
    {
        left = left.saturating_sub(chunk.len());
    }
}
