//! `carnet backup` and `carnet restore`: everything that Redis holds, in one sealed file, and back.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    app::foundation::Opened,
    config::Settings,
    store::{
        backup::{self, Contents},
        local::rewrite_log,
    },
};

use super::{
    apply::{stop_local, stop_redis},
    deed, output,
};

/// Write everything that Redis holds into one sealed file, while the service runs.
#[derive(Debug, Args)]
pub struct Backup {
    /// A new file.
    file: PathBuf,
}

/// Put a backup into an empty Redis, while the service is stopped.
#[derive(Debug, Args)]
pub struct Restore {
    /// What `carnet backup` wrote.
    file: PathBuf,
    /// Take away what Redis holds of Carnet now. Counted first; done with --yes.
    #[arg(long)]
    replace: bool,
    /// With --replace: do it.
    #[arg(long, requires = "replace")]
    yes: bool,
    /// Only read the whole file and say what is in it.
    #[arg(long, conflicts_with = "replace")]
    check: bool,
}

impl Backup {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let foundation = deed::open(&settings).await?;
        let (pool, registry) = (&foundation.pool, &foundation.registry);
        let written = backup::back_up(pool, registry, foundation.installation(), &self.file).await;
        let contents = stop_local(foundation, written.map_err(Into::into)).await?;
        output::print(json, &contents, |contents| {
            format!(
                "{}: {}. Only the secret key {} opens it; keep that elsewhere.",
                self.file.display(),
                told(contents),
                contents.key
            )
        })
    }
}

impl Restore {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let mut opened = Opened::open(&settings, false).await?;
        let done = self.done(&opened, json).await;
        stop_redis(opened.local.take()).await;
        done
    }

    async fn done(&self, opened: &Opened, json: bool) -> anyhow::Result<()> {
        let Opened { pool, registry, highwater, .. } = opened;
        if self.check {
            let contents = backup::look(registry, &self.file)?;
            return output::print(json, &contents, |contents| format!("The backup is whole: {}.", told(contents)));
        }
        if self.replace && !self.yes {
            let contents = backup::look(registry, &self.file)?;
            let held = backup::in_the_way(pool).await?;
            return output::print(json, &json!({ "would_replace_keys": held, "backup": contents }), |_| {
                format!("The backup is whole: {}.\nIt would replace {held} keys. With --yes it does.", told(&contents))
            });
        }
        let contents = backup::restore(pool, registry, highwater, &self.file, self.replace).await?;
        // In what is there now: before, it would have been in the way.
        deed::write_down(pool).await?;
        // Who was erased since the backup was in it, and so in the log on disk.
        if opened.local.is_some() {
            rewrite_log(pool).await?;
        }
        output::print(json, &contents, |contents| {
            format!(
                "Restored: {}. Start `carnet serve`: every Google account is listed anew before anything is created, and every sync is \
                 reconciled.",
                told(contents)
            )
        })
    }
}

fn told(contents: &Contents) -> String {
    let Contents { keys, records, bytes, made, installation, .. } = contents;
    format!("{keys} keys of installation {installation} as of {made}, {records} records, {bytes} bytes")
}
