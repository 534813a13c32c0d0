//! A plan not applied: every CRM contact is looked at as a run would, in pencil, and what would become of it is kept to be
//! read, and applied as it stands. Memory does not grow with the CRM: entries go to Redis handful by handful.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    claim::Tools,
    contact::Contact,
    crm::highlevel::Page,
    plan::{
        entry::{Action, Entry, Write, called},
        forecast::{Forecast, Spend, Writes},
    },
    store::{
        StoreError, census::Census, current::SyncSpec, keys::CrmKeys, listing::Listing, previews::Previews,
        runs::Listed, seal::random_text,
    },
    work::Decided,
};

use super::{
    absence,
    drafts::{Drafts, PreviewError},
    plan::Plan,
    walk::{Differs, count_in, differs},
};

/// A preview as a whole; its entries are read page by page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Its id.
    pub id: String,
    /// The sync's name.
    pub sync: String,
    /// When it was made.
    pub made: Timestamp,
    /// It holds only so many of the contacts that would be written.
    pub limit: Option<usize>,
    /// What a run would do with all contacts.
    #[serde(flatten)]
    pub plan: Plan,
    /// How many entries of each kind it holds.
    pub holds: BTreeMap<Action, u64>,
    /// What applying it takes.
    pub forecast: Forecast,
}

impl Preview {
    /// How many contacts a run would look at that applies it.
    pub fn acted_on(&self) -> u64 {
        self.holds.iter().filter(|(action, _)| Action::ACTED_ON.contains(action)).map(|(_, count)| count).sum()
    }
}

/// Counts what a run would do; nothing is kept.
pub async fn count(tools: &Arc<Tools>, sync: &Arc<SyncSpec>) -> Result<Plan, PreviewError> {
    let id = new_id()?;
    Ok(Look::begin(tools, sync, &id, Kept::Nothing).await?.at_everything().await?.plan)
}

/// Looks at what a run would do and keeps it. With a limit it holds only so many contacts that would be written, of each kind
/// some, to be tried first.
pub async fn preview(tools: &Arc<Tools>, sync: &Arc<SyncSpec>, limit: Option<usize>) -> Result<Preview, PreviewError> {
    let id = new_id()?;
    let store = previews_of(tools, sync);
    let limit = limit.map(|most| most.min(MOST_LIMITED));
    let kept = match limit {
        Some(most) => Kept::Few { most, by_kind: BTreeMap::new() },
        None => Kept::All { store: store.clone(), id: id.clone() },
    };
    let mut look = Look::begin(tools, sync, &id, kept).await?.at_everything().await?;
    if let Kept::Few { most, by_kind } = std::mem::replace(&mut look.kept, Kept::Nothing) {
        let few = mixed(by_kind, most);
        look.spend = spend(few.iter().map(|(_, write)| write));
        for (entry, _) in few {
            store.add(&id, entry.action.code(), &[(&entry.contact, &entry)]).await?;
            *look.holds.entry(entry.action).or_default() += 1;
        }
    }
    let subject = sync.google.as_ref().map(|g| g.subject.clone()).unwrap_or_default();
    let listed = Listing::new(tools.pool.clone(), &subject).count().await?;
    let preview = Preview {
        id,
        sync: sync.spec.name.clone(),
        made: tools.pool.clock.now(),
        limit,
        plan: look.plan,
        holds: look.holds,
        forecast: Forecast::of(&look.spend, listed, &tools.settings.tune),
    };
    store.finish(&preview.id, &preview).await?;
    Ok(preview)
}

fn new_id() -> Result<String, StoreError> {
    random_text(6).map_err(|e| StoreError::Unreadable("a preview's id", e.to_string()))
}

/// The stored previews of a sync.
pub fn previews_of(tools: &Tools, sync: &SyncSpec) -> Previews {
    Previews::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id)
}

/// A look that was broken off leaves nothing behind for long (seconds).
const SEEN_FOR: i64 = 86_400;

/// The largest limit: so few are kept in the process while the others are counted.
const MOST_LIMITED: usize = 500;

/// Where entries go.
enum Kept {
    Nothing,
    All {
        store: Previews,
        id: String,
    },
    /// Of each kind that is written, the first ones.
    Few {
        most: usize,
        by_kind: BTreeMap<Action, Vec<(Entry, Write)>>,
    },
}

