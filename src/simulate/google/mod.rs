//! A pretend Google: the People API and OAuth on one listener, strict where Google is strict, hostile where Google is not
//! known, and stateful. Nothing is kept on disk. `/control/…` (see `control.rs`) plays the user and the bad weather.
//!
//! A request travels `wire` → `door` (faults, log) → `admit` (token, scope, quota, one write at a time) → the file named
//! after what is asked. Left out: photos, other contacts, the directory, multipart batches, the `fields` parameter.

mod account;
mod admit;
mod answer;
mod batch;
mod call;
mod check;
mod clock;
mod connections;
mod consent;
mod contact;
mod control;
mod door;
mod draft;
mod etag;
mod faults;
mod grants;
mod groups;
mod labels;
mod log;
mod mask;
mod members;
mod oauth;
mod op;
mod options;
mod page;
mod people;
mod quota;
mod refusal;
mod render;
mod schema;
mod search;
mod user;
mod wire;
mod world;

#[cfg(test)]
mod story;

use std::io;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use options::{BatchUpdateErrors, Limits, Modes, Options};

/// Serves until `shutdown`; used by the command line, the demo and the tests alike. The API base URL is the listener's
/// address; OAuth lives at `/o/oauth2/v2/auth`, `/token`, `/revoke` and `/userinfo`.
///
/// # Errors
/// When the listener's own address cannot be read.
pub async fn serve(listener: TcpListener, options: Options, shutdown: CancellationToken) -> io::Result<()> {
    let simulator = door::Simulator::new(options, shutdown.clone());
    let service = Router::new().fallback(door::answer).with_state(simulator);
    let service = service.into_make_service_with_connect_info::<wire::Scissors>();
    axum::serve(wire::CuttableListener(listener), service).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
