//! What Redis does with what it is given: whether it is on disk, whether it may be thrown away, whether there is room. Said when
//! the service starts, and by `carnet doctor`.

use std::collections::BTreeMap;

use redis::Value;

use super::pool::Connection;

/// How good an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// As it should be.
    Good,
    /// It works, but somebody should know.
    Doubtful,
    /// What was acknowledged may be lost, or nothing can be acknowledged.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `Redis`, `persistence`, `disk`, `eviction`, `memory`.
    pub about: &'static str,
    /// How good it is.
    pub worth: Worth,
    /// What was found, as a sentence.
    pub says: String,
    /// What to do about it; empty when there is nothing to do.
    pub todo: &'static str,
}

impl Finding {
    fn good(about: &'static str, says: impl Into<String>) -> Self {
        Self { about, worth: Worth::Good, says: says.into(), todo: "" }
    }

    fn doubtful(about: &'static str, says: impl Into<String>, todo: &'static str) -> Self {
        Self { about, worth: Worth::Doubtful, says: says.into(), todo }
    }

    fn bad(about: &'static str, says: impl Into<String>, todo: &'static str) -> Self {
        Self { about, worth: Worth::Bad, says: says.into(), todo }
    }
}

/// Asks Redis for its version, and how it keeps what it is given.
pub async fn look(connection: &mut Connection) -> Vec<Finding> {
    let Some(info) = info(connection).await else {
        let todo = "Let Carnet's Redis user call INFO to have version, persistence and memory looked at.";
        return vec![Finding::doubtful("Redis", "It answers, but INFO cannot be read.", todo)];
    };
    let fsync = setting(connection, "appendfsync").await;
    let mut found = vec![version(&info), persistence(&info, fsync.as_deref())];
    found.extend(disk(&info));
    found.extend([eviction(&info), memory(&info)]);
    found
}

