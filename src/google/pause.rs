//! A stop after Google said "no more": until a moment, and longer each time it says so again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nothing may go before `until`. All times are milliseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pause {
    until: i64,
    /// Complaints in a row.
    times: u32,
}

/// How long a pause is: the first, doubling to the longest.
pub(super) struct Lengths {
    pub first: Duration,
    pub longest: Duration,
}

impl Lengths {
    pub const fn minutes(first: u64, longest: u64) -> Self {
        Self { first: Duration::from_secs(first * 60), longest: Duration::from_secs(longest * 60) }
    }
}

impl Pause {
    /// Whether Google has not complained since it last accepted.
    pub fn is_new(&self) -> bool {
        self.times == 0
    }

    /// Google complained. Its own word on how long to wait is taken, within `longest`; a running pause never gets shorter.
    pub fn extend(&mut self, lengths: &Lengths, retry_after: Option<Duration>, now: i64) {
        let doubled = lengths.first.saturating_mul(1 << self.times.min(16));
        let wait = retry_after.unwrap_or(doubled).min(lengths.longest);
        self.times = self.times.saturating_add(1);
        let until = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        self.until = if self.is_over(lengths, now) { until } else { until.max(self.until) };
    }

    /// Google accepted again.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    pub fn delay(&self, lengths: &Lengths, now: i64) -> Duration {
        if self.is_over(lengths, now) {
            return Duration::ZERO;
        }
        Duration::from_millis((self.until - now).unsigned_abs())
    }

    /// An end farther away than the longest pause is the mark of a clock that was set back.
    fn is_over(&self, lengths: &Lengths, now: i64) -> bool {
        let longest = i64::try_from(lengths.longest.as_millis()).unwrap_or(i64::MAX);
        self.until <= now || self.until - now > longest
    }
}
