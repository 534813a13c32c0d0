//! What goes wrong, drawn like cards: every kind once, in an order that the seed decides, then all of them anew.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::world::tap::Line;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    WebKilled,
    WorkerKilled,
    BothWorkersKilled,
    RedisKilled,
    RedisHeld,
    OneCutOff,
    OneInSilence,
    AllCutOff,
    GoogleSlowsUsDown,
    GoogleFails,
    GoogleAnswersHtml,
    GoogleHangsUp,
    GoogleLosesAnswers,
    GoogleDoesHalf,
    AccessRevoked,
}

const KINDS: [Kind; 15] = [
    Kind::WebKilled,
    Kind::WorkerKilled,
    Kind::BothWorkersKilled,
    Kind::RedisKilled,
    Kind::RedisHeld,
    Kind::OneCutOff,
    Kind::OneInSilence,
    Kind::AllCutOff,
    Kind::GoogleSlowsUsDown,
    Kind::GoogleFails,
    Kind::GoogleAnswersHtml,
    Kind::GoogleHangsUp,
    Kind::GoogleLosesAnswers,
    Kind::GoogleDoesHalf,
    Kind::AccessRevoked,
];

pub struct Trouble {
    rng: StdRng,
    deck: Vec<Kind>,
    pub tally: BTreeMap<Kind, u32>,
}

impl Trouble {
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed ^ 0xBAD), deck: Vec::new(), tally: BTreeMap::new() }
    }

    /// The next one strikes and passes; then a moment of rest. Whoever connects Google anew has a reconcile, which would make up
    /// for an event that was lost: not when it is `late`.
    pub async fn next(&mut self, stage: &mut Stage, late: bool) {
        if self.deck.is_empty() {
            self.deck = KINDS.to_vec();
            self.deck.shuffle(&mut self.rng);
            // Early in each round, for the sake of a run that has but one.
            self.deck.retain(|kind| *kind != Kind::AccessRevoked);
            self.deck.insert(self.deck.len() - self.rng.random_range(0..6), Kind::AccessRevoked);
        }
        let Some(kind) = self.deck.pop() else { return };
        if kind == Kind::AccessRevoked && late && self.tally.contains_key(&kind) {
            return;
        }
        *self.tally.entry(kind).or_default() += 1;
        self.strike(kind, stage).await;
        self.some_ms(200, 800).await;
    }

    pub fn every_kind_has_struck(&self) -> bool {
        self.tally.len() == KINDS.len()
    }

    async fn strike(&mut self, kind: Kind, stage: &mut Stage) {
        let worker = self.rng.random_range(1..=2);
        let anybody = self.rng.random_range(0..=2);
        match kind {
            Kind::WebKilled => self.killed(stage, &[0]).await,
            Kind::WorkerKilled => self.killed(stage, &[worker]).await,
            Kind::BothWorkersKilled => self.killed(stage, &[1, 2]).await,
            Kind::RedisKilled => {
                stage.redis.kill();
                self.some_ms(200, 1000).await;
                stage.redis.restart().await;
            }
            Kind::RedisHeld => {
                stage.redis.hold();
                self.some_ms(300, 3000).await;
                stage.redis.let_go_on();
            }
            Kind::OneCutOff => self.on_the_wire(stage, &[anybody], Line::Cut).await,
            Kind::OneInSilence => self.on_the_wire(stage, &[anybody], Line::Silent).await,
            Kind::AllCutOff => self.on_the_wire(stage, &[0, 1, 2], Line::Cut).await,
            Kind::AccessRevoked => {
                stage.world.user("POST", "revoke", json!({})).await;
                self.some_ms(300, 1500).await;
                stage.connect_again().await;
            }
            of_google => self.weather(stage, of_google).await,
        }
    }

    async fn killed(&mut self, stage: &mut Stage, parts: &[usize]) {
        parts.iter().for_each(|part| stage.kill(*part));
        self.some_ms(0, 800).await;
        parts.iter().for_each(|part| stage.start_again(*part));
    }

    async fn on_the_wire(&mut self, stage: &Stage, parts: &[usize], line: Line) {
        parts.iter().for_each(|part| stage.parts[*part].wire.set(line));
        self.some_ms(300, 3000).await;
        parts.iter().for_each(|part| stage.parts[*part].wire.set(Line::Whole));
    }

    /// It hits the next calls, whatever else happens meanwhile.
    async fn weather(&mut self, stage: &Stage, kind: Kind) {
        let times = self.rng.random_range(2..10);
        let mut rule: Value = match kind {
            Kind::GoogleSlowsUsDown => json!({"match": "people.", "kind": "status", "status": 429, "retry_after": 1}),
            Kind::GoogleFails => json!({"match": "*", "kind": "status", "status": 500}),
            Kind::GoogleAnswersHtml => json!({"match": "*", "kind": "status", "status": 503, "body": "html"}),
            Kind::GoogleHangsUp => json!({"match": "*", "kind": "drop"}),
            Kind::GoogleLosesAnswers => json!({"match": "people.", "kind": "drop", "when": "after"}),
            _ => json!({"match": "people.batch", "kind": "commit_prefix", "items": 3}),
        };
        rule["times"] = json!(times);
        if kind == Kind::GoogleDoesHalf {
            for batch in ["people.batchCreateContacts", "people.batchUpdateContacts"] {
                rule["match"] = json!(batch);
                rule["times"] = json!(1);
                stage.world.google_fault(rule.clone()).await;
            }
        } else {
            stage.world.google_fault(rule).await;
        }
        self.some_ms(300, 1200).await;
    }

    async fn some_ms(&mut self, least: u64, most: u64) {
        let ms = self.rng.random_range(least..=most);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
