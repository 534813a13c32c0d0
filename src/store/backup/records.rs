//! One key as the commands that make it again. Typed commands instead of DUMP: a dump is bound to the version of its server (a newer
//! one's is refused by an older one, and Valkey's by Redis), and holds a whole key in memory; these go page by page and anywhere.

use std::collections::HashMap;

use redis::{AsyncCommands as _, FromRedisValue, Value, streams::StreamId};

use super::super::{
    StoreError,
    pool::{Connection, Pool},
    stream::{WHOLE, each_entry},
};

/// A command with its arguments.
pub type Record = Vec<Vec<u8>>;

/// Elements in one command.
const PAGE: usize = 500;

fn record(parts: &[&dyn AsRef<[u8]>]) -> Record {
    parts.iter().map(|part| part.as_ref().to_vec()).collect()
}

/// Gives `sink` the commands that make this key; none when it is gone meanwhile.
pub async fn of_key<E: From<StoreError>>(
    pool: &Pool,
    key: &str,
    mut sink: impl FnMut(&Record) -> Result<(), E>,
) -> Result<(), E> {
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    let ask = |command: &'static str| {
        let mut ask = redis::cmd(command);
        ask.arg(key);
        ask
    };
    // Asked before the value: a key without an end must not come back as one that ends, nor the other way round.
    let ends: i64 = ask("PEXPIRETIME").query_async(&mut connection).await.map_err(StoreError::from)?;
    let kind: String = ask("TYPE").query_async(&mut connection).await.map_err(StoreError::from)?;
    match kind.as_str() {
        "string" => {
            let held: Option<Vec<u8>> = connection.get(key).await.map_err(StoreError::from)?;
            if let Some(value) = held {
                sink(&record(&[&"SET", &key, &value]))?;
            }
        }
        "hash" => scanned(&mut connection, key, ("HSCAN", "HSET", false), &mut sink).await?,
        "set" => scanned(&mut connection, key, ("SSCAN", "SADD", false), &mut sink).await?,
        "zset" => scanned(&mut connection, key, ("ZSCAN", "ZADD", true), &mut sink).await?,
        "list" => {
            // In one step: in pages it would move underneath.
            let held: Vec<Vec<u8>> = connection.lrange(key, 0, -1).await.map_err(StoreError::from)?;
            for page in held.chunks(PAGE) {
                let mut push = record(&[&"RPUSH", &key]);
                push.extend_from_slice(page);
                sink(&push)?;
            }
        }
        "stream" => stream(&mut connection, key, &mut sink).await?,
        _ => return Ok(()),
    }
    if ends >= 0 {
        sink(&record(&[&"PEXPIREAT", &key, &ends.to_string()]))?;
    }
    Ok(())
}

/// What a scan tells of twice is written twice, which changes nothing. ZSCAN says member and score, ZADD takes them the other way round.
async fn scanned<E: From<StoreError>>(
    connection: &mut Connection,
    key: &str,
    (scan, write, swapped): (&str, &str, bool),
    sink: &mut impl FnMut(&Record) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursor = 0;
    loop {
        let mut ask = redis::cmd(scan);
        ask.arg(key).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, mut parts): (u64, Vec<Vec<u8>>) = ask.query_async(connection).await.map_err(StoreError::from)?;
        if swapped {
            parts.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        }
        // An even number, so that no pair is parted.
        for page in parts.chunks(PAGE) {
            let mut command = record(&[&write, &key]);
            command.extend_from_slice(page);
            sink(&command)?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// The groups first: what is dispatched while the entries are read will be dispatched once more, and nothing is passed over.
async fn stream<E: From<StoreError>>(
    connection: &mut Connection,
    key: &str,
    sink: &mut impl FnMut(&Record) -> Result<(), E>,
) -> Result<(), E> {
    let info = |what: &'static str| {
        let mut ask = redis::cmd("XINFO");
        ask.arg(what).arg(key);
        ask
    };
    let groups: Vec<HashMap<String, Value>> = info("GROUPS").query_async(connection).await.map_err(StoreError::from)?;
    let facts: HashMap<String, Value> = info("STREAM").query_async(connection).await.map_err(StoreError::from)?;
    let last: String = field(&facts, "last-generated-id")?;
    let mut made = Vec::with_capacity(groups.len());
    for group in &groups {
        let name: String = field(group, "name")?;
        let create = match field::<u64>(group, "pending")? {
            0 => {
                let delivered: String = field(group, "last-delivered-id")?;
                let read = field::<Option<i64>>(group, "entries-read")?.unwrap_or(-1);
                record(&[&"XGROUP", &"CREATE", &key, &name, &delivered, &"MKSTREAM", &"ENTRIESREAD", &read.to_string()])
            }
            // Taken and not acknowledged: they will be taken again, with all that came after them.
            _ => {
                let before = first_pending(connection, key, &name).await?;
                record(&[&"XGROUP", &"CREATE", &key, &name, &before, &"MKSTREAM"])
            }
        };
        made.push(create);
    }
    let mut is_empty = true;
    each_entry(connection, key, (WHOLE.0, &last), PAGE, |entry| {
        is_empty = false;
        sink(&entry_of(key, entry))
    })
    .await?;
    let (added, deleted) = (field::<u64>(&facts, "entries-added")?, field::<String>(&facts, "max-deleted-entry-id")?);
    let set = record(&[&"XSETID", &key, &last, &"ENTRIESADDED", &added.to_string(), &"MAXDELETEDID", &deleted]);
    match (is_empty, made.is_empty()) {
        // Nothing can be set on a stream that is not there; its first group makes it.
        (true, true) => return Ok(()),
        (true, false) => {
            made.iter().try_for_each(&mut *sink)?;
            return sink(&set);
        }
        (false, _) => {}
    }
    sink(&set)?;
    made.iter().try_for_each(sink)
}

fn entry_of(key: &str, entry: &StreamId) -> Record {
    let mut add = record(&[&"XADD", &key, &entry.id]);
    for (name, value) in &entry.map {
        let bytes: Vec<u8> = Vec::from_redis_value(value.clone()).unwrap_or_default();
        add.extend([name.clone().into_bytes(), bytes]);
    }
    add
}

async fn first_pending(connection: &mut Connection, key: &str, group: &str) -> Result<String, StoreError> {
    let mut ask = redis::cmd("XPENDING");
    ask.arg(key).arg(group).arg("-").arg("+").arg(1);
    let pending: Vec<(String, String, u64, u64)> = ask.query_async(connection).await?;
    let id = pending.first().map_or("0-1", |(id, ..)| id);
    let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
    let (ms, sequence) = (ms.parse::<u64>().unwrap_or(0), sequence.parse::<u64>().unwrap_or(0));
    Ok(match sequence.checked_sub(1) {
        Some(before) => format!("{ms}-{before}"),
        None => format!("{}-{}", ms.saturating_sub(1), u64::MAX),
    })
}

fn field<T: FromRedisValue>(facts: &HashMap<String, Value>, name: &'static str) -> Result<T, StoreError> {
    let missing = || StoreError::Unreadable("a stream's facts", format!("{name} is missing"));
    let value = facts.get(name).ok_or_else(missing)?;
    T::from_redis_value(value.clone()).map_err(|e| StoreError::Unreadable("a stream's facts", e.to_string()))
}
