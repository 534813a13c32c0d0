//! A contact that is gone from the CRM, or no longer passes the sync's filter: what `removal` says is done, and Carnet lets go.

use std::{collections::BTreeMap, fmt};

use crate::{
    config::declared::Removal,
    google::person::Person,
    plan::{
        base::Base,
        filter,
        link::{Link, LinkState},
        release::release,
        stamp::{Origin, stamps_of},
        trash::is_ours_alone,
    },
    push::{Deed, Task},
    store::{
        current::{Current, SyncSpec},
        ledger::{Mark, Step},
    },
};

use super::batch::Item;

/// Why a contact goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Deleted in the CRM.
    Deleted,
    /// Outside the filter now.
    Outside {
        /// For this reason.
        why: filter::Outside,
        /// Another sync between the same two accounts wants it.
        wanted: bool,
    },
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("deleted in the CRM"),
            Self::Outside { why, .. } => write!(f, "outside the filter: {why}"),
        }
    }
}

/// What is to be done about it.
#[derive(Debug)]
pub enum Retirement {
    /// Only something to write down.
    Note(Box<Step>),
    /// Something to do in Google.
    Do(Box<Task>),
}

/// Decides. `person` is the Google person as it is now; `None` when it is gone too.
pub(super) fn retire(
    sync: &SyncSpec,
    current: &Current,
    item: &Item,
    link: &Link,
    person: Option<&Person>,
    leaving: Leaving,
    op: &str,
) -> Retirement {
    let (contact, mark) = (item.contact.as_str(), &item.mark);
    let label = link.holders.get(&sync.id).cloned();
    let mut rest = link.clone();
    rest.holders.remove(&sync.id);
    rest.rules.remove(&sync.id);
    rest.state = LinkState::Live;
    // Syncs that are no longer declared hold nothing.
    rest.holders.retain(|id, _| current.sync_with_id(id).is_some());
    let held_by_others = !rest.holders.is_empty() || matches!(leaving, Leaving::Outside { wanted: true, .. });
    let after = (leaving == Leaving::Deleted).then(|| tombstone(item));
    let Some(person) = person else { return Retirement::Note(Box::new(forget(contact, mark, link, after.as_ref()))) };
    let task = |deed: Deed, link: Option<Link>, action: &'static str| {
        let disown = (!held_by_others).then(|| person.resource_name.clone());
        Retirement::Do(Box::new(Task {
            contact: contact.to_owned(),
            mark: mark.clone(),
            deed,
            link,
            disown,
            count: "removed",
            also: None,
            action,
            reason: leaving.to_string(),
            kept: Vec::new(),
            reading: String::new(),
            brake: None,
        }))
    };
    // Only what we made may go to the trash, and only when nobody else holds it; its owner keeps what lost our label.
    let labelled = label.as_ref().is_some_and(|label| person.labels().any(|l| l == label));
    let may_go = !held_by_others && labelled && is_ours_alone(person, &sync.account.key, contact);
    if sync.spec.removal == Removal::Trash && may_go {
        let deed = Deed::Trash { before: Box::new(person.clone()), held: Box::new(link.clone()), exact: false };
        return task(deed, after, "trashed");
    }
    let stays = sync.spec.removal == Removal::Keep || is_labelled_for_another(person, current, sync, contact);
    let taken_off = if stays { None } else { label.as_deref() };
    let change = release(person, &sync.account.key, contact, op, taken_off, held_by_others);
    if change.is_some() {
        op.clone_into(&mut rest.op);
    }
    let remaining = if held_by_others { Some(rest) } else { after.clone() };
    match change {
        Some(change) => {
            let deed = Deed::Update { change: Box::new(change), before: Box::new(person.clone()) };
            task(deed, remaining, if taken_off.is_some() { "unlabelled" } else { "released" })
        }
        None => {
            let mut step = forget(contact, mark, link, remaining.as_ref());
            if held_by_others {
                step.disown = None;
            }
            Retirement::Note(Box::new(step))
        }
    }
}

/// Nothing to do in Google: the link goes, or becomes `after`.
fn forget(contact: &str, mark: &Mark, link: &Link, after: Option<&Link>) -> Step {
    let mut step = Step::of(contact);
    step.answer(mark);
    step.clean = true;
    step.count = Some("removed");
    step.link = Some(after.and_then(|link| serde_json::to_string(link).ok()));
    step.disown = Some(link.resource.clone());
    step.need = Some(None);
    step
}

/// What is kept of a contact that the CRM says is gone: a search page alone, whose index lags, does not revive it.
pub(super) fn tombstone(item: &Item) -> Link {
    Link {
        resource: String::new(),
        version: item.link.as_ref().and_then(|l| l.version),
        digest: String::new(),
        base: Base::default(),
        origin: Origin::Created,
        op: String::new(),
        holders: BTreeMap::new(),
        rules: BTreeMap::new(),
        state: LinkState::DeletedInCrm,
        update_time: None,
    }
}

/// Whether the label is also there for another contact, whose person was merged with this one's.
pub(super) fn is_labelled_for_another(person: &Person, current: &Current, sync: &SyncSpec, contact: &str) -> bool {
    let same_label = |other: &SyncSpec| other.spec.label.trim().to_lowercase() == sync.spec.label.trim().to_lowercase();
    let same_google = |other: &SyncSpec| other.spec.google == sync.spec.google;
    let others = stamps_of(person).into_iter().filter(|s| !s.released);
    let others = others.filter(|s| s.account != sync.account.key || s.contact != contact);
    let mut accounts = others.map(|s| s.account);
    accounts.any(|account| current.syncs.iter().any(|s| s.account.key == account && same_google(s) && same_label(s)))
}

/// Whether this sync manages the contact.
pub fn is_held(link: Option<&Link>, sync: &str) -> bool {
    link.is_some_and(|l| l.is_held_by(sync))
}
