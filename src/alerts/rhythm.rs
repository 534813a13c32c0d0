//! How often events come, so that an unusual silence is noticed: the longest pause between two events, of this fortnight and the
//! one before, against how long the last one is ago. A weekend is in it, so a weekend is not unusual.

use redis::{AsyncCommands, streams::StreamInfoStreamReply};
use serde::{Deserialize, Serialize};

use crate::store::{
    StoreError, decode, encode,
    keys::CrmKeys,
    pool::{Connection, Pool},
};

/// What is known of the events of one CRM account. Times in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// When the first event was seen.
    first: i64,
    /// When the last one came.
    last: i64,
    /// The longest pause in this fortnight.
    longest: i64,
    /// In the one before.
    longest_before: i64,
    /// When this fortnight began.
    fortnight: i64,
}

const FORTNIGHT_MS: i64 = 14 * 86_400_000;
/// So many times the least silence must events have been known, before anything is unusual.
const KNOWN_FOR: i64 = 3;

impl Rhythm {
    /// The last event is of this time.
    fn hear(&mut self, last: i64, now: i64) {
        if self.first == 0 {
            (self.first, self.fortnight) = (last, now);
        } else if last > self.last {
            self.longest = self.longest.max(last - self.last);
        }
        self.last = last;
        if now - self.fortnight >= FORTNIGHT_MS {
            (self.longest_before, self.longest, self.fortnight) = (self.longest, 0, now);
        }
    }

    /// For how long (ms) nothing has come, if that is unusual; `least` is the shortest silence that may be.
    pub fn silence(&self, now: i64, least: i64) -> Option<i64> {
        let usual = self.longest.max(self.longest_before);
        let silence = now - self.last;
        let known = self.first > 0 && self.last - self.first >= least * KNOWN_FOR;
        (known && silence >= least && silence > usual * 2).then_some(silence)
    }
}

/// Looks when the last event came, and keeps it.
pub async fn listen(pool: &Pool, keys: &CrmKeys) -> Result<Rhythm, StoreError> {
    let mut connection: Connection = pool.get().await?;
    let held: Option<String> = connection.get(keys.rhythm()).await?;
    let before: Rhythm = held.map_or_else(|| Ok(Rhythm::default()), |text| decode("a rhythm", &text))?;
    let there: bool = connection.exists(keys.events()).await?;
    if !there {
        return Ok(before);
    }
    let stream: StreamInfoStreamReply = connection.xinfo_stream(keys.events()).await?;
    let last = stream.last_generated_id.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or(0);
    let mut rhythm = before.clone();
    if last > 0 {
        rhythm.hear(last, pool.clock.now_ms());
    }
    if rhythm != before {
        let _: () = connection.set(keys.rhythm(), encode("a rhythm", &rhythm)?).await?;
    }
    Ok(rhythm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn a_weekend_is_usual_and_twice_a_weekend_is_not() {
        let mut rhythm = Rhythm::default();
        let mut now = DAY;
        for week in 0..3 {
            for hour in 0..5 * 24 {
                now = (week * 7 + 1) * DAY + hour * HOUR;
                rhythm.hear(now, now);
                assert_eq!(rhythm.silence(now, DAY), None);
            }
        }
        // Friday to Monday.
        assert_eq!(rhythm.silence(now + 49 * HOUR, DAY), None);
        assert_eq!(rhythm.silence(now + 97 * HOUR, DAY), None);
        assert_eq!(rhythm.silence(now + 99 * HOUR, DAY), Some(99 * HOUR));
        rhythm.hear(now + 99 * HOUR, now + 99 * HOUR);
        assert_eq!(rhythm.silence(now + 99 * HOUR, DAY), None);
    }

    #[test]
    fn nothing_is_unusual_in_what_is_not_known_yet() {
        let mut rhythm = Rhythm::default();
        assert_eq!(rhythm.silence(90 * DAY, DAY), None);
        rhythm.hear(DAY, DAY);
        rhythm.hear(2 * DAY, 2 * DAY);
        assert_eq!(rhythm.silence(20 * DAY, DAY), None);
    }

    #[test]
    fn a_long_holiday_is_forgotten_after_a_while() {
        let mut rhythm = Rhythm::default();
        rhythm.hear(DAY, DAY);
        rhythm.hear(11 * DAY, 11 * DAY);
        for day in 12..44 {
            rhythm.hear(day * DAY, day * DAY);
        }
        assert_eq!(rhythm.silence(47 * DAY, DAY), Some(4 * DAY));
    }
}
