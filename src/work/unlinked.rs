//! Contacts without a Google person: found by their stamp, by who they are, or made; and creates whose end is unknown.

use std::collections::BTreeMap;

use crate::{
    claim::{Account, Halt},
    contact::Contact,
    google::person::Person,
    plan::{
        create::create,
        identity::{Question, Verdict},
        stamp::{Origin, stamp_for},
    },
    push::{Deed, GivenUp, Task, intent::Intent},
    store::{
        StoreError, encode,
        ledger::{Mark, Step},
        listing::Listing,
    },
};

use super::{
    batch::{Decision, Item, Work, new_op, wanted},
    by::By,
    linked::Written,
    matching::{Found, look_up, read},
    settle,
    uncertain::{self, Allowed},
};

impl Work<'_> {
    /// By stamp, by identity, or new.
    pub(super) async fn match_unlinked(
        &mut self,
        account: &mut Account,
        unlinked: Vec<(Item, Box<Contact>)>,
    ) -> Result<Vec<Task>, Halt> {
        if unlinked.is_empty() {
            return Ok(Vec::new());
        }
        // Fresh Google changes are listed before anything is created.
        Box::pin(settle::freshen(account)).await?;
        let contacts: Vec<&Contact> = unlinked.iter().map(|(_, contact)| contact.as_ref()).collect();
        let found = Box::pin(look_up(account, self.sync, &contacts)).await?;
        let mut tasks = Vec::new();
        let mut adopted: BTreeMap<String, String> = BTreeMap::new();
        for ((item, contact), found) in unlinked.into_iter().zip(found) {
            tasks.extend(Box::pin(self.act(account, item, &contact, found, &mut adopted)).await?);
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
        // Of a cancelled run only what was done is followed.
        let is_there = matches!(found, Found::Stamped(_) | Found::Twins(_) | Found::Unknown);
        if item.mark.dropped && !is_there {
            self.context.settle(&[settle::clean(&item.contact, &item.mark, "skipped")]).await?;
            return Ok(None);
        }
        let resource = match (&found, &item.decision) {
            (_, Some(Decision::Link(resource))) | (Found::Ladder(Verdict::Adopt { resource, .. }, _), _) => {
                Some(resource)
            }
            _ => None,
        };
        if !is_there && item.goes_elsewhere(resource.map(String::as_str)) {
            self.context.settle(&[item.once_known(settle::clean(&item.contact, &item.mark, "skipped"))]).await?;
            return Ok(None);
        }
        // What is wanted again is matched like one that is new.
        match (found, item.decision.clone().filter(|decision| *decision != Decision::Restore)) {
            (Found::Unknown, _) => {
                settle::doubt(account, &item).await?;
                self.unread(item).await
            }
            (Found::Stamped(person), _) => self.take_back(account, item, contact, &person).await,
            // The oldest is kept on; the reconcile folds the others.
            (Found::Twins(persons), _) => {
                match persons.into_iter().min_by(|a, b| a.resource_name.cmp(&b.resource_name)) {
                    Some(first) => self.take_back(account, item, contact, &first).await,
                    None => self.unread(item).await,
                }
            }
            (_, Some(Decision::Link(resource))) => self.link_as_decided(account, item, contact, &resource).await,
            (_, Some(Decision::Create | Decision::Restore)) | (Found::Ladder(Verdict::Create, _), None) => {
                self.create_one(account, item, contact).await.map(Some)
            }
            // Answers to another question.
            (Found::Heir(_) | Found::Nobody, None) => self.unread(item).await,
            (Found::CountFirst, None) => {
                settle::want_count(&self.context).await?;
                let after = self.tools.settings.tune.retry_base;
                let step = settle::later(&self.context, &item, after, "counting_first", false, false);
                self.context.settle(&[step]).await?;
                Ok(None)
            }
            (Found::Ladder(Verdict::NeedsYou(question), _), None) => self.ask(item, question).await,
            (Found::Ladder(Verdict::Adopt { resource, by }, person), None) => {
                // Two contacts of one slice that both want the same person: neither is guessed.
                if adopted.insert(resource, item.contact.clone()).is_some() {
                    let why = "another contact of the CRM wants the same person in Google".to_owned();
                    return self.ask(item, Question { why, candidates: Vec::new() }).await;
                }
                match person {
                    Some(person) => {
                        Box::pin(self.merge_one(account, item, contact, &person, Origin::Adopted, By::Evidence(by)))
                            .await
                    }
                    None => self.unread(item).await,
                }
            }
        }
    }

    /// The person carries our stamp: the link was lost, or let go.
    async fn take_back(
        &mut self,
        account: &mut Account,
        item: Item,
        contact: &Contact,
        person: &Person,
    ) -> Result<Option<Task>, Halt> {
        let stamp = stamp_for(person, &self.sync.account.key, &item.contact);
        let origin = stamp.map_or(Origin::Adopted, |s| s.origin);
        Box::pin(self.merge_one(account, item, contact, person, origin, By::Stamp)).await
    }

    async fn link_as_decided(
        &mut self,
        account: &mut Account,
        item: Item,
        contact: &Contact,
        resource: &str,
    ) -> Result<Option<Task>, Halt> {
        let persons = read(account, &[resource.to_owned()]).await?;
        match persons.get(resource) {
            Some(Some(person)) => {
                Box::pin(self.merge_one(account, item, contact, person, Origin::Adopted, By::Decision)).await
            }
            Some(None) => {
                self.ask(item, Question { why: "the chosen person is gone".into(), candidates: Vec::new() }).await
            }
            None => self.unread(item).await,
        }
    }

    /// Whoever it is cannot be read now: looked at again later.
    async fn unread(&mut self, item: Item) -> Result<Option<Task>, Halt> {
        self.context.settle(&[settle::unread(&self.context, &item)]).await?;
        Ok(None)
    }

    async fn ask(&mut self, item: Item, question: Question) -> Result<Option<Task>, Halt> {
        let mut step = settle::clean(&item.contact, &item.mark, "needs-you");
        step.need = Some(Some(encode("a question", &settle::Need { sync: self.sync.id.clone(), question })?));
        self.context.settle(&[step]).await?;
        Ok(None)
    }

    async fn create_one(&mut self, account: &mut Account, item: Item, contact: &Contact) -> Result<Task, Halt> {
        let label = self.label(account).await?;
        let wanted = wanted(self.sync, contact);
        let (op, more) = (new_op()?, self.labels_of(&wanted));
        let (person, base) = create(&wanted, &self.sync.account.key, &item.contact, &op, &label, &more);
        let written = Written { person: &person, base: &base, origin: Origin::Created, op: &op, label: &label };
        let link = self.link(&item, contact, &wanted, written);
        let deed = Deed::Create { person: Box::new(person) };
        Ok(self.task(item, contact, deed, link, None, "created")?)
    }

    /// The journal's entry of a create whose answer was never heard.
    fn made_after_all(&self, item: &Item, person: &Person, intent: &Intent) -> Result<Option<Vec<String>>, StoreError> {
        let stamp = stamp_for(person, &self.sync.account.key, &item.contact);
        if stamp.is_none_or(|stamp| stamp.op != intent.op) {
            return Ok(None);
        }
        let task = Task {
            contact: item.contact.clone(),
            // The run may have been cancelled since; it was its doing all the same.
            mark: Mark { run: intent.run.clone(), ..item.mark.clone() },
            deed: Deed::Create { person: Box::new(person.clone()) },
            link: None,
            disown: None,
            count: "created",
            action: "created",
            reason: "its answer was not heard".to_owned(),
            kept: Vec::new(),
            also: None,
            brake: None,
            reading: String::new(),
        };
        let mut entry = self.context.journal_entry(&task, Some(person))?;
        // Whoever finds it may be another sync of the two accounts.
        if let Some(sync) = entry.chunks_exact_mut(2).find(|pair| pair[0] == "sync").filter(|_| !intent.sync.is_empty())
        {
            sync[1].clone_from(&intent.sync);
        }
        Ok(Some(entry))
    }

    /// What changed a moment ago is not among the changes that Google lists yet; two looks may both miss a person that is changed
    /// right before them. Before one is made again, everything has been listed once since the first look.
    async fn must_list_all(
        &self,
        account: &Account,
        uncertain: &[(Item, Allowed)],
        found: &[Found],
    ) -> Result<bool, StoreError> {
        let is_there = |found: &Found| matches!(found, Found::Unknown | Found::Stamped(_) | Found::Twins(_));
        let missed = uncertain
            .iter()
            .zip(found)
            .filter(|((_, allowed), found)| *allowed == Allowed::LastLook && !is_there(found));
        let first_looks = missed.filter_map(|((item, _), _)| item.intent.as_ref()?.absent_at);
        // A preview writes nothing, and makes nothing.
        let Some(newest) = first_looks.max().filter(|_| !self.context.is_preview()) else { return Ok(false) };
        let listing = Listing::new(self.tools.pool.clone(), account.subject());
        let is_old = listing.facts().await?.is_some_and(|facts| facts.full < newest);
        if is_old {
            listing.forget().await?;
        }
        Ok(is_old)
    }

    /// Creates of unknown end whose time has come: a listing tells.
    pub(super) async fn resolve(&mut self, account: &mut Account, uncertain: Vec<(Item, Allowed)>) -> Result<(), Halt> {
        if uncertain.is_empty() {
            return Ok(());
        }
        account.listed = None;
        Box::pin(settle::freshen(account)).await?;
        let bare: Vec<Contact> =
            uncertain.iter().map(|(item, _)| Contact { id: item.contact.clone(), ..Contact::default() }).collect();
        let bare: Vec<&Contact> = bare.iter().collect();
        let mut found = Box::pin(look_up(account, self.sync, &bare)).await?;
        if self.must_list_all(account, &uncertain, &found).await? {
            account.listed = None;
            Box::pin(settle::freshen(account)).await?;
            found = Box::pin(look_up(account, self.sync, &bare)).await?;
        }
        let most = self.tools.settings.tune.retry_attempts;
        let mut steps = Vec::new();
        for ((item, allowed), found) in uncertain.into_iter().zip(found) {
            let Some(intent) = &item.intent else { continue };
            steps.push(match (found, allowed) {
                // Listed, but not to be read just now: looked for again, without any conclusion.
                (Found::Unknown, _) => {
                    settle::doubt(account, &item).await?;
                    uncertain::soon(&self.context, &item)
                }
                // It was done: the contact is looked at again, and found by its stamp.
                (Found::Stamped(person), _) => {
                    let journal = self.made_after_all(&item, &person, intent)?;
                    Step { journal, ..settle::resolved(&self.context, &item, false) }
                }
                (Found::Twins(_), _) => settle::resolved(&self.context, &item, false),
                (_, Allowed::FirstLook) => uncertain::absent_once(&self.context, &item.contact, &item.mark, intent)?,
                // Twice not there: it did not happen.
                _ if item.mark.dropped => {
                    Step { intent: Some(None), ..settle::clean(&item.contact, &item.mark, "skipped") }
                }
                _ if item.mark.tries >= most => {
                    let sentence = "Google kept failing when this contact was to be made";
                    let why = GivenUp { reason: "google_keeps_failing", sentence, ..GivenUp::default() };
                    self.context.dead_letter(&item.contact, &item.mark, why)
                }
                _ => settle::resolved(&self.context, &item, intent.alone),
            });
        }
        Ok(self.context.settle(&steps).await?)
    }
}
