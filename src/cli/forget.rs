//! `carnet forget`: erases a person from everything that Carnet holds.

use clap::Args;
use serde_json::json;

use crate::{
    answers::{Declined, Desk, Erased},
    config::Settings,
    store::local::rewrite_log,
};

use super::{
    desk::{desk, opened},
    output,
};

/// Erase a person from queue, dead letters, journal, links and everything else that Carnet holds.
#[derive(Debug, Args)]
pub struct Forget {
    /// The CRM contact's id, an e-mail address or a phone number.
    person: String,
    /// The CRM account, when several have such a contact.
    #[arg(long, value_name = "NAME/ACCOUNT")]
    crm: Option<String>,
    /// When several contacts are meant: all of them.
    #[arg(long)]
    all: bool,
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
        let meant = desk.meant(&self.person, self.crm.as_deref()).await?;
        if meant.len() > 1 && !self.all {
            return Err(Declined::several(&meant).into());
        }
        let mut erased = Vec::with_capacity(meant.len());
        for one in &meant {
            erased.push(match self.yes {
                true => desk.forget(one, &format!("forget-{}", std::process::id()), settings.tune.lease).await?,
                false => desk.kept_of(one).await?,
            });
        }
        let private = settings.redis_url.is_none();
        if self.yes && private {
            rewrite_log(desk.pool()).await?;
        }
        let log_rewritten = self.yes && private;
        output::print(json, &json!({ "persons": erased, "log_rewritten": log_rewritten }), |_| {
            let mut lines: Vec<String> = erased.iter().map(told).collect();
            lines.push(after(self.yes, private));
            lines.join("\n")
        })
    }
}

fn told(erased: &Erased) -> String {
    let Erased { crm, contact, erased, in_google, dry_run } = erased;
    let what = if *dry_run { "is held" } else { "was erased" };
    let mut lines = vec![format!("{contact} in {crm}:")];
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
