//! What people wish of a sync's runs: one now, a pause, going on, an end; and what the runs so far came to.

use std::sync::Arc;

use serde::Serialize;

use super::{Declined, Desk};
use crate::{
    claim::resume,
    store::{
        control::{self, Cancel},
        current::SyncSpec,
        keys::CrmKeys,
        pauses,
        runs::{Run, Runs, undo_lane},
    },
};

/// A run that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The sync's name.
    pub sync: String,
    /// Whether one is in progress already; then there is no other after it.
    pub joined: bool,
    /// That one.
    pub run: Option<String>,
    /// The last one that is over, when a new one begins.
    #[serde(skip)]
    pub last: Option<String>,
}

/// Whether a sync stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stands {
    /// The sync's name.
    pub sync: String,
    /// Whether it is paused.
    pub paused: bool,
}

/// A run that ends because somebody wishes so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cancelling {
    /// The sync's name.
    pub sync: String,
    /// The run; none when it had not begun, and now does not.
    pub run: Option<String>,
}

impl Desk {
    /// The sync of this name.
    pub fn sync(&self, name: &str) -> Result<&Arc<SyncSpec>, Declined> {
        let syncs = || self.current.syncs.iter().map(|sync| sync.spec.name.clone()).collect();
        self.current.sync_named(name).ok_or_else(|| Declined::NoSync { name: name.to_owned(), syncs: syncs() })
    }

    /// The runs of a sync.
    pub fn runs(&self, sync: &SyncSpec) -> Runs {
        Runs::new(self.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id)
    }

    /// The undos of its runs.
    pub fn undos(&self, sync: &SyncSpec) -> Runs {
        Runs::new(self.pool.clone(), CrmKeys::new(&sync.account.key), &undo_lane(&sync.id))
    }

    /// Asks for a run now; one that is in progress is joined.
    pub async fn ask_for_run(&self, name: &str) -> Result<Asked, Declined> {
        let sync = self.sync(name)?;
        let runs = self.runs(sync);
        let cannot = |why| Err(Declined::CannotRun { sync: name.to_owned(), why });
        if sync.account.is_limited() {
            return cannot("without a token for the CRM account there is nothing to read (limited mode)");
        }
        if sync.google.is_none() {
            return cannot("its Google account is not connected yet; `carnet apply` prints the link");
        }
        if runs.paused().await?.is_some() {
            return Err(Declined::Paused(name.to_owned()));
        }
        let sync = name.to_owned();
        Ok(match runs.ask("asked").await? {
            control::Asked::Joined(run) => Asked { sync, joined: true, run: Some(run), last: None },
            control::Asked::Soon(last) => Asked { sync, joined: false, run: None, last },
        })
    }

    /// Nothing is written any more; what changes meanwhile is collected. A run in progress stands still.
    pub async fn pause(&self, name: &str) -> Result<Stands, Declined> {
        pauses::set(&self.pool, &self.registry, &self.current.installation.id, self.sync(name)?, Some("asked")).await?;
        Ok(Stands { sync: name.to_owned(), paused: true })
    }

    /// Goes on, also where the Google account had been set aside; then what was missed is looked for.
    pub async fn resume(&self, name: &str) -> Result<Stands, Declined> {
        let sync = self.sync(name)?;
        let runs = self.runs(sync);
        if self.undos(sync).current().await?.is_some_and(|run| !run.is_over()) {
            return Err(Declined::Undoing(name.to_owned()));
        }
        pauses::set(&self.pool, &self.registry, &self.current.installation.id, sync, None).await?;
        if let Some(google) = &sync.google
            && resume(&self.pool, &google.subject).await?
            && runs.last_run().await?.is_some()
            && !sync.spec.is_one_time()
        {
            runs.ask("reconnect").await?;
        }
        Ok(Stands { sync: name.to_owned(), paused: false })
    }

    /// Ends the run in progress, or keeps the one that was asked for from beginning.
    pub async fn cancel(&self, name: &str) -> Result<Cancelling, Declined> {
        let run = match self.runs(self.sync(name)?).cancel().await? {
            Cancel::Ending(run) => Some(run),
            Cancel::NotBegun => None,
            Cancel::Nothing => return Err(Declined::NothingRuns(name.to_owned())),
        };
        Ok(Cancelling { sync: name.to_owned(), run })
    }

    /// The run in progress, if there is one, and those that are over, newest first.
    pub async fn history(&self, name: &str, most: usize) -> Result<Vec<Run>, Declined> {
        let sync = self.sync(name)?;
        let mut all = Vec::new();
        for runs in [self.runs(sync), self.undos(sync)] {
            all.extend(runs.reports(most).await?);
            all.extend(runs.current().await?.filter(|run| !run.is_over()));
        }
        all.sort_by_key(|run| std::cmp::Reverse((!run.is_over(), run.started)));
        all.truncate(most);
        Ok(all)
    }

    /// One run; without an id the one in progress, or the last.
    pub async fn run(&self, name: &str, id: Option<&str>) -> Result<Run, Declined> {
        let sync = self.sync(name)?;
        let runs = self.runs(sync);
        match id {
            Some(id) => {
                let found = match runs.run_of(id).await? {
                    None => self.undos(sync).run_of(id).await?,
                    found => found,
                };
                found.ok_or_else(|| Declined::NoRun { sync: name.into(), run: id.into() })
            }
            None => runs.current().await?.ok_or_else(|| Declined::NeverRun(name.to_owned())),
        }
    }
}
