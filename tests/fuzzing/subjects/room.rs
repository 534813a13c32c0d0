//! A runtime for subjects that speak HTTP, with a server on loopback.

use axum::Router;
use tokio::{net::TcpListener, runtime::Runtime};

/// Both ends run in this one thread, so that an input always takes the same way.
pub struct Room {
    pub runtime: Runtime,
    pub url: String,
}

impl Room {
    pub fn with(app: impl FnOnce() -> Router) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let app = runtime.block_on(async { app() });
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { runtime, url }
    }
}
