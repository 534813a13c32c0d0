//! One sync's due contacts, from reading them in the CRM to what is written in Google.

use std::collections::BTreeMap;

use crate::{
    claim::{Account, Halt, Tools},
    contact::Contact,
    google::person::Person,
    plan::{
        create::create,
        desired::{Desired, desired},
        filter::passes,
        identifiers::identifiers_of_contact,
        identity::{Question, Verdict},
        link::{Link, LinkState},
        merge::{self, Merge, merge},
        stamp::{Origin, stamp_for},
        triage::{Triage, triage},
    },
    push::{Context, Deed, Task, intent::Intent, label, push},
    store::{
        StoreError,
        census::Census,
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        ledger::{Ledger, LedgerView, Mark, Step},
        registry::{Refusal, Registry},
        runs::Runs,
        seal::random_text,
    },
};

use super::{
    gather::{State, gather},
    matching::{Found, look_up, read},
    recall::recall,
    retire::{Leaving, Retirement, is_held, retire},
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
}

/// What a person decided about a question.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is this person.
    Link(String),
    /// It is nobody who is there: make one.
    Create,
}

/// Works off these due contacts of one sync.
pub async fn work_off(
    account: &mut Account,
    sync: &SyncSpec,
    ledger: &mut Ledger,
    due: Vec<(String, Mark)>,
) -> Result<(), Halt> {
    let tools = account.tools.clone();
    let mut work = Work { tools: &tools, sync, context: Context { sync, ledger, tools: &tools }, label: None };
    let items = work.load(account, due).await?;
    let items = work.set_aside_refused(account, items).await?;
    let (mut ready, uncertain) = work.split_uncertain(items).await?;
    let states = work.gather(&ready).await?;
    recall(account, sync, &mut ready, &states).await?;
    let mut tasks = Vec::new();
    let mut linked = Vec::new();
    let mut unlinked = Vec::new();
    let mut leaving = Vec::new();
    for (item, state) in ready.into_iter().zip(states) {
        match work.sort(item, state).await? {
            Sorted::Settled => {}
            Sorted::Leaving(item, why) => leaving.push((item, why)),
            Sorted::Linked(item, contact) => linked.push((item, contact)),
            Sorted::Unlinked(item, contact) => unlinked.push((item, contact)),
        }
    }
    tasks.extend(work.retire(account, leaving).await?);
    tasks.extend(work.merge_linked(account, linked).await?);
    tasks.extend(work.match_unlinked(account, unlinked).await?);
    tasks.extend(work.resolve(account, uncertain).await?);
    push(account, &mut work.context, tasks).await
}

enum Sorted {
    Settled,
    Leaving(Item, Leaving),
    Linked(Item, Box<Contact>),
    Unlinked(Item, Box<Contact>),
}

pub(super) struct Work<'a> {
    tools: &'a Tools,
    pub sync: &'a SyncSpec,
    pub context: Context<'a>,
    label: Option<String>,
}

