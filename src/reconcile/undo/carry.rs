//! Carries an undo to its end: marks its contacts in its own lane, waits until the worker has dealt with them, and reports.
//! Where it is and what it marked are one write, so it goes on where it was killed.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    super::{proof::Prover, walk::pause},
    collect::collect,
    undos_of, what_of,
};
use crate::{
    claim::Tools,
    queue::dispatch::{Marking, mark},
    store::{
        StoreError,
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        lease::Lease,
        runs::{Run, RunState, Runs, undo_lane},
    },
};

/// Contacts marked at a time.
const CHUNK: usize = 1_000;

/// Takes up the undo in progress, if there is one.
pub(in crate::reconcile) async fn advance(
    tools: &Tools,
    sync: &Arc<SyncSpec>,
    stop: &CancellationToken,
    ring: &(dyn Fn() + Send + Sync),
) -> Result<(), StoreError> {
    let undos = undos_of(tools, sync);
    if undos.current().await?.is_none_or(|run| run.is_over()) {
        return Ok(());
    }
    let (keys, lane) = (CrmKeys::new(&sync.account.key), undo_lane(&sync.id));
    let (key, fence) = (keys.run_lease(&lane), keys.run_fence(&lane));
    let claimed = Lease::claim(&tools.pool, key, fence, &tools.holder, tools.settings.tune.lease).await?;
    let Some(mut lease) = claimed else { return Ok(()) };
    // As it is now that nobody else writes it.
    let carried = match undos.current().await?.filter(|run| !run.is_over()) {
        Some(run) => Carry { tools, sync, undos, lane, keys, stop }.go(run, &mut lease, ring).await,
        None => Ok(()),
    };
    lease.release().await?;
    carried
}

struct Carry<'a> {
    tools: &'a Tools,
    sync: &'a Arc<SyncSpec>,
    undos: Runs,
    lane: String,
    keys: CrmKeys,
    stop: &'a CancellationToken,
}

impl Carry<'_> {
    async fn go(&self, mut run: Run, lease: &mut Lease, ring: &(dyn Fn() + Send + Sync)) -> Result<(), StoreError> {
        if run.state == RunState::Reading {
            self.prover().look_before(&run).await?;
            ring();
            while !self.prover().has_looked(&run).await? {
                if self.stop.is_cancelled() || self.tools.now().sync_with_id(&self.sync.id).is_none() {
                    return Ok(());
                }
                pause(self.tools, lease).await?;
            }
            self.mark(&mut run, lease, ring).await?;
        }
        if run.state == RunState::Writing {
            self.wait(run, lease, ring).await?;
        }
        Ok(())
    }

    async fn mark(&self, run: &mut Run, lease: &mut Lease, ring: &(dyn Fn() + Send + Sync)) -> Result<(), StoreError> {
        let Some(what) = what_of(self.tools, self.sync, run).await? else {
            let said = "the run that it was to undo is not known any more".to_owned();
            self.prover().finish(&self.undos, run.clone(), RunState::Failed, Some(said)).await?;
            run.state = RunState::Failed;
            return Ok(());
        };
        let contacts = collect(self.tools, self.sync, &what).await?.contacts;
        run.total = Some(contacts.len() as u64);
        let marked = run.cursor.as_ref().and_then(|cursor| cursor.as_str().map(str::to_owned));
        let rest = contacts.into_iter().filter(|(contact, _)| marked.as_ref().is_none_or(|marked| contact > marked));
        let rest = rest.map(|(contact, asked)| Ok((contact, Some(encode("what is to be undone", &asked)?))));
        let rest: Vec<(String, Option<String>)> = rest.collect::<Result<_, StoreError>>()?;
        for chunk in rest.chunks(CHUNK) {
            lease.ensure(self.tools.settings.tune.sweep * 2).await?;
            run.cursor = chunk.last().map(|(contact, _)| contact.clone().into());
            run.marked += chunk.len() as u64;
            run.seen = run.marked;
            self.mark_chunk(run, chunk).await?;
            ring();
        }
        run.state = RunState::Writing;
        self.undos.save(run).await
    }

    async fn mark_chunk(&self, run: &Run, chunk: &[(String, Option<String>)]) -> Result<(), StoreError> {
        let body = encode("a run", run)?;
        let marking = Marking { sync: &self.lane, run: Some(&run.id), contacts: chunk, run_body: Some(&body) };
        mark(&self.tools.pool, &self.keys, marking).await
    }

    fn prover(&self) -> Prover<'_> {
        Prover { tools: self.tools, sync: self.sync }
    }

    async fn wait(&self, mut run: Run, lease: &mut Lease, ring: &(dyn Fn() + Send + Sync)) -> Result<(), StoreError> {
        run.proof = loop {
            if self.undos.left(&run.id).await? == 0
                && let Some(proof) = self.prover().proof(&run, ring).await?
            {
                break proof;
            }
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if self.tools.now().sync_with_id(&self.sync.id).is_none() {
                let said = "the sync was removed while it was undone".to_owned();
                self.prover().finish(&self.undos, run, RunState::Failed, Some(said)).await?;
                return Ok(());
            }
            pause(self.tools, lease).await?;
        };
        let done = self.prover().finish(&self.undos, run, RunState::Done, None).await?;
        tracing::info!(sync = %self.sync.spec.name, run = %done.id, counts = ?done.counts, "undo done");
        Ok(())
    }
}
