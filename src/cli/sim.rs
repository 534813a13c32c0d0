//! `carnet sim`: the simulators, each by itself.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use super::serve::stop_on_signal;

/// A pretend Google or CRM.
#[derive(Debug, Args)]
pub struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A pretend Google: People API, OAuth, and a control API under /control.
    Google {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8181")]
        listen: SocketAddr,
        /// Seed of everything random.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

impl Sim {
    pub async fn run(self) -> anyhow::Result<()> {
        let stop = stop_on_signal()?;
        match self.command {
            Command::Google { listen, seed } => {
                let _ = (TcpListener::bind(listen).await?, seed, stop);
                Ok(())
            }
        }
    }
}
