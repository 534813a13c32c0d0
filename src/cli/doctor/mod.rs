//! `carnet doctor`: looks at everything that Carnet depends on and says what to do about what is not well. Nothing is written
//! to Google or the CRM.

mod accounts;
mod clock;
mod google;
mod machine;
mod redis;

use std::sync::Arc;

use clap::Args;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::{
    admin::overview::look_at_all,
    app::foundation::{Foundation, StartError},
    config::Settings,
    store::{StoreError, local::LocalRedis, pool::Pool},
};

use super::{apply::stop_local, output, tools::tools};

/// Look whether everything is well, and what to do about what is not.
#[derive(Debug, Args)]
pub struct Doctor {}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Something does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// What was looked at.
    name: String,
    state: State,
    /// What was found, as a sentence.
    says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, says: says.into(), todo: None }
    }

    fn warning(name: impl Into<String>, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Warning, says: says.into(), todo: Some(todo.into()) }
    }

    fn problem(name: impl Into<String>, says: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Problem, says: says.into(), todo: Some(todo.into()) }
    }

    /// A problem whose sentence says already what to do.
    fn failed(name: impl Into<String>, why: &dyn std::fmt::Display) -> Self {
        Self { name: name.into(), state: State::Problem, says: format!("{why}."), todo: None }
    }
}

#[derive(Serialize)]
struct Report {
    problems: usize,
    warnings: usize,
    checks: Vec<Check>,
}

impl Doctor {
    /// Prints the report; `false` when there is a problem.
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<bool> {
        let checks = match Foundation::open(&settings).await {
            Ok(foundation) => {
                let checks = examine(&foundation, &settings).await;
                stop_local(foundation, checks).await?
            }
            Err(error) => cannot_start(&error, &settings).await,
        };
        let count = |state| checks.iter().filter(|check| check.state == state).count();
        let report = Report { problems: count(State::Problem), warnings: count(State::Warning), checks };
        output::print(json, &report, Report::to_string)?;
        Ok(report.problems == 0)
    }
}

/// Without Redis and the key there is nothing else to look at; Redis itself may say why it takes nothing.
async fn cannot_start(error: &StartError, settings: &Settings) -> Vec<Check> {
    let name = match error {
        StartError::DataDir(..) => "data directory",
        StartError::Local(_) | StartError::Pool(_) | StartError::Store(_) => "Redis",
        StartError::Seal(_) | StartError::NoKey(_) | StartError::ShortKey(..) => "secret key",
        _ => "start",
    };
    let mut checks = vec![Check::failed(name, error)];
    let address = settings.redis_url.as_ref().map(|address| address.expose_secret().to_owned());
    let address = address.unwrap_or_else(|| LocalRedis::address_in(&settings.data_dir));
    if let Ok(pool) = Pool::open(&address)
        && pool.get().await.is_ok()
    {
        checks.extend(redis::checks(&pool).await);
    }
    checks
}

async fn examine(foundation: &Foundation, settings: &Settings) -> anyhow::Result<Vec<Check>> {
    let mut checks = redis::checks(&foundation.pool).await;
    checks.extend(machine::checks(foundation, settings).await);
    let current = match foundation.current(foundation.installation().clone()).await {
        Ok(current) => Arc::new(current),
        // With another key nothing further can be opened.
        Err(error) => {
            checks.push(Check::failed("secret key", &error));
            return Ok(checks);
        }
    };
    let tools = tools(foundation, settings, &current)?;
    checks.extend(clock::checks(&tools).await);
    for account in current.accounts.values() {
        checks.extend(accounts::checks(&tools, account).await);
    }
    checks.extend(google::checks(&tools).await);
    checks.extend(syncs(&tools).await.unwrap_or_else(|error| vec![Check::failed("syncs", &error)]));
    Ok(checks)
}

async fn syncs(tools: &crate::claim::Tools) -> Result<Vec<Check>, StoreError> {
    let syncs = look_at_all(&tools.pool, &tools.now()).await?;
    let check = |sync: crate::admin::overview::SyncOverview| {
        let name = format!("sync {}", sync.name);
        let why = sync.why.map(|why| format!(": {why}")).unwrap_or_default();
        let says = format!("{}{why}; {} linked, {} waiting.", sync.state, sync.linked, sync.waiting);
        match sync.state {
            "failed" => Check::problem(name, says, format!("Mend the cause, then `carnet sync run {}`.", sync.name)),
            "needs you" => Check::warning(name, says, "Decide: `carnet needs list` shows the questions."),
            "paused" => Check::warning(name, says, format!("`carnet sync resume {}` goes on.", sync.name)),
            _ => Check::ok(name, says),
        }
    };
    if syncs.is_empty() {
        return Ok(vec![Check::warning("syncs", "There is no sync.", "Declare one and `carnet apply` it.")]);
    }
    Ok(syncs.into_iter().map(check).collect())
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for check in &self.checks {
            let mark = match check.state {
                State::Ok => "ok      ",
                State::Warning => "WARNING ",
                State::Problem => "PROBLEM ",
            };
            writeln!(f, "{mark} {}: {}", check.name, check.says)?;
            if let Some(todo) = &check.todo {
                writeln!(f, "          {todo}")?;
            }
        }
        match (self.problems, self.warnings) {
            (0, 0) => f.write_str("Everything is well."),
            (problems, warnings) => write!(f, "Problems: {problems}, warnings: {warnings}."),
        }
    }
}
