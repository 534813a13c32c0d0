//! The pace under a generous, a stingy and an exhausted Google; the limits under any sequence of calls.

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;

const LIMITS: Limits =
    Limits { critical_reads: 60, critical_writes: 30, other_writes: 30, group_reads: 60, daily: 100_000 };

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// Makes calls for so many minutes against a Google that allows `real` critical writes in each minute of the clock;
/// returns how many it accepted and how many it refused.
fn live(budget: &mut Budget, minutes: i64, real: u32) -> (u32, u32) {
    let cost = Call::Update.cost();
    let (mut now, end) = (noon(), noon() + minutes.minutes());
    let (mut accepted, mut refused, mut this_minute) = (0, 0, (0, 0));
    loop {
        now = now + budget.delay_for(&cost, now) + Duration::from_millis(50);
        if now >= end {
            return (accepted, refused);
        }
        budget.spend(&cost, now);
        if this_minute.0 != now.as_second() / 60 {
            this_minute = (now.as_second() / 60, 0);
        }
        if this_minute.1 < real {
            this_minute.1 += 1;
            accepted += 1;
            budget.on_success(&cost, now);
        } else {
            refused += 1;
            let metric = Some(Metric::CriticalWrites);
            budget.on_quota(QuotaKind::PerMinute { metric }, None, now);
        }
    }
}

#[test]
fn a_generous_google_is_used_up_to_three_times_the_start() {
    let mut budget = Budget::new(&LIMITS);
    let (accepted, refused) = live(&mut budget, 120, 1_000);
    assert_eq!((budget.limit(Metric::CriticalWrites), refused), (90, 0));
    assert!(accepted > 60 * 90, "{accepted}");
    assert_eq!(budget.limit(Metric::OtherWrites), 30, "what was not used is not raised");
}

#[test]
fn a_stingy_google_is_obeyed_after_few_refusals() {
    let mut budget = Budget::new(&LIMITS);
    let (accepted, refused) = live(&mut budget, 120, 12);
    assert!(budget.limit(Metric::CriticalWrites) <= 13);
    assert!(refused <= 12 && accepted > 120 * 7, "{accepted} accepted, {refused} refused");
}

#[test]
fn a_refusal_waits_for_the_next_minute_or_as_long_as_google_says() {
    let cost = Call::Get.cost();
    let now = noon() + 20.seconds();
    let kind = QuotaKind::PerMinute { metric: Some(Metric::CriticalReads) };
    let mut budget = Budget::new(&LIMITS);
    budget.on_quota(kind, None, now);
    assert_eq!(budget.delay_for(&cost, now), Duration::from_secs(40));
    assert_eq!(budget.delay_for(&Call::Delete.cost(), now), Duration::ZERO, "other quotas go on");
    budget.on_quota(kind, None, now + 40.seconds());
    assert_eq!(budget.delay_for(&cost, now + 40.seconds()), Duration::from_secs(120));

    let mut told = Budget::new(&LIMITS);
    told.on_quota(kind, Some(Duration::from_secs(90)), now);
    assert_eq!(told.delay_for(&cost, now), Duration::from_secs(90));
}

#[test]
fn an_exhausted_backend_stops_everything_for_five_minutes_doubling_to_six_hours() {
    let mut budget = Budget::new(&LIMITS);
    let mut now = noon();
    for minutes in [5, 10, 20, 40, 80, 160, 320, 360, 360] {
        budget.on_quota(QuotaKind::Backend, None, now);
        for call in [Call::Get, Call::Groups, Call::Delete] {
            assert_eq!(budget.delay_for(&call.cost(), now), Duration::from_secs(minutes * 60));
        }
        now += Duration::from_secs(minutes * 60);
        budget.on_success(&Call::Get.cost(), now);
    }
    budget.on_success(&Call::Create.cost(), now);
    budget.on_backend_exhausted(None, now);
    assert_eq!(budget.delay_for(&Call::Get.cost(), now), Duration::from_secs(300), "a write starts it anew");
}

#[test]
fn a_retry_while_the_backend_is_exhausted_extends_the_stop() {
    let mut budget = Budget::new(&LIMITS);
    budget.on_backend_exhausted(None, noon());
    let later = noon() + 1.minute();
    budget.on_backend_exhausted(None, later);
    assert_eq!(budget.delay_for(&Call::Get.cost(), later), Duration::from_secs(600));
}

