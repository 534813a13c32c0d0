//! `carnet token`: tokens of the API, each with a name and a scope.

use clap::{Args, Subcommand};
use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    app::foundation::Foundation,
    config::Settings,
    store::tokens::{ApiToken, Scope},
};

use super::{desk::opened, output};

/// Tokens of the API.
#[derive(Debug, Args)]
pub struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token. It is printed once and kept nowhere.
    Create {
        /// Whose it is, or what it is for; the audit log says this name.
        name: String,
        /// read (look), operate (act too) or admin (everything).
        #[arg(long)]
        scope: Scope,
        /// After which time it ends, such as 90d. Without it, it does not end.
        #[arg(long, value_name = "AGE")]
        expires: Option<Span>,
    },
    /// Tokens by name. The tokens themselves are not kept.
    List,
    /// End a token, now.
    Revoke {
        /// Its name.
        name: String,
    },
}

impl Token {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        match self.command {
            Command::Create { name, scope, expires } => {
                opened(&settings, async |foundation, _| create(foundation, &name, scope, expires, json).await).await
            }
            Command::List => opened(&settings, async |foundation, _| list(foundation, json).await).await,
            Command::Revoke { name } => {
                opened(&settings, async |foundation, _| revoke(foundation, &name, json).await).await
            }
        }
    }
}

async fn create(
    foundation: &Foundation,
    name: &str,
    scope: Scope,
    expires: Option<Span>,
    json: bool,
) -> anyhow::Result<()> {
    let is_name =
        !name.is_empty() && name.len() <= 60 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    anyhow::ensure!(is_name, "a name has letters, digits, \"-\", \"_\" and \".\" only, and at most 60 of them");
    let now = foundation.pool.clock.now();
    let ends = expires.map(|age| now.to_zoned(TimeZone::UTC).checked_add(age)).transpose()?.map(|at| at.timestamp());
    anyhow::ensure!(ends.is_none_or(|ends| ends > now), "a token that has ended is of no use; write --expires 90d");
    let (kept, token) = ApiToken::make(scope, now.as_millisecond(), ends.map(Timestamp::as_millisecond))?;
    let mut is_taken = false;
    let made = foundation.registry.change(&foundation.installation().id, |registry| {
        is_taken = registry.api_tokens.contains_key(name);
        if !is_taken {
            registry.api_tokens.insert(name.to_owned(), kept.clone());
        }
        !is_taken
    });
    made.await?;
    anyhow::ensure!(!is_taken, "there is a token named \"{name}\" already; `carnet token revoke {name}` ends it");
    let ends = ends.map(|at| at.to_string());
    let told = json!({ "name": name, "scope": scope.name(), "ends": ends, "token": token.expose_secret() });
    output::print(json, &told, |_| {
        format!("{}\nThis is shown once. Send it as `Authorization: Bearer …`.", token.expose_secret())
    })
}

async fn list(foundation: &Foundation, json: bool) -> anyhow::Result<()> {
    let registry = foundation.registry.load().await?;
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let all: Vec<_> = registry
        .api_tokens
        .iter()
        .map(|(name, token)| json!({ "name": name, "scope": token.scope.name(), "made": time(token.made), "ends": token.ends.map(time) }))
        .collect();
    output::print(json, &all, |_| {
        let row = |(name, token): (&String, &ApiToken)| {
            let ends = token.ends.map_or_else(|| "never".to_owned(), time);
            vec![name.clone(), token.scope.name().to_owned(), time(token.made), ends]
        };
        let rows: Vec<Vec<String>> = registry.api_tokens.iter().map(row).collect();
        output::table(&["NAME", "SCOPE", "MADE", "ENDS"], &rows, "There are no tokens beside CARNET_API_TOKEN.")
    })
}

async fn revoke(foundation: &Foundation, name: &str, json: bool) -> anyhow::Result<()> {
    let mut was_there = false;
    let gone = foundation.registry.change(&foundation.installation().id, |registry| {
        was_there = registry.api_tokens.remove(name).is_some();
        was_there
    });
    gone.await?;
    anyhow::ensure!(was_there, "there is no token named \"{name}\"; `carnet token list` shows them");
    output::print(json, &json!({ "revoked": name }), |_| "It opens nothing any more.".to_owned())
}
