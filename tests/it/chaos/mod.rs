//! Everything at once: a busy CRM, a web process and two workers, while processes are killed, Redis dies, sleeps and is cut off,
//! Google has its worst day, and access is revoked. Afterwards Google holds what the CRM holds, without a reconcile in the last
//! third: no event that was acknowledged is lost, nobody is there twice, and nothing of the owner's was touched.
//!
//! Half a minute in the suite; with `LONG_TESTS=1` ten minutes. `TEST_SEED` chooses what happens, and in which order.

mod end;
mod stage;
mod traffic;
mod trouble;

use std::time::{Duration, Instant};

use stage::Stage;
use traffic::Traffic;
use trouble::Trouble;

/// Webhooks a second.
const RATE: u32 = 200;
const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn chaos_leaves_nothing_lost_nothing_doubled_and_nothing_touched() {
    let seed: u64 = std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let length = if std::env::var_os("LONG_TESTS").is_some() { LONG } else { SHORT };
    println!("TEST_SEED={seed}, {RATE} events a second for {} s", length.as_secs());
    let mut stage = Stage::open().await;
    let began = Instant::now();
    let traffic = Traffic::begin(&stage, seed, RATE, length);
    let mut trouble = Trouble::new(seed);
    // A run in which something never happened proves nothing about it.
    while !traffic.is_over() || !trouble.every_kind_has_struck() {
        trouble.next(&mut stage, traffic.is_late()).await;
    }
    let acts = traffic.end().await;
    let took = began.elapsed();
    stage.calm().await;
    let calm = Instant::now();
    let told = stage.drained().await;
    println!(
        "{told} webhooks in {:.0} s ({:.0} a second): {acts:?}\nanswers {:?}\ntroubles {:?}\ndrained {:.1} s after the last trouble",
        took.as_secs_f64(),
        told as f64 / took.as_secs_f64(),
        stage.answers(),
        trouble.tally,
        calm.elapsed().as_secs_f64(),
    );
    stage.verdict().await;
}
