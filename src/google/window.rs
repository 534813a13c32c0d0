//! One per-minute quota of an account: what was spent in the last 60 seconds, and the limit we assume, which follows what
//! Google answers.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds for which a spending counts.
const LENGTH: i64 = 60_000;

/// A limit is not lowered below what one batch costs, or batches could never go again.
const FLOOR: u32 = 6;

/// A limit beyond any that Google grants, so that sums stay in range whatever is configured.
const LARGEST: u32 = 1_000_000;

/// Milliseconds between two raises while Google has never complained, and once it has.
const RAISE_EVERY: i64 = 60_000;
const RAISE_EVERY_AFTER_COMPLAINT: i64 = 600_000;

/// A sliding minute with an adapting limit. All times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// The configured limit.
    start: u32,
    /// The limit assumed now.
    limit: u32,
    /// `(when, units)`, oldest first.
    spent: VecDeque<(i64, u32)>,
    complained: bool,
    changed: i64,
    /// When it was last lowered.
    #[serde(default)]
    lowered: i64,
}

impl Window {
    pub fn new(start: u32) -> Self {
        let start = start.clamp(1, LARGEST);
        Self { start, limit: start, spent: VecDeque::new(), complained: false, changed: 0, lowered: 0 }
    }

    /// Takes over a configured limit; what was learnt is kept as far as it lies within its range.
    pub fn configure(&mut self, start: u32) {
        self.start = start.clamp(1, LARGEST);
        self.limit = self.limit.clamp(self.floor(), self.ceiling());
    }

    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// How long until `units` fit in. More units than the limit go alone, in an empty minute.
    pub fn delay_for(&self, units: u32, now: i64) -> Duration {
        let mut over = (self.used(now) + units).saturating_sub(self.limit);
        if units == 0 || over == 0 {
            return Duration::ZERO;
        }
        let mut free_at = now;
        for (at, spent) in self.counted(now) {
            free_at = free_at.max(at + LENGTH);
            over = over.saturating_sub(spent);
            if over == 0 {
                break;
            }
        }
        Duration::from_millis((free_at - now).unsigned_abs())
    }

    pub fn spend(&mut self, units: u32, now: i64) {
        self.spent.retain(|(at, _)| counts(*at, now));
        if units > 0 {
            self.spent.push_back((now, units));
        }
    }

    /// Google refused: assume a quarter less. Refusals within a minute are one: they are all of that minute's quota, and a limit
    /// that a burst had brought down would take hours to come back.
    pub fn lower(&mut self, now: i64) {
        if self.complained && (self.lowered..self.lowered + LENGTH).contains(&now) {
            return;
        }
        self.lowered = now;
        self.limit = (self.limit * 3 / 4).max(self.floor());
        self.complained = true;
        self.changed = now;
    }

    /// Google accepted: assume a little more, but only when most of the limit was really used (else it proves nothing),
    /// now and then, and up to three times the configured start.
    pub fn raise(&mut self, now: i64) {
        let every = if self.complained { RAISE_EVERY_AFTER_COMPLAINT } else { RAISE_EVERY };
        let due = !(self.changed..self.changed + every).contains(&now);
        if due && self.used(now) * 4 >= self.limit * 3 {
            self.limit = (self.limit + (self.start / 20).max(1)).min(self.ceiling());
            self.changed = now;
        }
    }

    fn used(&self, now: i64) -> u32 {
        self.counted(now).map(|(_, units)| units).sum()
    }

    fn counted(&self, now: i64) -> impl Iterator<Item = (i64, u32)> {
        self.spent.iter().copied().filter(move |(at, _)| counts(*at, now))
    }

    fn floor(&self) -> u32 {
        self.start.min(FLOOR)
    }

    fn ceiling(&self) -> u32 {
        self.start * 3
    }
}

/// A spending "of the future", after the clock was set back, counts for a minute at most instead of for ever.
fn counts(at: i64, now: i64) -> bool {
    (now - LENGTH + 1..now + LENGTH).contains(&at)
}
