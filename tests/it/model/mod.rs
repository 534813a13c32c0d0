//! Random days: CRM users, the owner of the Google account, lost and repeated webhooks, bad weather on both
//! sides and kills, in any order. After each day has gone quiet, what is in Google must be what it should be.
//!
//! Most days are played on the [`stage`], where everything is real but the time: `work`, `push`, `reconcile` and `store` as
//! the service runs them, Redis, and the two simulators in this process; hours and days pass in a moment. A few are played
//! [`outdoors`]: the service is a process of its own that gets its webhooks over a socket and is killed by a signal. A day is
//! played again by `TEST_SEED=… tests/run random_days`, or `… tests/run days_outdoors`.

mod acts;
mod days;
mod engine;
mod fifty_kills;
pub mod ground;
mod memory;
mod outdoors;
pub mod stage;
mod steady;
mod verdict;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use stage::Stage;

/// Steps of a day.
const STEPS: usize = 100;
/// Days in the suite; with `LONG_TESTS=1` ten times as many, with `TEST_DAYS=N` that many.
const DAYS: u64 = 1_000;
/// Days further on that once ended badly.
const HARD: [u64; 1] = [1_615];
/// Days at the same time: each mostly waits for Redis or a socket.
const LANES: usize = 4;

/// What happened, counted over all days.
pub type Tally = BTreeMap<&'static str, u64>;

#[test]
fn random_days_end_well_whatever_happens_in_whatever_order() {
    let one = number("TEST_SEED");
    let usual = if std::env::var_os("LONG_TESTS").is_some() { DAYS * 10 } else { DAYS };
    let days = number("TEST_DAYS").unwrap_or(usual);
    // A kill lands where the machine happens to be: the same day is tried a few times.
    let days: Vec<u64> = one.map_or((1..=days).chain(HARD).collect(), |seed| vec![seed; 20]);
    let (next, tally, began) = (AtomicUsize::new(0), Mutex::new(Tally::new()), Instant::now());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| on_a_tall_stack(|| lane(&next, &days, &tally, &failed)));
        }
    });
    if let Some((seed, said)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        panic!("{said}\nthe same day again: TEST_SEED={seed} tests/run random_days -- --nocapture");
    }
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} days of {STEPS} steps in {:.0} s: {tally:?}", days.len(), began.elapsed().as_secs_f64());
    if one.is_none() {
        // A model in which nothing happens proves nothing.
        for what in [
            "created",
            "adopted",
            "updated",
            "removed",
            "braked",
            "killed",
            "merged by the user",
            "questions",
            "refused",
        ] {
            assert!(
                tally.get(what).is_some_and(|count| *count >= days.len() as u64 / 10),
                "{what} is too rare: {tally:?}"
            );
        }
    }
}

fn number(key: &str) -> Option<u64> {
    std::env::var(key).ok().and_then(|text| text.parse().ok())
}

async fn lane(next: &AtomicUsize, days: &[u64], tally: &Mutex<Tally>, failed: &Mutex<Option<(u64, String)>>) {
    let lock = |tally: &mut Tally, day: Tally| {
        day.into_iter().for_each(|(what, count)| *tally.entry(what).or_default() += count)
    };
    let mut stage = Stage::open().await;
    loop {
        let Some(seed) = days.get(next.fetch_add(1, Ordering::Relaxed)).copied() else { return };
        if failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return;
        }
        match days::play(&mut stage, seed).await {
            Ok(day) => lock(&mut tally.lock().unwrap_or_else(PoisonError::into_inner), day),
            Err(said) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, said)),
        }
    }
}

/// Runs it in a thread of its own: without optimisation a whole day in one future is more than a usual stack.
pub fn on_a_tall_stack<F: Future>(play: impl FnOnce() -> F + Send) -> F::Output
where
    F::Output: Send,
{
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(32 << 20).spawn_scoped(scope, run).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
