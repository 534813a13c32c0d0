//! The composition root: puts the parts together and runs them until told to stop. `carnet serve`, the demo and the tests
//! all start here.

mod dispatcher;
pub mod foundation;
mod http;
mod keeper;
mod places;
mod request;
mod rest;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware};
use secrecy::SecretString;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admin::{self, access::Access, health::Health},
    alerts::{Channels, Watch},
    caller::ShutOut,
    claim::Tools,
    config::Settings,
    queue::{door::Door, streaks::Streaks},
    receive::{self, BadCrm, Doors, Receive},
    reconcile::Reconciler,
    store::{
        current::Current,
        durability::{self, Worth},
        registry::RegistryError,
        seal::random_text,
    },
    telemetry,
    work::{Bell, Workers},
};

use foundation::{Foundation, StartError};

/// Which parts of the service this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Webhooks and admin.
    pub web: bool,
    /// Dispatch, workers, reconcile.
    pub work: bool,
}

/// Where HTTP is served.
pub struct Listeners {
    /// Webhooks, OAuth callback, connect links; all, when there is no other.
    pub public: TcpListener,
    /// The admin side.
    pub admin: Option<TcpListener>,
}

/// What was generated on the first start and must be shown once.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Password of the admin pages.
    pub password: SecretString,
    /// Bearer token of the API.
    pub api_token: SecretString,
    /// Whether the password was made just now.
    pub is_password_new: bool,
    /// Whether the token was.
    pub is_token_new: bool,
}

/// Work in flight may take this long once told to stop; leases outlive it only if the process is killed.
const STOPS_WITHIN: Duration = Duration::from_secs(9);

/// Runs the service until `stop`.
pub async fn serve(
    settings: Settings,
    listeners: Listeners,
    roles: Roles,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let foundation = Foundation::open(&settings).await?;
    serve_on(foundation, settings, listeners, roles, stop, |_| {}).await
}

/// Runs the service on an opened foundation; `ready` is called once everything is running.
pub async fn serve_on(
    mut foundation: Foundation,
    settings: Settings,
    listeners: Listeners,
    roles: Roles,
    stop: CancellationToken,
    ready: impl FnOnce(&Credentials),
) -> Result<(), StartError> {
    telemetry::metrics();
    let channels = Channels::build(&settings)?;
    say_what_redis_keeps(&foundation).await;
    // Until everything is there the private Redis ends with an error; afterwards it stops last: everything else still writes to
    // it while it ends.
    let local = foundation.local.take();
    let credentials = credentials(&settings, &foundation).await?;
    let parts = Parts::build(foundation, settings, &credentials, &stop).await?;
    let redis_stop = CancellationToken::new();
    let redis = tokio::spawn({
        let redis_stop = redis_stop.clone();
        async move {
            if let Some(local) = local {
                local.supervise(redis_stop).await;
            }
        }
    });
    let tasks = TaskTracker::new();
    parts.start(&tasks, roles, listeners, channels, &stop);
    ready(&credentials);
    tasks.close();
    stop.cancelled().await;
    tracing::info!("stopping: no new work, what is in flight is finished");
    if tokio::time::timeout(STOPS_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!("some work did not end in time; its lease will run out");
    }
    redis_stop.cancel();
    redis.await.ok();
    Ok(())
}

/// An operator whose Redis may lose what was acknowledged shall know before it does.
async fn say_what_redis_keeps(foundation: &Foundation) {
    // A Redis that is not there is the keeper's to tell.
    let Ok(mut connection) = foundation.pool.get().await else { return };
    for found in durability::look(&mut connection).await {
        match found.worth {
            Worth::Good => tracing::debug!(about = found.about, "{}", found.says),
            Worth::Doubtful => tracing::warn!(about = found.about, "{} {}", found.says, found.todo),
            Worth::Bad => tracing::error!(about = found.about, "{} {}", found.says, found.todo),
        }
    }
}

/// Starts dispatch, workers and reconcile without HTTP, for a command that needs them. Stops with `stop`.
pub async fn work_in_background(
    foundation: Foundation,
    settings: Settings,
    stop: CancellationToken,
) -> Result<TaskTracker, StartError> {
    let credentials = credentials(&settings, &foundation).await?;
    let tasks = TaskTracker::new();
    let mut foundation = foundation;
    if let Some(local) = foundation.local.take() {
        tasks.spawn(local.supervise(stop.clone()));
    }
    Parts::build(foundation, settings, &credentials, &stop).await?.start_work(&tasks, &stop);
    tasks.close();
    Ok(tasks)
}

struct Parts {
    settings: Arc<Settings>,
    doors: Arc<Doors>,
    keeper: keeper::Keeper,
    door: Arc<Door>,
    current: watch::Receiver<Arc<Current>>,
    tools: Arc<Tools>,
    health: Health,
    password: SecretString,
    shut_out: Arc<ShutOut>,
}

