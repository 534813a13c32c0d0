//! Keeps the running process in step with Redis: is it still ours, and has the configuration changed?

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    queue::door::Door,
    store::{
        StoreError,
        current::Current,
        installation::{Found, Guard},
        presence::{self, Process},
        registry::RegistryStore,
    },
};

/// Looks with every sweep, until stopped.
pub struct Keeper {
    pub(super) settings: Arc<Settings>,
    pub(super) registry: RegistryStore,
    pub(super) guard: Arc<Guard>,
    pub(super) door: Arc<Door>,
    pub(super) current: watch::Sender<Arc<Current>>,
    /// What the check at the start found.
    pub(super) found: Found,
    /// Names this process among those that run.
    pub(super) name: String,
}

impl Keeper {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(self.settings.tune.sweep);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut trouble = String::new();
        say(&self.found);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = sweep.tick() => {}
            }
            match self.look().await {
                Ok(()) => {
                    if !trouble.is_empty() {
                        tracing::info!("Redis is usable again");
                        trouble.clear();
                    }
                    self.door.set_open(true);
                    if let Err(error) = self.be_present().await {
                        tracing::debug!(%error, "this process could not say that it runs");
                    }
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
        // One that does not get to say so is forgotten soon after.
        presence::leave(self.registry.pool(), &self.name).await.ok();
    }

    async fn be_present(&self) -> Result<(), StoreError> {
        let process = Process {
            host: std::env::var("HOSTNAME").unwrap_or_default(),
            pid: std::process::id(),
            revision: self.current.borrow().revision,
            keys: self.registry.sealer().ids(),
            snapshot: self.registry.key_of_file(),
            ..Process::default()
        };
        presence::say(self.registry.pool(), &self.name, &process).await
    }

    async fn look(&self) -> Result<(), String> {
        // A key that was added to the file, or taken out of it.
        self.registry.sealer().refresh().map_err(|e| e.to_string())?;
        let found = self.guard.check().await.map_err(|e| e.to_string())?;
        let installation = found.installation().clone();
        let revision = self.registry.revision().await.map_err(|e| e.to_string())?;
        let known = self.current.borrow().clone();
        // Emptied, or gone back, since the check a moment ago: what is there now is not our configuration. The next check mends it.
        if revision < known.revision {
            return Err("Redis lost the configuration a moment ago".to_owned());
        }
        if known.revision != revision || known.installation != installation {
            let registry = self.registry.load().await.map_err(|e| e.to_string())?;
            let current =
                Current::open(&registry, installation.clone(), self.registry.sealer()).map_err(|e| e.to_string())?;
            self.door.set_forgotten(&current.forgotten);
            self.current.send_replace(Arc::new(current));
            tracing::info!(revision, epoch = installation.epoch, "configuration loaded");
        }
        say(&found);
        Ok(())
    }
}

/// The reconcile that finds again what was lost is begun by the reconciler, who sees the new epoch.
fn say(found: &Found) {
    let what = match found {
        Found::Emptied(_) => "Redis was emptied",
        Found::WentBack(_) => "Redis went back in time",
        Found::Same(_) | Found::New(_) => return,
    };
    let epoch = found.installation().epoch;
    tracing::error!(epoch, "{what}; every Google account is listed anew before anything is created");
}
