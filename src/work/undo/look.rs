//! What is to be taken back of some contacts, decided on the persons as they are now. Previews and the work itself come here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    claim::{Account, Halt},
    contact::AccountKey,
    google::{
        call::{Call, MAX_BATCH},
        person::{Person, update_time},
    },
    plan::{
        link::Link,
        release::release,
        stamp::stamp_for,
        undo::{Left, Reversal, Undo, Why, Write, undo},
    },
    push::label,
    store::{
        StoreError,
        begun::Begun,
        current::{Current, SyncSpec},
    },
};

use super::{
    super::{
        hear::{link, link_after, shown, trashing},
        linked::is_behind,
        matching::read,
        recall::link_of,
        retire::is_labelled_for_another,
    },
    known::{Asked, How, Known, known, write},
};

/// One contact, looked at.
pub struct Looked {
    /// The CRM contact.
    pub contact: String,
    /// Its link.
    pub link: Option<Link>,
    /// The Google contact that the writes were made on.
    pub resource: String,
    /// As it is now; `None` when it is gone.
    pub person: Option<Person>,
    /// The sync's label on it.
    pub label: Option<String>,
    /// Another sync holds it too.
    pub is_held_by_others: bool,
    /// What is to be done; `None` when the person cannot be read now, or is to be read later.
    pub reversal: Option<Reversal>,
    /// A write of unknown end may come until then (ms).
    pub not_before: Option<i64>,
}

/// Looks at some contacts. `op` is the id of the operation, the same with every look.
pub async fn look(
    account: &mut Account,
    sync: &SyncSpec,
    current: &Current,
    op: &str,
    asked: &[(String, Asked)],
) -> Result<Vec<Looked>, Halt> {
    let known = known(account, sync, asked).await?;
    let names: BTreeSet<String> = known.iter().flat_map(Known::names).collect();
    let persons = read(account, &names.into_iter().collect::<Vec<_>>()).await?;
    let labels = label::existing(account).await?;
    let own = label::known(account, &sync.spec.label).await?;
    let mut labels_of = BTreeMap::new();
    for other in current.syncs_of(account.subject()).filter(|other| other.account.key == sync.account.key) {
        let label = label::known(account, &other.spec.label).await?;
        labels_of.extend(label.map(|label| (other.id.clone(), label)));
    }
    let scene = Scene {
        sync,
        current,
        op,
        persons: &persons,
        labels: &labels,
        labels_of: &labels_of,
        own: own.as_deref(),
        now: account.tools.pool.clock.now_ms(),
        propagation: account.tools.settings.tune.propagation,
    };
    let mut looked = Vec::with_capacity(known.len());
    for known in known {
        let how = known.how;
        looked.push((how, scene.decide(known)?));
    }
    // What we never read is looked at before anything goes that Google does not call untouched.
    let is_unread = |one: &Looked| one.reversal == Some(Reversal::Trash { unread: true });
    let unread = looked.iter().filter(|(_, one)| is_unread(one)).map(|(_, one)| one.resource.clone());
    let more = have_more(account, &unread.collect::<Vec<_>>()).await?;
    for (how, one) in &mut looked {
        if is_unread(one) && more.contains(&one.resource) {
            one.reversal = Some(scene.stays(one, *how, Left { why: Why::ChangedSince, fields: BTreeSet::new() }));
        }
    }
    Ok(looked.into_iter().map(|(_, one)| one).collect())
}

/// Which of these persons hold anything in fields that we never read otherwise.
async fn have_more(account: &mut Account, names: &[String]) -> Result<BTreeSet<String>, Halt> {
    let mut more = BTreeSet::new();
    for chunk in names.chunks(MAX_BATCH) {
        let token = account.pay(Call::BatchGet).await?;
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        let result = account.tools.people.have_more(&token, &chunk).await;
        more.extend(account.heard(Call::BatchGet, &token, result).await.map_err(Halt::Failure)?);
    }
    Ok(more)
}

/// What all decisions of one look share.
struct Scene<'a> {
    sync: &'a SyncSpec,
    current: &'a Current,
    op: &'a str,
    persons: &'a BTreeMap<String, Option<Person>>,
    labels: &'a BTreeSet<String>,
    labels_of: &'a BTreeMap<String, String>,
    own: Option<&'a str>,
    now: i64,
    propagation: Duration,
}

