//! Everything that Redis holds of this installation, in one sealed file, and back.
//!
//! A backup is taken while the service runs, key by key, so its keys are not of one moment. That is safe because of their order: what
//! work comes from (events, marks, intents) is read before what it leads to (links, journal). What happens in between is in the file
//! twice, never not at all, and all work is repeatable. A restored Redis is an older self: a new epoch begins, in which nothing is
//! created before a full listing has been matched by stamps, and every sync is reconciled. So what is derived (listings, leases,
//! runs in progress) is left out.

mod keyspace;
mod records;
mod sealed_file;

use std::{collections::BTreeMap, path::Path};

use redis::AsyncCommands as _;
use serde::Serialize;

use super::{
    StoreError, erase,
    forgotten::Forgotten,
    highwater::Highwater,
    installation::Installation,
    keys::{AUDIT, DECLARED, INSTALLATION, PROCESSES, WORKERS},
    pauses,
    pool::Pool,
    presence,
    registry::{Registry, RegistryError, RegistryStore},
    seal::Sealer,
    snapshot::SnapshotError,
};

pub use keyspace::{keys, literally};
pub use sealed_file::{FileError, Header};
use sealed_file::{Reader, Writer};

/// What is in a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// The installation that it is of.
    pub installation: String,
    /// When it was made (RFC 3339).
    pub made: String,
    /// Id of the secret key that opens it.
    pub key: String,
    /// Keys in Redis.
    pub keys: u64,
    /// Commands that make them again.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Somebody would write into it.
    #[error(
        "{0} processes of Carnet use this Redis; stop them first (one that was killed is forgotten after half a minute)"
    )]
    Running(usize),
    /// It would be lost.
    #[error("this Redis is not empty: it holds {0} keys of Carnet, which a restore would replace; --replace does it")]
    NotEmpty(usize),
    /// Of somebody else.
    #[error(
        "the backup is of another Carnet installation than the data directory; restore it with CARNET_DATA_DIR at its own, or at an \
         empty directory"
    )]
    Foreign,
}

impl From<redis::RedisError> for BackupError {
    fn from(error: redis::RedisError) -> Self {
        Self::Store(error.into())
    }
}
impl From<SnapshotError> for BackupError {
    fn from(error: SnapshotError) -> Self {
        Self::Registry(error.into())
    }
}

const ALL: &str = "carnet:*";
/// Commands sent in one go.
const AT_ONCE: usize = 200;

/// Writes everything into a new file.
pub async fn back_up(
    pool: &Pool,
    registry: &RegistryStore,
    installation: &Installation,
    path: &Path,
) -> Result<Contents, BackupError> {
    let made = pool.clock.now().to_string();
    let mut contents = Contents { installation: installation.id.clone(), made: made.clone(), ..Contents::default() };
    let mut writer = Writer::create(path, registry.sealer(), &installation.id, made)?;
    contents.key = registry.sealer().seals_with();
    let mut ranked: Vec<(u8, String)> =
        keys(pool, ALL).await?.into_iter().filter_map(|key| Some((rank(&key)?, key))).collect();
    ranked.sort_unstable();
    for (_, key) in ranked {
        let before = contents.records;
        records::of_key(pool, &key, |record| {
            contents.records += 1;
            writer.add(record)?;
            // The index of dead letters is made from the letters, which it has to agree with.
            match index_of_letter(&key, record) {
                Some(index) => writer.add(&index),
                None => Ok(()),
            }
            .map_err(BackupError::from)
        })
        .await?;
        // The run that somebody wished to end is not in the file.
        if contents.records > before && key.contains("}:sync:") {
            writer.add(&["HDEL", &key, "cancel", "drop"].map(|part| part.as_bytes().to_vec()))?;
        }
        contents.keys += u64::from(contents.records > before);
    }
    contents.bytes = writer.finish()?;
    Ok(contents)
}

/// What is in a file; all of it is read and checked, nothing is written.
pub fn look(registry: &RegistryStore, path: &Path) -> Result<Contents, BackupError> {
    let mut reader = Reader::open(path, registry.sealer())?;
    let Header { key, installation, made, .. } = reader.header.clone();
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
    let mut contents = Contents { installation, made, key, bytes, ..Contents::default() };
    let mut last = Vec::new();
    while let Some(piece) = reader.next_piece()? {
        for record in piece {
            contents.records += 1;
            let key = key_of(&record);
            contents.keys += u64::from(key != last);
            key.clone_into(&mut last);
        }
    }
    Ok(contents)
}

