//! The contacts that a replay is to look at, kept for as long as it may go on.

use redis::AsyncCommands;

use super::{StoreError, keys::CrmKeys, pool::Pool};

/// As long as a run may stand still (seconds).
const KEPT: i64 = 30 * 86_400;
/// Contacts written in one call.
const CHUNK: usize = 1_000;

/// Keeps them in this order.
pub async fn keep(pool: &Pool, keys: &CrmKeys, run: &str, contacts: &[&str]) -> Result<(), StoreError> {
    let (mut connection, key) = (pool.get().await?, keys.replayed(run));
    for chunk in contacts.chunks(CHUNK) {
        let _: u64 = connection.rpush(&key, chunk).await?;
    }
    Ok(connection.expire(&key, KEPT).await?)
}

/// Some of them from the one at `from` on.
pub async fn some(pool: &Pool, keys: &CrmKeys, run: &str, from: usize, most: usize) -> Result<Vec<String>, StoreError> {
    let at = |number: usize| isize::try_from(number).unwrap_or(isize::MAX);
    Ok(pool.get().await?.lrange(keys.replayed(run), at(from), at(from + most) - 1).await?)
}
