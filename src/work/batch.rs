//! One sync's due contacts, from reading them in the CRM to what is written in Google.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Instant,
};

use futures_util::future::BoxFuture;

use crate::{
    claim::{Account, Halt, Tools},
    contact::Contact,
    google::person::Person,
    plan::{
        desired::{Desired, Rules, desired},
        filter::{Place, place},
        identifiers::identifiers_of_contact,
        link::{Link, LinkState},
        triage::{Triage, triage},
    },
    push::{Context, GivenUp, Pen, Task, intent::Intent, label, push},
    store::{
        StoreError,
        census::Census,
        current::{Current, SyncSpec},
        keys::CrmKeys,
        ledger::{Ledger, LedgerView, Mark, Step},
        listing::Listing,
        runs::Runs,
        seal::random_text,
    },
};

use super::{
    brake,
    gather::{State, gather, readings},
    hear::Open,
    matching::read,
    recall::{recall, recall_leaving},
    retire::{Leaving, Retirement, is_held, retire, tombstone},
    settle,
    uncertain::{self, Allowed},
};

/// One dirty contact on its way through.
pub(super) struct Item {
    pub contact: String,
    pub mark: Mark,
    pub link: Option<Link>,
    pub intent: Option<Intent>,
    pub decision: Option<Decision>,
    /// Updates of ours whose answer was never heard, and that may yet show.
    pub open: Option<Open>,
    /// What such an update has turned out to have done, as a run counts it.
    pub heard: Option<&'static str>,
}

impl Item {
    /// Without the link of a contact that its owner deleted and wants again: it is looked for, and made if it is not there.
    fn wanted_again(self) -> Self {
        let restore = self.decision == Some(Decision::Restore);
        let link = self.link.filter(|link| !(restore && link.state == LinkState::DeletedInGoogle));
        Self { link, ..self }
    }
}

/// What a person decided about a contact.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is this person.
    Link(String),
    /// It is nobody who is there: make one.
    Create,
    /// What its owner had deleted or taken the label off is wanted again.
    Restore,
}

/// Works off these due contacts of one sync. `current` is the configuration as it is when the slice begins.
pub async fn work_off(
    account: &mut Account,
    sync: &SyncSpec,
    ledger: &mut Ledger,
    current: &Current,
    due: Vec<(String, Mark)>,
) -> Result<(), Halt> {
    let tools = account.tools.clone();
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let known = readings(&runs, &due).await?;
    let mut work = Work::new(&tools, sync, current, Pen::Ink(ledger));
    let tasks = work.decide(account, due, known).await?;
    let tasks = work.brake(tasks).await?;
    Box::pin(push(account, &mut work.context, tasks)).await
}

enum Sorted {
    Settled,
    Leaving(Item, Leaving),
    Linked(Item, Box<Contact>),
    Unlinked(Item, Box<Contact>),
}

pub(super) struct Work<'a> {
    pub tools: &'a Tools,
    pub sync: &'a SyncSpec,
    pub current: &'a Current,
    pub context: Context<'a>,
    pub label: Option<String>,
    /// Further labels, by name without regard to case; one that Google does not give is not here.
    pub more_labels: BTreeMap<String, String>,
}

impl<'a> Work<'a> {
    pub fn new(tools: &'a Tools, sync: &'a SyncSpec, current: &'a Current, pen: Pen<'a>) -> Self {
        let context = Context { sync, lane: &sync.id, pen, tools };
        Self { tools, sync, current, context, label: None, more_labels: BTreeMap::new() }
    }

