//! A run through the entries of a preview: exactly these contacts are marked, and each is read anew in its turn.

use super::{Interrupted, Walk};
use crate::{
    crm::highlevel::Page,
    plan::entry::{Action, Entry},
    queue::dispatch::{Marking, mark},
    store::{
        StoreError, encode,
        lease::Lease,
        previews::Previews,
        runs::{Run, RunState},
    },
};

/// Entries marked at a time.
const PAGE: usize = 200;

impl Walk<'_> {
    /// Leaves of a page only what the preview acts on.
    pub(super) async fn keep_entries(&self, run: &Run, page: &mut Page) -> Result<(), StoreError> {
        let ids: Vec<String> = page.contacts.iter().map(|contact| contact.id.clone()).collect();
        let entries = self.previews().of::<Entry>(run.of.as_deref().unwrap_or_default(), &ids).await?;
        let mut acted_on = entries.iter().map(|entry| entry.as_ref().is_some_and(Entry::is_acted_on));
        page.contacts.retain(|_| acted_on.next().unwrap_or(false));
        Ok(())
    }

    fn previews(&self) -> Previews {
        Previews::new(self.tools.pool.clone(), self.keys.clone(), &self.sync.id)
    }

    /// Marks page by page; where it is and what it marked are one write.
    pub(super) async fn take_entries(
        &self,
        run: &mut Run,
        lease: &mut Lease,
        ring: &(dyn Fn() + Send + Sync),
    ) -> Result<(), Interrupted> {
        let previews = self.previews();
        let (preview, kinds) = (run.of.clone().unwrap_or_default(), Action::ACTED_ON.map(Action::code));
        while !self.stop.is_cancelled() {
            self.hold_back(run, lease).await?;
            lease.ensure(self.tools.settings.tune.sweep).await?;
            let at = run.cursor.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0);
            let from = usize::try_from(at).unwrap_or(usize::MAX);
            let entries: Vec<Entry> = previews.entries(&preview, &kinds, from, PAGE).await?;
            let marked: Vec<_> = entries.into_iter().map(|entry| (entry.contact, None)).collect();
            run.seen += marked.len() as u64;
            run.marked += marked.len() as u64;
            let more = marked.len() == PAGE;
            run.cursor = more.then(|| (at + PAGE as u64).into());
            if !more {
                run.state = RunState::Writing;
            }
            let body = encode("a run", run)?;
            let marking = Marking { sync: &self.sync.id, run: Some(&run.id), contacts: &marked, run_body: Some(&body) };
            mark(&self.tools.pool, &self.keys, marking).await?;
            ring();
            if !more {
                return Ok(());
            }
        }
        Ok(())
    }
}
