//! Events are kept in the stream for a while after they were dispatched, to be looked at; then trimmed. In limited mode nothing
//! unprocessed is ever trimmed: dispatch copies the bodies first.

use redis::AsyncCommands;

use crate::{
    config::Tune,
    store::{StoreError, keys::CrmKeys, pool::Pool},
};

/// Trims one CRM account's stream by age and length; answers how many events went.
/// What has not been dispatched yet stays, whatever its age.
pub async fn trim(pool: &Pool, keys: &CrmKeys, tune: &Tune) -> Result<u64, StoreError> {
    const TRIM: &str = "
        local info = redis.pcall('XINFO', 'GROUPS', KEYS[1])
        if info.err or #info == 0 then return 0 end
        local delivered = '0'
        for i = 1, #info[1], 2 do if info[1][i] == 'last-delivered-id' then delivered = info[1][i + 1] end end
        -- The oldest id that must stay: by age, by length, and never past what was dispatched.
        local function parts(id) local a, b = string.match(id, '(%d+)-?(%d*)'); return tonumber(a), tonumber(b ~= '' and b or '0') end
        local function newer(one, other)
          local ms, seq = parts(one)
          local oms, oseq = parts(other)
          return ms > oms or (ms == oms and seq > oseq)
        end
        local keep = ARGV[1] .. '-0'
        local over = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2])
        if over > 0 then
          local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(over + 1, 1001))
          local id = oldest[#oldest][1]
          if newer(id, keep) then keep = id end
        end
        if newer(keep, delivered) then keep = delivered end
        return redis.call('XTRIM', KEYS[1], 'MINID', keep)";
    let age = i64::try_from(tune.stream_age.as_millis()).unwrap_or(i64::MAX);
    Ok(redis::Script::new(TRIM)
        .key(keys.events())
        .arg(pool.clock.now_ms().saturating_sub(age).max(0))
        .arg(tune.stream_max)
        .invoke_async(&mut pool.get().await?)
        .await?)
}

/// How many events a stream holds and how many of them wait to be dispatched.
pub async fn backlog(pool: &Pool, keys: &CrmKeys) -> Result<(u64, u64), StoreError> {
    let mut connection = pool.get().await?;
    let held: u64 = connection.xlen(keys.events()).await?;
    const WAITING: &str = concat!(include_str!("../store/named.lua"), include_str!("backlog.lua"));
    let waiting: u64 = redis::Script::new(WAITING).key(keys.events()).invoke_async(&mut connection).await?;
    Ok((held, waiting))
}

/// Bytes of the bodies that wait to be folded, in limited mode, as Redis keeps them.
pub async fn waiting_bodies(pool: &Pool, keys: &CrmKeys) -> Result<u64, StoreError> {
    let mut command = redis::cmd("MEMORY");
    command.arg("USAGE").arg(keys.bodies()).arg("SAMPLES").arg(0);
    let bytes: Option<u64> = command.query_async(&mut pool.get().await?).await?;
    Ok(bytes.unwrap_or(0))
}
