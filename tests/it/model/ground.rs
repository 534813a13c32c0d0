//! What a day is played on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use carnet::{
    queue::event::Event,
    store::{current::SyncSpec, keys::CrmKeys, pool::Pool, registry::Refusal, runs::Runs},
};
use rand::rngs::StdRng;
use serde_json::Value;

use crate::world::World;

/// The service under test with the world around it.
pub trait Ground {
    /// A new CRM account and a new Google account in these modes, connected by a sync with these further lines.
    async fn renew(&mut self, lines: &str, modes: &Value);

    /// Both simulators.
    fn world(&self) -> &World;

    /// The service's Redis.
    fn pool(&self) -> &Pool;

    /// The only sync.
    fn sync(&self) -> Arc<SyncSpec>;

    /// What stays as its owner left it.
    async fn refusals(&self) -> BTreeMap<String, Refusal>;

    /// Whether webhooks come in by [`Ground::receive`]; else the CRM sends them.
    fn is_told_by_us(&self) -> bool;

    /// What Google's bad moments answer.
    fn refusals_of_google(&self) -> &'static [u16];

    /// Events come in.
    async fn receive(&mut self, events: &[Event]);

    /// The service gets a moment; what it did, in words.
    async fn work(&mut self) -> String;

    /// A full reconcile.
    async fn reconcile(&mut self);

    /// The service is killed somewhere, and another takes over; whether it was busy, and what happened, in words.
    async fn killed(&mut self, rng: &mut StdRng) -> (bool, String);

    /// Time passes.
    async fn pass(&mut self, time: Duration);

    /// Works until nothing is due any more, or says why that does not end.
    async fn quiet(&mut self) -> Result<(), String>;

    /// Runs of the sync.
    fn runs(&self) -> Runs {
        let sync = self.sync();
        Runs::new(self.pool().clone(), CrmKeys::new(&sync.account.key), &sync.id)
    }
}
