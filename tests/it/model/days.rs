//! One day: a hundred steps at random, then quiet, one reconcile, and the verdict.

use std::time::Duration;

use carnet::{
    queue::dispatch::{Marking, mark},
    store::{brake::Brake, keys::CrmKeys},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::json;

use super::{Tally, ground::Ground, memory::Memory};
use crate::world::LABEL;

/// A day under way.
pub struct Day<'g, G> {
    pub ground: &'g mut G,
    pub rng: StdRng,
    pub memory: Memory,
    pub tally: Tally,
    pub rules: Rules,
}

/// Under which settings the day is played.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub policy: &'static str,
    pub removal: &'static str,
}

/// What may happen, and how often.
const CHANCES: [(u32, &str); 18] = [
    (14, "the CRM gets a contact"),
    (16, "a contact changes in the CRM"),
    (3, "a contact is deleted in the CRM"),
    (2, "two contacts are merged in the CRM"),
    (4, "the owner makes a contact"),
    (7, "the owner edits a contact"),
    (2, "the owner deletes a contact"),
    (3, "the owner merges two contacts"),
    (1, "the owner takes the label off"),
    (1, "the owner renames the label"),
    (1, "Google renames a contact"),
    (5, "webhooks that were late arrive"),
    (5, "Google has a bad moment"),
    (2, "the CRM has a bad moment"),
    (1, "access tokens end"),
    (6, "time passes"),
    (20, "slices are worked"),
    (7, "the worker is killed"),
];

/// Plays the day of this seed; an error says what is wrong, with all its steps.
pub async fn play<G: Ground>(ground: &mut G, seed: u64) -> Result<Tally, String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let rules = Rules {
        policy: ["merge", "merge", "merge", "overwrite"].choose(&mut rng).copied().unwrap_or("merge"),
        removal: ["unlabel", "keep", "trash"].choose(&mut rng).copied().unwrap_or("unlabel"),
    };
    let lines = format!("policy = \"{}\"\nremoval = \"{}\"\ntags = [\"client\"]", rules.policy, rules.removal);
    let errors = ["fail_all", "apply_rest", "per_item"].choose(&mut rng);
    let modes = json!({
        "refuse_list_etags": rng.random::<bool>(),
        "sticky_client_data": rng.random::<bool>(),
        "missing_is_500": rng.random_bool(0.2),
        "sync_expiry_is_410": rng.random::<bool>(),
        "moving_pages": rng.random_bool(0.3),
        "retry_after": rng.random::<bool>(),
        "batch_delete_skips_unknown": rng.random::<bool>(),
        "batch_update_errors": errors,
    });
    ground.renew(&lines, &modes).await;
    let memory = Memory { label: LABEL.into(), ..Memory::default() };
    let mut day = Day { ground, rng, memory, tally: Tally::new(), rules };
    day.say(format!("{rules:?} {modes}"));
    for step in 0..super::STEPS {
        // Each step draws afresh: a kill that lands a little earlier this time changes what it meets, not the day's plan.
        day.rng = StdRng::seed_from_u64(seed * 1_000_000 + step as u64);
        day.step().await;
    }
    let verdict = day.evening().await;
    let trail = day.memory.trail.join("\n");
    verdict.map_err(|wrong| format!("day {seed}\n{trail}\n{wrong}"))?;
    Ok(day.tally)
}

impl<G: Ground> Day<'_, G> {
    pub fn say(&mut self, what: String) {
        self.memory.trail.push(what);
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    async fn step(&mut self) {
        let all: u32 = CHANCES.iter().map(|(chance, _)| chance).sum();
        let mut at = self.rng.random_range(0..all);
        let what = CHANCES.iter().find(|(chance, _)| {
            let here = at < *chance;
            at = at.saturating_sub(*chance);
            here
        });
        let what = what.map_or("", |(_, what)| what);
        match what {
            "the CRM gets a contact" => self.crm_creates().await,
            "a contact changes in the CRM" => self.crm_updates().await,
            "a contact is deleted in the CRM" => self.crm_deletes().await,
            "two contacts are merged in the CRM" => self.crm_merges().await,
            "the owner makes a contact" => self.owner_creates().await,
            "the owner edits a contact" => self.owner_edits().await,
            "the owner deletes a contact" => self.owner_deletes().await,
            "the owner merges two contacts" => self.owner_merges().await,
            "the owner takes the label off" => self.owner_unlabels().await,
            "the owner renames the label" => self.owner_renames_label().await,
            "Google renames a contact" => self.google_renames().await,
            "webhooks that were late arrive" => self.late_webhooks().await,
            "Google has a bad moment" => self.google_fails().await,
            "the CRM has a bad moment" => self.crm_fails().await,
            "access tokens end" => self.tokens_end().await,
            "time passes" => self.time_passes().await,
            "slices are worked" => self.works().await,
            _ => self.is_killed().await,
        }
    }

    async fn time_passes(&mut self) {
        let seconds = match self.rng.random_range(0..20) {
            0 => 8 * 86_400,
            1..4 => self.rng.random_range(600..10_000),
            _ => self.rng.random_range(1..120),
        };
        self.say(format!("{seconds} s pass"));
        self.ground.pass(Duration::from_secs(seconds)).await;
    }

    async fn works(&mut self) {
        if self.rng.random_bool(0.15) {
            self.say("reconcile".into());
            self.ground.reconcile().await;
            return;
        }
        for _ in 0..self.rng.random_range(1..4) {
            let said = self.ground.work().await;
            self.say(said);
        }
    }

    async fn is_killed(&mut self) {
        let (cut, said) = self.ground.killed(&mut self.rng).await;
        self.say(said);
        if cut {
            self.count("killed");
        }
    }

    /// Somebody looks at what the brake has stopped, and lets it go on; whether there was any.
    async fn lets_go(&mut self) -> bool {
        let (sync, pool) = (self.ground.sync(), self.ground.pool().clone());
        let keys = CrmKeys::new(&sync.account.key);
        let brake = Brake::new(pool.clone(), keys.clone(), &sync.id);
        let held = brake.held().await.expect("the brake");
        if held.is_empty() {
            return false;
        }
        self.say(format!("let go on: {held:?}"));
        held.iter().for_each(|_| self.count("braked"));
        let about: Vec<_> = held.iter().map(|(contact, held)| (contact.clone(), held.about.clone())).collect();
        brake.say(&about, carnet::store::brake::Answer::Allow).await.expect("remembered");
        let contacts: Vec<_> = held.into_iter().map(|(contact, _)| (contact, None)).collect();
        let marking = Marking { sync: &sync.id, run: None, contacts: &contacts, run_body: None };
        mark(&pool, &keys, marking).await.expect("marked");
        brake.let_go(&about).await.expect("off the list");
        true
    }

    async fn evening(&mut self) -> Result<(), String> {
        self.ground.world().fair_weather().await;
        self.late_webhooks().await;
        self.say("evening".into());
        self.ground.quiet().await?;
        // What its owner did last is in Google's listings by now.
        self.ground.pass(Duration::from_secs(120)).await;
        // One that was interrupted is ended first; it may have read the CRM on a bad day.
        if self.ground.runs().current().await.expect("runs").is_some_and(|run| !run.is_over()) {
            self.ground.reconcile().await;
        }
        self.ground.reconcile().await;
        self.ground.quiet().await?;
        while self.lets_go().await {
            self.ground.quiet().await?;
        }
        let run = self.ground.runs().current().await;
        self.say(format!("the last run: {run:?}"));
        let wrongs = self.verdict().await;
        if wrongs.is_empty() { Ok(()) } else { Err(wrongs.join("\n")) }
    }
}
