//! The pace of one Google account: how long to wait before a call, learnt from what Google accepts and refuses.
//! Pure: the time is given, the waiting is the caller's, and it can be stored when the account is released.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Cost, Metric},
    failure::QuotaKind,
    pause::{Lengths, Pause},
    window::Window,
};
use crate::config::Tune;

/// Below this many contacts single calls are cheaper in critical units than a batch (which costs 6).
pub const BATCH_FROM: usize = 7;

const HOUR: i64 = 3_600_000;
/// Hours for which a contact write counts: the one it falls into and 24 whole ones. Google does not say when its day
/// begins, so ours slides.
const DAY: i64 = 25;

const MINUTE_PAUSE: Lengths = Lengths::minutes(1, 10);
const BACKEND_PAUSE: Lengths = Lengths::minutes(5, 6 * 60);
const LISTING_PAUSE: Lengths = Lengths::minutes(5, 6 * 60);
const DAILY_PAUSE: Lengths = Lengths::minutes(60, 6 * 60);

/// Where a budget starts: Google publishes no numbers, and they differ between projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// [`Metric::CriticalReads`] a minute.
    pub critical_reads: u32,
    /// [`Metric::CriticalWrites`] a minute.
    pub critical_writes: u32,
    /// [`Metric::OtherWrites`] a minute.
    pub other_writes: u32,
    /// [`Metric::GroupReads`] a minute.
    pub group_reads: u32,
    /// Contact writes in 24 hours; this one does not adapt.
    pub daily: u32,
}

/// What one account has spent and may spend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In the order of [`Metric::ALL`].
    windows: [Window; 4],
    /// After a complaint about one of the windows.
    minute: [Pause; 4],
    backend: Pause,
    listing: Pause,
    daily_pause: Pause,
    daily_limit: u32,
    /// `(hour since the epoch, contact writes)`, oldest first.
    daily: VecDeque<(i64, u32)>,
}

impl Limits {
    /// As configured. Label reads have the limit of critical reads: no one has seen a smaller one.
    pub fn of(tune: &Tune) -> Self {
        let whole = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            critical_reads: whole(tune.quota_reads),
            critical_writes: whole(tune.quota_writes),
            other_writes: whole(tune.quota_other),
            group_reads: whole(tune.quota_reads),
            daily: whole(tune.quota_daily),
        }
    }

    fn per_minute(&self) -> [u32; 4] {
        [self.critical_reads, self.critical_writes, self.other_writes, self.group_reads]
    }
}

impl Budget {
    /// The budget of an account that nothing is known about.
    pub fn new(limits: &Limits) -> Self {
        Self {
            windows: limits.per_minute().map(Window::new),
            minute: Default::default(),
            backend: Pause::default(),
            listing: Pause::default(),
            daily_pause: Pause::default(),
            daily_limit: limits.daily,
            daily: VecDeque::new(),
        }
    }

    /// A stored budget under the limits configured now.
    pub fn resumed(mut self, limits: &Limits) -> Self {
        for (window, start) in self.windows.iter_mut().zip(limits.per_minute()) {
            window.configure(start);
        }
        self.daily_limit = limits.daily;
        self
    }

    /// How long to wait before a call of this cost; zero: go, and [`spend`](Self::spend).
    pub fn delay_for(&self, cost: &Cost, now: Timestamp) -> Duration {
        let at = now.as_millisecond();
        let mut delay = self.backend.delay(&BACKEND_PAUSE, at);
        if cost.starts_listing {
            delay = delay.max(self.listing.delay(&LISTING_PAUSE, at));
        }
        if cost.daily > 0 {
            delay = delay.max(self.daily_pause.delay(&DAILY_PAUSE, at)).max(self.daily_delay(cost.daily, now));
        }
        for ((window, pause), units) in self.windows.iter().zip(&self.minute).zip(units(cost)) {
            if units > 0 {
                delay = delay.max(window.delay_for(units, at)).max(pause.delay(&MINUTE_PAUSE, at));
            }
        }
        delay
    }

    /// Pays for a call, right before it leaves. What Google refuses counts as spent too.
    pub fn spend(&mut self, cost: &Cost, now: Timestamp) {
        let at = now.as_millisecond();
        for (window, units) in self.windows.iter_mut().zip(units(cost)) {
            window.spend(units, at);
        }
        let hour = at / HOUR;
        self.daily.retain(|(h, _)| counts_today(*h, hour));
        match self.daily.back_mut() {
            Some((h, units)) if *h == hour => *units = units.saturating_add(cost.daily),
            _ if cost.daily > 0 => self.daily.push_back((hour, cost.daily)),
            _ => {}
        }
    }

