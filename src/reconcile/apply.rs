//! A preview applied: first it is held against the present, then a run goes through exactly its entries.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    claim::Tools,
    contact::Contact,
    plan::{
        difference::Difference,
        entry::{Action, Entry},
    },
    store::{
        StoreError,
        brake::Brake,
        current::SyncSpec,
        keys::CrmKeys,
        previews::Previews,
        runs::{Run, RunKind, RunState, Runs},
    },
};

use super::{
    drafts::{Drafts, PreviewError},
    new_run,
    preview::{Preview, previews_of},
    walk::{Differs, ONE_BY_ONE, differs},
};

/// Why a preview is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// No such preview.
    #[error(
        "there is no such preview of \"{0}\"; previews are kept for 7 days, and `carnet sync preview {0}` makes a new one"
    )]
    NotThere(String),
    /// Another run.
    #[error("run {0} of this sync is going on; wait for its end, then look at a new preview")]
    Running(String),
    /// Nothing would be written.
    #[error("the sync is paused; `carnet sync resume {0}` lets it go on")]
    Paused(String),
    /// It cannot be held against the present.
    #[error(transparent)]
    Preview(#[from] PreviewError),
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a preview no longer fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Entries that would be another thing now.
    pub total: u64,
    /// The first of them.
    pub changed: Vec<Changed>,
}

/// One entry that would be another thing now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The CRM's id of the contact.
    pub contact: String,
    /// What people call it.
    pub name: String,
    /// What the preview says.
    pub was: Action,
    /// What would be done now; nothing: it is as it should be.
    pub now: Option<Action>,
    /// In words.
    pub how: String,
}

/// Changed entries that are told one by one.
const TOLD: usize = 100;

/// Entries agreed to in one step.
const AGREED_AT_ONCE: usize = 1_000;

/// The preview of this id, or the last one.
pub async fn find(tools: &Tools, sync: &SyncSpec, id: Option<&str>) -> Result<Preview, ApplyError> {
    let store = previews_of(tools, sync);
    let id = match id {
        Some(id) => Some(id.to_owned()),
        None => store.last().await?,
    };
    let found = match id {
        Some(id) => store.body::<Preview>(&id).await?,
        None => None,
    };
    found.ok_or_else(|| ApplyError::NotThere(sync.spec.name.clone()))
}

/// Decides anew about each contact that the preview would do something with, from what the CRM and Google hold now.
pub async fn check(tools: &Arc<Tools>, sync: &Arc<SyncSpec>, preview: &Preview) -> Result<Changes, ApplyError> {
    may_begin(tools, sync).await?;
    let slice = usize::try_from(tools.settings.tune.slice).unwrap_or(200).max(1);
    let (store, drafts) = (previews_of(tools, sync), Drafts::open(tools, sync).await?);
    let mut check = Check { store, preview, drafts, changes: Changes::default() };
    let seen = match preview.acted_on() {
        few if few <= ONE_BY_ONE => HashSet::new(),
        _ => check.read_pages(slice).await?,
    };
    let mut at = 0;
    loop {
        let kinds = Action::ACTED_ON.map(Action::code);
        let mut entries: Vec<Entry> = check.store.entries(&preview.id, &kinds, at, slice).await?;
        if entries.is_empty() {
            return Ok(check.changes);
        }
        at += entries.len();
        entries.retain(|entry| !seen.contains(&entry.contact));
        check.compare(entries.into_iter().map(|entry| (entry, None)).collect()).await?;
    }
}

struct Check<'a> {
    store: Previews,
    preview: &'a Preview,
    drafts: Drafts<'a>,
    changes: Changes,
}

