//! `carnet alive`: for health checks of containers, in which there is nothing else that could ask.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::json;

use crate::config::Settings;

use super::output;

/// A health check's own limit is a second more.
const WITHIN: Duration = Duration::from_secs(2);

/// Asks `/healthz` of the service that runs with these settings on this machine.
pub async fn run(settings: Settings, json: bool) -> anyhow::Result<()> {
    let url = format!("http://{}/healthz", on_this_machine(settings.listen));
    let client = reqwest::Client::builder().timeout(WITHIN).no_proxy().build()?;
    let asked = client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
    asked.with_context(|| format!("the service does not answer at {url}"))?;
    output::print(json, &json!({ "alive": true }), |_| "The service answers.".to_owned())
}

/// Nobody is at "every address".
fn on_this_machine(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
