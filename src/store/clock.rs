//! The time by which everything stored is dated and due.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// A difference from the machine's clock that is not worth a word (ms).
const CLOSE: i64 = 5_000;

/// The machine's clock without its jumps. It goes on evenly from where it began, and [`Clock::follow`] brings it after the
/// machine's when that was set: back at once, forward only once nothing can be under way any more that a time limit was set for.
/// Otherwise a clock set forward would let a create that Google is still busy with look like one that was never made.
///
/// It can also be moved forward: what takes days (a sync token's end, a retry, a window in which a create may still show) can be
/// gone through in a moment. Clones move together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    anchor: Mutex<Anchor>,
    /// Milliseconds by which it was moved forward.
    advanced: AtomicI64,
}

/// Where it goes on from.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    instant: Instant,
    /// The machine's clock then (ms since 1970).
    wall: i64,
    /// Since when the machine's clock is ahead.
    ahead_since: Option<Instant>,
}

/// The machine's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// By so many milliseconds; not followed yet.
    Forward(i64),
    /// By so many milliseconds; followed.
    Back(i64),
    /// What was set forward before is followed now.
    Followed,
}

impl Default for Inner {
    fn default() -> Self {
        let anchor = Anchor { instant: Instant::now(), wall: Timestamp::now().as_millisecond(), ahead_since: None };
        Self { anchor: Mutex::new(anchor), advanced: AtomicI64::new(0) }
    }
}

impl Anchor {
    /// Milliseconds since 1970, at this instant.
    fn at(&self, instant: Instant) -> i64 {
        let gone = instant.saturating_duration_since(self.instant).as_millis();
        self.wall.saturating_add(i64::try_from(gone).unwrap_or(i64::MAX))
    }

    fn follow(&mut self, instant: Instant, wall: i64, settles: Duration) -> Option<Jump> {
        let off = wall.saturating_sub(self.at(instant));
        let here = Self { instant, wall, ahead_since: None };
        if off.abs() < CLOSE {
            *self = here;
            return None;
        }
        if off < 0 {
            *self = here;
            return Some(Jump::Back(-off));
        }
        match self.ahead_since {
            None => {
                self.ahead_since = Some(instant);
                Some(Jump::Forward(off))
            }
            Some(since) if instant.saturating_duration_since(since) >= settles => {
                *self = here;
                Some(Jump::Followed)
            }
            Some(_) => None,
        }
    }
}

impl Clock {
    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::MAX)
    }

    /// The time so long ago; the beginning of all time if that is before it.
    pub fn ago(&self, age: Duration) -> Timestamp {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        self.now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Milliseconds since 1970, the unit of every time in Redis.
    pub fn now_ms(&self) -> i64 {
        self.anchor().at(Instant::now()).saturating_add(self.0.advanced.load(Ordering::Relaxed))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.0.advanced.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Follows the machine's clock; to be called often. `settles`: for so long a clock that was set forward is not believed.
    /// Answers a jump when it is seen first.
    pub fn follow(&self, settles: Duration) -> Option<Jump> {
        self.anchor().follow(Instant::now(), Timestamp::now().as_millisecond(), settles)
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        self.0.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLES: Duration = Duration::from_secs(300);

    fn clock() -> (Anchor, Instant, impl Fn(u64) -> Instant) {
        let begun = Instant::now();
        let anchor = Anchor { instant: begun, wall: 1_000_000, ahead_since: None };
        (anchor, begun, move |seconds| begun + Duration::from_secs(seconds))
    }

    #[test]
    fn a_clock_set_back_is_followed_at_once() {
        let (mut clock, begun, after) = clock();
        assert_eq!(clock.follow(after(10), 1_010_000 - 600_000, SETTLES), Some(Jump::Back(600_000)));
        assert_eq!(clock.at(after(11)), 411_000);
        assert_eq!(clock.follow(after(12), 412_000, SETTLES), None);
        assert_eq!(clock.at(begun), 412_000, "never before where it goes on from");
    }

    #[test]
    fn a_clock_set_forward_is_followed_once_all_has_settled() {
        let (mut clock, _, after) = clock();
        assert_eq!(clock.follow(after(10), 1_610_000, SETTLES), Some(Jump::Forward(600_000)));
        assert_eq!(clock.follow(after(309), 1_909_000, SETTLES), None, "told once");
        assert_eq!(clock.at(after(309)), 1_309_000);
        assert_eq!(clock.follow(after(310), 1_910_000, SETTLES), Some(Jump::Followed));
        assert_eq!(clock.at(after(311)), 1_911_000);
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_is_never_followed() {
        let (mut clock, _, after) = clock();
        assert!(clock.follow(after(1), 1_601_000, SETTLES).is_some());
        assert_eq!(clock.follow(after(200), 1_200_100, SETTLES), None);
        assert_eq!(clock.follow(after(400), 2_000_000, SETTLES), Some(Jump::Forward(599_900)), "counted anew");
    }
}
