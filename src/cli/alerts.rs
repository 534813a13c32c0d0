//! `carnet alerts`: what is wrong now, and whether alerts arrive.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    alerts::{Channel, Channels, Notice, Open, list},
    config::Settings,
    store::seal::random_text,
};

use super::{desk::opened, output};

/// Alerts.
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is wrong now, and what to do about it.
    List,
    /// Send a test to the webhook and the mailboxes that are configured.
    Test,
}

impl Alerts {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        match self.command {
            Command::List => {
                opened(&settings, async |foundation, _| {
                    output::print(json, &list(&foundation.pool).await?, |all| listed(all))
                })
                .await
            }
            Command::Test => test(&settings, json).await,
        }
    }
}

fn listed(alerts: &[Open]) -> String {
    if alerts.is_empty() {
        return "Nothing is wrong that Carnet knows of.".to_owned();
    }
    let told = |alert: &Open| {
        let since = alert.since.strftime("%Y-%m-%d %H:%M UTC");
        format!("{}\n  since {since} ({})\n  {}", alert.sentence, alert.kind.code(), alert.to_do)
    };
    alerts.iter().map(told).collect::<Vec<_>>().join("\n\n")
}

async fn test(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let channels = Channels::build(settings)?;
    let there: Vec<Channel> = channels.names().into_iter().filter(|channel| *channel != Channel::Log).collect();
    anyhow::ensure!(
        !there.is_empty(),
        "alerts go to the log only; set CARNET_ALERT_WEBHOOK_URL, or CARNET_ALERT_SMTP_URL, to send them elsewhere too"
    );
    let now = jiff::Timestamp::now();
    let notice = [Notice::test(&random_text(8)?, now)];
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for channel in there {
        match channels.tell(channel, &notice, now).await.1 {
            None => sent.push(channel.name()),
            Some(why) => failed.push(format!("{}: {why}", channel.name())),
        }
    }
    anyhow::ensure!(failed.is_empty(), "the test was not taken by {}", failed.join("; by "));
    output::print(json, &json!({ "sent": sent }), |_| format!("Sent by {}.", sent.join(" and ")))
}