/// Puts a backup, which [`look`] has checked, into a Redis that nobody uses. A file that another process writes at the same time
/// is noticed, not feared: its pieces would not open. Killed at any step, it is run again.
pub async fn restore(
    pool: &Pool,
    registry: &RegistryStore,
    highwater: &Highwater,
    path: &Path,
    replace: bool,
) -> Result<Contents, BackupError> {
    let contents = look(registry, path)?;
    let snapshot = registry.read_file()?;
    if snapshot.as_ref().is_some_and(|snapshot| snapshot.installation != contents.installation) {
        return Err(BackupError::Foreign);
    }
    let running = presence::running(pool).await?.len();
    if running > 0 {
        return Err(BackupError::Running(running));
    }
    make_room(pool, replace).await?;
    let mut reader = Reader::open(path, registry.sealer())?;
    while let Some(piece) = reader.next_piece()? {
        write(pool, &piece).await?;
    }
    // Refusals and single-use tokens that are newer than the backup.
    if let Some(snapshot) = snapshot {
        let held = registry.revision().await?;
        if held < snapshot.registry.revision {
            registry.swap(held, &snapshot.registry).await?;
        }
    }
    let held = registry.load().await?;
    forget_again(pool, &held, registry.sealer()).await?;
    pauses::hold_again(pool, &held).await?;
    end(pool, highwater, &contents.installation).await?;
    registry.write_file(&contents.installation, &held)?;
    Ok(contents)
}

/// What is in the way of a restore: a number of keys, unless they are what a broken-off restore left.
pub async fn in_the_way(pool: &Pool) -> Result<usize, StoreError> {
    let held: BTreeMap<String, String> = pool.get().await?.hgetall(INSTALLATION).await?;
    if held.contains_key(RESTORING) {
        return Ok(0);
    }
    Ok(keys(pool, ALL).await?.iter().filter(|key| *key != PROCESSES && *key != WORKERS).count())
}

/// Field of the installation mark while a restore is going on: until it ends, the service does not start on it.
pub const RESTORING: &str = "restoring";

async fn make_room(pool: &Pool, replace: bool) -> Result<(), BackupError> {
    let held = in_the_way(pool).await?;
    if held > 0 && !replace {
        return Err(BackupError::NotEmpty(held));
    }
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    let _: () = connection.hset(INSTALLATION, RESTORING, pool.clock.now_ms()).await?;
    for key in keys(pool, ALL).await?.into_iter().filter(|key| key != INSTALLATION) {
        let _: () = connection.unlink(key).await?;
    }
    Ok(())
}

/// One key after the other, so that each step stays in one slot.
async fn write(pool: &Pool, piece: &[records::Record]) -> Result<(), StoreError> {
    let mut connection = pool.get().await?;
    for of_key in piece.chunk_by(|one, other| key_of(one) == key_of(other)) {
        for records in of_key.chunks(AT_ONCE) {
            let mut pipeline = redis::pipe();
            for record in records {
                let (name, arguments) = record.split_first().unwrap_or((const { &Vec::new() }, &[]));
                pipeline.cmd(&String::from_utf8_lossy(name)).arg(arguments).ignore();
            }
            let _: () = pipeline.query_async(&mut connection).await?;
        }
    }
    Ok(())
}

/// A backup does not bring back who was erased since it was made.
async fn forget_again(pool: &Pool, held: &Registry, sealer: &Sealer) -> Result<(), BackupError> {
    if held.forgotten.is_empty() {
        return Ok(());
    }
    let forgotten = Forgotten::open(held, sealer).map_err(RegistryError::from)?;
    for account in &erase::accounts(pool).await? {
        if forgotten.holds_all(account) {
            erase::everything(pool, account, true).await?;
            continue;
        }
        let contacts = erase::contacts(pool, account).await?;
        for contact in contacts.iter().filter(|contact| forgotten.holds(account, contact)) {
            // There is no listing in a backup, and so no stamp.
            erase::Erase { pool, account, contact, stamp: "", really: true }.run().await?;
        }
    }
    Ok(())
}

