//! Metering per user: fixed windows of a minute and a day, and the hidden storage limit that retries make longer.

use super::{
    clock::{DAY, MINUTE},
    op::Cost,
    options::Limits,
    refusal::Refusal,
};

/// What the current windows have used.
#[derive(Default)]
pub struct Meter {
    minute: i64,
    used: Cost,
    full_syncs: u32,
    day: i64,
    daily: u32,
}

impl Meter {
    /// Takes the units, or none of them.
    ///
    /// # Errors
    /// 429 naming the first quota that does not have them.
    pub fn charge(&mut self, now: i64, cost: Cost, limits: &Limits) -> Result<(), Refusal> {
        self.roll(now);
        let quotas = [
            (self.used.critical_read, cost.critical_read, limits.critical_reads_per_minute, CRITICAL_READS),
            (self.used.critical_write, cost.critical_write, limits.critical_writes_per_minute, CRITICAL_WRITES),
            (self.used.read, cost.read, limits.reads_per_minute, READS),
            (self.used.write, cost.write, limits.writes_per_minute, WRITES),
            (self.daily, cost.daily, limits.contact_writes_per_day, DAILY),
        ];
        for (used, units, limit, [metric, per, limit_id, metric_id]) in quotas {
            if units > 0 && used.saturating_add(units) > limit {
                return Err(Refusal::over_quota(metric, per, limit_id, metric_id));
            }
        }
        self.used.add(cost);
        self.daily += cost.daily;
        Ok(())
    }

    /// The extra quota of a full sync's first page.
    ///
    /// # Errors
    /// 429 without a reason.
    pub fn charge_full_sync(&mut self, now: i64, limits: &Limits) -> Result<(), Refusal> {
        self.roll(now);
        if self.full_syncs >= limits.full_syncs_per_minute {
            return Err(Refusal::exhausted());
        }
        self.full_syncs += 1;
        Ok(())
    }

    fn roll(&mut self, now: i64) {
        if self.minute != now / MINUTE {
            (self.minute, self.used, self.full_syncs) = (now / MINUTE, Cost::default(), 0);
        }
        if self.day != now / DAY {
            (self.day, self.daily) = (now / DAY, 0);
        }
    }
}

/// Metric, period, limit id and metric id, as errors spell them.
type Names = [&'static str; 4];
const CRITICAL_READS: Names = [
    "Critical read requests (Contact and Profile Reads)",
    "per minute per user",
    "CriticalReadsPerMinutePerProjectPerUser",
    "critical_read_requests",
];
const CRITICAL_WRITES: Names = [
    "Critical write requests (Contact Creates and Updates)",
    "per minute per user",
    "CriticalWritesPerMinutePerProjectPerUser",
    "critical_write_requests",
];
const READS: Names =
    ["Read requests (Contact Group Reads)", "per minute per user", "ReadsPerMinutePerProjectPerUser", "read_requests"];
const WRITES: Names = [
    "Write requests (Contact Deletes and Contact Group Writes)",
    "per minute per user",
    "WritesPerMinutePerProjectPerUser",
    "write_requests",
];
const DAILY: Names =
    ["Daily Contact Writes (Total)", "per day", "DailyContactWritesPerDayPerProject", "daily_contact_writes"];

/// The storage behind the account refuses everything until a time, and each try puts it off.
pub struct StorageBlock {
    pub until: i64,
    pub extend_by: i64,
}

impl StorageBlock {
    /// # Errors
    /// 429 with a `QuotaFailure` while the block lasts.
    pub fn check(&mut self, now: i64) -> Result<(), Refusal> {
        if now >= self.until {
            return Ok(());
        }
        self.until += self.extend_by;
        Err(Refusal::storage_quota())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_ends_with_its_minute_and_is_named_in_the_error() {
        let (mut meter, limits) = (Meter::default(), Limits { critical_writes_per_minute: 7, ..Limits::default() });
        let batch = Cost { critical_write: 6, ..Cost::default() };
        assert!(meter.charge(MINUTE, batch, &limits).is_ok());
        let refused = meter.charge(MINUTE + 1, batch, &limits).unwrap_err();
        assert_eq!(refused.details[0]["metadata"]["quota_limit"], "CriticalWritesPerMinutePerProjectPerUser");
        let single = Cost { critical_write: 1, ..Cost::default() };
        assert!(meter.charge(MINUTE + 2, single, &limits).is_ok(), "a refused call costs nothing");
        assert!(meter.charge(2 * MINUTE, batch, &limits).is_ok());
    }

    #[test]
    fn retries_put_the_end_of_a_storage_block_off() {
        let mut block = StorageBlock { until: 100, extend_by: 50 };
        assert!(block.check(90).is_err());
        assert!(block.check(120).is_err());
        assert!(block.check(250).is_ok());
    }
}
