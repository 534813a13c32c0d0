//! Keeps the running process in step with Redis: is it still ours, and has the configuration changed? And with the machine's
//! clock.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Settings,
    queue::{
        door::Door,
        retention::{backlog, waiting_bodies},
    },
    store::{
        StoreError,
        clock::Jump,
        current::Current,
        installation::{Found, Guard},
        keys::CrmKeys,
        pool::Pool,
        presence::{self, Process},
        registry::RegistryStore,
        runs::Runs,
    },
};

/// Looks with every sweep, until stopped.
pub struct Keeper {
    pub(super) settings: Arc<Settings>,
    pub(super) pool: Pool,
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
        let mut measured: Option<Instant> = None;
        say(&self.found);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = sweep.tick() => {}
            }
            self.follow_the_clock().await;
            match self.look().await {
                Ok(()) => {
                    if !trouble.is_empty() {
                        tracing::info!("Redis is usable again");
                        trouble.clear();
                    }
                    // Measuring is not needed with every sweep.
                    if measured.is_none_or(|at| at.elapsed() > self.settings.tune.sweep * 30) {
                        measured = Some(Instant::now());
                        self.measure().await;
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
        presence::leave(&self.pool, &self.name).await.ok();
    }

    /// Whether events of a CRM account pile up, for the door of this process: workers may be away, or a sync may stand still.
    async fn measure(&self) {
        let (current, tune) = (self.current.borrow().clone(), &self.settings.tune);
        for (account, known) in &current.accounts {
            let keys = CrmKeys::new(account);
            let measured = async {
                let (_, waiting) = backlog(&self.pool, &keys).await?;
                let bodies = if known.is_limited() { waiting_bodies(&self.pool, &keys).await? } else { 0 };
                Ok::<_, StoreError>(waiting >= tune.stream_max || bodies >= tune.bodies_max)
            };
            match measured.await {
                Ok(is_full) => self.door.set_full(account, is_full),
                Err(error) => tracing::debug!(%error, %account, "what waits could not be measured"),
            }
        }
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
        presence::say(&self.pool, &self.name, &process).await
    }

    /// A clock that was set is said, and what waits for a time that is now far away is looked at now: to be early does no harm.
    async fn follow_the_clock(&self) {
        let tune = &self.settings.tune;
        let settles = tune.propagation * 2 + tune.google_timeout;
        match self.pool.clock.follow(settles) {
            None => {}
            Some(Jump::Followed) => tracing::info!("the machine's clock is followed"),
            Some(Jump::Forward(ms)) => tracing::error!(
                "this machine's clock was set forward by {} s; Carnet follows it in {} s, if it stays so: have it set by the network (NTP)",
                seconds(ms),
                settles.as_secs()
            ),
            Some(Jump::Back(ms)) => {
                tracing::error!(
                    "this machine's clock was set back by {} s; what waits is looked at now: have it set by the network (NTP)",
                    seconds(ms)
                );
                if let Err(error) = self.hurry().await {
                    tracing::warn!(%error, "what waits goes on waiting for its time");
                }
            }
        }
    }

    async fn hurry(&self) -> Result<(), StoreError> {
        let current = self.current.borrow().clone();
        for sync in &current.syncs {
            Runs::new(self.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id).hurry().await?;
        }
        Ok(())
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

fn seconds(ms: i64) -> i64 {
    (ms + 500) / 1000
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
