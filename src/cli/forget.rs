//! `carnet forget`: erases a person from everything that Carnet holds.

use clap::Args;

use crate::{
    answers::{Desk, Erased, Erasing, Whom},
    config::Settings,
};

use super::{
    desk::{desk, opened},
    output,
};

/// Erase a person from queue, dead letters, journal, links and everything else that Carnet holds.
#[derive(Debug, Args)]
pub struct Forget {
    #[command(flatten)]
    whom: Whom,
    /// Only say what is held. The same as without --yes.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

impl Forget {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, current| self.done(&settings, &desk(foundation, current), json).await)
            .await
    }

    async fn done(&self, settings: &Settings, desk: &Desk, json: bool) -> anyhow::Result<()> {
        let (holder, is_private) = (format!("forget-{}", std::process::id()), settings.redis_url.is_none());
        let erasing = self.yes.then_some(Erasing { holder: &holder, lease: settings.tune.lease, is_private });
        let forgot = desk.forget(&self.whom, erasing).await?;
        output::print(json, &forgot, |forgot| {
            let mut lines: Vec<String> = forgot.persons.iter().map(told).collect();
            lines.push(after(self.yes, is_private));
            lines.join("\n")
        })
    }
}

fn told(erased: &Erased) -> String {
    let Erased { crm, contact, erased, in_google, dry_run } = erased;
    let what = if *dry_run { "is held" } else { "was erased" };
    let whom = if contact.is_empty() { "Everybody" } else { contact };
    let mut lines = vec![format!("{whom} in {crm}:")];
    let rows: Vec<Vec<String>> =
        erased.iter().map(|(store, count)| vec![format!("  {store}"), count.to_string()]).collect();
    lines.push(output::table(&["  STORE", "ENTRIES"], &rows, &format!("  nothing {what}.")));
    if !in_google.is_empty() {
        let there = in_google.join(", ");
        lines.push(format!("  In Google stays {there}: that contact is its owner's, who may delete it there."));
    }
    lines.join("\n")
}

fn after(done: bool, private: bool) -> String {
    match (done, private) {
        (false, _) => "Nothing was erased; --yes does it.".into(),
        (true, true) => "Redis's log on disk was rewritten without it. Backups that were made before still hold it.".into(),
        (true, false) => "Redis's log on disk holds it until it is rewritten (`redis-cli BGREWRITEAOF`), backups that were made before \
                          until they are deleted."
            .into(),
    }
}