    /// A call failed with [`super::failure::Failure::Quota`]. Without a `Retry-After`, a per-minute quota waits for the
    /// next minute of the clock, and when refused again for two minutes, doubling to ten.
    pub fn on_quota(&mut self, kind: QuotaKind, retry_after: Option<Duration>, now: Timestamp) {
        let at = now.as_millisecond();
        match kind {
            QuotaKind::PerMinute { metric } => self.on_minute(metric, retry_after, at),
            QuotaKind::Unnamed => self.on_minute(None, retry_after, at),
            QuotaKind::FirstPage => {
                let wait = retry_after.unwrap_or(self.listing.next(&LISTING_PAUSE));
                self.listing.extend(&LISTING_PAUSE, wait, at);
            }
            QuotaKind::Daily => {
                let wait = retry_after.unwrap_or(self.daily_pause.next(&DAILY_PAUSE));
                self.daily_pause.extend(&DAILY_PAUSE, wait, at);
            }
            QuotaKind::Backend => self.on_backend_exhausted(retry_after, now),
        }
    }

    /// The storage behind the account takes no more: everything stops for 5 minutes, doubling to 6 hours, or longer if
    /// Google says so, because every retry prolongs the trouble.
    pub fn on_backend_exhausted(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        let wait = self.backend.next(&BACKEND_PAUSE).max(retry_after.unwrap_or_default());
        self.backend.extend(&BACKEND_PAUSE, wait, now.as_millisecond());
    }

    /// A call of this cost succeeded: Google has nothing against the quotas that it was paid from.
    pub fn on_success(&mut self, cost: &Cost, now: Timestamp) {
        for ((window, pause), units) in self.windows.iter_mut().zip(&mut self.minute).zip(units(cost)) {
            if units > 0 {
                window.raise(now.as_millisecond());
                pause.end();
            }
        }
        if cost.starts_listing {
            self.listing.end();
        }
        if cost.daily > 0 {
            self.daily_pause.end();
            // Reads may well go on while the storage takes no writes.
            self.backend.end();
        }
    }

    /// The limit per minute assumed now.
    pub fn limit(&self, metric: Metric) -> u32 {
        self.windows[metric as usize].limit()
    }

    /// Contact writes left of the last 24 hours' allowance (counted in whole hours).
    pub fn daily_left(&self, now: Timestamp) -> u32 {
        let hour = now.as_millisecond() / HOUR;
        let used = self.daily.iter().filter(|(h, _)| counts_today(*h, hour)).map(|(_, units)| *units);
        self.daily_limit.saturating_sub(used.fold(0, u32::saturating_add))
    }

    /// Whether `contacts` of them should go as a batch: from 7 on, unless less than a tenth of the day is left (a batch
    /// takes 200 of it) or a minute no longer holds a batch.
    pub fn prefers_batches(&self, contacts: usize, now: Timestamp) -> bool {
        let batch = Call::BatchUpdate.cost();
        contacts >= BATCH_FROM
            && self.daily_left(now) >= (self.daily_limit / 10).max(batch.daily)
            && Metric::ALL.iter().all(|m| batch.of(*m) <= self.limit(*m))
    }

    /// Whether `contacts` of them should go to the trash together: where one by one would cost more, unless a minute no
    /// longer holds the batch.
    pub fn prefers_batch_deletes(&self, contacts: usize) -> bool {
        let units = |call: Call| call.cost().other_writes;
        let singly = units(Call::Delete).saturating_mul(u32::try_from(contacts).unwrap_or(u32::MAX));
        let together = units(Call::BatchDelete);
        singly > together && together <= self.limit(Metric::OtherWrites)
    }

    fn on_minute(&mut self, metric: Option<Metric>, retry_after: Option<Duration>, at: i64) {
        let to_next_minute = Duration::from_millis((60_000 - at.rem_euclid(60_000)).unsigned_abs());
        for each in Metric::ALL.into_iter().filter(|m| metric.is_none_or(|named| named == *m)) {
            self.windows[each as usize].lower(at);
            let pause = &mut self.minute[each as usize];
            let own = if pause.is_new() { to_next_minute } else { pause.next(&MINUTE_PAUSE) };
            pause.extend(&MINUTE_PAUSE, retry_after.unwrap_or(own), at);
        }
    }

    /// Until so many of the oldest hours have left the day that `units` fit in.
    fn daily_delay(&self, units: u32, now: Timestamp) -> Duration {
        let mut missing = units.saturating_sub(self.daily_left(now));
        let at = now.as_millisecond();
        let mut free_at = at;
        for (hour, spent) in self.daily.iter().filter(|(h, _)| counts_today(*h, at / HOUR)) {
            if missing == 0 {
                break;
            }
            free_at = free_at.max((hour + DAY) * HOUR);
            missing = missing.saturating_sub(*spent);
        }
        Duration::from_millis((free_at - at).unsigned_abs())
    }
}

fn units(cost: &Cost) -> [u32; 4] {
    Metric::ALL.map(|metric| cost.of(metric))
}

/// An hour "of the future", after the clock was set back, is forgotten rather than kept for ever.
fn counts_today(hour: i64, this_hour: i64) -> bool {
    (-1..DAY).contains(&(this_hour - hour))
}

#[cfg(test)]
mod tests;
