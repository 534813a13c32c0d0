//! `carnet audit`: who asked for what.

use clap::Args;

use crate::{
    answers::time,
    config::Settings,
    store::audit::{Deed, since},
};

use super::{desk::opened, output};

/// The audit log.
#[derive(Debug, Args)]
pub struct Audit {
    /// Only since: a time (2026-11-28T09:00:00Z), a day (2026-11-28, UTC) or an age (36h, 7d).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl Audit {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, _| {
            let from = self.since.as_deref().map(|text| time(text, foundation.pool.clock.now())).transpose()?;
            let deeds = since(&foundation.pool, from).await?;
            output::print(json, &deeds, |deeds| listed(deeds))
        })
        .await
    }
}

fn listed(deeds: &[Deed]) -> String {
    let row = |deed: &Deed| [&deed.at, &deed.actor, &deed.action, &deed.outcome, &deed.from].map(Clone::clone).to_vec();
    let rows: Vec<Vec<String>> = deeds.iter().map(row).collect();
    output::table(&["WHEN", "WHO", "WHAT", "OUTCOME", "FROM"], &rows, "Nobody has asked for anything yet.")
}
