//! Redis: its version, what an acknowledged event is worth, whether it may throw things away, its clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redis::Value;

use super::{Check, clock};
use crate::store::pool::{Connection, Pool};

pub(super) async fn checks(pool: &Pool) -> Vec<Check> {
    let mut connection = match pool.get().await {
        Ok(connection) => connection,
        Err(error) => return vec![Check::failed("Redis", &error)],
    };
    let Some(info) = info(&mut connection).await else {
        let todo = "Let Carnet's Redis user call INFO to have version, persistence and memory looked at.";
        return vec![Check::warning("Redis", "It answers, but INFO cannot be read.", todo)];
    };
    let fsync = setting(&mut connection, "appendfsync").await;
    let mut checks = vec![version(&info), persistence(&info, fsync.as_deref()), eviction(&info), memory(&info)];
    let asked = Timestamp::now();
    if let Ok((seconds, _)) = redis::cmd("TIME").query_async::<(i64, i64)>(&mut connection).await
        && let Ok(there) = Timestamp::from_second(seconds)
    {
        checks.push(clock::compare("Redis", asked, there));
    }
    checks
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

fn version(info: &BTreeMap<String, String>) -> Check {
    let version = info.get("redis_version").map_or("unknown", String::as_str);
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    match major {
        7.. => Check::ok("Redis", format!("It answers and is version {version}.")),
        _ => Check::problem("Redis", format!("It is version {version}."), "Carnet needs 7.0 or newer: upgrade it."),
    }
}

fn persistence(info: &BTreeMap<String, String>, fsync: Option<&str>) -> Check {
    let name = "persistence";
    let append = "Set `appendonly yes` and `appendfsync always` (or `everysec`) in redis.conf.";
    match (info.get("aof_enabled").map(String::as_str), fsync) {
        (Some("1"), Some("always")) => Check::ok(name, "An event is on disk before it is answered with 202."),
        (Some("1"), Some("everysec")) => {
            Check::ok(name, "Redis writes to disk each second: a power cut may lose up to one second of events.")
        }
        (Some("1"), Some(_)) => {
            Check::problem(name, "Redis leaves it to the system when to write to disk (appendfsync no).", append)
        }
        (Some("1"), None) => Check::warning(
            name,
            "Redis keeps an append-only file; how often it is written to disk cannot be told, because CONFIG is refused.",
            "Ask your provider: `always` puts each event on disk, `everysec` risks one second.",
        ),
        (Some(_), _) => Check::problem(
            name,
            "Redis keeps no append-only file: a restart loses events that were acknowledged.",
            append,
        ),
        (None, _) => Check::warning(name, "Whether Redis writes to disk cannot be told.", append),
    }
}

fn eviction(info: &BTreeMap<String, String>) -> Check {
    match info.get("maxmemory_policy").map(String::as_str) {
        Some("noeviction") => Check::ok("eviction", "Redis throws nothing away when it is full."),
        Some(policy) => Check::problem(
            "eviction",
            format!("Redis may throw away what Carnet keeps when its memory is full ({policy})."),
            "Set `maxmemory-policy noeviction`; Carnet then answers 429 until there is room.",
        ),
        None => Check::warning("eviction", "The eviction policy cannot be told.", "It must be noeviction."),
    }
}

fn memory(info: &BTreeMap<String, String>) -> Check {
    let bytes = |key: &str| info.get(key).and_then(|value| value.parse::<u64>().ok());
    let mib = |bytes: u64| bytes / (1024 * 1024);
    match (bytes("used_memory"), bytes("maxmemory")) {
        (Some(used), Some(max)) if max > 0 && used >= max / 5 * 4 => Check::warning(
            "memory",
            format!("Redis uses {} of {} MiB.", mib(used), mib(max)),
            "Give it more (`maxmemory`) before events are refused with 429.",
        ),
        (Some(used), Some(max)) if max > 0 => {
            Check::ok("memory", format!("Redis uses {} of {} MiB.", mib(used), mib(max)))
        }
        (Some(used), _) => Check::ok("memory", format!("Redis uses {} MiB; no limit is set.", mib(used))),
        (None, _) => Check::warning("memory", "How much memory Redis uses cannot be told.", "Watch it by other means."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    fn info(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_a_202_is_worth_is_told_from_the_settings() {
        for (aof, fsync, state, word) in [
            (Some("1"), Some("always"), State::Ok, "on disk"),
            (Some("1"), Some("everysec"), State::Ok, "one second"),
            (Some("1"), Some("no"), State::Problem, "appendfsync no"),
            (Some("1"), None, State::Warning, "cannot be told"),
            (Some("0"), Some("always"), State::Problem, "no append-only file"),
            (None, None, State::Warning, "cannot be told"),
        ] {
            let pairs: Vec<_> = aof.map(|aof| ("aof_enabled", aof)).into_iter().collect();
            let check = persistence(&info(&pairs), fsync);
            assert_eq!(check.state, state, "{aof:?} {fsync:?}");
            assert!(check.says.contains(word), "{}", check.says);
        }
    }

    #[test]
    fn an_old_redis_and_one_that_throws_away_are_problems() {
        for (found, state) in
            [("7.0.15", State::Ok), ("8.2.1", State::Ok), ("6.2.14", State::Problem), ("", State::Problem)]
        {
            assert_eq!(version(&info(&[("redis_version", found)])).state, state, "{found}");
        }
        assert_eq!(eviction(&info(&[("maxmemory_policy", "allkeys-lru")])).state, State::Problem);
        assert_eq!(eviction(&info(&[("maxmemory_policy", "noeviction")])).state, State::Ok);
        for (used, max, state) in [("100", "0", State::Ok), ("79", "100", State::Ok), ("80", "100", State::Warning)] {
            assert_eq!(memory(&info(&[("used_memory", used), ("maxmemory", max)])).state, state, "{used} of {max}");
        }
    }
}