impl Work<'_> {
    async fn load(&self, account: &Account, due: Vec<(String, Mark)>) -> Result<Vec<Item>, StoreError> {
        let view = LedgerView::new(self.tools.pool.clone(), &self.sync.account.key, account.subject());
        let contacts: Vec<String> = due.iter().map(|(contact, _)| contact.clone()).collect();
        let links = view.links::<Link>(&contacts).await?;
        let intents = view.intents::<Intent>(&contacts).await?;
        let decisions = view.decisions::<Decision>(&contacts).await?;
        let parts = due.into_iter().zip(links).zip(intents).zip(decisions);
        Ok(parts
            .map(|((((contact, mark), link), intent), decision)| Item { contact, mark, link, intent, decision })
            .collect())
    }

    /// What the owner does not want is not even looked at.
    async fn set_aside_refused(&mut self, account: &Account, items: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let current = self.tools.now();
        let mut steps = Vec::new();
        let mut kept = Vec::new();
        for item in items {
            let key = Registry::refusal_key(account.subject(), &self.sync.account.key, &item.contact);
            let refused = match current.refusals.get(&key) {
                Some(Refusal::Deleted | Refusal::Skipped) => true,
                Some(Refusal::OptedOut(syncs)) => syncs.contains(&self.sync.id),
                None => false,
            };
            if refused {
                // A worker that had not heard of the refusal may have asked in the meantime.
                let step = settle::clean(&item.contact, &item.mark, "refused");
                steps.push(Step { need: Some(None), ..step });
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

    async fn gather(&self, items: &[Item]) -> Result<Vec<State>, StoreError> {
        let due: Vec<(String, Mark)> = items.iter().map(|i| (i.contact.clone(), i.mark.clone())).collect();
        let runs = Runs::new(self.tools.pool.clone(), CrmKeys::new(&self.sync.account.key), &self.sync.id);
        let states = gather(self.tools, self.sync, &runs, &due).await?;
        self.note_census(&due, &states).await?;
        Ok(states)
    }

    async fn note_census(&self, due: &[(String, Mark)], states: &[State]) -> Result<(), StoreError> {
        let mut noted = Vec::new();
        for ((contact, _), state) in due.iter().zip(states) {
            match state {
                State::There(known) => noted.push((contact.clone(), Some(identifiers(known, self.sync)))),
                State::Gone => noted.push((contact.clone(), None)),
                State::Later { .. } | State::Unreadable(_) => {}
            }
        }
        Census::new(self.tools.pool.clone(), CrmKeys::new(&self.sync.account.key)).note(&noted).await
    }

    /// Where a contact goes from here; what needs nothing more is settled.
    async fn sort(&mut self, item: Item, state: State) -> Result<Sorted, StoreError> {
        let held = is_held(item.link.as_ref(), &self.sync.id);
        let contact = match state {
            State::There(contact) => contact,
            State::Gone if held => return Ok(Sorted::Leaving(item, Leaving::Deleted)),
            State::Gone => return self.settled(settle::clean(&item.contact, &item.mark, "skipped")).await,
            State::Unreadable(why) => {
                let step = self.context.dead_letter(&item.contact, &item.mark, "unreadable_in_crm", &why, "", "");
                return self.settled(step).await;
            }
            State::Later { after, why, stale, counts } => {
                return self.settled(settle::later(&self.context, &item, after, why, stale, counts)).await;
            }
        };
        if passes(&self.sync.spec, &contact).is_err() {
            // A partial reading does not say what the filter asks for; only a whole one can take a contact out.
            if held && !contact.partial {
                return Ok(Sorted::Leaving(item, Leaving::Outside));
            }
            return self.settled(settle::clean(&item.contact, &item.mark, "skipped")).await;
        }
        let digest = desired(&contact, &self.sync.account.region).digest();
        match triage(item.link.as_ref(), &digest, contact.version, &self.sync.id) {
            Triage::Unchanged if held && item.mark.look => Ok(Sorted::Linked(item, contact)),
            Triage::Unchanged | Triage::Older => {
                self.settled(settle::clean(&item.contact, &item.mark, "unchanged")).await
            }
            Triage::Refused => self.settled(settle::clean(&item.contact, &item.mark, "refused")).await,
            Triage::Look if item.link.as_ref().is_some_and(|l| l.state == LinkState::Live) => {
                Ok(Sorted::Linked(item, contact))
            }
            Triage::Look => Ok(Sorted::Unlinked(item, contact)),
        }
    }

    async fn settled(&mut self, step: Step) -> Result<Sorted, StoreError> {
        self.context.settle(&[step]).await?;
        Ok(Sorted::Settled)
    }

    async fn retire(&mut self, account: &mut Account, leaving: Vec<(Item, Leaving)>) -> Result<Vec<Task>, Halt> {
        let names: Vec<String> =
            leaving.iter().filter_map(|(item, _)| item.link.as_ref()).map(|l| l.resource.clone()).collect();
        let persons = read(account, &names).await?;
        let mut tasks = Vec::new();
        let mut steps = Vec::new();
        for (item, why) in leaving {
            let Some(link) = &item.link else { continue };
            let Some(person) = persons.get(&link.resource) else { continue };
            let op = new_op()?;
            match retire(self.sync, &item.contact, &item.mark, link, person.as_ref(), why, &op) {
                Retirement::Note(step) => steps.push(*step),
                Retirement::Do(task) => tasks.push(*task),
            }
        }
        self.context.settle(&steps).await?;
        Ok(tasks)
    }

    /// Linked contacts: read the person, merge.
    async fn merge_linked(
        &mut self,
        account: &mut Account,
        linked: Vec<(Item, Box<Contact>)>,
    ) -> Result<Vec<Task>, Halt> {
        let names: Vec<String> =
            linked.iter().filter_map(|(item, _)| item.link.as_ref()).map(|l| l.resource.clone()).collect();
        let persons = read(account, &names).await?;
        let mut tasks = Vec::new();
        let mut vanished = Vec::new();
        for (item, contact) in linked {
            let Some(link) = item.link.clone() else { continue };
            match persons.get(&link.resource) {
                Some(Some(person)) => {
                    tasks.extend(self.merge_one(account, item, &contact, person, link.origin, "updated").await?)
                }
                Some(None) => vanished.push((item, contact)),
                // The reading was left out of the answer: the mark stands, the next slice reads again.
                None => {}
            }
        }
        tasks.extend(self.vanished(account, vanished).await?);
        Ok(tasks)
    }

    /// The linked person is gone. It may have been merged by hand into another one, which then carries our stamp; else the
    /// user deleted it, and deleted it stays.
    async fn vanished(
        &mut self,
        account: &mut Account,
        vanished: Vec<(Item, Box<Contact>)>,
    ) -> Result<Vec<Task>, Halt> {
        if vanished.is_empty() {
            return Ok(Vec::new());
        }
        settle::freshen(account).await?;
        let contacts: Vec<&Contact> = vanished.iter().map(|(_, contact)| contact.as_ref()).collect();
        let found = look_up(account, self.sync, &contacts).await?;
        let mut tasks = Vec::new();
        let mut deleted = Vec::new();
        for ((item, contact), found) in vanished.into_iter().zip(found) {
            match found {
                Found::Stamped(person) if item.link.as_ref().is_some_and(|l| l.resource != person.resource_name) => {
                    let origin = item.link.as_ref().map_or(Origin::Adopted, |l| l.origin);
                    tasks.extend(self.merge_one(account, item, &contact, &person, origin, "updated").await?);
                }
                _ => deleted.push(item),
            }
        }
        settle::deleted_in_google(account, &mut self.context, &deleted).await?;
        Ok(tasks)
    }

    /// Contacts without a link: by stamp, by identity, or new.
    async fn match_unlinked(
        &mut self,
        account: &mut Account,
        unlinked: Vec<(Item, Box<Contact>)>,
    ) -> Result<Vec<Task>, Halt> {
        if unlinked.is_empty() {
            return Ok(Vec::new());
        }
        // Fresh Google changes are listed before anything is created.
        settle::freshen(account).await?;
        let contacts: Vec<&Contact> = unlinked.iter().map(|(_, contact)| contact.as_ref()).collect();
        let found = look_up(account, self.sync, &contacts).await?;
        let mut tasks = Vec::new();
        let mut adopted: BTreeMap<String, String> = BTreeMap::new();
        for ((item, contact), found) in unlinked.into_iter().zip(found) {
            tasks.extend(self.act(account, item, &contact, found, &mut adopted).await?);
        }
        Ok(tasks)
    }

    async fn act(
        &mut self,
        account: &mut Account,
        item: Item,
        contact: &Contact,
        found: Found,
        adopted: &mut BTreeMap<String, String>,
    ) -> Result<Option<Task>, Halt> {
        match (found, item.decision.clone()) {
            (Found::Stamped(person), _) => {
                let origin =
                    stamp_for(&person, &self.sync.account.key, &item.contact).map_or(Origin::Adopted, |s| s.origin);
                self.merge_one(account, item, contact, &person, origin, "updated").await
            }
            (Found::Twins(persons), _) => {
                // The oldest is kept on; the reconcile folds the others.
                let Some(first) = persons.into_iter().min_by(|a, b| a.resource_name.cmp(&b.resource_name)) else {
                    return Ok(None);
                };
                let origin =
                    stamp_for(&first, &self.sync.account.key, &item.contact).map_or(Origin::Adopted, |s| s.origin);
                self.merge_one(account, item, contact, &first, origin, "updated").await
            }
            (_, Some(Decision::Link(resource))) => {
                let persons = read(account, std::slice::from_ref(&resource)).await?;
                match persons.get(&resource).cloned().flatten() {
                    Some(person) => self.merge_one(account, item, contact, &person, Origin::Adopted, "adopted").await,
                    None => {
                        self.ask(item, Question { why: "the chosen person is gone".into(), candidates: Vec::new() })
                            .await
                    }
                }
            }
            (_, Some(Decision::Create)) | (Found::Ladder(Verdict::Create, _), None) => {
                self.create_one(account, item, contact).await.map(Some)
            }
            (Found::CountFirst, None) => {
                settle::want_count(self.tools, self.sync).await?;
                let after = self.tools.settings.tune.retry_base;
                let step = settle::later(&self.context, &item, after, "counting_first", false, false);
                self.context.settle(&[step]).await?;
                Ok(None)
            }
            (Found::Ladder(Verdict::NeedsYou(question), _), None) => self.ask(item, question).await,
            (Found::Ladder(Verdict::Adopt { resource, .. }, person), None) => {
                // Two contacts of one slice that both want the same person: neither is guessed.
                if adopted.insert(resource.clone(), item.contact.clone()).is_some() {
                    let why = "another contact of the CRM wants the same person in Google".to_owned();
                    return self.ask(item, Question { why, candidates: Vec::new() }).await;
                }
                match person {
                    Some(person) => self.merge_one(account, item, contact, &person, Origin::Adopted, "adopted").await,
                    None => Ok(None),
                }
            }
        }
    }

    async fn ask(&mut self, item: Item, question: Question) -> Result<Option<Task>, Halt> {
        let mut step = settle::clean(&item.contact, &item.mark, "needs-you");
        step.need = Some(Some(encode("a question", &settle::Need { sync: self.sync.id.clone(), question })?));
        self.context.settle(&[step]).await?;
        Ok(None)
    }

    /// Merges the CRM's state into a person.
    async fn merge_one(
        &mut self,
        account: &mut Account,
        item: Item,
        contact: &Contact,
        person: &Person,
        origin: Origin,
        action: &'static str,
    ) -> Result<Option<Task>, Halt> {
        let label = self.label(account).await?;
        let wanted = desired(contact, &self.sync.account.region);
        let op = new_op()?;
        // A label that was made anew was not taken off by the user.
        let had_label = item.link.as_ref().and_then(|l| l.holders.get(&self.sync.id)) == Some(&label);
        let input = Merge {
            desired: &wanted,
            person,
            link_base: item.link.as_ref().map(|l| &l.base),
            policy: self.sync.spec.policy,
            account: &self.sync.account.key,
            contact: &item.contact,
            origin,
            op: &op,
            label: &label,
            had_label,
            partial: contact.partial,
        };
        let merged = match merge(&input) {
            merge::Verdict::Merged(merged) => merged,
            merge::Verdict::OptedOut => return self.opted_out(account, item, person, &label).await,
        };
        let link = self.link(&item, contact, &wanted, person, &merged.base, merged.origin, &op, &label);
        let Some(change) = merged.change else {
            self.context.settle(&[settle::linked(&item, &link, "unchanged")?]).await?;
            return Ok(None);
        };
        let disown = item.link.as_ref().map(|l| l.resource.clone()).filter(|r| *r != person.resource_name);
        let deed = Deed::Update { change: Box::new(change), before: Box::new(person.clone()) };
        Ok(Some(self.task(item, contact, deed, link, disown, action)?))
    }

    /// The label is not on the person any more. If it still exists the user took it off, and that is respected; if it is gone
    /// it is made anew.
    async fn opted_out(
        &mut self,
        account: &mut Account,
        item: Item,
        person: &Person,
        label: &str,
    ) -> Result<Option<Task>, Halt> {
        let now = label::ensure(account, &self.sync.spec.label, true).await?;
        self.label = Some(now.clone());
        if now != label {
            let step = settle::later(&self.context, &item, std::time::Duration::ZERO, "label_made_anew", false, false);
            self.context.settle(&[step]).await?;
            return Ok(None);
        }
        settle::opted_out(account, &mut self.context, &item, person).await?;
        Ok(None)
    }

    async fn create_one(&mut self, account: &mut Account, item: Item, contact: &Contact) -> Result<Task, Halt> {
        let label = self.label(account).await?;
        let wanted = desired(contact, &self.sync.account.region);
        let op = new_op()?;
        let (person, base) = create(&wanted, &self.sync.account.key, &item.contact, &op, &label);
        let link = self.link(&item, contact, &wanted, &person, &base, Origin::Created, &op, &label);
        let deed = Deed::Create { person: Box::new(person) };
        Ok(self.task(item, contact, deed, link, None, "created")?)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of the link")]
    fn link(
        &self,
        item: &Item,
        contact: &Contact,
        wanted: &Desired,
        person: &Person,
        base: &crate::plan::base::Base,
        origin: Origin,
        op: &str,
        label: &str,
    ) -> Link {
        let mut holders = item.link.as_ref().map(|l| l.holders.clone()).unwrap_or_default();
        holders.insert(self.sync.id.clone(), label.to_owned());
        Link {
            resource: person.resource_name.clone(),
            version: contact.version,
            digest: wanted.digest(),
            base: base.clone(),
            origin,
            op: op.to_owned(),
            holders,
            state: LinkState::Live,
            update_time: item.link.as_ref().and_then(|l| l.update_time.clone()),
        }
    }

    fn task(
        &self,
        item: Item,
        contact: &Contact,
        deed: Deed,
        link: Link,
        disown: Option<String>,
        action: &'static str,
    ) -> Result<Task, StoreError> {
        Ok(Task {
            reason: match &item.mark.run {
                Some(_) => "reconcile".into(),
                None => "event".into(),
            },
            contact: item.contact,
            mark: item.mark,
            deed,
            link: Some(link),
            disown,
            count: action,
            action,
            reading: encode("a reading", contact)?,
        })
    }

    async fn label(&mut self, account: &mut Account) -> Result<String, Halt> {
        if let Some(label) = &self.label {
            return Ok(label.clone());
        }
        let label = label::ensure(account, &self.sync.spec.label, false).await?;
        self.label = Some(label.clone());
        Ok(label)
    }

    /// Creates of unknown end whose time has come: a listing tells.
    async fn resolve(&mut self, account: &mut Account, uncertain: Vec<(Item, Allowed)>) -> Result<Vec<Task>, Halt> {
        if uncertain.is_empty() {
            return Ok(Vec::new());
        }
        settle::freshen(account).await?;
        let bare: Vec<Contact> =
            uncertain.iter().map(|(item, _)| Contact { id: item.contact.clone(), ..Contact::default() }).collect();
        let found = look_up(account, self.sync, &bare.iter().collect::<Vec<_>>()).await?;
        let mut steps = Vec::new();
        for ((item, allowed), found) in uncertain.into_iter().zip(found) {
            let Some(intent) = &item.intent else { continue };
            steps.push(match (found, allowed) {
                // It was done: the contact is looked at again, and found by its stamp.
                (Found::Stamped(_) | Found::Twins(_), _) => settle::resolved(&item, false),
                (_, Allowed::FirstLook) => uncertain::absent_once(&self.context, &item.contact, &item.mark, intent)?,
                // Twice not there: it did not happen, and may be sent again.
                (_, _) => settle::resolved(&item, intent.alone),
            });
        }
        self.context.settle(&steps).await?;
        Ok(Vec::new())
    }
}

/// Identifiers of a contact, as the census keeps them.
pub fn identifiers(contact: &Contact, sync: &SyncSpec) -> Vec<String> {
    identifiers_of_contact(contact, &sync.account.region).iter().map(ToString::to_string).collect()
}

fn new_op() -> Result<String, StoreError> {
    random_text(6).map_err(|e| StoreError::Unreadable("an operation id", e.to_string()))
}