impl Scene<'_> {
    fn decide(&self, mut known: Known<'_>) -> Result<Looked, StoreError> {
        let names = known.names();
        let read: Vec<_> = names.iter().filter_map(|name| self.persons.get(name)).collect();
        let is_unclear = read.len() < names.len();
        let person = read.into_iter().flatten().next().cloned();
        let stamp = person.as_ref().and_then(|person| stamp_for(person, &self.sync.account.key, known.contact));
        // Done only if Google shows its stamp, or that of the undo which has found it there.
        let late =
            person.as_ref().and_then(|p| shown(known.begun, p, &self.sync.account.key, known.contact).zip(Some(p)));
        let is_ours = stamp.as_ref().is_some_and(|stamp| stamp.op == self.op);
        let is_gone = person.is_none() && !is_unclear;
        let trashed = trashing(known.begun).filter(|_| is_gone);
        let begun = late.map(|(begun, _)| begun).or(trashed).or(known.begun.last().filter(|_| is_ours));
        let may_come = known.begun.iter().filter(|_| begun.is_none()).map(|b| b.may_show_until(self.propagation)).max();
        if let Some((begun, person)) = late {
            known.link = link_after(begun, person)?;
        } else if let Some(trashed) = trashed {
            known.link = link(trashed)?;
        }
        let entries = known.entries.iter().cloned().chain(begun.map(Begun::write));
        let writes = entries.map(|entry| write(&entry)).collect::<Result<Vec<_>, _>>()?;
        // The end of its create was written down, and its link not yet.
        let found = known.link.is_none().then_some(person.as_ref().zip(stamp.clone())).flatten();
        let found = found.filter(|(_, stamp)| !stamp.released);
        let found = found.map(|(person, stamp)| link_of(person, stamp, self.labels_of, &self.sync.id));
        let link = known.link.clone().filter(Link::is_followed).or_else(|| found.clone());
        let is_behind = person
            .as_ref()
            .zip(link.as_ref())
            .is_some_and(|(person, link)| link.resource == person.resource_name && is_behind(person, link));
        let holders = link.iter().flat_map(|link| link.holders.keys());
        let is_other = |id: &&String| **id != self.sync.id && self.current.sync_with_id(id).is_some();
        let label = link.as_ref().and_then(|link| link.holders.get(&self.sync.id)).map(String::as_str).or(self.own);
        let mut looked = Looked {
            contact: known.contact.to_owned(),
            resource: person.as_ref().map(|p| p.resource_name.clone()).or(names.into_iter().next()).unwrap_or_default(),
            label: label.map(str::to_owned),
            is_held_by_others: holders.filter(is_other).count() > 0,
            person,
            link: known.link.or(found),
            reversal: None,
            not_before: may_come.filter(|until| *until > self.now),
        };
        if looked.not_before.is_none() && !(is_behind || (is_unclear && looked.person.is_none())) {
            looked.reversal = Some(self.reversal(&looked, known.how, &writes, known.is_whole));
        }
        Ok(looked)
    }

    fn reversal(&self, looked: &Looked, how: How, writes: &[Write], is_whole: bool) -> Reversal {
        // Its one write was begun, and never happened.
        if is_whole && writes.is_empty() && !how.leaves() {
            return Reversal::Nothing;
        }
        if !is_whole && !how.leaves() {
            return Reversal::Stays(Left { why: Why::Forgotten, fields: BTreeSet::new() });
        }
        if !how.leaves() && self.is_opted_out(looked) {
            return Reversal::Stays(Left { why: Why::LetGo, fields: BTreeSet::new() });
        }
        if matches!(how, How::LeaveKeep | How::LeaveUnlabel) {
            return self.let_go(looked, how, None);
        }
        let input = Undo {
            account: &self.sync.account.key,
            contact: &looked.contact,
            writes,
            person: looked.person.as_ref(),
            op: self.op,
            label: looked.label.as_deref(),
            is_held_by_others: looked.is_held_by_others,
            is_label_shared: self.is_label_shared(looked),
            is_untouched: looked.is_untouched(&self.sync.account.key),
            labels: self.labels,
            map: &self.sync.spec.map,
            region: &self.sync.account.region,
            leaves: how.leaves(),
        };
        match undo(&input) {
            Reversal::Stays(left) => self.stays(looked, how, left),
            reversal => reversal,
        }
    }

    /// What cannot be taken back stays; a sync that leaves lets go of it all the same.
    fn stays(&self, looked: &Looked, how: How, left: Left) -> Reversal {
        match how.leaves() {
            true => self.let_go(looked, how, Some(left)),
            false => Reversal::Stays(left),
        }
    }

    fn let_go(&self, looked: &Looked, how: How, left: Option<Left>) -> Reversal {
        let Some(person) = &looked.person else { return Reversal::Nothing };
        let stays = how == How::LeaveKeep || self.is_label_shared(looked);
        let label = looked.label.as_deref().filter(|_| !stays);
        let key = &self.sync.account.key;
        let change = release(person, key, &looked.contact, self.op, label, looked.is_held_by_others);
        match (change, left) {
            (Some(change), left) => Reversal::Update { change: Box::new(change), left },
            (None, Some(left)) => Reversal::Stays(left),
            (None, None) => Reversal::Nothing,
        }
    }

    /// Whether its owner took the sync's label off, and Carnet has not noticed yet: that holds, and everything stays. What this very
    /// operation took off is another matter.
    fn is_opted_out(&self, looked: &Looked) -> bool {
        let link = looked.link.as_ref().filter(|link| link.is_followed());
        let label = link.and_then(|link| link.holders.get(&self.sync.id));
        let Some((label, person)) = label.zip(looked.person.as_ref()) else { return false };
        let stamp = stamp_for(person, &self.sync.account.key, &looked.contact);
        let is_our_doing = stamp.is_some_and(|stamp| stamp.op == self.op);
        !is_our_doing && self.labels.contains(label) && !person.labels().any(|l| l == label)
    }

    fn is_label_shared(&self, looked: &Looked) -> bool {
        let Some(person) = &looked.person else { return false };
        is_labelled_for_another(person, self.current, self.sync, &looked.contact)
    }
}

impl Looked {
    /// Whether Google says that nobody has written since we did. A link that has seen the person since our write has the time
    /// of what it saw, and another operation than the stamp.
    fn is_untouched(&self, account: &AccountKey) -> bool {
        let Some((person, link)) = self.person.as_ref().zip(self.link.as_ref()) else { return false };
        let written = link.update_time.as_deref();
        let is_last = stamp_for(person, account, &self.contact).is_some_and(|stamp| stamp.op == link.op);
        is_last
            && link.resource == person.resource_name
            && written.is_some()
            && update_time(person).as_deref() == written
    }
}