impl Check<'_> {
    /// Many contacts are read as the CRM lists them; answers which were listed. (They are no more than Google holds.)
    async fn read_pages(&mut self, slice: usize) -> Result<HashSet<String>, ApplyError> {
        let (mut seen, mut waiting, mut cursor) = (HashSet::new(), Vec::new(), None);
        loop {
            let page = self.drafts.page(cursor.as_ref()).await?;
            let ids: Vec<String> = page.contacts.iter().map(|contact| contact.id.clone()).collect();
            let entries = self.store.of::<Entry>(&self.preview.id, &ids).await?;
            let links = self.drafts.links(&ids).await?;
            for ((contact, link), entry) in page.contacts.into_iter().zip(links).zip(entries) {
                let Some(entry) = entry.filter(Entry::is_acted_on) else { continue };
                seen.insert(entry.contact.clone());
                let is_enough = !matches!(differs(self.drafts.sync, &contact, link.as_ref()), Differs::ReadFirst);
                waiting.push((entry, is_enough.then_some(contact)));
            }
            while waiting.len() >= slice {
                let rest = waiting.split_off(slice);
                self.compare(std::mem::replace(&mut waiting, rest)).await?;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        self.compare(waiting).await?;
        Ok(seen)
    }

    async fn compare(&mut self, entries: Vec<(Entry, Option<Contact>)>) -> Result<(), ApplyError> {
        let (entries, read): (Vec<Entry>, Vec<_>) =
            entries.into_iter().map(|(entry, read)| (entry.clone(), (entry.contact, read))).unzip();
        let decided = self.drafts.of(read).await?;
        let now: BTreeMap<String, Option<Entry>> = decided.into_iter().map(|one| (one.contact, one.entry)).collect();
        for was in &entries {
            let now = now.get(&was.contact).and_then(Option::as_ref);
            if now.is_some_and(|now| now.does_the_same_as(was)) {
                continue;
            }
            self.changes.total += 1;
            if self.changes.changed.len() < TOLD {
                self.changes.changed.push(Changed::of(was, now));
            }
        }
        Ok(())
    }
}

/// Begins the run that goes through the preview's entries. Whoever runs reconciles takes it up.
pub async fn begin(tools: &Tools, sync: &SyncSpec, preview: &Preview) -> Result<Run, ApplyError> {
    may_begin(tools, sync).await?;
    let mut run = new_run(tools, sync, "preview", RunState::Reading).await?;
    (run.kind, run.of) = (RunKind::Preview, Some(preview.id.clone()));
    run.total = Some(preview.acted_on());
    // A few that are tried first are not the first run.
    run.proves = preview.limit.is_none() && !runs_of(tools, sync).has_proved().await?;
    agree(tools, sync, preview, &run.id).await?;
    if let Some(running) = runs_of(tools, sync).begin(&run, None).await? {
        return Err(ApplyError::Running(running));
    }
    tracing::info!(sync = %sync.spec.name, run = %run.id, preview = %preview.id, "a preview is applied");
    Ok(run)
}

/// Whoever applies a preview has seen what it takes out and writes over: the brake does not ask again.
async fn agree(tools: &Tools, sync: &SyncSpec, preview: &Preview, run: &str) -> Result<(), StoreError> {
    let (store, keys) = (previews_of(tools, sync), CrmKeys::new(&sync.account.key));
    let brake = Brake::new(tools.pool.clone(), keys, &sync.id);
    let mut at = 0;
    loop {
        let kinds = Action::ACTED_ON.map(Action::code);
        let entries: Vec<Entry> = store.entries(&preview.id, &kinds, at, AGREED_AT_ONCE).await?;
        if entries.is_empty() {
            return Ok(());
        }
        at += entries.len();
        let agreed: Vec<_> = entries.into_iter().filter_map(|entry| Some((entry.contact, entry.agrees?))).collect();
        brake.consent(&agreed, run).await?;
    }
}

async fn may_begin(tools: &Tools, sync: &SyncSpec) -> Result<(), ApplyError> {
    let runs = runs_of(tools, sync);
    if let Some(run) = runs.current().await?.filter(|run| !run.is_over()) {
        return Err(ApplyError::Running(run.id));
    }
    match runs.paused().await? {
        Some(_) => Err(ApplyError::Paused(sync.spec.name.clone())),
        None => Ok(()),
    }
}

fn runs_of(tools: &Tools, sync: &SyncSpec) -> Runs {
    Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id)
}

impl Changed {
    fn of(was: &Entry, now: Option<&Entry>) -> Self {
        let how = match now {
            None => format!("{}: it is as it should be now", was.action),
            Some(now) if now.action != was.action => format!("{} is {} now: {}", was.action, now.action, now.why),
            Some(now) if now.resource != was.resource => "it is another contact in Google now".to_owned(),
            Some(now) => fields(was, now),
        };
        Self {
            contact: was.contact.clone(),
            name: was.name.clone(),
            was: was.action,
            now: now.map(|entry| entry.action),
            how,
        }
    }
}

/// The fields that would come out otherwise, with what they would become now.
fn fields(was: &Entry, now: &Entry) -> String {
    let is_new = |field: &&Difference| !was.fields.contains(field);
    let others = now.fields.iter().filter(is_new).map(ToString::to_string);
    let gone = was.fields.iter().filter(|field| now.fields.iter().all(|other| other.field != field.field));
    let gone = gone.map(|field| format!("{}: nothing changes any more", field.field));
    others.chain(gone).collect::<Vec<_>>().join("; ")
}
