//! `carnet sign`: a sample delivery for a configured CRM, signed with its own secret, as a `curl` command.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    app::foundation::Foundation,
    config::{Settings, declared::Crm},
    crm::{
        event::sample,
        signature::{CannotSign, Outgoing, sign},
    },
    store::current::Current,
};

use super::{apply::stop_local, output};

/// Sign a sample delivery and print the curl command that posts it.
#[derive(Debug, Args)]
pub struct Sign {
    /// The CRM's name.
    crm: String,
    /// Sign this body instead of a made-up one.
    #[arg(long, value_name = "FILE", conflicts_with = "contact")]
    event: Option<PathBuf>,
    /// The contact that the made-up delivery is about.
    #[arg(long, value_name = "ID", default_value = "sample-contact")]
    contact: String,
}

impl Sign {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let foundation = Foundation::open(&settings).await?;
        let current = foundation.current(foundation.installation().clone()).await.map_err(anyhow::Error::from);
        let current = stop_local(foundation, current).await?;
        let signed = self.sign(crm_named(&current, &self.crm)?, &settings.public_url)?;
        if signed.shows_secret {
            eprintln!(
                "This CRM signs nothing: the command below holds the shared secret itself. Do not paste it anywhere."
            );
        }
        let curl = curl(&signed)?;
        let headers: serde_json::Map<_, _> = signed.headers.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
        let body = String::from_utf8_lossy(&signed.body);
        let value = json!({ "method": "POST", "url": signed.url, "headers": headers, "body": body, "curl": curl });
        output::print(json, &value, |_| curl.clone())
    }

    fn sign(&self, crm: &Crm, public_url: &str) -> anyhow::Result<Outgoing> {
        let now = Timestamp::now();
        let body = match &self.event {
            Some(file) => std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?,
            None => {
                let sample = sample(crm, &self.contact, now);
                let why = || {
                    format!("no sample can be made for \"{}\": it has no account; give a body with --event", crm.name)
                };
                sample.with_context(why)?.to_string().into_bytes()
            }
        };
        let url = format!("{public_url}/webhooks/{}", crm.name);
        let id = format!("msg_{}", crate::store::seal::random_text(8)?);
        sign(crm, &url, &body, &id, now).map_err(|why| match why {
            CannotSign::NoPrivateKey => anyhow::anyhow!(
                "{why}, so nothing can be signed for \"{}\"; `carnet sim crm` sends signed deliveries to try with",
                crm.name
            ),
            other => other.into(),
        })
    }
}

fn crm_named<'a>(current: &'a Current, name: &str) -> anyhow::Result<&'a Crm> {
    let names = || current.crms.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = current.crms.iter().find(|c| c.name == name);
    found.map(|c| &**c).with_context(|| match current.crms.is_empty() {
        true => format!("there is no CRM named \"{name}\"; there is none at all yet, see `carnet apply`"),
        false => format!("there is no CRM named \"{name}\"; there are: {}", names()),
    })
}

/// A command for a POSIX shell.
fn curl(signed: &Outgoing) -> anyhow::Result<String> {
    let body = std::str::from_utf8(&signed.body).context("the body is not UTF-8 text, and no webhook would take it")?;
    let mut words = vec!["curl -i -X POST".to_owned(), quoted(&signed.url)];
    words.extend(signed.headers.iter().map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))));
    words.push(format!("--data-raw {}", quoted(body)));
    Ok(words.join(" \\\n  "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_sees_every_byte_as_it_was_signed() {
        let signed = Outgoing {
            url: "https://x.example/webhooks/c?a=b&c".into(),
            headers: vec![("x-sig".into(), "t=1,v1=ab".into())],
            body: br#"{"name":"l'Heureux $HOME @file"}"#.to_vec(),
            shows_secret: false,
        };
        let command = curl(&signed).expect("a command").replace("curl -i -X POST", "printf '%s\\n'");
        let seen = std::process::Command::new("sh").args(["-c", &command]).output().expect("a shell");
        let lines = "https://x.example/webhooks/c?a=b&c\n-H\nx-sig: t=1,v1=ab\n--data-raw\n{\"name\":\"l'Heureux $HOME @file\"}\n";
        assert_eq!(String::from_utf8_lossy(&seen.stdout), lines);
    }
}
