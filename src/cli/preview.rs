//! `carnet sync preview` and `carnet sync apply`: a plan to be read, kept, and done as it stands.

mod print;

use std::{io::Write as _, sync::Arc};

use clap::{Args, ValueEnum};

use self::print::{Lines, csv_rows};
use crate::{
    app::foundation::Foundation,
    claim::Tools,
    config::Settings,
    plan::entry::{Action, Entry},
    reconcile::{Changed, Changes, Preview, begin, check, find, preview, previews_of},
    store::{
        current::{Current, SyncSpec},
        runs::Run,
    },
};

use super::{
    apply::stop_local,
    output,
    run::until_done,
    sync::{named, runs_of},
    tools::tools,
};

/// Entries that a table shows unless all are asked for.
const SHOWN: usize = 20;
/// Entries read at a time.
const PAGE: usize = 500;

/// What a run would do, without doing it.
#[derive(Debug, Args)]
pub struct Show {
    /// The sync's name.
    name: String,
    /// Put only so many contacts that would be written into the preview, to try them first.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Show only these entries: create, adopt, update, remove, needs-you, wait, refused, skip.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Action>,
    /// How the entries are printed; `--json` prints the whole preview.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Show every entry.
    #[arg(long)]
    all: bool,
    /// Show the last preview again instead of making a new one.
    #[arg(long, conflicts_with = "limit")]
    last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Do what a preview says, and nothing else.
#[derive(Debug, Args)]
pub struct Apply {
    /// The sync's name.
    name: String,
    /// The preview's id; without it, the last one.
    preview: Option<String>,
    /// Go through its contacts even if something else would be done now than it says.
    #[arg(long)]
    anyway: bool,
}

impl Show {
    pub async fn run(
        self,
        foundation: &Foundation,
        current: &Arc<Current>,
        settings: &Settings,
        json: bool,
    ) -> anyhow::Result<()> {
        let sync = named(current, &self.name)?;
        let tools = tools(foundation, settings, current)?;
        let made = match self.last {
            true => find(&tools, sync, None).await?,
            false => preview(&tools, sync, self.limit.and_then(|limit| usize::try_from(limit).ok())).await?,
        };
        let shown = Shown { tools: &tools, sync, preview: &made, kinds: self.kinds() };
        match if json { Format::Json } else { self.format } {
            Format::Json => shown.json().await,
            Format::Csv => shown.csv().await,
            Format::Table => shown.table(if self.all { usize::MAX } else { SHOWN }).await,
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        let asked = |action: &Action| self.only.is_empty() || self.only.contains(action);
        Action::ALL.iter().filter(|action| asked(action)).map(|action| action.code()).collect()
    }
}

/// A preview and which of its entries are shown.
struct Shown<'a> {
    tools: &'a Tools,
    sync: &'a SyncSpec,
    preview: &'a Preview,
    kinds: Vec<&'static str>,
}

impl Shown<'_> {
    async fn page(&self, at: usize, count: usize) -> anyhow::Result<Vec<Entry>> {
        Ok(previews_of(self.tools, self.sync).entries(&self.preview.id, &self.kinds, at, count).await?)
    }

    fn count(&self) -> u64 {
        self.preview.holds.iter().filter(|(kind, _)| self.kinds.contains(&kind.code())).map(|(_, count)| count).sum()
    }

    async fn json(&self) -> anyhow::Result<()> {
        let mut whole = serde_json::to_value(self.preview)?;
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let page = self.page(entries.len(), PAGE).await?;
            if page.is_empty() {
                break;
            }
            entries.extend(page);
        }
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("entries".to_owned(), serde_json::to_value(entries)?);
        }
        output::print(true, &whole, |_| String::new())
    }

    async fn csv(&self) -> anyhow::Result<()> {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record(print::HEADINGS)?;
        let mut at = 0;
        loop {
            let page = self.page(at, PAGE).await?;
            if page.is_empty() {
                return Ok(out.flush()?);
            }
            at += page.len();
            for row in page.iter().flat_map(csv_rows) {
                out.write_record(row)?;
            }
        }
    }

    async fn table(&self, most: usize) -> anyhow::Result<()> {
        let Preview { id, plan, forecast, limit, .. } = self.preview;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{plan}\n{forecast}")?;
        if limit.is_some() {
            writeln!(out, "This preview holds {} of them, to try first.", self.count())?;
        }
        let mut at = 0;
        while at < most {
            let page = self.page(at, PAGE.min(most - at)).await?;
            if page.is_empty() {
                break;
            }
            at += page.len();
            for entry in &page {
                write!(out, "\n{}", Lines(entry))?;
            }
        }
        let more = self.count().saturating_sub(at as u64);
        let name = &self.sync.spec.name;
        if more > 0 {
            writeln!(out, "\n{more} more: `carnet sync preview {name} --last --all`, or `--last --format csv`.")?;
        }
        writeln!(out, "\nPreview {id}. `carnet sync apply {name} {id}` does what it says.")?;
        Ok(())
    }
}

impl Apply {
    pub async fn run(self, foundation: Foundation, settings: Settings, json: bool) -> anyhow::Result<()> {
        let begun = async {
            let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
            let sync = named(&current, &self.name)?.clone();
            let before = runs_of(&foundation, &sync).current().await?.map(|run| run.id);
            let tools = tools(&foundation, &settings, &current)?;
            Ok((self.begin(&tools, &sync, json).await?, runs_of(&foundation, &sync), before))
        };
        let (run, runs, before) = match begun.await {
            Ok(begun) => begun,
            Err(error) => return stop_local(foundation, Err(error)).await,
        };
        let done = until_done(foundation, settings, &runs, before.as_deref(), json).await?;
        anyhow::ensure!(done.id == run.id, "another run of this sync began at the same moment; apply it again");
        Ok(())
    }

    /// Begins the run, unless the preview no longer fits.
    async fn begin(&self, tools: &Arc<Tools>, sync: &Arc<SyncSpec>, json: bool) -> anyhow::Result<Run> {
        let preview = find(tools, sync, self.preview.as_deref()).await?;
        let changes = check(tools, sync, &preview).await?;
        if changes.total > 0 {
            if json && !self.anyway {
                println!("{}", serde_json::json!({ "preview": preview.id, "fits": false, "changes": changes }));
            } else if !json {
                println!("{}", told(&changes));
            }
            let total = changes.total;
            let id = &preview.id;
            anyhow::ensure!(
                self.anyway,
                "nothing was done: {total} entries of the preview {id} no longer fit; look at a new preview, or add --anyway"
            );
        }
        Ok(begin(tools, sync, &preview).await?)
    }
}

fn told(changes: &Changes) -> String {
    let line = |changed: &Changed| {
        let Changed { name, contact, how, .. } = changed;
        format!("{name} ({contact}): {how}")
    };
    let mut lines: Vec<String> = changes.changed.iter().map(line).collect();
    let more = changes.total.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("{more} more"));
    }
    lines.join("\n")
}
