//! One slice: a claimed Google account, one helping of its due contacts, then let go.

use std::{collections::HashMap, sync::Arc};

use redis::AsyncCommands;

use crate::{
    claim::{Account, Halt, Tools, prove, refresh as bring_up_to_date},
    contact::AccountKey,
    push::label,
    store::{
        StoreError,
        current::{GoogleAccount, SyncSpec},
        keys::{CrmKeys, GoogleKeys},
        ledger::{Ledger, Mark},
        runs::{Lane, RunKind, Runs, undo_lane},
    },
};

use super::{batch, orphans, twins, undo};

/// How a slice ended.
#[derive(Debug)]
pub enum Slice {
    /// Somebody else has the account, or it is paused.
    NotOurs,
    /// Nothing more is due now; the next is due then (ms), if any waits.
    Done(Option<i64>),
    /// There is more.
    More,
    /// Stopped by this.
    Halted(Halt),
}

/// Works one slice of this account.
pub async fn work(tools: &Arc<Tools>, google: &Arc<GoogleAccount>) -> Result<Slice, StoreError> {
    if !anything_due(tools, google).await? {
        return Ok(Slice::Done(next_due(tools, google).await?));
    }
    let Some(mut account) = Account::claim(tools, google).await? else { return Ok(Slice::NotOurs) };
    // Boxed, as the stages below are: a whole slice in one future is more than a worker's stack without optimisation.
    let worked = Box::pin(helping(&mut account)).await;
    let ended = match worked {
        Ok(()) => {
            // Looked at after the work: whatever came meanwhile must not wait for the sweep.
            if anything_due(tools, google).await? { Slice::More } else { Slice::Done(next_due(tools, google).await?) }
        }
        Err(halt) => {
            account.pause_for(&halt).await?;
            Slice::Halted(halt)
        }
    };
    account.release().await?;
    Ok(ended)
}

async fn helping(account: &mut Account) -> Result<(), Halt> {
    let tools = account.tools.clone();
    let current = tools.fresh().await?;
    let syncs: Vec<Arc<SyncSpec>> = current.syncs_of(account.subject()).cloned().collect();
    if wants_refresh(&tools, account.subject()).await? {
        Box::pin(refresh(account, &syncs)).await?;
    }
    drop_cancelled(account, &syncs).await?;
    let mut ledgers: HashMap<AccountKey, Ledger> = HashMap::new();
    let mut left = usize::try_from(tools.settings.tune.slice).unwrap_or(200).max(1);
    // Live contacts of every sync before the bulk of any; and no sync's bulk always first.
    let turn = usize::try_from(tools.pool.clock.now_ms() / 1000).unwrap_or(0) % syncs.len().max(1);
    let rounds = [Round::Live, Round::Undo, Round::Bulk].into_iter().flat_map(|round| {
        let syncs = syncs.iter().cycle().skip(turn).take(syncs.len());
        syncs.map(move |sync| (round, sync.clone()))
    });
    for (round, sync) in rounds.collect::<Vec<_>>() {
        let due = round.due(&tools, &sync, left).await?;
        if due.is_empty() {
            continue;
        }
        left -= due.len().min(left);
        let key = sync.account.key.clone();
        let mut ledger = match ledgers.remove(&key) {
            Some(ledger) => ledger,
            None => {
                let (pool, highwater) = (&tools.pool, tools.highwater.clone());
                let epoch = current.installation.epoch;
                Ledger::open(pool, highwater, &key, account.subject(), &account.lease.token, epoch).await?
            }
        };
        let (runs, lane) = round.of(&tools, &sync);
        let run = due.iter().find_map(|(_, mark)| mark.run.clone()).filter(|_| lane == Lane::Bulk);
        account.busy_with = Some((runs.clone(), lane));
        let worked = match round {
            Round::Undo => Box::pin(undo::work_off(account, &sync, &mut ledger, &current, due)).await,
            Round::Live | Round::Bulk => Box::pin(batch::work_off(account, &sync, &mut ledger, &current, due)).await,
        };
        account.busy_with = None;
        account.take_down(run.as_deref().map(|run| (&runs, run))).await?;
        worked?;
        ledgers.insert(key, ledger);
    }
    Ok(())
}

/// What is worked off in turn.
#[derive(Clone, Copy)]
enum Round {
    Live,
    Undo,
    Bulk,
}

