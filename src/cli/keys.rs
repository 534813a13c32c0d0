//! `carnet keys`: list, rotate, retire.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    app::foundation::Foundation,
    config::Settings,
    store::presence::{self, Process, wait_for},
};

use super::{apply::stop_local, deed, output};

/// The secret keys.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The keys that there are, and what each still opens. The keys themselves are not shown.
    List,
    /// Seal everything with a new key, while the service runs.
    Rotate {
        /// Give up the old key at once: sessions and connect links that were sent out end.
        #[arg(long)]
        retire: bool,
    },
    /// Give up every key but the newest, once nothing needs them any more.
    Retire,
}

/// How the keys stand.
#[derive(Debug, Serialize)]
struct Standing {
    /// Newest first.
    keys: Vec<Key>,
    /// Processes of the service that run now.
    processes: usize,
    /// What there is to do, in words.
    sentence: String,
    /// `single`, `prepared`, `rotated` or `half-rotated`.
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct Key {
    id: String,
    /// Whether new values are sealed with it.
    seals: bool,
    /// Values in the registry that only it opens.
    values: u64,
    /// Running processes whose sealed copy of the registry only it opens, this data directory included.
    copies: usize,
    /// Running processes that have it.
    processes: usize,
}

impl Keys {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let foundation = deed::open(&settings).await?;
        let done = match self.command {
            Command::List => Ok(()),
            Command::Rotate { retire } => rotate(&foundation, retire).await,
            Command::Retire => give_up(&foundation).await,
        };
        let told = match done {
            Ok(()) => standing(&foundation).await,
            Err(error) => Err(error),
        };
        output::print(json, &stop_local(foundation, told).await?, Standing::to_string)
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: Vec<Vec<String>> = self
            .keys
            .iter()
            .map(|key| {
                let what = if key.seals { "seals and opens" } else { "opens" };
                let processes = format!("{} of {}", key.processes, self.processes);
                vec![key.id.clone(), what.into(), key.values.to_string(), key.copies.to_string(), processes]
            })
            .collect();
        let table = output::table(&["KEY", "IT", "VALUES", "COPIES", "PROCESSES THAT HAVE IT"], &rows, "");
        write!(f, "{table}\n{}", self.sentence)
    }
}

async fn standing(foundation: &Foundation) -> anyhow::Result<Standing> {
    let registry = foundation.registry.load().await?;
    let sealer = foundation.registry.sealer();
    let processes = presence::running(&foundation.pool).await?;
    let (sealed, seals) = (registry.sealed_with(), sealer.seals_with());
    let in_file = foundation.registry.key_of_file();
    let keys: Vec<Key> = sealer
        .ids()
        .into_iter()
        .map(|id| {
            let has = |process: &&Process| process.keys.contains(&id);
            let copies = processes.iter().map(|process| &process.snapshot).chain([&in_file]);
            Key {
                seals: id == seals,
                values: sealed.get(&id).copied().unwrap_or(0),
                copies: copies.filter(|key| **key == id).count(),
                processes: processes.iter().filter(has).count(),
                id,
            }
        })
        .collect();
    let (state, sentence) = words(foundation, &keys, sealed.get("").copied().unwrap_or(0));
    Ok(Standing { keys, processes: processes.len(), state, sentence })
}

fn words(foundation: &Foundation, keys: &[Key], without_id: u64) -> (&'static str, String) {
    let from_file = foundation.registry.sealer().file().is_some();
    let Some((newest, older)) = keys.split_first() else { return ("single", String::new()) };
    if !newest.seals || without_id > 0 && !older.is_empty() {
        return ("prepared", "`carnet keys rotate` seals everything with the newest key.".into());
    }
    if older.is_empty() {
        let how = if from_file {
            "`carnet keys rotate` makes another one and seals everything with it.".to_owned()
        } else {
            prepare()
        };
        return ("single", how);
    }
    if older.iter().any(|key| key.values > 0 || key.copies > 0) {
        return ("half-rotated", "Something is still sealed with an older key; `carnet keys rotate` again.".into());
    }
    let how =
        if from_file { "`carnet keys retire` gives it up" } else { "take CARNET_SECRET_KEY_PREVIOUS out everywhere" };
    let sentence = format!(
        "Nothing is sealed with an older key any more. It still opens sessions and connect links of the last 7 days; after that {how}. \
         Keep it with the backups that were made under it."
    );
    ("rotated", sentence)
}

fn prepare() -> String {
    "To rotate: give every process the new key as CARNET_SECRET_KEY and the present one as CARNET_SECRET_KEY_PREVIOUS, restart them one \
     after the other, then `carnet keys rotate`."
        .to_owned()
}

/// May be broken off anywhere and run again.
async fn rotate(foundation: &Foundation, retire: bool) -> anyhow::Result<()> {
    let registry = foundation.registry.load().await?;
    let sealer = foundation.registry.sealer().clone();
    let newest = |ids: Vec<String>| ids.into_iter().next().unwrap_or_default();
    let is_done = registry.key == newest(sealer.ids());
    match sealer.file() {
        // A newest key that does not seal yet is one of a rotation that was broken off.
        Some(file) if is_done => {
            file.add()?;
            sealer.refresh()?;
        }
        Some(_) => {}
        None if is_done && sealer.ids().len() == 1 => anyhow::bail!("there is no new key yet. {}", prepare()),
        None => {}
    }
    let key = newest(sealer.ids());
    let lacking = wait_for(&foundation.pool, |process| process.keys.contains(&key)).await?;
    anyhow::ensure!(
        lacking.is_empty(),
        "{} do not have the new key {key} yet, and could open nothing any more; nothing was changed. {}",
        named(&lacking),
        prepare()
    );
    foundation.registry.rotate(&foundation.installation().id, &key).await?;
    let behind = wait_for(&foundation.pool, |process| process.snapshot == key).await?;
    anyhow::ensure!(
        behind.is_empty(),
        "everything in Redis is sealed with the new key {key}, but {} still keep a copy under the old one; keep the old key and run \
         `carnet keys list` again",
        named(&behind)
    );
    if retire { give_up(foundation).await } else { Ok(()) }
}

async fn give_up(foundation: &Foundation) -> anyhow::Result<()> {
    let sealer = foundation.registry.sealer();
    anyhow::ensure!(
        sealer.file().is_some(),
        "the keys come from the configuration: take CARNET_SECRET_KEY_PREVIOUS out everywhere and restart the processes"
    );
    let newest = sealer.ids().into_iter().next().unwrap_or_default();
    let behind = wait_for(&foundation.pool, |process| process.snapshot == newest).await?;
    let done = behind.is_empty() && foundation.registry.retire().await?;
    anyhow::ensure!(done, "something is still sealed with an older key; `carnet keys rotate` first");
    Ok(())
}

fn named(processes: &[Process]) -> String {
    let names = processes.iter().map(|p| format!("{} {}", p.host, p.pid).trim().to_owned()).collect::<Vec<_>>();
    format!("{} running processes ({})", names.len(), names.join(", "))
}
