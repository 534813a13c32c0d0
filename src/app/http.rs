//! HTTP on a listener, with bounds on what one client can hold: connections, time for the headers, size of the headers.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

/// Connections at a time; more wait in the listener's queue.
const CONNECTIONS: usize = 4_096;
/// In which a request's headers must have arrived; also how long an idle connection is kept.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of a request's headers.
const HEADERS: usize = 64 * 1024;
/// Requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Requests under way have this long to end once told to stop.
const ENDS_WITHIN: Duration = Duration::from_secs(8);

/// Serves until `stop`, then lets requests under way finish.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { break };
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connection(stream, routes.clone(), &open, place),
                // Out of file descriptors, most likely: the connections there are must end first.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(ENDS_WITHIN, open.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

fn connection(stream: TcpStream, routes: Router, open: &GracefulShutdown, place: OwnedSemaphorePermit) {
    // Small answers leave at once.
    stream.set_nodelay(true).ok();
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(HEADERS);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADERS).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(HEADERS_WITHIN)
        .keep_alive_timeout(HEADERS_WITHIN);
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).into_owned();
    let served = open.watch(served);
    tokio::spawn(async move {
        // Clients that go away, or talk nonsense, are nobody's trouble.
        served.await.ok();
        drop(place);
    });
}
