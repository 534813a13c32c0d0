//! A replay: the contacts of dead letters instead of a list of the CRM's.

use super::{Interrupted, Walk};
use crate::{
    queue::dispatch::{Marking, mark},
    store::{
        encode,
        lease::Lease,
        replayed,
        runs::{Run, RunState},
    },
};

/// Contacts marked at a time.
const CHUNK: u64 = 200;

impl Walk<'_> {
    /// Marks them some at a time; where it is and what it marked are one write.
    pub(super) async fn take_letters(
        &self,
        run: &mut Run,
        lease: &mut Lease,
        ring: &(dyn Fn() + Send + Sync),
    ) -> Result<(), Interrupted> {
        while self.hold_back(run, lease).await? {
            lease.ensure(self.tools.settings.tune.sweep).await?;
            let contacts = replayed::some(&self.tools.pool, &self.keys, &run.id, run.seen, CHUNK).await?;
            let marked: Vec<_> = contacts.into_iter().map(|contact| (contact, None)).collect();
            run.seen += marked.len() as u64;
            run.marked += marked.len() as u64;
            let is_last = (marked.len() as u64) < CHUNK;
            if is_last {
                run.enter(RunState::Writing, 0, self.tools.pool.clock.now());
            }
            let body = encode("a run", run)?;
            let marking = Marking { sync: &self.sync.id, run: Some(&run.id), contacts: &marked, run_body: Some(&body) };
            mark(&self.tools.pool, &self.keys, marking).await?;
            ring();
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }
}
