//! The real service, on a private Redis, pointed at the pretend sides.

use std::{collections::BTreeMap, io::ErrorKind, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    app::{
        self, Credentials, Listeners, Roles,
        foundation::{Foundation, StartError},
    },
    claim::Tools,
    cli::apply_declared,
    config::{Settings, declared::Declared},
    store::current::Current,
};

use super::{
    pace::Pace,
    world::{CLIENT, World},
};

/// The name of the demonstration's sync.
pub const SYNC: &str = "phone";
/// Its label in Google.
pub const LABEL: &str = "Clients";
const CRM: &str = "crm";

/// The running service.
pub struct Service {
    /// What a command beside the service stands on.
    pub beside: Foundation,
    /// Ends when the service does, asked or not.
    pub ended: CancellationToken,
    settings: Settings,
    credentials: Credentials,
    stop: CancellationToken,
    task: JoinHandle<Result<(), StartError>>,
}

impl Service {
    /// Starts it and waits until it runs.
    pub async fn start(
        dir: &Path,
        listen: SocketAddr,
        pace: &Pace,
        world: &World,
        log: Option<String>,
    ) -> anyhow::Result<Self> {
        let public = TcpListener::bind(listen).await.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                anyhow::anyhow!("{listen} is taken by another program; choose another address with --listen")
            }
            _ => anyhow::anyhow!("{listen} cannot be listened on: {error}"),
        })?;
        let settings = settings(dir, public.local_addr()?, pace, world, log)?;
        let foundation = Foundation::open(&settings).await?;
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let (ready, is_ready) = oneshot::channel();
        let task = tokio::spawn({
            let (settings, stop, ended) = (settings.clone(), stop.clone(), ended.clone().drop_guard());
            async move {
                let _ended = ended;
                let listeners = Listeners { public, admin: None };
                let ready = |credentials: &Credentials| drop(ready.send(credentials.clone()));
                app::serve_on(foundation, settings, listeners, Roles { web: true, work: true }, stop, ready).await
            }
        });
        let Ok(credentials) = is_ready.await else {
            task.await.context("the service stopped")??;
            anyhow::bail!("the service stopped before it ran");
        };
        let beside = Foundation::open(&settings).await?;
        Ok(Self { beside, ended, settings, credentials, stop, task })
    }

    /// Connects both sides. No timer yet: the preview comes before anything is written.
    pub async fn connect(&self, world: &World) -> anyhow::Result<()> {
        self.apply(world, "off").await?;
        world.post_webhooks_to(&format!("{}/webhooks/{CRM}", self.settings.public_url)).await
    }

    /// Repairs every hour from now on, as a service does that is left alone.
    pub async fn repair_hourly(&self, world: &World) -> anyhow::Result<()> {
        self.apply(world, "1h").await
    }

    async fn apply(&self, world: &World, every: &str) -> anyhow::Result<()> {
        let declared: Declared = serde_json::from_value(json!({
            "crm": [{
                "name": CRM, "kind": "highlevel", "app_id": world.app_id, "public_keys": [world.signing_key],
                "account": [{"id": world.location, "token": world.crm_token, "region": "CA"}],
            }],
            "google": [{"name": "office", "refresh_token": world.refresh_token}],
            "sync": [{
                "name": SYNC, "crm": format!("{CRM}/{}", world.location), "google": "office", "label": LABEL, "every": every,
            }],
        }))?;
        apply_declared(&self.beside, &self.settings, declared).await?;
        Ok(())
    }

    /// The configuration now.
    pub async fn current(&self) -> anyhow::Result<Arc<Current>> {
        Ok(Arc::new(self.beside.current(self.beside.installation().clone()).await?))
    }

    /// What a preview works with.
    pub fn tools(&self, current: &Arc<Current>) -> anyhow::Result<Arc<Tools>> {
        crate::cli::tools::tools(&self.beside, &self.settings, current)
    }

    /// Where everything is, for a person who wants to play on.
    pub fn describe(&self, world: &World) -> String {
        format!(
            "The service keeps running until you press Ctrl-C.\n\
             Carnet           {}\n\
             admin password   {}\n\
             API token        {}\n\
             pretend CRM      {}/control/\n\
             pretend Google   {}/control/",
            self.settings.public_url,
            self.credentials.password.expose_secret(),
            self.credentials.api_token.expose_secret(),
            world.crm.url,
            world.google.url,
        )
    }

    /// Ends it in order; says so if it had ended by itself.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let by_itself = self.ended.is_cancelled();
        self.stop.cancel();
        (&mut self.task).await.context("the service broke down")??;
        anyhow::ensure!(!by_itself, "the service stopped by itself");
        Ok(())
    }
}

/// Everything of its own: what is configured for a real service on this machine stays out of a demonstration.
fn settings(
    dir: &Path,
    listen: SocketAddr,
    pace: &Pace,
    world: &World,
    log: Option<String>,
) -> anyhow::Result<Settings> {
    let google = |path: &str| Url::parse(&format!("{}{path}", world.google.url));
    Ok(Settings {
        listen,
        public_url: format!("http://{listen}"),
        data_dir: dir.to_owned(),
        google_client_id: Some(CLIENT.0.to_owned()),
        google_client_secret: Some(CLIENT.1.into()),
        google_api_url: google("/")?,
        google_auth_url: google("/o/oauth2/v2/auth")?,
        google_token_url: google("/token")?,
        google_userinfo_url: google("/userinfo")?,
        highlevel_api_url: Url::parse(&world.crm.url)?,
        log,
        tune: pace.tune(),
        ..Settings::from_texts(BTreeMap::new())?
    })
}
