//! `carnet sim`: the simulators, each by itself.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::simulate::{crm, google};

use super::{control::Control, output, serve::stop_on_signal};

/// A pretend Google or CRM.
#[derive(Debug, Args)]
pub struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A pretend Google: People API, OAuth, and a control API under /control.
    Google(Google),
    /// A pretend HighLevel: contacts API, OAuth, signed webhooks, and a control API under /control.
    Crm(Crm),
}

#[derive(Debug, Args)]
struct Google {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// OAuth client that Carnet is configured with.
    #[arg(long, value_name = "ID", default_value = "carnet-sim")]
    client_id: String,
    /// Its secret.
    #[arg(long, value_name = "SECRET", default_value = "carnet-sim-secret")]
    client_secret: String,
    /// A quota, size or delay, such as `critical_writes_per_minute=30`; may be repeated.
    #[arg(long, value_name = "NAME=NUMBER")]
    limit: Vec<String>,
}

#[derive(Debug, Args)]
struct Crm {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8182")]
    listen: SocketAddr,
    /// Seed of everything random, the signing key included.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where webhooks go, such as `http://127.0.0.1:8080/webhooks/crm`; can be set later at /control/webhooks.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// The marketplace app, named in every event.
    #[arg(long, value_name = "ID")]
    app_id: Option<String>,
    /// Requests per 10 virtual seconds for each location.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate_limit: u32,
    /// Virtual milliseconds until a change shows in the search.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    index_lag_ms: u64,
    /// Milliseconds between two attempts of a webhook that was answered 429.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    retry_spacing_ms: u64,
    /// Attempts after the first.
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
    /// Answer 400 instead of 404 for a contact that does not exist, as some accounts report.
    #[arg(long)]
    unknown_is_400: bool,
}

impl Sim {
    pub async fn run(self, json: bool) -> anyhow::Result<()> {
        let stop = stop_on_signal()?;
        match self.command {
            Command::Google(google) => google.run(stop, json).await,
            Command::Crm(crm) => crm.run(stop, json).await,
        }
    }
}

impl Google {
    async fn run(self, stop: CancellationToken, json: bool) -> anyhow::Result<()> {
        let limits = limits(&self.limit)?;
        let (listener, control) = listen(self.listen).await?;
        let (client_id, client_secret) = (self.client_id.clone(), self.client_secret.clone());
        let options = google::Options { client_id, client_secret, seed: self.seed, limits };
        let serving = tokio::spawn(google::serve(listener, options, stop));
        let account = control.post("accounts", &json!({})).await?;
        let url = &control.url;
        let shown = json!({
            "control": format!("{url}/control/"),
            "environment": {
                "CARNET_GOOGLE_API_URL": format!("{url}/"),
                "CARNET_GOOGLE_AUTH_URL": format!("{url}/o/oauth2/v2/auth"),
                "CARNET_GOOGLE_TOKEN_URL": format!("{url}/token"),
                "CARNET_GOOGLE_USERINFO_URL": format!("{url}/userinfo"),
                "CARNET_GOOGLE_CLIENT_ID": self.client_id,
                "CARNET_GOOGLE_CLIENT_SECRET": self.client_secret,
            },
            "account": account,
        });
        output::print(json, &shown, |shown| lines("A pretend Google is running, with one empty account", shown))?;
        Ok(serving.await??)
    }
}

impl Crm {
    async fn run(self, stop: CancellationToken, json: bool) -> anyhow::Result<()> {
        let (listener, control) = listen(self.listen).await?;
        let options = self.options();
        let pem = crm::public_key_pem(options.seed);
        let mut shown = json!({
            "control": format!("{}/control/", control.url),
            "environment": {"CARNET_HIGHLEVEL_API_URL": control.url},
            "app": {"app_id": options.app_id, "client_id": options.client_id, "client_secret": options.client_secret},
        });
        let serving = tokio::spawn(crm::serve(listener, options, stop));
        shown["account"] = control.post("locations", &json!({})).await?;
        shown["signing key"] = json!({"pem": pem});
        output::print(json, &shown, |shown| lines("A pretend HighLevel is running, with one empty location", shown))?;
        Ok(serving.await??)
    }

    fn options(self) -> crm::Options {
        let standard = crm::Options::default();
        let app_id = self.app_id.unwrap_or(standard.app_id);
        crm::Options {
            seed: self.seed,
            webhook_url: self.webhook_url,
            client_id: format!("{app_id}-sim"),
            app_id,
            rate_limit: self.rate_limit,
            index_lag: Duration::from_millis(self.index_lag_ms),
            retry_spacing: Duration::from_millis(self.retry_spacing_ms),
            retries: self.retries,
            unknown_contact: if self.unknown_is_400 { 400 } else { 404 },
            ..standard
        }
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, Control)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on; choose another address with --listen"))?;
    let control = Control::of(listener.local_addr()?)?;
    Ok((listener, control))
}

/// The standard limits with some replaced.
fn limits(given: &[String]) -> anyhow::Result<google::Limits> {
    let mut limits = serde_json::to_value(google::Limits::default())?;
    for one in given {
        let (name, number) = one.split_once('=').with_context(|| format!("--limit {one} is not NAME=NUMBER"))?;
        let number: u64 = number.parse().with_context(|| format!("--limit {one} is not NAME=NUMBER"))?;
        anyhow::ensure!(limits.get(name).is_some(), "there is no limit {name}; there are: {}", names(&limits));
        limits[name] = number.into();
    }
    Ok(serde_json::from_value(limits)?)
}

fn names(limits: &Value) -> String {
    limits.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What a person copies: single values first, then sections under their names.
fn lines(head: &str, shown: &Value) -> String {
    let parts = || shown.as_object().into_iter().flatten();
    let single = parts().filter_map(|(name, part)| Some(format!("  {name:20} {}", part.as_str()?)));
    let mut lines: Vec<String> = std::iter::once(head.to_owned()).chain(single).collect();
    for (name, part) in parts() {
        let Some(values) = part.as_object() else { continue };
        lines.push(format!("\n{name}"));
        lines.extend(values.iter().map(|(key, value)| match (name.as_str(), value.as_str()) {
            ("environment", Some(text)) => format!("  {key}={text}"),
            (_, Some(text)) if text.contains('\n') => text.trim_end().to_owned(),
            (_, Some(text)) => format!("  {key:20} {text}"),
            (_, None) => format!("  {key:20} {value}"),
        }));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_replaced_by_name_and_a_misspelt_one_names_those_there_are() {
        let changed = limits(&["critical_writes_per_minute=7".into()]).expect("a limit");
        assert_eq!((changed.critical_writes_per_minute, changed.critical_reads_per_minute), (7, 90));
        for wrong in ["writes", "writes=many", "wirtes_per_minute=1"] {
            limits(&[wrong.into()]).expect_err(wrong);
        }
        assert!(limits(&["x=1".into()]).expect_err("unknown").to_string().contains("writes_per_minute"));
    }
}
