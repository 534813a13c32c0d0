//! What a failure means for when to look again: pure, one table.

use std::time::Duration;

use rand::RngExt;

use crate::{
    config::Tune,
    google::failure::{Class, Failure},
    store::StoreError,
};

use super::Halt;

/// Exponential, with a quarter of jitter added so that what failed together does not come back together.
pub fn backoff(tune: &Tune, tries: u64) -> Duration {
    let doubled = tune.retry_base.saturating_mul(2u32.saturating_pow(u32::try_from(tries).unwrap_or(u32::MAX).min(20)));
    let base = doubled.min(tune.retry_max);
    base + base.mul_f64(rand::rng().random_range(0.0..0.25))
}

/// How long to leave a Google account alone after a halt; `failures` is how many halts there were in a row before.
pub fn rest(tune: &Tune, halt: &Halt, failures: u64) -> Duration {
    match halt {
        Halt::NotNow(wait) => *wait,
        // What is not held up goes on.
        Halt::HeldUp => Duration::ZERO,
        // Another worker has it, or Redis must be looked at first: the next sweep will do.
        Halt::Store(StoreError::Fenced | StoreError::WentBack) => tune.sweep,
        Halt::Store(_) => backoff(tune, failures),
        // One refresh of the token, at once.
        Halt::Failure(Failure::Unauthorised) if failures == 0 => Duration::ZERO,
        // The budget has taken note and says how long.
        Halt::Failure(failure) if failure.class() == Class::Quota => Duration::ZERO,
        Halt::Failure(_) | Halt::Access(_) => backoff(tune, failures),
    }
}

/// Whether somebody who looks on may wait until it is over, rather than be told; `failures` as above.
pub fn passes(halt: &Halt, failures: u64) -> bool {
    match halt {
        Halt::NotNow(_) => true,
        Halt::Failure(Failure::Unauthorised) => failures == 0,
        Halt::Failure(failure) => matches!(failure.class(), Class::Quota | Class::Transient),
        Halt::Store(_) | Halt::Access(_) | Halt::HeldUp => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::failure::QuotaKind;

    #[test]
    fn a_rest_is_as_long_as_its_reason_wants() {
        let tune = Tune::default();
        let quota = Failure::Quota { kind: QuotaKind::Backend, retry_after: None };
        for (halt, failures, least, most) in [
            (Halt::NotNow(Duration::from_secs(40)), 0, 40.0, 40.0),
            (Halt::HeldUp, 3, 0.0, 0.0),
            (Halt::Failure(Failure::Unauthorised), 0, 0.0, 0.0),
            (Halt::Failure(Failure::Unauthorised), 1, 4.0, 5.0),
            (Halt::Failure(quota), 0, 0.0, 0.0),
            (Halt::Failure(Failure::Server { status: 503 }), 0, 2.0, 2.5),
            (Halt::Failure(Failure::Lost), 3, 16.0, 20.0),
            (Halt::Failure(Failure::Lost), 99, 900.0, 1125.0),
            (Halt::Store(StoreError::Fenced), 0, 1.0, 1.0),
        ] {
            let rest = rest(&tune, &halt, failures).as_secs_f64();
            assert!((least..=most).contains(&rest), "{halt} after {failures}: {rest}");
        }
    }

    #[test]
    fn nobody_waits_for_what_does_not_mend_itself() {
        for (halt, failures, waits) in [
            (Halt::NotNow(Duration::from_secs(40)), 9, true),
            (Halt::Failure(Failure::Unauthorised), 0, true),
            (Halt::Failure(Failure::Unauthorised), 1, false),
            (Halt::Failure(Failure::Server { status: 503 }), 3, true),
            (Halt::Failure(Failure::ScopeMissing), 0, false),
            (Halt::Failure(Failure::AccountFull), 0, false),
            (Halt::Store(StoreError::WentBack), 0, false),
        ] {
            assert_eq!(passes(&halt, failures), waits, "{halt} after {failures}");
        }
    }
}