#[test]
fn a_refused_first_page_delays_full_listings_alone() {
    let mut budget = Budget::new(&LIMITS);
    budget.on_quota(QuotaKind::FirstPage, None, noon());
    assert_eq!(budget.delay_for(&Call::ListStart.cost(), noon()), Duration::from_secs(300));
    assert_eq!(budget.delay_for(&Call::ListChanges.cost(), noon()), Duration::ZERO);
}

#[test]
fn batches_go_from_seven_on_while_the_day_lasts() {
    let mut budget = Budget::new(&Limits { daily: 2_400, ..LIMITS });
    assert!(!budget.prefers_batches(6, noon()));
    assert!(budget.prefers_batches(7, noon()));
    for _ in 0..11 {
        budget.spend(&Call::BatchCreate.cost(), noon());
    }
    assert_eq!(budget.daily_left(noon()), 200);
    assert!(!budget.prefers_batches(7, noon()), "less than a tenth is left");
    budget.spend(&Call::BatchCreate.cost(), noon());
    assert_eq!(budget.delay_for(&Call::Update.cost(), noon()), Duration::from_secs(25 * 3_600));
    assert_eq!(budget.daily_left(noon() + 25.hours()), 2_400);
}

#[test]
fn deletes_go_together_from_eleven_on_while_a_minute_holds_the_batch() {
    let mut budget = Budget::new(&LIMITS);
    assert!(!budget.prefers_batch_deletes(10), "ten units either way");
    assert!(budget.prefers_batch_deletes(11));
    for minute in 0..10 {
        budget.on_quota(QuotaKind::PerMinute { metric: Some(Metric::OtherWrites) }, None, noon() + minute.minutes());
    }
    assert!(!budget.prefers_batch_deletes(500));
}

#[test]
fn refusals_within_a_minute_are_one() {
    let mut budget = Budget::new(&LIMITS);
    let refuse = |budget: &mut Budget, second: i64| {
        let kind = QuotaKind::PerMinute { metric: Some(Metric::CriticalWrites) };
        budget.on_quota(kind, Some(Duration::from_secs(1)), noon() + second.seconds());
        budget.limit(Metric::CriticalWrites)
    };
    let once = LIMITS.critical_writes * 3 / 4;
    assert_eq!([0, 1, 2, 30, 59].map(|second| refuse(&mut budget, second)), [once; 5]);
    assert_eq!(refuse(&mut budget, 60), once * 3 / 4);
}

#[test]
fn it_survives_storage_and_takes_over_new_limits() {
    let mut budget = Budget::new(&LIMITS);
    live(&mut budget, 30, 40);
    let stored = serde_json::to_string(&budget).expect("JSON");
    let back: Budget = serde_json::from_str(&stored).expect("a budget");
    assert_eq!(back, budget);
    let lower = back.resumed(&Limits { critical_writes: 5, ..LIMITS });
    assert_eq!(lower.limit(Metric::CriticalWrites), 15, "at most three times the new start");
}

proptest! {
    #[test]
    fn whatever_is_called_waits_no_longer_than_it_must_and_never_exceeds_a_limit(
        steps in prop::collection::vec((0..5_usize, 0..40_000_i64), 1..150),
    ) {
        let calls = [Call::Get, Call::Create, Call::BatchUpdate, Call::Delete, Call::Groups];
        let mut budget = Budget::new(&LIMITS);
        let mut now = noon();
        let mut log: Vec<(Timestamp, Cost)> = Vec::new();
        let fits = |log: &[(Timestamp, Cost)], cost: &Cost, at: Timestamp| {
            Metric::ALL.iter().zip(LIMITS.per_minute()).all(|(metric, limit)| {
                let recent = log.iter().filter(|(t, _)| *t > at - 60.seconds());
                cost.of(*metric) == 0 || recent.map(|(_, c)| c.of(*metric)).sum::<u32>() + cost.of(*metric) <= limit
            })
        };
        for (call, pause) in steps {
            // Mostly bursts, so that the limits are reached.
            now += Duration::from_millis(if pause < 30_000 { pause.unsigned_abs() / 300 } else { pause.unsigned_abs() });
            let cost = calls[call].cost();
            let delay = budget.delay_for(&cost, now);
            prop_assert!(delay.is_zero() || !fits(&log, &cost, now + delay - Duration::from_millis(1)), "too long");
            now += delay;
            prop_assert!(fits(&log, &cost, now), "too much");
            budget.spend(&cost, now);
            log.push((now, cost));
        }
    }
}
