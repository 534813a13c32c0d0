//! Addresses that fail too often are not heard for a while.
//!
//! Counted by address and by what was knocked at: a CRM's webhook, the API, the password. A vendor sends for many tenants from
//! few addresses, so one wrong secret must not shut out the others. And an address that was right lately is not shut out where it
//! was: behind it are good ones too (another workflow of the same vendor; or everybody, when a proxy is not declared), and a
//! right delivery that is turned away may not come again.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;

use super::Caller;
use crate::config::Tune;

/// Addresses remembered; the longest unheard of is forgotten for a new one. A few MB at the most.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// For so long an address counts as one that was right.
const RIGHT_LATELY: Duration = Duration::from_secs(24 * 3600);

/// How many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// So many …
    pub failures: u64,
    /// … within this time …
    pub within: Duration,
    /// … shut an address out for so long.
    pub lasts: Duration,
}

impl From<&Tune> for Bounds {
    fn from(tune: &Tune) -> Self {
        Self { failures: tune.failures, within: tune.failures_within, lasts: tune.shut_out }
    }
}

/// Who failed lately, and who was right.
pub struct ShutOut {
    bounds: Bounds,
    lately: Mutex<Lately>,
}

struct Lately {
    failed: LruCache<Key, Failed>,
    right: LruCache<Key, Instant>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    network: IpAddr,
    what: String,
}

struct Failed {
    since: Instant,
    times: u64,
    out_until: Option<Instant>,
}

/// One caller at one place.
pub struct Visit<'s> {
    shut_out: &'s ShutOut,
    /// `None` for a trusted proxy itself: behind it is everybody.
    key: Option<Key>,
}

impl ShutOut {
    /// Nobody is shut out.
    pub fn new(bounds: Bounds) -> Self {
        let lately = Lately { failed: LruCache::new(REMEMBERED), right: LruCache::new(REMEMBERED) };
        Self { bounds, lately: Mutex::new(lately) }
    }

    /// `what` is knocked at: `webhooks/centiva`, `api`, `password`.
    pub fn visit(&self, caller: Caller, what: impl Into<String>) -> Visit<'_> {
        let key = caller.network().map(|network| Key { network, what: what.into() });
        Visit { shut_out: self, key }
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit<'_> {
    /// Whole seconds after which the caller may come again, if it is shut out.
    pub fn is_out(&self) -> Option<u64> {
        self.is_out_at(Instant::now())
    }

    /// The caller has shown that it is a good one.
    pub fn was_right(&self) {
        self.was_right_at(Instant::now());
    }

    /// The caller's signature, token or password was wrong.
    pub fn was_wrong(&self) {
        self.was_wrong_at(Instant::now());
    }

