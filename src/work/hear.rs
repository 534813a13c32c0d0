//! Updates whose answer was never heard: their end is found out before anything else is decided about a contact. Else what we
//! did ourselves would be taken for its owner's doing, and what the link says for what Google has.

use std::collections::BTreeSet;

use crate::{
    claim::{Account, Halt, note},
    contact::AccountKey,
    google::person::Person,
    plan::{
        link::{Link, LinkState},
        stamp::stamp_for,
    },
    store::{
        StoreError,
        begun::{self, Begun},
        decode, encode,
        ledger::Step,
    },
};

use super::{
    batch::{Item, Work},
    matching::read,
};

/// The update among these that Google shows: its operation is in the stamp.
pub(super) fn shown<'b>(begun: &'b [Begun], person: &Person, key: &AccountKey, contact: &str) -> Option<&'b Begun> {
    let stamp = stamp_for(person, key, contact)?;
    begun.iter().find(|begun| begun.op == stamp.op)
}

/// The link that its answer would have led to.
pub(super) fn link_after(begun: &Begun, person: &Person) -> Result<Option<Link>, StoreError> {
    Ok(link(begun)?.map(|link| link.seen(person)))
}

/// The same of one that went to the trash, where nothing more is seen.
pub(super) fn link(begun: &Begun) -> Result<Option<Link>, StoreError> {
    begun.link.as_deref().map(|text| decode("a link", text)).transpose()
}

/// The trashing among these, the last if it was tried again.
pub(super) fn trashing(begun: &[Begun]) -> Option<&Begun> {
    begun.iter().rfind(|begun| begun.is_trashing())
}

/// The step that its answer would have led to, but for the mark: the contact is looked at all the same.
pub(super) fn done_late(begun: &Begun, contact: &str, person: &Person) -> Result<Step, StoreError> {
    let link = link_after(begun, person)?;
    let followed = link.as_ref().filter(|link| link.is_followed());
    Ok(Step {
        own: followed.map(|link| link.resource.clone()),
        link: Some(link.map(|link| encode("a link", &link)).transpose()?),
        ..ended(begun, contact)
    })
}

/// What is written down of one that was done, but for the link.
pub(super) fn ended(begun: &Begun, contact: &str) -> Step {
    let (journal, disown) = (Some(begun.entry.clone()), begun.disown.clone());
    Step { journal, disown, need: Some(None), ended: true, ..Step::of(contact) }
}

