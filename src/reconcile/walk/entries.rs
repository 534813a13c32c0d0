//! A run through contacts that were chosen before, by a preview or as dead letters: exactly these are marked, and each is read anew
//! in its turn.

use super::{Interrupted, Walk};
use crate::{
    crm::highlevel::Page,
    plan::entry::{Action, Entry},
    queue::dispatch::{Marking, mark},
    store::{
        StoreError, encode,
        lease::Lease,
        previews::Previews,
        replayed,
        runs::{Run, RunKind, RunState},
    },
};

/// Entries marked at a time.
const PAGE: usize = 200;

impl Walk<'_> {
    /// Leaves of a page only what the preview acts on.
    pub(super) async fn keep_entries(&self, run: &Run, page: &mut Page) -> Result<(), StoreError> {
        let ids: Vec<String> = page.contacts.iter().map(|contact| contact.id.clone()).collect();
        let entries = self.previews().of::<Entry>(run.of.as_deref().unwrap_or_default(), &ids).await?;
        let is_marked = |entry: &Entry| entry.is_acted_on() && entry.action != Action::Remove;
        let mut marked = entries.iter().map(|entry| entry.as_ref().is_some_and(is_marked));
        page.contacts.retain(|_| marked.next().unwrap_or(false));
        Ok(())
    }

    /// Marks those that no page held, each to be read by itself: whoever leaves may not be listed any more, and a list may lack a
    /// page. `last` are those of the last page, which are not noted yet. Answers how many.
    pub(super) async fn mark_unlisted(&self, run: &Run, last: &[&str]) -> Result<u64, StoreError> {
        let (previews, preview) = (self.previews(), run.of.clone().unwrap_or_default());
        let (kinds, mut marked, mut from) = (Action::ACTED_ON.map(Action::code), 0, 0);
        loop {
            let entries: Vec<Entry> = previews.entries(&preview, &kinds, from, PAGE).await?;
            if entries.is_empty() {
                return Ok(marked);
            }
            from += entries.len();
            let ids: Vec<String> = entries.into_iter().map(|entry| entry.contact).collect();
            let seen = self.runs.has_seen(&run.id, &ids).await?;
            let unlisted = ids.into_iter().zip(seen).filter(|(id, seen)| !seen && !last.contains(&id.as_str()));
            let contacts: Vec<_> = unlisted.map(|(id, _)| (id, None)).collect();
            marked += contacts.len() as u64;
            let marking = Marking { sync: &self.sync.id, run: Some(&run.id), contacts: &contacts, run_body: None };
            mark(&self.tools.pool, &self.keys, marking).await?;
        }
    }

    fn previews(&self) -> Previews {
        Previews::new(self.tools.pool.clone(), self.keys.clone(), &self.sync.id)
    }

    /// Contacts of a run that were chosen before it began: the entries of a preview, or those of dead letters.
    async fn chosen(&self, run: &Run, from: usize) -> Result<Vec<String>, StoreError> {
        if run.kind == RunKind::Replay {
            return replayed::some(&self.tools.pool, &self.keys, &run.id, from, PAGE).await;
        }
        let (preview, kinds) = (run.of.clone().unwrap_or_default(), Action::ACTED_ON.map(Action::code));
        let entries: Vec<Entry> = self.previews().entries(&preview, &kinds, from, PAGE).await?;
        Ok(entries.into_iter().map(|entry| entry.contact).collect())
    }

    /// Marks them page by page; where it is and what it marked are one write.
    pub(super) async fn take_chosen(
        &self,
        run: &mut Run,
        lease: &mut Lease,
        ring: &(dyn Fn() + Send + Sync),
    ) -> Result<(), Interrupted> {
        while self.hold_back(run, lease).await? {
            lease.ensure(self.tools.settings.tune.sweep).await?;
            let at = run.cursor.as_ref().and_then(serde_json::Value::as_u64).unwrap_or(0);
            let from = usize::try_from(at).unwrap_or(usize::MAX);
            let marked: Vec<_> = self.chosen(run, from).await?.into_iter().map(|contact| (contact, None)).collect();
            run.seen += marked.len() as u64;
            run.marked += marked.len() as u64;
            let more = marked.len() == PAGE;
            run.cursor = more.then(|| (at + PAGE as u64).into());
            if !more {
                run.enter(RunState::Writing, 0, self.tools.pool.clock.now());
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
