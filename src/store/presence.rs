//! Which processes of the service run now, and how far each has come: the configuration it uses, the keys that it has. So a command
//! can wait until all of them know of a change, and say who does not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use redis::AsyncCommands as _;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, keys::PROCESSES, pool::Pool};

/// One running process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// When it said so (ms).
    pub at: i64,
    /// The machine, for people.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// The registry's revision that it works by.
    pub revision: u64,
    /// Ids of the keys that it opens with, newest first.
    pub keys: Vec<String>,
    /// Id of the key of its snapshot.
    pub snapshot: String,
}

/// A process that has not been heard of for so long is gone (ms).
const GONE_MS: i64 = 30_000;

/// Says how far the process of this name has come.
pub async fn say(pool: &Pool, name: &str, process: &Process) -> Result<(), StoreError> {
    let text = encode("a process", &Process { at: pool.clock.now_ms(), ..process.clone() })?;
    Ok(pool.get().await?.hset(PROCESSES, name, text).await?)
}

/// Takes the process off.
pub async fn leave(pool: &Pool, name: &str) -> Result<(), StoreError> {
    Ok(pool.get().await?.hdel(PROCESSES, name).await?)
}

/// A process that runs says within a sweep what it has come to know.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until all running processes are so; answers which are not, when it has waited long enough.
pub async fn wait_for(pool: &Pool, is_so: impl Fn(&Process) -> bool) -> Result<Vec<Process>, StoreError> {
    let asked = Instant::now();
    loop {
        let mut others = running(pool).await?;
        others.retain(|process| !is_so(process));
        if others.is_empty() || asked.elapsed() > PATIENCE {
            return Ok(others);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Those that run; what is left of others is cleared away.
pub async fn running(pool: &Pool) -> Result<Vec<Process>, StoreError> {
    let mut connection = pool.get().await?;
    let held: BTreeMap<String, String> = connection.hgetall(PROCESSES).await?;
    let mut running = Vec::with_capacity(held.len());
    for (name, text) in held {
        let process: Process = decode("a process", &text)?;
        if process.at < pool.clock.now_ms() - GONE_MS {
            let _: () = connection.hdel(PROCESSES, name).await?;
        } else {
            running.push(process);
        }
    }
    Ok(running)
}
