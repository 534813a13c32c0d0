//! Who is absent: contacts that the sync holds and the CRM's list, read to its end, does not have. A list alone removes nobody.
//! Each absent contact is read by itself, and only *not found* there is a deletion. When they are more than the brake has
//! room for, none is even read: a CRM that suddenly answers with nothing, or with half, is a matter for a person.

use jiff::Timestamp;
use redis::AsyncCommands;

use super::walk::Walk;
use crate::{
    claim::Tools,
    crm::highlevel::Page,
    plan::link::Link,
    queue::{
        dead,
        dispatch::{Marking, mark},
    },
    store::{
        StoreError,
        brake::{Answer, Brake, Held, Kind},
        current::SyncSpec,
        keys::CrmKeys,
        ledger::LedgerView,
        runs::{Listed, Run},
    },
    work::{DELETED, Room},
};

/// Contacts marked in one step.
const CHUNK: usize = 1_000;
/// During a walk so many contacts may be deleted in the CRM without casting doubt on its list …
const MAY_GO: u64 = 5;
/// … or one in so many.
const MAY_GO_OF: u64 = 100;

/// Notes what a page tells of the whole; answers the ids of all contacts on it. What cannot be read exists all the same.
pub(super) fn note<'p>(listed: &mut Listed, page: &'p Page) -> Vec<&'p str> {
    listed.most = listed.most.max(page.total.unwrap_or(0));
    listed.last = page.total.or(listed.last);
    let unread = page.skipped.iter().map(|skipped| skipped.id.as_deref());
    listed.nameless += unread.clone().filter(Option::is_none).count() as u64;
    let forgotten = page.forgotten.iter().map(String::as_str);
    page.contacts.iter().map(|contact| contact.id.as_str()).chain(unread.flatten()).chain(forgotten).collect()
}

/// Why nothing can be concluded from a walk on which this many contacts came, if so.
pub(super) fn doubt(listed: &Listed, came: u64) -> Option<String> {
    let Some(last) = listed.last else { return Some("the CRM did not say how many contacts it has".into()) };
    if listed.nameless > 0 {
        return Some(format!("{} entries of the CRM's list have no id that could be read", listed.nameless));
    }
    let may_go = MAY_GO.max(listed.most / MAY_GO_OF);
    if came < last || listed.most.saturating_sub(came) > may_go {
        return Some(format!("the CRM's list was not complete: {came} of {} contacts came", listed.most));
    }
    None
}

/// Contacts that the sync holds, for some time before `began` already, and that are not in the set `seen`.
pub(super) async fn absent(
    tools: &Tools,
    sync: &SyncSpec,
    began: Timestamp,
    seen: &str,
) -> Result<Vec<String>, StoreError> {
    let Some(google) = &sync.google else { return Ok(Vec::new()) };
    let view = LedgerView::new(tools.pool.clone(), &sync.account.key, &google.subject);
    let lag = tools.settings.tune.stale_read;
    let is_old = |link: &Link| {
        let written = link.update_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        written.is_none_or(|written| began.duration_since(written).unsigned_abs() >= lag && written < began)
    };
    let (mut absent, mut from) = (Vec::new(), 0);
    loop {
        let (next, links) = view.scan::<Link>(from).await?;
        let held = links.into_iter().filter(|(_, link)| link.is_held_by(&sync.id) && is_old(link));
        let held: Vec<String> = held.map(|(contact, _)| contact).collect();
        if !held.is_empty() {
            let came: Vec<bool> = tools.pool.get().await?.smismember(seen, &held).await?;
            absent.extend(held.into_iter().zip(came).filter(|(_, came)| !came).map(|(contact, _)| contact));
        }
        if next == 0 {
            break;
        }
        from = next;
    }
    absent.sort();
    absent.dedup();
    Ok(absent)
}

/// Those to be read, and those that the brake stops unread because they are too many.
pub(super) async fn weigh(
    tools: &Tools,
    sync: &SyncSpec,
    absent: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let brake = Brake::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let (mut read, mut open) = answered(&brake, absent).await?;
    if open.len() as u64 > Room::of(tools, sync).await?.left(Kind::Removal) {
        return Ok((read, open));
    }
    read.append(&mut open);
    Ok((read, Vec::new()))
}