    fn is_out_at(&self, now: Instant) -> Option<u64> {
        let key = self.key.as_ref()?;
        let until = self.shut_out.lately().failed.peek(key)?.out_until?;
        let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    fn was_right_at(&self, now: Instant) {
        let Some(key) = &self.key else { return };
        let mut lately = self.shut_out.lately();
        lately.failed.pop(key);
        lately.right.put(key.clone(), now);
    }

    fn was_wrong_at(&self, now: Instant) {
        let Some(key) = &self.key else { return };
        let Bounds { failures, within, lasts } = self.shut_out.bounds;
        let mut lately = self.shut_out.lately();
        if lately.right.peek(key).is_some_and(|at| now.duration_since(*at) < RIGHT_LATELY) {
            return;
        }
        let failed = lately.failed.get_or_insert_mut(key.clone(), || Failed { since: now, times: 0, out_until: None });
        if now.duration_since(failed.since) >= within {
            *failed = Failed { since: now, times: 0, out_until: None };
        }
        failed.times += 1;
        if failed.times < failures || failed.out_until.is_some() {
            return;
        }
        failed.out_until = Some(now + lasts);
        // What comes after the end of it is counted anew.
        failed.since = (now + lasts).checked_sub(within).unwrap_or(now);
        drop(lately);
        metrics::counter!("carnet_shut_out_total", "what" => key.what.clone()).increment(1);
        tracing::warn!(client = %key.network, what = key.what, seconds = lasts.as_secs(), "too many failures: shut out");
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    const BOUNDS: Bounds = Bounds { failures: 3, within: Duration::from_secs(60), lasts: Duration::from_secs(30) };

    fn caller(address: &str) -> Caller {
        Caller::new(address.parse().expect("an address"), &HeaderMap::new(), &["10.0.0.0/8".parse().expect("a range")])
    }

    fn fail(visit: &Visit<'_>, times: u64, now: Instant) {
        for _ in 0..times {
            visit.was_wrong_at(now);
        }
    }

    #[test]
    fn too_many_failures_shut_out_one_network_at_one_place_for_a_while() {
        let (shut_out, now) = (ShutOut::new(BOUNDS), Instant::now());
        let bad = shut_out.visit(caller("2001:db8::1"), "webhooks/a");
        fail(&bad, 2, now);
        assert_eq!(bad.is_out_at(now), None);
        fail(&bad, 1, now);
        assert_eq!(bad.is_out_at(now), Some(30));
        let at = |address: &str, what: &str| shut_out.visit(caller(address), what).is_out_at(now);
        assert_eq!(at("2001:db8::ffff:2", "webhooks/a"), Some(30), "the same network");
        assert_eq!(at("2001:db8:0:1::1", "webhooks/a"), None, "another network");
        assert_eq!(at("2001:db8::1", "webhooks/b"), None, "another CRM");
        assert_eq!(bad.is_out_at(now + Duration::from_millis(29_500)), Some(1));
        let after = now + BOUNDS.lasts;
        assert_eq!(bad.is_out_at(after), None);
        fail(&bad, 2, after);
        assert_eq!(bad.is_out_at(after), None, "counted anew");
        fail(&bad, 1, after);
        assert_eq!(bad.is_out_at(after), Some(30));
    }

    #[test]
    fn failures_now_and_then_are_nothing() {
        let (shut_out, now) = (ShutOut::new(BOUNDS), Instant::now());
        let clumsy = shut_out.visit(caller("192.0.2.1"), "api");
        for minute in 0..10 {
            fail(&clumsy, 2, now + BOUNDS.within * minute);
            assert_eq!(clumsy.is_out_at(now + BOUNDS.within * minute), None);
        }
    }

    #[test]
    fn who_was_right_lately_is_not_shut_out_there() {
        let (shut_out, now) = (ShutOut::new(BOUNDS), Instant::now());
        let vendor = shut_out.visit(caller("192.0.2.1"), "webhooks/a");
        fail(&vendor, 3, now);
        // It was being looked at when the others were counted.
        vendor.was_right_at(now);
        assert_eq!(vendor.is_out_at(now), None);
        fail(&vendor, 100, now + RIGHT_LATELY / 2);
        assert_eq!(vendor.is_out_at(now + RIGHT_LATELY / 2), None);
        let elsewhere = shut_out.visit(caller("192.0.2.1"), "password");
        fail(&elsewhere, 3, now);
        assert!(elsewhere.is_out_at(now).is_some());
        fail(&vendor, 3, now + RIGHT_LATELY);
        assert!(vendor.is_out_at(now + RIGHT_LATELY).is_some());
    }

    #[test]
    fn a_trusted_proxy_itself_is_never_shut_out() {
        let (shut_out, now) = (ShutOut::new(BOUNDS), Instant::now());
        let proxy = shut_out.visit(caller("10.1.2.3"), "api");
        fail(&proxy, 100, now);
        assert_eq!(proxy.is_out_at(now), None);
    }

    #[test]
    fn however_many_fail_no_more_than_so_many_are_remembered() {
        let (shut_out, now) = (ShutOut::new(BOUNDS), Instant::now());
        for number in 0..100_000_u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number | 0xc000_0000));
            fail(&shut_out.visit(Caller { address, is_proxy: false }, "api"), 1, now);
        }
        assert_eq!(shut_out.lately().failed.len(), REMEMBERED.get());
    }
}
