//! Contacts that have a Google person: read it, merge, or find out what became of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    claim::{Account, Halt},
    contact::Contact,
    google::person::{Field, Person, update_time},
    plan::{
        base::Base,
        desired::Desired,
        heir::inherited,
        link::{Link, LinkState},
        merge::{self, Kept, Merge, is_overwrite, kept_in_words, merge},
        stamp::Origin,
    },
    push::{Deed, Task},
    store::{StoreError, encode, ledger::Step, listing::Listing},
};

use super::{
    batch::{Decision, Item, Work, new_op, wanted},
    brake,
    by::By,
    matching::{Found, look_up_vanished, read},
    settle,
};

/// Why a contact waits whose person in Google is gone.
const GONE: &str = "gone_in_google";

impl Work<'_> {
    /// Linked contacts: read the person, merge. Answers also those that have turned out to have nobody there.
    pub(super) async fn merge_linked(
        &mut self,
        account: &mut Account,
        linked: Vec<(Item, Box<Contact>)>,
    ) -> Result<(Vec<Task>, Vec<(Item, Box<Contact>)>), Halt> {
        let names: Vec<String> =
            linked.iter().filter_map(|(item, _)| item.link.as_ref()).map(|l| l.resource.clone()).collect();
        let persons = read(account, &names).await?;
        let mut tasks = Vec::new();
        let (mut vanished, mut alone) = (Vec::new(), Vec::new());
        for (item, contact) in linked {
            let Some(link) = item.link.clone() else { continue };
            match persons.get(&link.resource) {
                // What was written last is not in it yet: a label that we gave would seem to be taken off.
                Some(Some(person)) if is_behind(person, &link) => {
                    self.context.settle(&[settle::unread(&self.context, &item)]).await?;
                }
                Some(Some(person)) => {
                    tasks.extend(
                        Box::pin(self.merge_one(account, item, &contact, person, link.origin, By::Link)).await?,
                    );
                }
                // Our own doing, the end of which was never written down: it comes as one that was never there.
                Some(None) if link.state == LinkState::Trashing => alone.push((Item { link: None, ..item }, contact)),
                Some(None) => vanished.push((item, contact)),
                None => {
                    settle::doubt(account, &item).await?;
                    self.context.settle(&[settle::unread(&self.context, &item)]).await?;
                }
            }
        }
        let (found, restored) = Box::pin(self.vanished(account, vanished)).await?;
        tasks.extend(found);
        alone.extend(restored);
        Ok((tasks, alone))
    }

    /// The linked person does not answer. It may have been merged by hand into another one, which then carries our stamp; it
    /// may be so young that Google does not serve it yet. Only if the listing, brought up to date, does not have it
    /// either did the user delete it, and then deleted it stays.
    async fn vanished(
        &mut self,
        account: &mut Account,
        vanished: Vec<(Item, Box<Contact>)>,
    ) -> Result<(Vec<Task>, Vec<(Item, Box<Contact>)>), Halt> {
        if vanished.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        account.listed = None;
        Box::pin(settle::freshen(account)).await?;
        let listing = Listing::new(self.tools.pool.clone(), account.subject());
        let contacts: Vec<&Contact> = vanished.iter().map(|(_, contact)| contact.as_ref()).collect();
        let found = Box::pin(look_up_vanished(account, self.sync, &contacts)).await?;
        let (mut tasks, mut deleted, mut restored) = (Vec::new(), Vec::new(), Vec::new());
        for ((item, contact), found) in vanished.into_iter().zip(found) {
            let Some(mut link) = item.link.clone() else { continue };
            let is_lost = matches!(found, Found::Heir(_) | Found::Nobody);
            if let Some(until) = self.may_turn_up_until(&item).filter(|_| is_lost) {
                let step = self.context.again(&item.contact, &item.mark, GONE);
                self.context.settle(&[Step { due: Some(until), ..step }]).await?;
                continue;
            }
            match found {
                Found::Heir(person) => {
                    link.base = inherited(&link.base, &person, &self.sync.account.region);
                    let (origin, item) = (link.origin, Item { link: Some(link), ..item });
                    tasks.extend(Box::pin(self.merge_one(account, item, &contact, &person, origin, By::Link)).await?);
                }
                Found::Stamped(person) => {
                    tasks.extend(
                        Box::pin(self.merge_one(account, item, &contact, &person, link.origin, By::Link)).await?,
                    );
                }
                Found::Unknown | Found::Twins(_) => {
                    settle::doubt(account, &item).await?;
                    self.context.settle(&[settle::unread(&self.context, &item)]).await?;
                }
                // Whether what it has is its alone is not known yet.
                Found::CountFirst => {
                    settle::want_count(&self.context).await?;
                    let after = self.tools.settings.tune.retry_base;
                    let step = settle::later(&self.context, &item, after, "counting_first", false, false);
                    self.context.settle(&[step]).await?;
                }
                _ if self.is_young(&link) || listing.contains(&link.resource).await? => {
                    self.context.settle(&[settle::unread(&self.context, &item)]).await?;
                }
                // Its label had been taken off, and now that it is wanted again it is not there any more.
                _ if item.decision == Some(Decision::Restore) => restored.push((Item { link: None, ..item }, contact)),
                _ => deleted.push(item),
            }
        }
        settle::deleted_in_google(account, &mut self.context, &deleted).await?;
        Ok((tasks, restored))
    }

    /// Until when (ms) somebody who is gone may yet turn up as another person: the listings tell what became of the two sides of a
    /// merge at times of their own. `None` once a propagation window has gone by since it was first seen.
    fn may_turn_up_until(&self, item: &Item) -> Option<i64> {
        let now = self.tools.pool.clock.now_ms();
        let seen = item.mark.tried.iter().find(|tried| tried.why == GONE).map_or(now, |tried| tried.at);
        let window = i64::try_from(self.tools.settings.tune.propagation.as_millis()).unwrap_or(i64::MAX);
        let until = seen.saturating_add(window);
        (until > now && !self.context.is_preview()).then_some(until)
    }

    /// Whether our last write is so recent that Google may not show it everywhere yet.
    fn is_young(&self, link: &Link) -> bool {
        let written = link.update_time.as_deref().and_then(|t| t.parse::<Timestamp>().ok());
        let window = self.tools.settings.tune.propagation;
        written.is_some_and(|at| self.tools.pool.clock.now().duration_since(at).unsigned_abs() < window)
    }

    /// Merges the CRM's state into a person.
    pub(super) async fn merge_one(
        &mut self,
        account: &mut Account,
        mut item: Item,
        contact: &Contact,
        person: &Person,
        origin: Origin,
        by: By,
    ) -> Result<Option<Task>, Halt> {
        Box::pin(self.hear_of(account, &mut item, person)).await?;
        let label = self.label(account).await?;
        let wanted = wanted(self.sync, contact);
        let (op, more_labels) = (new_op()?, self.labels_of(&wanted));
        let before = item.link.as_ref().and_then(|l| l.holders.get(&self.sync.id)).cloned();
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
            more_labels: &more_labels,
            // A label that was made anew, or is another one now, was not taken off by the user.
            had_label: before.as_ref() == Some(&label) && item.decision != Some(Decision::Restore),
            partial: contact.partial,
        };
        let merged = match merge(&input) {
            merge::Verdict::Merged(merged) => merged,
            merge::Verdict::OptedOut => return Box::pin(self.opted_out(account, item, person, &label)).await,
        };
        let link = self.link(
            &item,
            contact,
            &wanted,
            Written { person, base: &merged.base, origin: merged.origin, op: &op, label: &label },
        );
        let Some(mut change) = merged.change else {
            let mut step = settle::linked(&item, &link, item.counted("unchanged"))?;
            step.also = by.counter();
            if merged.kept.iter().any(Kept::is_conflict) {
                let words = kept_in_words(&merged.kept);
                step.journal = Some(settle::noticed(&self.context, &item, "kept", &words));
            }
            self.context.settle(&[item.once_known(step)]).await?;
            return Ok(None);
        };
        // The sync has another label now: its old one goes, unless another sync put it there too.
        if let Some(old) = before.filter(|old| *old != label && !link.holders.values().any(|l| l == old))
            && change.mask.contains(&Field::Memberships)
        {
            change.person.memberships.retain(|m| {
                m.value.contact_group_membership.as_ref().is_none_or(|g| g.contact_group_resource_name != old)
            });
        }
        let disown = item.link.as_ref().map(|l| l.resource.clone()).filter(|r| *r != person.resource_name);
        let brake = is_overwrite(&change).then(|| brake::writing_over(self.tools, &link.digest));
        let deed = Deed::Update { change: Box::new(change), before: Box::new(person.clone()) };
        let task = self.task(item, contact, deed, link, disown, by.action())?;
        let reason = by.reason().unwrap_or_else(|| task.reason.clone());
        Ok(Some(Task { kept: merged.kept, brake, reason, also: by.counter(), ..task }))
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
        let now = self.context.label(account, &self.sync.spec.label, true).await?;
        self.label = Some(now.clone());
        if now != label {
            let step = settle::later(&self.context, &item, Duration::ZERO, "label_made_anew", false, false);
            self.context.settle(&[step]).await?;
            return Ok(None);
        }
        settle::opted_out(account, &mut self.context, &item, person).await?;
        Ok(None)
    }

    /// The link after a write.
    pub(super) fn link(&self, item: &Item, contact: &Contact, wanted: &Desired, written: Written<'_>) -> Link {
        let old = item.link.as_ref();
        let mut holders = old.map(|l| l.holders.clone()).unwrap_or_default();
        holders.insert(self.sync.id.clone(), written.label.to_owned());
        let mut rules = old.map(|l| l.rules.clone()).unwrap_or_default();
        rules.insert(self.sync.id.clone(), self.sync.rule.clone());
        Link {
            resource: written.person.resource_name.clone(),
            version: contact.version,
            digest: wanted.digest(),
            base: written.base.clone(),
            origin: written.origin,
            op: written.op.to_owned(),
            holders,
            rules,
            state: LinkState::Live,
            // Of the person that was read: another one than before has a time of its own.
            update_time: update_time(written.person).or_else(|| old.and_then(|l| l.update_time.clone())),
        }
    }

    pub(super) fn task(
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
            also: None,
            action,
            kept: Vec::new(),
            reading: encode("a reading", contact)?,
            brake: None,
        })
    }
}

/// Whether Google answered with an older version than the one that we wrote last, be it by another name.
pub(super) fn is_behind(person: &Person, link: &Link) -> bool {
    let time = |text: Option<&str>| text.and_then(|text| text.parse::<Timestamp>().ok());
    let (read, written) = (update_time(person), &link.update_time);
    time(read.as_deref()).zip(time(written.as_deref())).is_some_and(|(read, written)| read < written)
}

/// What a write leaves in Google.
pub(super) struct Written<'a> {
    pub person: &'a Person,
    pub base: &'a Base,
    pub origin: Origin,
    pub op: &'a str,
    pub label: &'a str,
}
