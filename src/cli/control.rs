//! Talks to the control API of a simulator.

use std::net::SocketAddr;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::Value;

/// A simulator that is running.
#[derive(Clone, Debug)]
pub struct Control {
    http: reqwest::Client,
    /// Its address, without a slash at the end.
    pub url: String,
}

impl Control {
    /// Of the simulator at this address.
    pub fn of(address: SocketAddr) -> anyhow::Result<Self> {
        // Simulators are near: a proxy of the environment is not for them.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: format!("http://{address}") })
    }

    /// Reads; `path` is what follows `/control/`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Does something.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}/control/{path}", self.url);
        let mut request = self.http.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("the simulator does not answer at {url}"))?;
        let status = answer.status();
        let body = answer.text().await.with_context(|| format!("{url} broke off"))?;
        anyhow::ensure!(status.is_success(), "{url} answered {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("{url} answered no JSON"))
    }
}
