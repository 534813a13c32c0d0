//! Leases: a Google account has one worker at a time, a sync one run. Each comes with a fencing token that every later
//! write must show.

use std::time::{Duration, Instant};

use super::{StoreError, pool::Pool, seal::random_text};

const RENEW: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// A lease held by this worker.
pub struct Lease {
    pool: Pool,
    key: String,
    holder: String,
    length: Duration,
    until: Instant,
    /// The fencing token, greater than any before it.
    pub token: String,
}

impl Lease {
    /// Takes the lease `key` for `length`, with the next token of `fence` (a key of the same slot); `None` while somebody else
    /// has it.
    pub async fn claim(
        pool: &Pool,
        key: String,
        fence: String,
        holder: &str,
        length: Duration,
    ) -> Result<Option<Self>, StoreError> {
        // One claim, not one process: a claim whose answer was lost may be sent again by the client and is still this one.
        let holder =
            format!("{holder}-{}", random_text(4).map_err(|e| StoreError::Unreadable("a claim", e.to_string()))?);
        // Counted from before the call: Redis's clock starts later, so ours ends first.
        let asked = Instant::now();
        let token: Option<String> = redis::Script::new(include_str!("claim.lua"))
            .key(&key)
            .key(fence)
            .arg(&holder)
            .arg(millis(length))
            .invoke_async(&mut pool.get().await?)
            .await?;
        Ok(token.map(|token| Self { pool: pool.clone(), key, holder, length, until: asked + length, token }))
    }

    /// How long it is still ours.
    pub fn remaining(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Makes sure that it lasts longer than `need`; [`StoreError::Fenced`] when it is lost.
    pub async fn ensure(&mut self, need: Duration) -> Result<(), StoreError> {
        if self.remaining() > need.max(self.length / 2) {
            return Ok(());
        }
        let asked = Instant::now();
        let held: i64 = redis::Script::new(RENEW)
            .key(&self.key)
            .arg(&self.holder)
            .arg(millis(self.length))
            .invoke_async(&mut self.pool.get().await?)
            .await?;
        if held == 0 {
            return Err(StoreError::Fenced);
        }
        self.until = asked + self.length;
        Ok(())
    }

    /// Gives it back; one that is no longer ours is left alone.
    pub async fn release(self) -> Result<(), StoreError> {
        let _: i64 = redis::Script::new(RELEASE)
            .key(&self.key)
            .arg(&self.holder)
            .invoke_async(&mut self.pool.get().await?)
            .await?;
        Ok(())
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
