//! Webhook in: limit, verify, parse what routing needs, append, answer. The door does nothing else.
//!
//! Never a 5xx: what cannot be stored now is 429, because HighLevel may come again only after that one; a bug is too.

mod answer;
mod body;
mod deliver;
mod doors;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
    routing::post,
};
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;

pub use doors::{BadCrm, Doors, Opened};

use crate::{
    caller::{Caller, ShutOut},
    config::Tune,
    queue::{door::Door, streaks::Streaks},
};
use answer::{Taken, Turned, Unstored};

/// What the door needs to know and to reach.
#[derive(Clone)]
pub struct Receive {
    crms: watch::Receiver<Arc<Doors>>,
    door: Arc<Door>,
    streaks: Arc<Streaks>,
    public_url: Arc<str>,
    limits: Limits,
    /// Bytes that all bodies under way may take together.
    room: Arc<Semaphore>,
    shut_out: Arc<ShutOut>,
    unstored: Arc<Unstored>,
}

/// Bounds of what senders may make the door hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one body.
    pub body: usize,
    /// In which a body must have arrived whole.
    pub body_time: Duration,
    /// Bytes of all bodies under way. Slow senders hold only what they have sent, so they cannot shut others out.
    pub all_bodies: usize,
}

impl From<&Tune> for Limits {
    fn from(tune: &Tune) -> Self {
        let body = usize::try_from(tune.body_limit).unwrap_or(usize::MAX);
        Self { body, body_time: tune.body_timeout, all_bodies: body.saturating_mul(64).min(Semaphore::MAX_PERMITS) }
    }
}

impl Receive {
    /// `public_url` is the address at which senders reach this server, without a trailing slash; some sign it.
    pub fn new(
        crms: watch::Receiver<Arc<Doors>>,
        door: Arc<Door>,
        streaks: Arc<Streaks>,
        public_url: &str,
        limits: Limits,
        shut_out: Arc<ShutOut>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(limits.all_bodies));
        let public_url = public_url.into();
        Self { crms, door, streaks, public_url, limits, room, shut_out, unstored: Arc::default() }
    }
}

/// `POST /webhooks/{crm}`. Counts `carnet_webhooks_total{crm, outcome}`: one for each event of a believed delivery, one for
/// each delivery that was turned away.
pub fn router(receive: Receive) -> Router {
    let routes = Router::new().route("/webhooks/{crm}", post(webhook)).method_not_allowed_fallback(wrong_method);
    panics_are_429(routes.with_state(receive))
}

fn panics_are_429(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(|_| Turned::NotReady.into_response()))
}

async fn webhook(
    State(receive): State<Receive>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let doors = receive.crms.borrow().clone();
    let opened = name.map_err(|_| Turned::UnknownCrm).and_then(|Path(name)| doors.find(&name));
    let (crm, outcome) = match opened {
        Ok(opened) => (opened.crm.name.as_str(), hear(&receive, opened, request).await),
        // Names that are not configured come from outside and would make labels without end.
        Err(turned) => ("", Err(turned)),
    };
    answer::count(crm, &outcome, &receive.unstored);
    outcome.map_or_else(Turned::into_response, Taken::into_response)
}

/// One delivery, unless its sender has failed too often.
async fn hear(receive: &Receive, opened: &Opened, request: Request) -> Result<Taken, Turned> {
    let caller = Caller::of(request.extensions());
    let visit = receive.shut_out.visit(caller, format!("webhooks/{}", opened.crm.name));
    if let Some(seconds) = visit.is_out() {
        return Err(Turned::ShutOut(seconds));
    }
    let outcome = deliver::deliver(receive, opened, request).await;
    match &outcome {
        Ok(_) => {
            visit.was_right();
            receive.streaks.note(&opened.crm.name, true);
        }
        Err(Turned::BadSignature(_)) => {
            visit.was_wrong();
            receive.streaks.note(&opened.crm.name, false);
        }
        Err(_) => {}
    }
    outcome
}

async fn wrong_method(State(receive): State<Receive>) -> Turned {
    answer::count("", &Err(Turned::WrongMethod), &receive.unstored);
    Turned::WrongMethod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn even_a_bug_asks_the_sender_to_come_again() {
        let bug = || async {
            if true {
                panic!("a bug")
            }
        };
        let app = panics_are_429(Router::new().route("/", post(bug)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let response = reqwest::Client::new().post(format!("http://{address}/")).send().await.expect("an answer");
        assert_eq!(response.status(), 429);
        assert!(response.headers().contains_key("retry-after"));
    }
}
