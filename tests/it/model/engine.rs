//! The service's turns: events out of the stream, slices, reconciles, each as a whole or killed somewhere in the middle.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use carnet::{
    claim::{Halt, rest},
    queue::{dispatch::dispatch, event::Event},
    store::{
        current::SyncSpec,
        keys::{CrmKeys, GoogleKeys},
        pool::Pool,
        registry::Refusal,
        runs::undo_lane,
    },
    work::{self, Slice},
};
use rand::{RngExt as _, rngs::StdRng};
use redis::AsyncCommands as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{ground::Ground, stage::Stage};
use crate::world::World;

/// Turns that a quiet day may take at the most.
const ENDLESS: usize = 4_000;

impl Ground for Stage {
    async fn renew(&mut self, lines: &str, modes: &Value) {
        self.set_up(lines, modes).await;
    }

    fn world(&self) -> &World {
        &self.world
    }

    fn pool(&self) -> &Pool {
        &self.tools.pool
    }

    fn sync(&self) -> Arc<SyncSpec> {
        self.tools.now().syncs[0].clone()
    }

    async fn refusals(&self) -> BTreeMap<String, Refusal> {
        self.tools.registry.load().await.expect("a registry").refusals
    }

    fn is_told_by_us(&self) -> bool {
        true
    }

    fn refusals_of_google(&self) -> &'static [u16] {
        &[500, 503, 429, 401, 403]
    }

    /// They come in, and are taken out of their stream.
    async fn receive(&mut self, events: &[Event]) {
        self.door.append(events).await.expect("stored");
        let sync = self.sync();
        let (keys, syncs) = (CrmKeys::new(&sync.account.key), [sync.id.clone()]);
        dispatch(&self.tools.pool, &keys, &syncs, false, &self.tools.settings.tune).await.expect("dispatched");
    }

    async fn work(&mut self) -> String {
        format!("slice: {:?}", self.slice().await)
    }

    async fn reconcile(&mut self) {
        self.reconcile_for(None).await;
    }

    async fn killed(&mut self, rng: &mut StdRng) -> (bool, String) {
        let polls = rng.random_range(1..120);
        let reconciles = rng.random_bool(0.3);
        let cut = if reconciles { self.reconcile_for(Some(polls * 3)).await } else { self.killed_slice(polls).await };
        let what = if reconciles { "reconcile" } else { "slice" };
        (cut, format!("killed after {polls} polls of a {what}: {cut}"))
    }

    async fn pass(&mut self, time: Duration) {
        self.advance(time).await;
    }

    async fn quiet(&mut self) -> Result<(), String> {
        let mut last = VecDeque::new();
        for _ in 0..ENDLESS / 8 {
            // Contacts may wait for a run that counts who has what: one that is wanted, or one that was killed, which the
            // service takes up by itself.
            let interrupted = self.runs().current().await.expect("runs").is_some_and(|run| !run.is_over());
            if interrupted || self.runs().wanted().await.expect("runs").is_some() {
                self.reconcile_for(None).await;
            }
            let slice = self.slice().await;
            last.push_back(format!("{slice:?} at {}", self.tools.pool.clock.now()));
            last.truncate(8);
            last.rotate_right(1);
            match slice {
                Slice::Done(None) => return Ok(()),
                Slice::More => {}
                Slice::Done(Some(due)) => {
                    let waits = u64::try_from(due - self.tools.pool.clock.now_ms()).unwrap_or(0);
                    self.advance(Duration::from_millis(waits + 1_000)).await;
                }
                // A dead worker's lease ends, a pause is over.
                Slice::NotOurs => self.advance(Duration::from_secs(3_700)).await,
                Slice::Halted(halt) => {
                    let waits = u64::try_from(self.rests(&halt)).unwrap_or(0);
                    self.advance(Duration::from_millis(waits + 1_000)).await;
                }
            }
        }
        let marks: BTreeMap<String, String> = {
            let keys = CrmKeys::new(&self.sync().account.key);
            let mut redis = self.tools.pool.get().await.expect("redis");
            redis.hgetall(keys.marks(&self.sync().id)).await.expect("marks")
        };
        Err(format!("the work does not end: {last:#?} {marks:#?}"))
    }
}

