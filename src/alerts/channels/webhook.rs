//! Alerts as JSON to an address of the operator's, signed as Standard Webhooks are.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::{Client, StatusCode, header, redirect};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::json;
use sha2::Sha256;
use url::Url;

use super::{BadChannel, Notice};
use crate::config::Settings;

/// Whoever does not answer in this time is told later.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a key, as Standard Webhooks wants them.
const KEY: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a message did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// To this one. The address may carry a token: it is in no error.
    #[error("it was answered {0}")]
    Refused(StatusCode),
    #[error(transparent)]
    Silent(reqwest::Error),
}

pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: SecretSlice<u8>,
}

impl Webhook {
    pub fn build(settings: &Settings) -> Result<Option<Self>, BadChannel> {
        let Some(url) = settings.alert_webhook_url.clone() else { return Ok(None) };
        let wanted = "set it beside CARNET_ALERT_WEBHOOK_URL: whsec_ and 24 to 64 random bytes in base64 (openssl rand -base64 32)";
        let secret = settings.alert_webhook_secret.as_ref().ok_or(BadChannel::Secret(wanted))?;
        let secret = secret.expose_secret().trim();
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret));
        let key = key.ok().filter(|key| KEY.contains(&key.len()));
        let key =
            key.ok_or(BadChannel::Secret("it is not whsec_ and 24 to 64 bytes in base64 (openssl rand -base64 32)"))?;
        // What is signed is for this address alone.
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(WITHIN);
        let client = client.user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION"))).build()?;
        Ok(Some(Self { client, url, key: key.into() }))
    }

    /// Sends one.
    pub async fn send(&self, notice: &Notice, now: Timestamp) -> Result<(), NotSent> {
        let body = body(notice, now).to_string();
        let second = now.as_second();
        let signature = self.sign(&notice.id, second, &body);
        let request = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", &notice.id).header("webhook-timestamp", second);
        let answer = request.header("webhook-signature", signature).body(body).send().await;
        match answer.map_err(|error| NotSent::Silent(error.without_url()))?.status() {
            status if status.is_success() => Ok(()),
            status => Err(NotSent::Refused(status)),
        }
    }

    fn sign(&self, id: &str, second: i64, body: &str) -> String {
        // An HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()) else { return String::new() };
        mac.update(format!("{id}.{second}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn body(notice: &Notice, now: Timestamp) -> serde_json::Value {
    let what = if notice.is_test() { "test" } else { notice.said.code() };
    json!({
        "type": format!("alert.{what}"),
        "timestamp": now.to_string(),
        "data": {
            "kind": notice.kind.code(),
            "about": notice.about,
            "sentence": notice.line(),
            "to_do": notice.advice(),
            "since": notice.since.to_string(),
            "over": notice.over.map(|at| at.to_string()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_standard() {
        // Made by hand: printf 'msg_1.1674087231.{}' | openssl dgst -sha256 -hmac 0123456789abcdef01234567 -binary | base64
        let key: SecretSlice<u8> = b"0123456789abcdef01234567".to_vec().into();
        let url = Url::parse("https://example.com").expect("an address");
        let webhook = Webhook { client: Client::new(), url, key };
        assert_eq!(webhook.sign("msg_1", 1_674_087_231, "{}"), "v1,ePb3xdavrPEXjomuxEnQnMntqXVTCnB7ujtjVeAv88A=");
    }
}
