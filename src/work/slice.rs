//! One slice: a claimed Google account, one helping of its due contacts, then let go.

use std::{collections::HashMap, sync::Arc};

use redis::AsyncCommands;

use crate::{
    claim::{Account, Halt, Tools, refresh as bring_up_to_date},
    contact::AccountKey,
    push::label,
    store::{
        StoreError,
        current::{GoogleAccount, SyncSpec},
        keys::{CrmKeys, GoogleKeys},
        ledger::{Ledger, Mark},
        runs::{Lane, Runs, undo_lane},
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
        refresh(account, &syncs).await?;
    }
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
        match round {
            Round::Undo => Box::pin(undo::work_off(account, &sync, &mut ledger, &current, due)).await?,
            Round::Live | Round::Bulk => Box::pin(batch::work_off(account, &sync, &mut ledger, &current, due)).await?,
        }
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
    /// The sync's contacts that are due in this round. A pause stops everything but an undo, which is why it is paused.
    async fn due(self, tools: &Tools, sync: &SyncSpec, most: usize) -> Result<Vec<(String, Mark)>, StoreError> {
        let keys = CrmKeys::new(&sync.account.key);
        let runs = Runs::new(tools.pool.clone(), keys.clone(), &sync.id);
        let (lane, runs) = match self {
            Self::Undo => (Lane::Bulk, Runs::new(tools.pool.clone(), keys, &undo_lane(&sync.id))),
            Self::Live => (Lane::Live, runs),
            Self::Bulk => (Lane::Bulk, runs),
        };
        if most == 0 || (!matches!(self, Self::Undo) && runs.paused().await?.is_some()) {
            return Ok(Vec::new());
        }
        runs.due(lane, tools.pool.clock.now_ms(), most).await
    }
}

/// A reconcile has asked for the listing: it is brought up to date, and twins are folded.
async fn refresh(account: &mut Account, syncs: &[Arc<SyncSpec>]) -> Result<(), Halt> {
    label::forget(account).await?;
    bring_up_to_date(account).await?;
    let mut folded = 0;
    for sync in syncs {
        folded += twins::fold(account, sync).await?;
        orphans::mark_orphans(account, sync).await?;
    }
    let key = GoogleKeys::new(account.subject()).state();
    let mut connection = account.tools.pool.get().await.map_err(StoreError::from)?;
    let _: () = connection.hset(&key, "twins", folded).await.map_err(StoreError::from)?;
    let _: () = connection.hdel(&key, "refresh").await.map_err(StoreError::from)?;
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

/// When the next contact of any sync that is not paused is due, or of an undo.
async fn next_due(tools: &Tools, google: &GoogleAccount) -> Result<Option<i64>, StoreError> {
    let mut next: Option<i64> = None;
    for sync in tools.now().syncs_of(&google.subject) {
        let keys = CrmKeys::new(&sync.account.key);
        let runs = Runs::new(tools.pool.clone(), keys.clone(), &sync.id);
        let undos = Runs::new(tools.pool.clone(), keys, &undo_lane(&sync.id));
        let live = match runs.next_due().await? {
            Some(due) if runs.paused().await?.is_none() => Some(due),
            _ => None,
        };
        next = [next, live, undos.next_due().await?].into_iter().flatten().min();
    }
    Ok(next)
}