impl Work<'_> {
    /// Finds out how the updates of these contacts ended that nobody has heard of. The links of those that are shown are what
    /// their answers would have made of them; of the others it is known until when they may yet come.
    pub(super) async fn hear(&mut self, account: &mut Account, mut items: Vec<Item>) -> Result<Vec<Item>, Halt> {
        let (pool, keys) = (&self.tools.pool, self.context.keys());
        let contacts: Vec<&str> = items.iter().map(|item| item.contact.as_str()).collect();
        let begun = begun::of(pool, &keys, account.subject(), &contacts).await?;
        if begun.iter().all(Vec::is_empty) {
            return Ok(items);
        }
        let names = |begun: &[Begun]| begun.iter().map(|begun| begun.write().resource).collect::<Vec<_>>();
        let all: BTreeSet<String> = begun.iter().flat_map(|begun| names(begun)).collect();
        let persons = read(account, &all.into_iter().collect::<Vec<_>>()).await?;
        let (now, propagation) = (pool.clock.now_ms(), self.tools.settings.tune.propagation);
        let (mut steps, mut seen) = (Vec::new(), Vec::new());
        for (item, begun) in items.iter_mut().zip(&begun) {
            let Some(until) = begun.iter().map(|begun| begun.may_show_until(propagation)).max() else { continue };
            let names = names(begun);
            let is_unclear = names.iter().any(|name| !persons.contains_key(name));
            let there: Vec<&Person> = names.iter().filter_map(|name| persons.get(name)?.as_ref()).collect();
            let key = &self.sync.account.key;
            let done = there.iter().find_map(|person| Some((shown(begun, person, key, &item.contact)?, *person)));
            let trash = trashing(begun);
            if let Some((done, person)) = done {
                steps.push(done_late(done, &item.contact, person)?);
                item.is_heard_of(done, link_after(done, person)?);
                seen.push((person.resource_name.clone(), Some(person)));
            } else if let Some(trash) = trash.filter(|trash| persons.get(&trash.write().resource) == Some(&None)) {
                seen.push((trash.write().resource, None));
                steps.push(Step { link: Some(trash.link.clone()), ..ended(trash, &item.contact) });
                item.is_heard_of(trash, link(trash)?);
            } else if until >= now || is_unclear {
                let soon = i64::try_from(self.tools.settings.tune.retry_base.as_millis()).unwrap_or(i64::MAX);
                item.open = Some(Open { until: until.max(now.saturating_add(soon)), names });
            } else {
                steps.push(Step { ended: true, ..Step::of(&item.contact) });
            }
        }
        self.context.settle(&steps).await?;
        if !self.context.is_preview() {
            note(account, &seen).await?;
        }
        Ok(items)
    }

    /// The same for an item whose person turned out to be another than the one that was written to: its owner merged the two.
    pub(super) async fn hear_of(&mut self, account: &Account, item: &mut Item, person: &Person) -> Result<(), Halt> {
        if item.open.is_none() {
            return Ok(());
        }
        let (pool, keys, contact) = (&self.tools.pool, self.context.keys(), item.contact.clone());
        let begun = begun::of(pool, &keys, account.subject(), &[&contact]).await?;
        let begun = begun.into_iter().next().unwrap_or_default();
        if let Some(done) = shown(&begun, person, &self.sync.account.key, &contact) {
            self.context.settle(&[done_late(done, &contact, person)?]).await?;
            item.is_heard_of(done, link_after(done, person)?);
        }
        Ok(())
    }
}

/// Updates of which nobody knows yet whether they were done.
pub(super) struct Open {
    /// Until when (ms) they may show.
    pub until: i64,
    /// The persons that they would have changed.
    pub names: Vec<String>,
}

impl Item {
    fn is_heard_of(&mut self, begun: &Begun, link: Option<Link>) {
        let write = begun.write();
        self.heard = match write.action.as_str() {
            // Told of by the run that began it.
            _ if write.run != self.mark.run.as_deref().unwrap_or_default() => None,
            "updated" => Some("updated"),
            "adopted" => Some("adopted"),
            "unlabelled" | "released" | "trashed" => Some("removed"),
            _ => None,
        };
        (self.link, self.open) = (link, None);
    }

    /// What a run counts for a contact that nothing more is to be done for.
    pub(super) fn counted(&self, otherwise: &'static str) -> &'static str {
        self.heard.unwrap_or(otherwise)
    }

    /// `step`, unless an update may yet come that would make it untrue: then the contact is looked at again once that is known.
    pub(super) fn once_known(&self, step: Step) -> Step {
        let Some(open) = &self.open else { return step };
        let mut waits = Step { due: Some(open.until), why: Some("uncertain_update"), ..Step::of(&self.contact) };
        waits.answer(&self.mark);
        waits
    }

    /// Whether somebody else would be written to, or made, while this person may yet turn out to be the contact's.
    pub(super) fn goes_elsewhere(&self, resource: Option<&str>) -> bool {
        let is_one = |open: &Open| resource.is_some_and(|resource| open.names.iter().any(|name| name == resource));
        self.open.as_ref().is_some_and(|open| !is_one(open))
    }

    /// Whether it may yet go to the trash.
    pub(super) fn may_go(&self) -> bool {
        self.open.is_some() && self.link.as_ref().is_some_and(|link| link.state == LinkState::Trashing)
    }
}