impl Stage {
    /// One slice.
    pub async fn slice(&self) -> Slice {
        let google = self.sync().google.clone().expect("a Google account");
        work::work(&self.tools, &google).await.unwrap_or_else(|error| Slice::Halted(Halt::Store(error)))
    }

    /// One slice, killed after it was polled so often; whether it was in the middle.
    async fn killed_slice(&self, polls: usize) -> bool {
        let cut = killed(self.slice(), polls).await;
        if cut {
            self.after_kill().await;
        }
        cut
    }

    /// A reconcile with its slices, or as much of it as goes before it is killed.
    pub async fn reconcile_for(&self, polls: Option<usize>) -> bool {
        let (sync, stop) = (self.sync(), CancellationToken::new());
        if self.runs().current().await.expect("runs").is_none_or(|run| run.is_over()) {
            self.runs().want("asked").await.expect("asked");
        }
        let walk = async {
            // What the CRM refuses is asked for again, as the service does.
            while self.reconciler.advance(&sync, &stop).await.is_err() {
                self.advance(Duration::from_secs(20)).await;
            }
        };
        self.beside_slices(walk, polls).await
    }

    /// An undo that has begun, or as much of it.
    pub async fn undo_for(&self, polls: Option<usize>) -> bool {
        let (sync, stop) = (self.sync(), CancellationToken::new());
        let carried = async { self.reconciler.advance_undo(&sync, &stop).await.expect("carried on") };
        self.beside_slices(carried, polls).await
    }

    async fn beside_slices(&self, walk: impl Future<Output = ()>, polls: Option<usize>) -> bool {
        let both = async {
            let mut walk = pin!(walk);
            let mut last = String::new();
            for _ in 0..ENDLESS {
                let mut turn = pin!(self.turn());
                tokio::select! {
                    () = &mut walk => return drop(turn.await),
                    slice = &mut turn => last = format!("{slice:?}"),
                }
            }
            let run = self.runs().current().await;
            panic!("the reconcile does not end: {last}, {:?}, {run:?}", self.runs().waiting().await);
        };
        match polls {
            None => {
                both.await;
                false
            }
            Some(polls) => {
                let cut = killed(both, polls).await;
                if cut {
                    self.after_kill().await;
                }
                cut
            }
        }
    }

    /// A slice, and the wait that it asks for.
    async fn turn(&self) -> Slice {
        let slice = self.slice().await;
        let waits = match &slice {
            Slice::More => 0,
            Slice::Done(None) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                0
            }
            Slice::Done(Some(due)) => due - self.tools.pool.clock.now_ms(),
            Slice::NotOurs => 60_000,
            Slice::Halted(halt) => self.rests(halt),
        };
        if waits > 0 {
            self.advance(Duration::from_millis(u64::try_from(waits).unwrap_or(0) + 1_000)).await;
        }
        slice
    }

    fn rests(&self, halt: &Halt) -> i64 {
        i64::try_from(rest(&self.tools.settings.tune, halt, 1).as_millis()).unwrap_or(i64::MAX)
    }

    /// What a killed process leaves: its leases end by themselves, its requests have an end of their own.
    async fn after_kill(&self) {
        // Requests that had left are still carried out, before the lease that they belong to is over.
        tokio::time::sleep(Duration::from_millis(4)).await;
        self.advance(self.tools.settings.tune.lease).await;
        let sync = self.sync();
        let google = GoogleKeys::new(&sync.google.as_ref().expect("a Google account").subject).lease();
        let keys = CrmKeys::new(&sync.account.key);
        let mut redis = self.tools.pool.get().await.expect("redis");
        for lease in [google, keys.run_lease(&sync.id), keys.run_lease(&undo_lane(&sync.id))] {
            let _: () = redis.del(lease).await.expect("over");
        }
    }
}

/// Drops a future after so many polls; whether it had not ended by then.
async fn killed<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(true);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| false)
    })
    .await
}