impl Round {
    /// Whose marks these are, and in which lane.
    fn of(self, tools: &Tools, sync: &SyncSpec) -> (Runs, Lane) {
        let runs = |id: &str| Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), id);
        match self {
            Self::Live => (runs(&sync.id), Lane::Live),
            Self::Undo => (runs(&undo_lane(&sync.id)), Lane::Bulk),
            Self::Bulk => (runs(&sync.id), Lane::Bulk),
        }
    }

    /// The sync's contacts that are due in this round. A pause stops everything but an undo, which is why it is paused.
    async fn due(self, tools: &Tools, sync: &SyncSpec, most: usize) -> Result<Vec<(String, Mark)>, StoreError> {
        let (runs, lane) = self.of(tools, sync);
        if most == 0 || runs.held_up().await?.concerns(lane) {
            return Ok(Vec::new());
        }
        runs.due(lane, tools.pool.clock.now_ms(), most).await
    }
}

/// A reconcile has asked for the listing: it is brought up to date, and twins are folded.
async fn refresh(account: &mut Account, syncs: &[Arc<SyncSpec>]) -> Result<(), Halt> {
    const DONE: &str =
        "if redis.call('HGET', KEYS[1], 'refresh') == ARGV[1] then redis.call('HDEL', KEYS[1], 'refresh') end";
    let key = GoogleKeys::new(account.subject()).state();
    let pool = account.tools.pool.clone();
    let asked: String =
        pool.get().await.map_err(StoreError::from)?.hget(&key, "refresh").await.map_err(StoreError::from)?;
    label::forget(account).await?;
    bring_up_to_date(account).await?;
    for sync in syncs {
        let runs = Runs::new(account.tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
        let run = runs.current().await?.filter(|run| !run.is_over());
        // A twin goes to the trash: that is a write, and waits with all others.
        if !runs.held_up().await?.concerns(Lane::Bulk) {
            let folded = twins::fold(account, sync).await?;
            account.count("twins", folded);
        }
        // What the listing took is set down to the first run that can have asked for it.
        if let Some(run) = &run {
            account.take_down(Some((&runs, &run.id))).await?;
        }
        // One that only runs when it is asked to finds its own then.
        if !sync.spec.is_one_time() || run.is_some_and(|run| run.kind == RunKind::Reconcile) {
            orphans::mark_orphans(account, sync).await?;
        }
    }
    Box::pin(prove(account)).await?;
    account.take_down(None).await?;
    // Whatever was asked for meanwhile is done next.
    let mut connection = pool.get().await.map_err(StoreError::from)?;
    let done = redis::Script::new(DONE);
    let _: () = done.key(&key).arg(asked).invoke_async(&mut connection).await.map_err(StoreError::from)?;
    Ok(())
}

/// A cancelled run lets go of its marks: here nobody is in the middle of one.
async fn drop_cancelled(account: &Account, syncs: &[Arc<SyncSpec>]) -> Result<(), StoreError> {
    for sync in syncs {
        let runs = Runs::new(account.tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
        if let Some(run) = runs.to_drop().await? {
            runs.drop_marks(&run, account.subject()).await?;
        }
    }
    Ok(())
}

async fn wants_refresh(tools: &Tools, subject: &str) -> Result<bool, StoreError> {
    Ok(tools.pool.get().await?.hexists(GoogleKeys::new(subject).state(), "refresh").await?)
}

async fn anything_due(tools: &Tools, google: &GoogleAccount) -> Result<bool, StoreError> {
    if wants_refresh(tools, &google.subject).await? {
        return Ok(true);
    }
    Ok(next_due(tools, google).await?.is_some_and(|due| due <= tools.pool.clock.now_ms()))
}

/// When the next contact of any sync is due that nothing holds up, or of an undo.
async fn next_due(tools: &Tools, google: &GoogleAccount) -> Result<Option<i64>, StoreError> {
    let mut next: Option<i64> = None;
    for sync in tools.now().syncs_of(&google.subject) {
        let (runs, _) = Round::Live.of(tools, sync);
        let (undos, lane) = Round::Undo.of(tools, sync);
        let held_up = runs.held_up().await?;
        let lanes: Vec<Lane> = [Lane::Live, Lane::Bulk].into_iter().filter(|l| !held_up.concerns(*l)).collect();
        // Nothing holds up an undo.
        let due = [next, runs.next_due(&lanes).await?, undos.next_due(&[lane]).await?];
        next = due.into_iter().flatten().min();
    }
    Ok(next)
}