impl Parts {
    async fn build(
        foundation: Foundation,
        settings: Settings,
        credentials: &Credentials,
        stop: &CancellationToken,
    ) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        let installation = foundation.installation().clone();
        let current = foundation.current(installation).await?;
        // A webhook that cannot be checked must not be open: better not to start.
        let doors = Arc::new(doors(&current).map_err(|e| StartError::Declared(e.to_string()))?);
        let (sender, current) = watch::channel(Arc::new(current));
        let door = Arc::new(Door::new(foundation.pool.clone()));
        door.set_forgotten(&current.borrow().forgotten);
        let guard = Arc::new(foundation.guard);
        let tools = Arc::new(Tools::build(
            settings.clone(),
            foundation.pool.clone(),
            foundation.registry.clone(),
            guard.clone(),
            foundation.highwater,
            current.clone(),
            stop.clone(),
        )?);
        let shut_out = Arc::new(ShutOut::new((&settings.tune).into()));
        let health = Health {
            pool: foundation.pool.clone(),
            door: door.clone(),
            current: current.clone(),
            access: Access {
                main: credentials.api_token.clone(),
                current: current.clone(),
                clock: foundation.pool.clock.clone(),
            },
            shut_out: shut_out.clone(),
        };
        let keeper = keeper::Keeper {
            settings: settings.clone(),
            pool: foundation.pool.clone(),
            registry: foundation.registry,
            guard,
            door: door.clone(),
            current: sender,
            found: foundation.found,
            name: random_text(6).map_err(StartError::Seal)?,
        };
        let password = credentials.password.clone();
        Ok(Self { settings, doors, keeper, door, current, tools, health, password, shut_out })
    }

    fn start(
        self,
        tasks: &TaskTracker,
        roles: Roles,
        listeners: Listeners,
        channels: Channels,
        stop: &CancellationToken,
    ) {
        let streaks = Arc::new(Streaks::new(self.tools.pool.clock.clone()));
        let watch = Watch { tools: self.tools.clone(), channels, streaks: streaks.clone() };
        tasks.spawn(watch.run(stop.clone()));
        let doors = watch_doors(tasks, self.doors.clone(), self.current.clone(), stop.clone());
        let limits = (&self.settings.tune).into();
        let (door, shut_out) = (self.door.clone(), self.shut_out.clone());
        let receive = Receive::new(doors, door, streaks, &self.settings.public_url, limits, shut_out);
        let health = admin::health::router(self.health.clone());
        let serve = |listener: TcpListener, routes: Router| {
            tasks.spawn(http::serve(listener, routes, self.settings.clone(), stop.clone()));
        };
        let patience = request::Patience::new(self.settings.tune.body_timeout, tasks.clone());
        let patient =
            |routes: Router| routes.layer(middleware::from_fn_with_state(patience.clone(), request::body_within));
        if roles.web {
            let public = receive::router(receive).merge(patient(admin::connect::router(self.tools.clone())));
            let api = admin::api::router(self.tools.clone(), self.health.access.clone(), self.shut_out.clone());
            let home = admin::home::router(self.tools.clone(), self.password.clone(), self.shut_out.clone());
            let admin_routes = patient(health.merge(home).merge(api));
            match listeners.admin {
                Some(listener) => {
                    serve(listener, admin_routes);
                    // Whoever probes the port of the webhooks asks there.
                    serve(listeners.public, public.merge(admin::health::alive()));
                }
                None => serve(listeners.public, public.merge(admin_routes)),
            }
        } else {
            // A worker alone still answers probes.
            serve(listeners.public, patient(health));
        }
        if roles.work {
            self.start_work(tasks, stop);
        } else {
            tasks.spawn(self.keeper.run(stop.clone()));
        }
    }

    fn start_work(self, tasks: &TaskTracker, stop: &CancellationToken) {
        tasks.spawn(self.keeper.run(stop.clone()));
        let bell = Arc::new(Bell::default());
        let dispatcher = dispatcher::Dispatcher {
            settings: self.settings,
            pool: self.tools.pool.clone(),
            door: self.door,
            current: self.current,
            bell: bell.clone(),
        };
        tasks.spawn(dispatcher.run(stop.clone()));
        tasks.spawn(Workers::new(self.tools.clone(), bell.clone()).run(stop.clone()));
        tasks.spawn(Reconciler::new(self.tools, bell).run(stop.clone()));
    }
}

/// Keeps the door's verifiers in step with the configuration.
fn watch_doors(
    tasks: &TaskTracker,
    first: Arc<Doors>,
    mut current: watch::Receiver<Arc<Current>>,
    stop: CancellationToken,
) -> watch::Receiver<Arc<Doors>> {
    let (sender, receiver) = watch::channel(first);
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = current.changed() => if changed.is_err() { return },
            }
            match doors(&current.borrow_and_update()) {
                Ok(doors) => drop(sender.send_replace(Arc::new(doors))),
                // What was checked before goes on being checked as before.
                Err(error) => tracing::error!(%error, "the changed CRMs cannot be used; the earlier ones stay"),
            }
        }
    });
    receiver
}

/// Verifiers for every CRM, or why not.
fn doors(current: &Current) -> Result<Doors, BadCrm> {
    let crms: Vec<_> = current.crms.iter().map(|c| (**c).clone()).collect();
    Doors::build(&crms)
}

async fn credentials(settings: &Settings, foundation: &Foundation) -> Result<Credentials, StartError> {
    let sealer = foundation.registry.sealer().clone();
    let mut made = Ok(Credentials::default());
    foundation
        .registry
        .change(&foundation.installation().id, |registry| {
            let before = registry.generated.len();
            let mut value = |set: &Option<SecretString>, name: &str| match set {
                Some(value) => Ok((value.clone(), false)),
                None => registry.generated(&sealer, name),
            };
            made = value(&settings.admin_password, "admin_password").and_then(|(password, is_password_new)| {
                let (api_token, is_token_new) = value(&settings.api_token, "api_token")?;
                Ok(Credentials { password, api_token, is_password_new, is_token_new })
            });
            registry.generated.len() > before
        })
        .await?;
    Ok(made.map_err(RegistryError::from)?)
}
