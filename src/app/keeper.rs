//! Keeps the running process in step with Redis: is it still ours, and has the configuration changed?

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    queue::door::Door,
    store::{current::Current, installation::Guard, keys::CrmKeys, pool::Pool, registry::RegistryStore, runs::Runs},
};

/// Looks with every sweep, until stopped.
pub struct Keeper {
    pub(super) settings: Arc<Settings>,
    pub(super) pool: Pool,
    pub(super) registry: RegistryStore,
    pub(super) guard: Arc<Guard>,
    pub(super) door: Arc<Door>,
    pub(super) current: watch::Sender<Arc<Current>>,
}

impl Keeper {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(self.settings.tune.sweep);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut trouble = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = sweep.tick() => {}
            }
            match self.look().await {
                Ok(()) => {
                    if !trouble.is_empty() {
                        tracing::info!("Redis is usable again");
                        trouble.clear();
                    }
                    self.door.set_open(true);
                }
                Err(said) => {
                    // Until Redis is known to be ours, events are refused with 429 rather than stored in the wrong place.
                    self.door.set_open(false);
                    if said != trouble {
                        tracing::error!(reason = %said, "webhooks are refused with 429 until this is mended");
                        trouble = said;
                    }
                }
            }
        }
    }

    async fn look(&self) -> Result<(), String> {
        let found = self.guard.check().await.map_err(|e| e.to_string())?;
        let installation = found.installation().clone();
        let revision = self.registry.revision().await.map_err(|e| e.to_string())?;
        let known = self.current.borrow().clone();
        if known.revision != revision || known.installation != installation {
            let registry = self.registry.load().await.map_err(|e| e.to_string())?;
            let current =
                Current::open(&registry, installation.clone(), self.registry.sealer()).map_err(|e| e.to_string())?;
            self.current.send_replace(Arc::new(current));
            tracing::info!(revision, epoch = installation.epoch, "configuration loaded");
        }
        self.make_up().await
    }

    /// Whatever Redis lost is found again by a reconcile: of every sync that was declared before this epoch began and has not
    /// had one asked for since. Whoever noticed the loss, this sees it from what is stored.
    async fn make_up(&self) -> Result<(), String> {
        let current = self.current.borrow().clone();
        let epoch = current.installation.epoch;
        for sync in current.syncs.iter().filter(|s| s.epoch < epoch) {
            let runs = Runs::new(self.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
            if runs.epoch().await.map_err(|e| e.to_string())?.is_none_or(|done| done < epoch) {
                tracing::error!(sync = %sync.spec.name, epoch, "Redis was lost or went back; everything is compared anew");
                runs.want("redis").await.map_err(|e| e.to_string())?;
                runs.set_epoch(epoch).await.map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }
}