/// `INFO` of one server as fields. A cluster answers for each node; one of them speaks for all.
async fn info(connection: &mut Connection) -> Option<BTreeMap<String, String>> {
    let text = match redis::cmd("INFO").query_async::<Value>(connection).await.ok()? {
        Value::Map(nodes) => nodes.into_iter().find_map(|(_, said)| redis::from_redis_value::<String>(said).ok())?,
        said => redis::from_redis_value::<String>(said).ok()?,
    };
    let lines = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    Some(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// One setting; `None` where CONFIG is refused, as managed Redis does.
async fn setting(connection: &mut Connection, name: &str) -> Option<String> {
    let said: Value = redis::cmd("CONFIG").arg("GET").arg(name).query_async(connection).await.ok()?;
    let pairs: BTreeMap<String, String> = redis::from_redis_value(said).ok()?;
    pairs.into_values().next()
}

fn version(info: &BTreeMap<String, String>) -> Finding {
    let version = info.get("redis_version").map_or("unknown", String::as_str);
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    match major {
        7.. => Finding::good("Redis", format!("It answers and is version {version}.")),
        _ => Finding::bad("Redis", format!("It is version {version}."), "Carnet needs 7.0 or newer: upgrade it."),
    }
}

fn persistence(info: &BTreeMap<String, String>, fsync: Option<&str>) -> Finding {
    let about = "persistence";
    let append = "Set `appendonly yes` and `appendfsync always` (or `everysec`) in redis.conf.";
    match (info.get("aof_enabled").map(String::as_str), fsync) {
        (Some("1"), Some("always")) => Finding::good(about, "An event is on disk before it is answered with 202."),
        (Some("1"), Some("everysec")) => {
            Finding::good(about, "Redis writes to disk each second: a power cut may lose up to one second of events.")
        }
        (Some("1"), Some(_)) => {
            Finding::bad(about, "Redis leaves it to the system when to write to disk (appendfsync no).", append)
        }
        (Some("1"), None) => Finding::doubtful(
            about,
            "Redis keeps an append-only file; how often it is written to disk cannot be told, because CONFIG is refused.",
            "Ask your provider: `always` puts each event on disk, `everysec` risks one second.",
        ),
        (Some(_), _) => Finding::bad(
            about,
            "Redis keeps no append-only file: a restart loses events that were acknowledged.",
            append,
        ),
        (None, _) => Finding::doubtful(about, "Whether Redis writes to disk cannot be told.", append),
    }
}

/// Only when it cannot write: Redis then refuses everything that changes something.
fn disk(info: &BTreeMap<String, String>) -> Option<Finding> {
    let failed = |key: &str| info.get(key).is_some_and(|said| said == "err");
    let says = if failed("aof_last_write_status") {
        "Redis cannot write its append-only file: webhooks are answered 429, and nothing is written to Google."
    } else if failed("rdb_last_bgsave_status") {
        "Redis cannot write its snapshot; with `stop-writes-on-bgsave-error yes` webhooks are answered 429."
    } else {
        return None;
    };
    Some(Finding::bad(
        "disk",
        says,
        "Make room on the disk of Redis (its log says what is wrong); it goes on by itself.",
    ))
}

fn eviction(info: &BTreeMap<String, String>) -> Finding {
    let todo = "Set `maxmemory-policy noeviction`; Carnet then answers 429 until there is room.";
    match info.get("maxmemory_policy").map(String::as_str) {
        Some("noeviction") => Finding::good("eviction", "Redis throws nothing away when it is full."),
        Some(policy) => Finding::bad(
            "eviction",
            format!("Redis may throw away what Carnet keeps when its memory is full ({policy})."),
            todo,
        ),
        None => Finding::doubtful("eviction", "The eviction policy cannot be told.", "It must be noeviction."),
    }
}

fn memory(info: &BTreeMap<String, String>) -> Finding {
    let bytes = |key: &str| info.get(key).and_then(|value| value.parse::<u64>().ok());
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let more = "Give it more (`maxmemory`); it goes on by itself.";
    match (bytes("used_memory"), bytes("maxmemory")) {
        (Some(used), Some(max)) if max > 0 && used >= max => Finding::bad(
            "memory",
            format!("Redis is full ({} of {} MiB): webhooks are answered 429.", mib(used), mib(max)),
            more,
        ),
        (Some(used), Some(max)) if max > 0 && used >= max / 5 * 4 => Finding::doubtful(
            "memory",
            format!("Redis uses {} of {} MiB.", mib(used), mib(max)),
            "Give it more (`maxmemory`) before events are refused with 429.",
        ),
        (Some(used), Some(max)) if max > 0 => {
            Finding::good("memory", format!("Redis uses {} of {} MiB.", mib(used), mib(max)))
        }
        (Some(used), _) => Finding::good("memory", format!("Redis uses {} MiB; no limit is set.", mib(used))),
        (None, _) => {
            Finding::doubtful("memory", "How much memory Redis uses cannot be told.", "Watch it by other means.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_a_202_is_worth_is_told_from_the_settings() {
        for (aof, fsync, worth, word) in [
            (Some("1"), Some("always"), Worth::Good, "on disk"),
            (Some("1"), Some("everysec"), Worth::Good, "one second"),
            (Some("1"), Some("no"), Worth::Bad, "appendfsync no"),
            (Some("1"), None, Worth::Doubtful, "cannot be told"),
            (Some("0"), Some("always"), Worth::Bad, "no append-only file"),
            (None, None, Worth::Doubtful, "cannot be told"),
        ] {
            let pairs: Vec<_> = aof.map(|aof| ("aof_enabled", aof)).into_iter().collect();
            let found = persistence(&info(&pairs), fsync);
            assert_eq!(found.worth, worth, "{aof:?} {fsync:?}");
            assert!(found.says.contains(word), "{}", found.says);
        }
    }

    #[test]
    fn an_old_redis_and_one_that_throws_away_are_bad() {
        for (found, worth) in
            [("7.0.15", Worth::Good), ("8.2.1", Worth::Good), ("6.2.14", Worth::Bad), ("", Worth::Bad)]
        {
            assert_eq!(version(&info(&[("redis_version", found)])).worth, worth, "{found}");
        }
        assert_eq!(eviction(&info(&[("maxmemory_policy", "allkeys-lru")])).worth, Worth::Bad);
        assert_eq!(eviction(&info(&[("maxmemory_policy", "noeviction")])).worth, Worth::Good);
    }

    #[test]
    fn a_full_disk_and_a_full_memory_are_bad() {
        assert_eq!(disk(&info(&[("aof_last_write_status", "ok"), ("rdb_last_bgsave_status", "ok")])), None);
        for failed in ["aof_last_write_status", "rdb_last_bgsave_status"] {
            assert_eq!(disk(&info(&[(failed, "err")])).map(|found| found.worth), Some(Worth::Bad), "{failed}");
        }
        for (used, max, worth) in [
            ("100", "0", Worth::Good),
            ("79", "100", Worth::Good),
            ("80", "100", Worth::Doubtful),
            ("100", "100", Worth::Bad),
        ] {
            assert_eq!(memory(&info(&[("used_memory", used), ("maxmemory", max)])).worth, worth, "{used} of {max}");
        }
    }
}
