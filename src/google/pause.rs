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

    /// How long the next pause is, if Google does not say.
    pub fn next(&self, lengths: &Lengths) -> Duration {
        lengths.first.saturating_mul(1 << self.times.min(16)).min(lengths.longest)
    }

    /// Google complained: stop for `wait`, within the longest pause. A running pause never gets shorter.
    pub fn extend(&mut self, lengths: &Lengths, wait: Duration, now: i64) {
        let wait = i64::try_from(wait.min(lengths.longest).as_millis()).unwrap_or(i64::MAX);
        let until = now.saturating_add(wait);
        self.until = if self.is_over(lengths, now) { until } else { until.max(self.until) };
        self.times = self.times.saturating_add(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths::minutes(5, 60);
    const MINUTE: i64 = 60_000;

    #[test]
    fn a_running_pause_is_never_shortened_and_never_longer_than_the_longest() {
        let mut pause = Pause::default();
        pause.extend(&LENGTHS, Duration::MAX, 0);
        pause.extend(&LENGTHS, Duration::from_secs(1), MINUTE);
        assert_eq!(pause.delay(&LENGTHS, MINUTE), Duration::from_secs(59 * 60));
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_pause() {
        let mut pause = Pause::default();
        pause.extend(&LENGTHS, pause.next(&LENGTHS), 1_000 * MINUTE);
        assert_eq!(pause.delay(&LENGTHS, 0), Duration::ZERO);
    }
}
