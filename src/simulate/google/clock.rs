//! The virtual clock: real time plus an offset that control moves forward. Times are milliseconds since 1970.

use jiff::Timestamp;

/// A second, a minute, a day in milliseconds.
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const DAY: i64 = 24 * 60 * MINUTE;

#[derive(Default)]
pub struct Clock {
    offset: i64,
    last: i64,
}

impl Clock {
    /// Never goes back, whatever the real clock does: revisions and times must keep one order.
    pub fn now(&mut self) -> i64 {
        self.last = self.last.max(Timestamp::now().as_millisecond().saturating_add(self.offset));
        self.last
    }

    pub fn advance(&mut self, milliseconds: i64) {
        self.offset = self.offset.saturating_add(milliseconds.max(0));
    }
}

/// The way Google writes times.
pub fn rfc3339(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map(|t| t.to_string()).unwrap_or_default()
}
