//! `carnet serve`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{
        self, Credentials, Listeners, Roles,
        foundation::{Foundation, StartError},
    },
    config::Settings,
};

/// Between two looks for a Redis that is not there.
const LOOKS_AGAIN: Duration = Duration::from_millis(500);

/// Run the service.
#[derive(Debug, Args)]
pub struct Serve {
    /// Run one role only: several processes may share a Redis.
    #[arg(long, value_enum)]
    only: Option<Role>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Webhooks and admin.
    Web,
    /// Dispatch, workers, reconcile.
    Work,
}

impl Serve {
    pub async fn run(self, settings: Settings) -> anyhow::Result<()> {
        let roles = match self.only {
            None => Roles { web: true, work: true },
            Some(Role::Web) => Roles { web: true, work: false },
            Some(Role::Work) => Roles { web: false, work: true },
        };
        let stop = stop_on_signal()?;
        let mut told = String::new();
        // A Redis that restarts at the same time as we do is waited for: a service that ended would come back late, or never.
        while let Err(error) = serve(&settings, roles, &stop).await {
            let Some(passes) = error.downcast_ref::<StartError>().filter(|error| error.may_pass()) else {
                return Err(error);
            };
            if told != passes.to_string() {
                told = passes.to_string();
                tracing::error!(reason = %told, "carnet starts as soon as Redis can be used");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOKS_AGAIN) => {}
            }
        }
        Ok(())
    }
}

async fn serve(settings: &Settings, roles: Roles, stop: &CancellationToken) -> anyhow::Result<()> {
    let foundation = if roles.work { Foundation::open(settings).await? } else { Foundation::join(settings).await? };
    let listeners = listen(settings).await?;
    let address = settings.public_url.clone();
    let ready = move |credentials: &Credentials| {
        tracing::info!(%address, "carnet is running");
        // What the operator has set is nobody's business here.
        let made = [
            ("admin password", credentials.is_password_new, &credentials.password),
            ("API token     ", credentials.is_token_new, &credentials.api_token),
        ];
        let mut made = made.into_iter().filter(|(_, is_new, _)| *is_new).peekable();
        if made.peek().is_some() {
            eprintln!("Made on this first start, and not shown again:");
        }
        made.for_each(|(what, _, secret)| eprintln!("  {what}  {}", secret.expose_secret()));
    };
    Ok(app::serve_on(foundation, settings.clone(), listeners, roles, stop.clone(), ready).await?)
}

/// Opens the listeners of the settings.
pub async fn listen(settings: &Settings) -> anyhow::Result<Listeners> {
    let open = async |address: std::net::SocketAddr| {
        TcpListener::bind(address).await.map_err(|e| anyhow::anyhow!("{address} cannot be listened on: {e}"))
    };
    let admin = match settings.admin_listen {
        Some(address) => Some(open(address).await?),
        None => None,
    };
    Ok(Listeners { public: open(settings.listen).await?, admin })
}

/// A token that SIGTERM and SIGINT cancel.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}
