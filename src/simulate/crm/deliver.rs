//! Posts webhooks, badly if told to, and keeps a log of what was answered. Only 429 is tried again (help article
//! 155000007071), with the same body.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Options, Sim, sign::sign, webhook::Event, world::World};

/// Older entries are forgotten.
const LOG_LENGTH: usize = 50_000;

/// How webhooks are delivered from now on. Chances are 0 to 1.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Behaviour {
    /// Where app events go.
    url: Option<String>,
    /// Nothing is sent.
    off: bool,
    /// Copies beside the first.
    duplicate: u32,
    /// Every delivery waits this long; with `shuffle` a random time up to it, so that order is lost.
    delay_ms: u64,
    shuffle: bool,
    /// Chance that an event is never sent.
    drop: f64,
    /// Chance of a signature that fits another body.
    wrong_signature: f64,
    /// Chance that the body is written anew after signing: same JSON, other bytes.
    reserialise: f64,
    retry_spacing_ms: u64,
    retries: u32,
}

/// What one control call asks for its own events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Manner {
    /// No webhook.
    pub(super) silent: bool,
    /// Instead of the standing delay.
    delay_ms: Option<u64>,
    /// Copies beside the standing ones.
    copies: u32,
    wrong_signature: bool,
    reserialise: bool,
}

/// All deliveries, by number.
#[derive(Debug, Default)]
pub(super) struct Log {
    next: u64,
    /// Deliveries not yet settled.
    pub(super) pending: usize,
    pub(super) entries: BTreeMap<u64, Delivery>,
}

/// One delivery and what was answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    webhook_id: String,
    #[serde(rename = "type")]
    kind: String,
    location_id: String,
    contact_id: String,
    /// Status per attempt; 0 when there was no answer.
    attempts: Vec<u16>,
    /// `pending`, `settled` (answered with anything but 429, or out of attempts) or `dropped`.
    state: &'static str,
}

/// One delivery on its way.
struct Parcel {
    number: u64,
    event: Event,
    signature: String,
    url: String,
    delay: Duration,
}

impl Behaviour {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            url: options.webhook_url.clone(),
            retry_spacing_ms: u64::try_from(options.retry_spacing.as_millis()).unwrap_or(u64::MAX),
            retries: options.retries,
            ..Self::default()
        }
    }
}

impl Log {
    fn open(&mut self, event: &Event, state: &'static str) -> u64 {
        self.next += 1;
        self.pending += usize::from(state == "pending");
        let delivery = Delivery {
            webhook_id: event.webhook_id.clone(),
            kind: event.kind.clone(),
            location_id: event.location.clone(),
            contact_id: event.contact.clone(),
            attempts: Vec::new(),
            state,
        };
        self.entries.insert(self.next, delivery);
        if self.entries.len() > LOG_LENGTH {
            self.entries.pop_first();
        }
        self.next
    }

    fn note(&mut self, number: u64, status: u16) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.attempts.push(status);
        }
    }

    fn settle(&mut self, number: u64) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.state = "settled";
        }
    }
}

/// Sends an event as the standing behaviour and the call's own manner say; returns at once.
pub(super) fn emit(sim: &Arc<Sim>, world: &mut World, event: &Event, manner: &Manner) {
    let behaviour = world.behaviour.clone();
    let Some(url) = event.url.clone().or(behaviour.url.clone()) else { return };
    if manner.silent || behaviour.off {
        return;
    }
    if chance(world, behaviour.drop) {
        world.log.open(event, "dropped");
        return;
    }
    for _ in 0..=behaviour.duplicate.saturating_add(manner.copies) {
        let standing = match behaviour.shuffle {
            true => world.rng.random_range(0..=behaviour.delay_ms),
            false => behaviour.delay_ms,
        };
        let mut event = event.clone();
        let wrong = manner.wrong_signature || chance(world, behaviour.wrong_signature);
        let signed: &[u8] = if wrong { b"another body" } else { &event.body };
        let signature = sign(sim.options.seed, signed);
        if manner.reserialise || chance(world, behaviour.reserialise) {
            event.body = reserialised(&event.body);
        }
        let number = world.log.open(&event, "pending");
        let delay = Duration::from_millis(manner.delay_ms.unwrap_or(standing));
        let parcel = Parcel { number, event, signature, url: url.clone(), delay };
        let (sim, epoch) = (sim.clone(), world.epoch.clone());
        tokio::spawn(async move { epoch.run_until_cancelled(deliver(&sim, parcel)).await });
    }
}

async fn deliver(sim: &Sim, parcel: Parcel) {
    tokio::time::sleep(parcel.delay).await;
    let retries = sim.world().behaviour.retries;
    for attempt in 0..=retries {
        let status = {
            let _sender = sim.senders.acquire().await;
            post(sim, &parcel).await
        };
        let wait = {
            let mut world = sim.world();
            world.log.note(parcel.number, status);
            let spacing = world.behaviour.retry_spacing_ms;
            spacing + world.rng.random_range(0..=spacing / 10)
        };
        if status != 429 || attempt == retries {
            break;
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    sim.world().log.settle(parcel.number);
}

/// The status answered, or 0.
async fn post(sim: &Sim, parcel: &Parcel) -> u16 {
    let mut request =
        sim.http.post(&parcel.url).header("content-type", "application/json").timeout(Duration::from_secs(10));
    if parcel.event.signed {
        // `deliveryId` is reported to be the same over all attempts.
        request = request.header("X-GHL-Signature", &parcel.signature).header("deliveryId", parcel.number.to_string());
    }
    for (name, value) in &parcel.event.headers {
        request = request.header(name, value);
    }
    match request.body(parcel.event.body.clone()).send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(_) => 0,
    }
}

fn chance(world: &mut World, probability: f64) -> bool {
    world.rng.random_bool(probability.clamp(0.0, 1.0))
}

fn reserialised(body: &[u8]) -> Vec<u8> {
    let parsed = serde_json::from_slice::<serde_json::Value>(body);
    parsed.and_then(|value| serde_json::to_vec_pretty(&value)).unwrap_or_else(|_| body.to_vec())
}
