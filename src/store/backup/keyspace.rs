//! All keys of Carnet in a Redis, found by scanning: on a Cluster, each primary for itself.

use redis::{
    RedisResult, Value,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};

use super::super::{
    StoreError,
    pool::{Connection, Pool},
};

/// Keys looked at in one step.
const SCANNED: usize = 1_000;

/// Every key that begins with `carnet:` and matches, in no order; each once.
pub async fn keys(pool: &Pool, pattern: &str) -> Result<Vec<String>, StoreError> {
    let mut connection = pool.get().await?;
    let mut all = Vec::new();
    match &mut connection {
        Connection::Cluster(cluster) => {
            let shards: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut **cluster).await?;
            for (host, port) in primaries(&shards)? {
                let mut cursor = 0;
                loop {
                    let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port };
                    let answer = cluster.route_command(scan(cursor, pattern), RoutingInfo::SingleNode(node)).await?;
                    let (next, found): (u64, Vec<String>) =
                        redis::from_redis_value(answer).map_err(redis::RedisError::from)?;
                    all.extend(found);
                    cursor = next;
                    if cursor == 0 {
                        break;
                    }
                }
            }
        }
        single => {
            let mut cursor = 0;
            loop {
                let (next, found): (u64, Vec<String>) = scan(cursor, pattern).query_async(single).await?;
                all.extend(found);
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
        }
    }
    // A scan may tell of a key twice.
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn scan(cursor: u64, pattern: &str) -> redis::Cmd {
    let mut scan = redis::cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
    scan
}

/// The address of each primary, out of `CLUSTER SLOTS`: ranges of slots, each with its nodes, the primary first.
fn primaries(slots: &Value) -> RedisResult<Vec<(String, u16)>> {
    let ranges: Vec<Vec<Value>> = redis::from_redis_value(slots.clone())?;
    let mut primaries = Vec::with_capacity(ranges.len());
    for range in ranges {
        let node: Vec<Value> = redis::from_redis_value(range.get(2).cloned().unwrap_or(Value::Nil))?;
        let part = |at: usize| node.get(at).cloned().unwrap_or(Value::Nil);
        primaries.push((redis::from_redis_value(part(0))?, redis::from_redis_value(part(1))?));
    }
    primaries.sort_unstable();
    primaries.dedup();
    Ok(primaries)
}

/// A name as it stands in a pattern.
pub fn literally(name: &str) -> String {
    name.chars().flat_map(|c| "*?[]^\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}