/// Those whose removal was agreed to, and those of which nobody has said anything yet. The others stay.
async fn answered(brake: &Brake, absent: Vec<String>) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let (mut agreed, mut open) = (Vec::new(), Vec::new());
    for chunk in absent.chunks(CHUNK) {
        for (contact, standing) in chunk.iter().zip(brake.standings(chunk).await?) {
            match standing.word.filter(|word| word.about == DELETED && word.run.is_none()).map(|word| word.answer) {
                Some(Answer::Allow) => agreed.push(contact.clone()),
                Some(Answer::Discard) => {}
                None => open.push(contact.clone()),
            }
        }
    }
    Ok((agreed, open))
}

impl Walk<'_> {
    /// Marks those that are absent, or has the brake stop them. May be done again from the start.
    pub(super) async fn conclude(&self, run: &mut Run) -> Result<(), StoreError> {
        let seen = self.keys.seen(&self.sync.id, &run.id);
        let came: u64 = self.tools.pool.get().await?.scard(&seen).await?;
        run.listed.doubt = doubt(&run.listed, came);
        if run.listed.doubt.is_none() {
            let absent = absent(self.tools, self.sync, run.started, &seen).await?;
            run.listed.absent = absent.len() as u64;
            let given_up = self.given_up_and_gone(&seen, &absent).await?;
            self.look_or_stop(run, absent).await?;
            self.look_at(run, &given_up).await?;
        }
        run.listed.concluded = true;
        self.runs.save(run).await?;
        let _: () = self.tools.pool.get().await?.del(seen).await?;
        Ok(())
    }

    async fn look_or_stop(&self, run: &mut Run, absent: Vec<String>) -> Result<(), StoreError> {
        let (looked_at, stopped) = weigh(self.tools, self.sync, absent).await?;
        if !stopped.is_empty() {
            run.listed.held = stopped.len() as u64;
            self.stop_unread(&stopped).await?;
        }
        self.look_at(run, &looked_at).await
    }

    /// Contacts with a dead letter that the CRM does not list any more, beside those that the sync holds.
    async fn given_up_and_gone(&self, seen: &str, absent: &[String]) -> Result<Vec<String>, StoreError> {
        let mut gone = Vec::new();
        for chunk in dead::contacts_of(&self.tools.pool, &self.keys, &self.sync.id).await?.chunks(CHUNK) {
            let came: Vec<bool> = self.tools.pool.get().await?.smismember(seen, chunk).await?;
            let unlisted = chunk.iter().zip(came).filter(|(_, came)| !came).map(|(contact, _)| contact);
            gone.extend(unlisted.filter(|contact| absent.binary_search(contact).is_err()).cloned());
        }
        Ok(gone)
    }

    /// Has each read by itself.
    async fn look_at(&self, run: &mut Run, contacts: &[String]) -> Result<(), StoreError> {
        run.marked += contacts.len() as u64;
        for chunk in contacts.chunks(CHUNK) {
            let contacts: Vec<(String, Option<String>)> = chunk.iter().map(|contact| (contact.clone(), None)).collect();
            let marking = Marking { sync: &self.sync.id, run: Some(&run.id), contacts: &contacts, run_body: None };
            mark(&self.tools.pool, &self.keys, marking).await?;
        }
        Ok(())
    }

    async fn stop_unread(&self, absent: &[String]) -> Result<(), StoreError> {
        let (name, since) = (&self.sync.spec.name, self.tools.pool.clock.now_ms());
        tracing::warn!(sync = %name, absent = absent.len(), "the CRM does not list so many contacts that the brake stops them; see `carnet brake list`");
        let why = "the CRM's list does not have it any more; together with it too many others";
        let held = Held { kind: Kind::Removal, why: why.to_owned(), since, about: DELETED.to_owned() };
        let list: Vec<(String, Held)> = absent.iter().map(|contact| (contact.clone(), held.clone())).collect();
        Brake::new(self.tools.pool.clone(), self.keys.clone(), &self.sync.id).hold(&list).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_may_lack_somebody_says_nothing_of_who_is_absent() {
        for (most, last, nameless, came, doubts) in [
            (30, Some(30), 0, 30, false),
            (30, Some(30), 0, 31, false),
            (30, Some(29), 0, 29, false),
            (30, Some(20), 0, 30, false),
            (0, Some(0), 0, 0, false),
            (30, Some(30), 0, 29, true),
            (30, Some(0), 0, 10, true),
            (30, Some(30), 1, 30, true),
            (0, None, 0, 30, true),
            (10_000, Some(9_900), 0, 9_900, false),
            (10_000, Some(9_899), 0, 9_899, true),
        ] {
            let listed = Listed { most, last, nameless, ..Listed::default() };
            assert_eq!(doubt(&listed, came).is_some(), doubts, "{listed:?} {came}");
        }
    }
}
