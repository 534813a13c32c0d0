//! A minute of people working, with bad moments of Google's in between.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::progress::bar,
    simulate::traffic::{self, FaultRequest, Played, Traffic},
};

use super::{pace::Pace, world::World};

/// What people do, a virtual minute.
const ACTIONS: f64 = 120.0;
const MINUTE: Duration = Duration::from_secs(60);

/// Plays the minute, with a bar.
pub async fn play(world: &World, seed: u64, pace: &Pace, show: bool) -> anyhow::Result<Played> {
    let options = Traffic {
        seed,
        crm_url: world.crm.url.clone(),
        location: world.location.clone(),
        duration: MINUTE,
        speed: pace.speed,
        per_minute: ACTIONS,
        faults: faults(world),
    };
    let playing = traffic::play(options, CancellationToken::new());
    if !show {
        return Ok(playing.await);
    }
    let bar = bar(MINUTE.as_secs(), "{msg:24} {wide_bar} {pos}/{len} s")?;
    bar.set_message("people are working");
    let second = MINUTE.div_f64(pace.speed) / 60;
    let ticking = async {
        loop {
            tokio::time::sleep(second).await;
            bar.inc(1);
        }
    };
    let played = tokio::select! {
        played = playing => played,
        () = ticking => Played::default(),
    };
    bar.finish_and_clear();
    Ok(played)
}

/// Refusals and failures; a `Retry-After` of a second, so that nobody waits out Google's whole minute.
fn faults(world: &World) -> Vec<FaultRequest> {
    let fault = |body: Value| FaultRequest { url: format!("{}/control/faults", world.google.url), body };
    vec![
        fault(json!({"match": "people.", "kind": "status", "status": 429, "retry_after": 1, "times": 1})),
        fault(json!({"match": "people.", "kind": "status", "status": 429, "retry_after": 1, "times": 2})),
        fault(json!({"match": "people.updateContact", "kind": "status", "status": 503, "times": 2})),
        fault(json!({"match": "people.createContact", "kind": "status", "status": 503, "times": 1})),
        fault(json!({"match": "people.connections.list", "kind": "status", "status": 503, "body": "html", "times": 1})),
    ]
}