/// A new epoch, as after a Redis that went back in time; with it the restore is over.
async fn end(pool: &Pool, highwater: &Highwater, installation: &str) -> Result<(), StoreError> {
    const END: &str = "
        redis.call('DEL', KEYS[1])
        return redis.call('HSET', KEYS[1], 'id', ARGV[1], 'epoch', ARGV[2], 'epoch_at', ARGV[3], 'beat', 1)";
    let now = pool.clock.now_ms();
    let epoch = highwater.epoch().max(u64::try_from(now).unwrap_or(0) / 1000) + 1;
    let _: i64 = redis::Script::new(END)
        .key(INSTALLATION)
        .arg(installation)
        .arg(epoch)
        .arg(now)
        .invoke_async(&mut pool.get().await?)
        .await?;
    highwater.note_beat(epoch, 1);
    Ok(())
}

/// The key that a record is about.
fn key_of(record: &records::Record) -> &[u8] {
    let at = if record.first().is_some_and(|name| name == b"XGROUP") { 2 } else { 1 };
    record.get(at).map_or(&[], Vec::as_slice)
}

/// For a letter in the stream of dead letters: the command that enters it in the index.
fn index_of_letter(key: &str, record: &records::Record) -> Option<records::Record> {
    let dead = key.strip_suffix(":dead")?;
    let (id, fields) = (record.get(2)?, record.get(3..)?);
    if record[0] != b"XADD" {
        return None;
    }
    let field = |name: &[u8]| fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| &pair[1]);
    let lane = field(b"lane").or_else(|| field(b"sync"))?;
    let index = format!("{dead}:dead:{}", String::from_utf8_lossy(lane));
    Some(vec![b"HSET".to_vec(), index.into_bytes(), field(b"contact")?.clone(), id.clone()])
}

/// When a key is read; `None`: it is not kept.
fn rank(key: &str) -> Option<u8> {
    let Some((tag, name)) = key.split_once("}:") else {
        return match key {
            // Last: the newest of what is precious.
            DECLARED => Some(9),
            AUDIT => Some(4),
            // Alerts are opened anew, sessions are begun anew.
            _ => None,
        };
    };
    let what = name.split(':').next().unwrap_or(name);
    if tag.starts_with("carnet:{google:") {
        // Listings are made anew in the new epoch, with everything that hangs on them.
        return (what == "state").then_some(4);
    }
    match what {
        // Leases and fences are of the workers that were there; a run in progress is begun anew.
        "run" | "run-lease" | "run-fence" | "run-counts" | "seen" | "replayed" | "lease" | "fence" | "sequence"
        | "nonce" | "rebuilt" => None,
        "dead" if name != what => None,
        "marks" | "due" | "bulk" | "readings" if name.ends_with("~undo") => None,
        "events" => Some(0),
        "marks" | "due" | "bulk" | "readings" | "bodies" => Some(1),
        "intents" | "begun" | "decisions" | "needs" => Some(2),
        "held" => Some(3),
        // Behind every mark that was counted by it.
        "generation" => Some(8),
        _ => Some(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contact::AccountKey,
        store::keys::{ALERTS, ALERTS_LEASE, CrmKeys, GoogleKeys, session},
    };

    #[test]
    fn sources_come_before_what_they_lead_to_and_nothing_of_workers_is_kept() {
        let keys = CrmKeys::new(&AccountKey { vendor: "highlevel".into(), id: "a:b".into() });
        let order = [
            keys.events(),
            keys.marks("s"),
            keys.intents("1"),
            keys.held(),
            keys.links("1"),
            keys.generation(),
            DECLARED.to_owned(),
        ];
        let ranks: Vec<_> = order.iter().map(|key| rank(key).expect(key)).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        let google = GoogleKeys::new("1");
        for key in
            [keys.run("s"), keys.seen("s", "r"), keys.fence("1"), keys.dead_of("s"), google.lease(), google.listing()]
        {
            assert_eq!(rank(&key), None, "{key}");
        }
        for key in [keys.dead(), keys.journal("1"), keys.reports("s"), keys.reports("s~undo"), google.state()] {
            assert!(rank(&key).is_some(), "{key}");
        }
        assert!(rank(AUDIT).is_some());
        for key in [INSTALLATION, ALERTS, ALERTS_LEASE, &session("digest")] {
            assert_eq!(rank(key), None, "{key}");
        }
    }
}
