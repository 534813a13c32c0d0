//! HTTP/1.1 on a listener, with bounds on what one client can hold: connections, time for the headers, size of the headers,
//! time to read an answer.
//!
//! Deliberately no HTTP/2: TLS ends at the proxy, proxies speak 1.1 to what is behind them, and streams that are opened and
//! reset by the thousand are nothing that this side then has to think of.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Once},
    time::Duration,
};

use axum::{Router, extract::Request, middleware};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::{
    places::{Place, Places, Shares},
    request, rest,
};
use crate::{caller::Caller, config::Settings};

/// Bytes of a request's headers.
const HEADERS: usize = 64 * 1024;
/// Requests under way have this long to end once told to stop.
const ENDS_WITHIN: Duration = Duration::from_secs(8);
/// For whoever has its share of connections already.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

struct Server {
    routes: Router,
    places: Places,
    proxies: Arc<[IpNet]>,
    headers_within: Duration,
    /// A proxy that is not declared is told of once.
    told: Arc<Once>,
}

/// Serves until `stop`, then lets requests under way finish.
pub async fn serve(listener: TcpListener, routes: Router, settings: Arc<Settings>, stop: CancellationToken) {
    let server = Server {
        routes: routes
            .layer(middleware::from_fn_with_state(Shares::new(settings.tune.connections_per_address), request::shared))
            .layer(middleware::from_fn(request::traced))
            .layer(middleware::from_fn(rest::taken_in)),
        places: Places::new(settings.tune.connections_per_address, settings.trusted_proxies.clone()),
        proxies: settings.trusted_proxies.as_slice().into(),
        headers_within: settings.tune.headers_timeout,
        told: Arc::new(Once::new()),
    };
    let open = GracefulShutdown::new();
    while let Some(free) = server.places.free().await {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match server.places.give(free, peer.ip()) {
                    Some(place) => server.connection(stream, peer, &open, place),
                    None => turn_away(&stream, peer.ip()),
                },
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

impl Server {
    fn connection(&self, stream: TcpStream, peer: SocketAddr, open: &GracefulShutdown, place: Place) {
        // Small answers leave at once.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.headers_within));
        let (routes, proxies) = (TowerToHyperService::new(self.routes.clone()), self.proxies.clone());
        let told = self.told.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let caller = Caller::new(peer.ip(), request.headers(), &proxies);
            if caller.seems_behind(peer.ip(), request.headers()) {
                told.call_once(|| {
                    let hint = "a proxy says who its clients are, but it is not in CARNET_TRUSTED_PROXIES: all of them count as one";
                    tracing::warn!(proxy = %peer.ip(), "{hint}");
                });
            }
            request.extensions_mut().insert(caller);
            hyper::service::Service::call(&routes, request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.headers_within).max_buf_size(HEADERS);
        let served = open.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        tokio::spawn(async move {
            // Clients that go away, or talk nonsense, are nobody's trouble.
            served.await.ok();
            drop(place);
        });
    }
}

fn turn_away(stream: &TcpStream, peer: IpAddr) {
    metrics::counter!("carnet_connections_refused_total").increment(1);
    tracing::debug!(client = %peer, "too many connections of one address");
    // Whoever does not hear it sees the connection closed.
    stream.try_write(NO_PLACE).ok();
}