    /// Decides about these contacts, of which `known` have just been read. What needs no write to Google is settled on the
    /// way; the rest is answered. (Boxed here: where it is awaited, it must not lie on the stack even for a moment.)
    pub fn decide<'s>(
        &'s mut self,
        account: &'s mut Account,
        due: Vec<(String, Mark)>,
        known: HashMap<String, State>,
    ) -> BoxFuture<'s, Result<Vec<Task>, Halt>> {
        Box::pin(self.look_at(account, due, known))
    }

    async fn look_at(
        &mut self,
        account: &mut Account,
        due: Vec<(String, Mark)>,
        known: HashMap<String, State>,
    ) -> Result<Vec<Task>, Halt> {
        let items = self.load(account, due).await?;
        let items = self.set_aside_refused(items).await?;
        let items = Box::pin(self.hear(account, items)).await?;
        let (mut ready, uncertain) = self.split_uncertain(items).await?;
        let states = Box::pin(self.gather(account, &ready, known)).await?;
        let unclear = Box::pin(recall_leaving(account, &self.context, &mut ready, &states)).await?;
        if !unclear.is_empty() {
            account.listed = None;
            Box::pin(settle::freshen(account)).await?;
        }
        let (mut linked, mut unlinked, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
        for (item, state) in ready.into_iter().zip(states) {
            if unclear.contains(&item.contact) {
                settle::doubt(account, &item).await?;
                self.context.settle(&[settle::unread(&self.context, &item)]).await?;
                continue;
            }
            match self.sort(item, state).await? {
                Sorted::Settled => {}
                Sorted::Leaving(item, why) => leaving.push((item, why)),
                Sorted::Linked(item, contact) => linked.push((item, contact)),
                Sorted::Unlinked(item, contact) => unlinked.push((item, contact)),
            }
        }
        let staying = linked.iter().chain(&unlinked).map(|(_, contact)| contact.as_ref());
        self.prepare_labels(account, staying).await?;
        let mut tasks = Box::pin(self.retire(account, leaving)).await?;
        let (merged, alone) = Box::pin(self.merge_linked(account, linked)).await?;
        tasks.extend(merged);
        unlinked.extend(alone);
        tasks.extend(Box::pin(self.match_unlinked(account, unlinked)).await?);
        Box::pin(self.resolve(account, uncertain)).await?;
        Ok(tasks)
    }

    async fn load(&self, account: &Account, due: Vec<(String, Mark)>) -> Result<Vec<Item>, StoreError> {
        let view = LedgerView::new(self.tools.pool.clone(), &self.sync.account.key, account.subject());
        let contacts: Vec<String> = due.iter().map(|(contact, _)| contact.clone()).collect();
        let links = view.links::<Link>(&contacts).await?;
        let intents = view.intents::<Intent>(&contacts).await?;
        let decisions = view.decisions::<Decision>(&contacts).await?;
        let parts = due.into_iter().zip(links).zip(intents).zip(decisions);
        Ok(parts
            .map(|((((contact, mark), link), intent), decision)| Item {
                contact,
                mark,
                link,
                intent,
                decision,
                open: None,
                heard: None,
            })
            .map(Item::wanted_again)
            .collect())
    }

    /// What the owner does not want is not even looked at.
    async fn set_aside_refused(&mut self, items: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut steps = Vec::new();
        let mut kept = Vec::new();
        for item in items {
            if self.current.refuses(self.sync, &item.contact) {
                let mut step = settle::clean(&item.contact, &item.mark, "refused");
                step.need = Some(None);
                steps.push(step);
            } else {
                kept.push(item);
            }
        }
        self.context.settle(&steps).await?;
        Ok(kept)
    }

    /// Contacts with a create of unknown end wait until it may be looked for.
    async fn split_uncertain(&mut self, items: Vec<Item>) -> Result<(Vec<Item>, Vec<(Item, Allowed)>), StoreError> {
        let mut steps = Vec::new();
        let (mut ready, mut uncertain) = (Vec::new(), Vec::new());
        for item in items {
            match item.intent.as_ref().map(|intent| uncertain::allowed(&self.context, intent)) {
                None => ready.push(item),
                Some(Allowed::Wait(until)) => steps.push(uncertain::waiting(&item.contact, &item.mark, until)),
                Some(allowed) => uncertain.push((item, allowed)),
            }
        }
        self.context.settle(&steps).await?;
        Ok((ready, uncertain))
    }

    async fn gather(
        &mut self,
        account: &mut Account,
        items: &[Item],
        known: HashMap<String, State>,
    ) -> Result<Vec<State>, Halt> {
        let due: Vec<(String, Mark)> = items.iter().map(|i| (i.contact.clone(), i.mark.clone())).collect();
        // The lease is renewed first, and outlasts the gathering and its last reading.
        let lease = self.tools.settings.tune.lease;
        account.lease.ensure(lease * 9 / 10).await?;
        let held: HashSet<&str> =
            items.iter().filter(|i| is_held(i.link.as_ref(), &self.sync.id)).map(|i| i.contact.as_str()).collect();
        let states = gather(self.tools, self.sync, known, &due, &held, Instant::now() + lease / 3).await?;
        states.iter().filter_map(State::contact).for_each(|contact| self.context.saw(contact));
        self.note_census(&due, &states).await?;
        Ok(states)
    }

    async fn note_census(&self, due: &[(String, Mark)], states: &[State]) -> Result<(), StoreError> {
        let mut noted = Vec::new();
        for ((contact, _), state) in due.iter().zip(states) {
            match state {
                State::There(known) => noted.push((contact.clone(), Some(identifiers(known, self.sync)))),
                State::Gone => noted.push((contact.clone(), None)),
                State::Later { .. } | State::Unreadable { .. } | State::Unknown | State::NotRead => {}
            }
        }
        Census::new(self.tools.pool.clone(), CrmKeys::new(&self.sync.account.key)).note(&noted).await
    }

    /// Where a contact goes from here; what needs nothing more is settled.
    async fn sort(&mut self, item: Item, state: State) -> Result<Sorted, StoreError> {
        let held = is_held(item.link.as_ref(), &self.sync.id);
        let contact = match state {
            State::There(contact) => contact,
            State::NotRead => return Ok(Sorted::Settled),
            State::Gone if held => return Ok(Sorted::Leaving(item, Leaving::Deleted)),
            State::Gone => return self.settled(item.once_known(settle::gone(&item, &tombstone(&item))?)).await,
            State::Unknown => {
                let step = Step { keep_letter: true, ..settle::clean(&item.contact, &item.mark, "skipped") };
                return self.settled(step).await;
            }
            State::Unreadable { why, path } => {
                let why = GivenUp { reason: "unreadable_in_crm", sentence: &why, path: &path, ..GivenUp::default() };
                let step = self.context.dead_letter(&item.contact, &item.mark, why);
                return self.settled(step).await;
            }
            State::Later { after, why, stale, counts } => {
                return self.settled(settle::later(&self.context, &item, after, why, stale, counts)).await;
            }
        };
        let digest = wanted(self.sync, &contact).digest();
        let triage = triage(item.link.as_ref(), &digest, contact.version, &self.sync.id);
        // What is older than what was written last says nothing, about the filter neither.
        match place(&self.sync.spec, &contact) {
            _ if triage == Triage::Older => {}
            Place::Inside => {}
            Place::Outside(why) if held => {
                let wanted = self.is_wanted_elsewhere(&contact);
                return Ok(Sorted::Leaving(item, Leaving::Outside { why, wanted }));
            }
            Place::Untold(_) if held => {}
            Place::Outside(_) | Place::Untold(_) => {
                let step = settle::clean(&item.contact, &item.mark, item.counted("skipped"));
                return self.settled(item.once_known(step)).await;
            }
        }
        let look = item.mark.look || item.link.as_ref().is_some_and(|l| !l.follows(&self.sync.id, &self.sync.rule));
        match triage {
            Triage::Unchanged if held && look => Ok(Sorted::Linked(item, contact)),
            Triage::Unchanged | Triage::Older => {
                let step = settle::clean(&item.contact, &item.mark, item.counted("unchanged"));
                self.settled(item.once_known(step)).await
            }
            // Google takes no etag for a trashing: what is written now might go with it.
            Triage::Look if item.may_go() => {
                let step = settle::clean(&item.contact, &item.mark, "unchanged");
                self.settled(item.once_known(step)).await
            }
            Triage::Refused => self.settled(settle::clean(&item.contact, &item.mark, "refused")).await,
            Triage::Look if item.link.as_ref().is_some_and(Link::is_followed) => Ok(Sorted::Linked(item, contact)),
            Triage::Look => Ok(Sorted::Unlinked(item, contact)),
        }
    }

    /// Whether another sync between the same two accounts wants the contact: then it only changes hands, and nobody lets go.
    fn is_wanted_elsewhere(&self, contact: &Contact) -> bool {
        let Some(google) = &self.sync.google else { return false };
        self.current.syncs_of(&google.subject).any(|other| {
            other.id != self.sync.id
                && other.account.key == self.sync.account.key
                && !self.current.refuses(other, &contact.id)
                && place(&other.spec, contact) == Place::Inside
        })
    }

    async fn settled(&mut self, step: Step) -> Result<Sorted, StoreError> {
        self.context.settle(&[step]).await?;
        Ok(Sorted::Settled)
    }

    async fn retire(&mut self, account: &mut Account, mut leaving: Vec<(Item, Leaving)>) -> Result<Vec<Task>, Halt> {
        let persons = self.read_leaving(account, &mut leaving).await?;
        let mut tasks = Vec::new();
        let mut steps = Vec::new();
        for (mut item, why) in leaving {
            let Some(resource) = item.link.as_ref().map(|link| &link.resource) else { continue };
            let Some(person) = persons.get(resource) else {
                settle::doubt(account, &item).await?;
                steps.push(settle::unread(&self.context, &item));
                continue;
            };
            if let Some(person) = person {
                self.hear_of(account, &mut item, person).await?;
            }
            // It was let go of before, as has just turned out.
            let Some(link) = &item.link else {
                steps.push(settle::clean(&item.contact, &item.mark, item.counted("removed")));
                continue;
            };
            let op = new_op()?;
            match retire(self.sync, self.current, &item, link, person.as_ref(), why, &op) {
                // Trashed before, and not written down then.
                Retirement::Note(step) if link.state == LinkState::Trashing && person.is_none() => {
                    let journal = settle::noticed(&self.context, &item, "trashed", &why.to_string());
                    steps.push(Step { journal: Some(journal), ..*step });
                }
                Retirement::Note(step) => steps.push(item.once_known(*step)),
                Retirement::Do(task) => tasks.push(Task { brake: brake::taking_out(self.tools, why), ..*task }),
            }
        }
        self.context.settle(&steps).await?;
        Ok(tasks)
    }

    /// The persons of contacts that leave. One that is gone may have been merged into another, which then has its stamp.
    async fn read_leaving(
        &self,
        account: &mut Account,
        leaving: &mut [(Item, Leaving)],
    ) -> Result<BTreeMap<String, Option<Person>>, Halt> {
        let name = |item: &Item| item.link.as_ref().map(|l| l.resource.clone());
        let names: Vec<String> = leaving.iter().filter_map(|(item, _)| name(item)).collect();
        let mut persons = read(account, &names).await?;
        let is_gone = |item: &Item| name(item).is_some_and(|name| matches!(persons.get(&name), Some(None)));
        let gone: Vec<&mut Item> = leaving.iter_mut().map(|(item, _)| item).filter(|item| is_gone(item)).collect();
        if gone.is_empty() {
            return Ok(persons);
        }
        Box::pin(settle::freshen(account)).await?;
        recall(account, &self.context, gone).await?;
        let found: Vec<String> = leaving.iter().filter_map(|(item, _)| name(item)).collect();
        let unread: Vec<String> = found.into_iter().filter(|name| !persons.contains_key(name)).collect();
        persons.extend(read(account, &unread).await?);
        // One that the listing still has may have become part of another, which the listing does not tell yet.
        let listing = Listing::new(self.tools.pool.clone(), account.subject());
        let gone: Vec<String> = persons.iter().filter(|(_, p)| p.is_none()).map(|(name, _)| name.clone()).collect();
        for name in gone {
            if listing.contains(&name).await? {
                persons.remove(&name);
            }
        }
        Ok(persons)
    }

    pub async fn label(&mut self, account: &mut Account) -> Result<String, Halt> {
        if let Some(label) = &self.label {
            return Ok(label.clone());
        }
        let label = self.context.label(account, &self.sync.spec.label, false).await?;
        self.label = Some(label.clone());
        Ok(label)
    }

    /// The labels that a contact should have beside the sync's own. They are found or made a slice's at a time.
    pub fn labels_of(&self, wanted: &Desired) -> Vec<String> {
        wanted.labels.iter().filter_map(|name| self.more_labels.get(&label::folded(name)).cloned()).collect()
    }

    /// Finds or makes the labels of all these contacts at once.
    async fn prepare_labels<'c>(
        &mut self,
        account: &mut Account,
        contacts: impl Iterator<Item = &'c Contact>,
    ) -> Result<(), Halt> {
        let mut names: Vec<String> = contacts.flat_map(|contact| wanted(self.sync, contact).labels).collect();
        if names.is_empty() {
            return Ok(());
        }
        names.sort();
        names.dedup();
        let current = self.tools.now();
        // A sync's own label says more than a tag: whether a contact is in the sync.
        let own = current.syncs_of(account.subject()).map(|s| label::folded(&s.spec.label)).collect::<Vec<_>>();
        names.retain(|name| !own.contains(&label::folded(name)));
        self.more_labels = self.context.labels(account, &names).await?;
        Ok(())
    }
}

/// What a contact of this sync should look like in Google.
pub fn wanted(sync: &SyncSpec, contact: &Contact) -> Desired {
    desired(contact, &Rules { region: &sync.account.region, map: &sync.spec.map, account: &sync.account.key })
}

/// Identifiers of a contact, as the census keeps them.
pub fn identifiers(contact: &Contact, sync: &SyncSpec) -> Vec<String> {
    identifiers_of_contact(contact, &sync.account.region).iter().map(ToString::to_string).collect()
}

pub(super) fn new_op() -> Result<String, StoreError> {
    random_text(6).map_err(|e| StoreError::Unreadable("an operation id", e.to_string()))
}
