//! The pace of one CRM account, pure: time goes in, a wait comes out. HighLevel allows an app 100 requests in 10 seconds
//! and 200,000 a day per location; other programs with the same token share that, so its headers have the last word.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// HighLevel's interval, until an answer says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause after a 429 that names none.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// The longest pause at all, whatever a header says.
const DAY: Duration = Duration::from_secs(86_400);

/// When the next request may leave.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two requests, as configured.
    least: Duration,
    /// Between two requests, as the CRM's limit allows.
    gap: Duration,
    interval: Duration,
    /// The next free turn.
    next: Option<Instant>,
    /// Nothing leaves before this.
    paused: Option<Instant>,
    /// 429s in a row; those inside one pause count once.
    refusals: u32,
}

impl Pace {
    /// `rate` requests in 10 seconds.
    pub(super) fn new(rate: u64) -> Self {
        let least = INTERVAL / u32::try_from(rate.max(1)).unwrap_or(u32::MAX);
        Self { least, gap: least, interval: INTERVAL, next: None, paused: None, refusals: 0 }
    }

    /// How long a request made now has to wait.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        self.next.max(self.paused).map(|at| at.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Takes the turn that [`Pace::delay`] told.
    pub(super) fn take(&mut self, now: Instant) {
        self.next = Some(now + self.delay(now) + self.gap);
    }

    /// Learns from the headers of any answer but a 429. Absent or unreadable ones change nothing.
    pub(super) fn observe(&mut self, headers: &HeaderMap, now: Instant) {
        self.refusals = 0;
        if let Some(interval) = number(headers, "x-ratelimit-interval-milliseconds") {
            self.interval = Duration::from_millis(interval).min(DAY);
        }
        let max = number(headers, "x-ratelimit-max").and_then(|max| u32::try_from(max).ok()).filter(|max| *max > 0);
        if let Some(max) = max {
            // Four fifths of the limit: the rest is for whoever else uses it.
            self.gap = self.least.max(self.interval * 5 / max / 4);
        }
        // The last tenth is spread over the interval; with nothing left this is the whole interval.
        if let Some(left) = number(headers, "x-ratelimit-remaining").and_then(|left| u32::try_from(left).ok())
            && left.saturating_mul(10) < max.unwrap_or(1)
        {
            self.pause(now + self.interval / (left + 1));
        }
        if number(headers, "x-ratelimit-daily-remaining") == Some(0) {
            let reset = number(headers, "x-ratelimit-daily-reset").map_or(DAY, Duration::from_millis);
            self.pause(now + reset.min(DAY));
        }
    }

    /// A 429 came; returns how long to wait: what `Retry-After` says, else the interval, doubling with each further one.
    pub(super) fn refused(&mut self, headers: &HeaderMap, now: Instant) -> Duration {
        let wait = retry_after(headers).unwrap_or_else(|| self.backoff());
        if self.paused.is_none_or(|until| until <= now) {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.pause(now + wait);
        self.delay(now)
    }

    fn backoff(&self) -> Duration {
        self.interval.saturating_mul(1 << self.refusals.min(10)).min(LONGEST_BACKOFF)
    }

    fn pause(&mut self, until: Instant) {
        self.paused = self.paused.max(Some(until));
    }
}

/// `Retry-After` as seconds or as a date, which is taken relative to the answer's own `Date`: clocks differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(DAY));
    }
    let then = date(text)?;
    let now = date(headers.get(DATE)?.to_str().ok()?)?;
    Duration::try_from(then.duration_since(now)).ok().map(|wait| wait.min(DAY))
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn turns_are_spaced_and_an_idle_account_goes_at_once() {
        let (mut pace, now) = (Pace::new(80), Instant::now());
        for turn in 0..4 {
            assert_eq!(pace.delay(now), MS * 125 * turn);
            pace.take(now);
        }
        assert_eq!(pace.delay(now + MS * 10_000), Duration::ZERO);
    }

    #[test]
    fn a_lower_limit_of_the_crm_slows_down_and_a_higher_one_does_not_speed_up() {
        for (max, gap) in [("40", 312), ("100", 125), ("1000", 125), ("0", 125), ("many", 125)] {
            let (mut pace, now) = (Pace::new(80), Instant::now());
            pace.observe(&headers(&[("x-ratelimit-max", max)]), now);
            pace.take(now);
            assert_eq!(pace.delay(now).as_millis(), gap, "{max}");
        }
    }

    #[test]
    fn what_is_left_decides_the_next_wait() {
        for (left, wait) in [("99", 0), ("10", 0), ("9", 1000), ("1", 5000), ("0", 10_000)] {
            let (mut pace, now) = (Pace::new(80), Instant::now());
            pace.observe(&headers(&[("x-ratelimit-max", "100"), ("x-ratelimit-remaining", left)]), now);
            assert_eq!(pace.delay(now).as_millis(), wait, "{left}");
        }
        let (mut pace, now) = (Pace::new(80), Instant::now());
        pace.observe(&headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-interval-milliseconds", "2000")]), now);
        assert_eq!(pace.delay(now), MS * 2000);
    }

    #[test]
    fn a_spent_day_waits_for_its_reset() {
        let (mut pace, now) = (Pace::new(80), Instant::now());
        let spent = headers(&[("x-ratelimit-daily-remaining", "0"), ("x-ratelimit-daily-reset", "79029000")]);
        pace.observe(&spent, now);
        assert_eq!(pace.delay(now), MS * 79_029_000);
    }

    #[test]
    fn refusals_back_off_doubling_once_per_pause_and_an_answer_ends_it() {
        let (mut pace, mut now) = (Pace::new(80), Instant::now());
        let none = HeaderMap::new();
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            let wait = pace.refused(&none, now);
            assert_eq!(wait.as_secs(), seconds);
            now += wait;
        }
        pace.observe(&none, now);
        assert_eq!(pace.refused(&none, now).as_secs(), 10);
        pace.refused(&none, now + MS);
        pace.refused(&none, now + MS * 2);
        assert_eq!(pace.refusals, 1, "requests that were under way together are refused together");
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        for (text, seconds) in
            [("7", Some(7)), ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)), ("soon", None), ("-5", None)]
        {
            let headers = headers(&[("retry-after", text), ("date", "Wed, 21 Oct 2026 07:28:00 GMT")]);
            assert_eq!(retry_after(&headers).map(|wait| wait.as_secs()), seconds, "{text}");
        }
        assert_eq!(retry_after(&headers(&[("retry-after", "999999999")])), Some(DAY));
    }
}