struct Look<'a> {
    drafts: Drafts<'a>,
    census: Census,
    /// What the CRM's list as a whole says, and the set of who is on it.
    listed: Listed,
    seen: String,
    began: Timestamp,
    kept: Kept,
    plan: Plan,
    holds: BTreeMap<Action, u64>,
    spend: Spend,
}

impl<'a> Look<'a> {
    async fn begin(tools: &'a Arc<Tools>, sync: &'a Arc<SyncSpec>, id: &str, kept: Kept) -> Result<Self, PreviewError> {
        let (began, keys) = (tools.pool.clock.now(), CrmKeys::new(&sync.account.key));
        let drafts = Drafts::open(tools, sync).await?;
        let (seen, listed) = (keys.seen(&sync.id, id), Listed::default());
        let census = Census::new(tools.pool.clone(), keys);
        let (plan, holds, spend) = (Plan::default(), BTreeMap::new(), Spend::default());
        Ok(Self { drafts, census, listed, seen, began, kept, plan, holds, spend })
    }

    async fn at_everything(mut self) -> Result<Self, PreviewError> {
        if !self.census.is_complete().await? {
            self.count_first().await?;
        }
        let slice = usize::try_from(self.drafts.tools.settings.tune.slice).unwrap_or(200).max(1);
        let (mut cursor, mut waiting) = (None, Vec::new());
        loop {
            let page = self.drafts.page(cursor.as_ref()).await?;
            count_in(&self.census, self.drafts.sync, &page.contacts).await?;
            self.see(&page).await?;
            let fresh = self.without_repeats(page.contacts).await?;
            waiting.extend(self.differing(fresh).await?);
            while waiting.len() >= slice {
                let rest = waiting.split_off(slice);
                self.decide(std::mem::replace(&mut waiting, rest)).await?;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        self.decide(waiting).await?;
        self.look_for_absent().await?;
        Ok(self)
    }

    /// Remembers who is on this page, outside the process: they may be many.
    async fn see(&mut self, page: &Page) -> Result<(), StoreError> {
        let ids = absence::note(&mut self.listed, page);
        if !ids.is_empty() {
            let mut connection = self.drafts.tools.pool.get().await?;
            let _: () = connection.sadd(&self.seen, ids).await?;
            let _: () = connection.expire(&self.seen, SEEN_FOR).await?;
        }
        Ok(())
    }

    /// Contacts that the CRM no longer lists are read one by one, as a run does.
    async fn look_for_absent(&mut self) -> Result<(), PreviewError> {
        let (read, stopped) = self.absent().await?;
        self.plan.stopped = stopped;
        let slice = usize::try_from(self.drafts.tools.settings.tune.slice).unwrap_or(200).max(1);
        for chunk in read.chunks(slice) {
            self.decide(chunk.iter().map(|contact| (contact.clone(), None)).collect()).await?;
        }
        Ok(())
    }

    /// Who is absent and would be read; and how many there are if they are more than the brake lets through, which then stops
    /// them unread.
    async fn absent(&self) -> Result<(Vec<String>, u64), StoreError> {
        let (tools, sync) = (self.drafts.tools, self.drafts.sync);
        let came: u64 = tools.pool.get().await?.scard(&self.seen).await?;
        let (mut read, mut stopped) = (Vec::new(), Vec::new());
        if absence::doubt(&self.listed, came).is_none() {
            let absent = absence::absent(tools, sync, self.began, &self.seen).await?;
            (read, stopped) = absence::weigh(tools, sync, absent).await?;
        }
        let _: () = tools.pool.get().await?.del(&self.seen).await?;
        Ok((read, stopped.len() as u64))
    }

    /// Nothing is matched before every CRM contact was counted once.
    async fn count_first(&self) -> Result<(), PreviewError> {
        let mut cursor = None;
        loop {
            let page = self.drafts.page(cursor.as_ref()).await?;
            count_in(&self.census, self.drafts.sync, &page.contacts).await?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(self.census.set_complete().await?),
            }
        }
    }

    /// A contact may come again on a later page of the CRM's list: it has its entry already.
    async fn without_repeats(&self, mut page: Vec<Contact>) -> Result<Vec<Contact>, StoreError> {
        if let Kept::All { store, id } = &self.kept {
            let ids: Vec<String> = page.iter().map(|contact| contact.id.clone()).collect();
            let mut held = store.of::<IgnoredAny>(id, &ids).await?.into_iter();
            page.retain(|_| held.next().flatten().is_none());
        }
        Ok(page)
    }

    /// Counts what a run would not even mark, and answers the others with what their page says.
    async fn differing(&mut self, page: Vec<Contact>) -> Result<Vec<(String, Option<Contact>)>, PreviewError> {
        let ids: Vec<String> = page.iter().map(|c| c.id.clone()).collect();
        let links = self.drafts.links(&ids).await?;
        let are_open = self.drafts.are_open(&ids).await?;
        let (mut differing, mut entries) = (Vec::new(), Vec::new());
        let (sync, current) = (self.drafts.sync, self.drafts.current.clone());
        for ((contact, link), is_open) in page.into_iter().zip(links).zip(are_open) {
            self.plan.seen += 1;
            match differs(sync, &contact, link.as_ref()) {
                _ if current.refuses(sync, &contact.id) => {
                    self.plan.refused += 1;
                    let why = "it was refused before; `carnet contact refused` shows why";
                    entries.push(left_alone(&contact, Action::Refused, why.to_owned()));
                }
                // Nobody knows what became of an update.
                Differs::No | Differs::Outside(_) if is_open => differing.push((contact.id.clone(), Some(contact))),
                Differs::No => self.plan.unchanged += 1,
                Differs::Outside(why) => {
                    self.plan.leave_out(why);
                    entries.push(left_alone(&contact, Action::Skip, why.to_string()));
                }
                Differs::Yes => differing.push((contact.id.clone(), Some(contact))),
                Differs::ReadFirst => differing.push((contact.id, None)),
            }
        }
        self.keep(entries.into_iter().map(|entry| (entry, None)).collect()).await?;
        Ok(differing)
    }

    async fn decide(&mut self, contacts: Vec<(String, Option<Contact>)>) -> Result<(), PreviewError> {
        let decided = self.drafts.of(contacts).await?;
        self.spend.add(&spend(decided.iter().filter_map(|one| one.write.as_ref())));
        decided.iter().for_each(|one| self.plan.count(one.entry.as_ref()));
        let entries = decided.into_iter().filter_map(|Decided { entry, write, .. }| Some((entry?, write)));
        Ok(self.keep(entries.collect()).await?)
    }

    async fn keep(&mut self, entries: Vec<(Entry, Option<Write>)>) -> Result<(), StoreError> {
        match &mut self.kept {
            Kept::Nothing => {}
            Kept::Few { most, by_kind } => {
                for (entry, write) in entries.into_iter().filter_map(|(entry, write)| Some((entry, write?))) {
                    let few = by_kind.entry(entry.action).or_default();
                    if few.len() < *most {
                        few.push((entry, write));
                    }
                }
            }
            Kept::All { store, id } => {
                let mut by_kind: BTreeMap<Action, Vec<Entry>> = BTreeMap::new();
                entries.into_iter().for_each(|(entry, _)| by_kind.entry(entry.action).or_default().push(entry));
                for (kind, entries) in by_kind {
                    let named: Vec<_> = entries.iter().map(|entry| (entry.contact.as_str(), entry)).collect();
                    store.add(id, kind.code(), &named).await?;
                    *self.holds.entry(kind).or_default() += named.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// What these writes take, if they are done in one slice.
fn spend<'w>(writes: impl Iterator<Item = &'w Write>) -> Spend {
    let mut slice = Writes::default();
    writes.for_each(|write| slice.add(write));
    slice.spend()
}

/// So many, taken from each kind in turn.
fn mixed(by_kind: BTreeMap<Action, Vec<(Entry, Write)>>, most: usize) -> Vec<(Entry, Write)> {
    let mut kinds: Vec<_> = by_kind.into_values().map(Vec::into_iter).collect();
    let mut few = Vec::new();
    while few.len() < most {
        let before = few.len();
        few.extend(kinds.iter_mut().filter_map(Iterator::next).take(most - before));
        if few.len() == before {
            break;
        }
    }
    few
}

fn left_alone(contact: &Contact, action: Action, why: String) -> Entry {
    let (fields, candidates) = (Vec::new(), Vec::new());
    Entry {
        contact: contact.id.clone(),
        name: called(contact),
        action,
        resource: String::new(),
        why,
        fields,
        candidates,
        agrees: None,
    }
}
