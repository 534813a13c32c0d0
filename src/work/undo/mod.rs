//! The lane of a sync's undos: contacts whose writes are taken back, by the worker that holds the Google account. It goes on
//! while the sync is paused, and decides on each person as it is, so that it may be killed anywhere and done again.

mod known;
mod look;

use crate::{
    claim::{Account, Halt},
    google::person::{Field, Person},
    plan::{
        link::{Link, LinkState},
        stamp::stamp_for,
        undo::{Left, Reversal},
    },
    push::{Context, Deed, Pen, Task, push},
    store::{
        StoreError, begun,
        current::{Current, SyncSpec},
        decode, encode,
        keys::CrmKeys,
        ledger::{Ledger, Mark, Step},
        runs::{Runs, undo_lane},
    },
};

use super::{
    batch::Item,
    hear::{done_late, ended, shown, trashing},
    settle,
};

pub use known::{Asked, How};
pub use look::{Looked, look};

/// Works off due contacts of a sync's undo lane.
pub(super) async fn work_off(
    account: &mut Account,
    sync: &SyncSpec,
    ledger: &mut Ledger,
    current: &Current,
    mut due: Vec<(String, Mark)>,
) -> Result<(), Halt> {
    let (tools, lane) = (account.tools.clone(), undo_lane(&sync.id));
    let mut context = Context { sync, lane: &lane, pen: Pen::Ink(ledger), tools: &tools };
    // What an undo that was given up has left comes after.
    let op = due.first().and_then(|(_, mark)| mark.run.clone()).unwrap_or_default();
    due.retain(|(_, mark)| mark.run.as_deref().unwrap_or_default() == op);
    let contacts: Vec<String> = due.iter().map(|(contact, _)| contact.clone()).collect();
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &lane);
    let readings = runs.readings(&contacts).await?;
    let mut asked = Vec::with_capacity(due.len());
    for (contact, reading) in contacts.into_iter().zip(readings) {
        let wanted = reading.map(|text| decode::<Asked>("what is to be undone", &text)).transpose()?;
        asked.push((contact, wanted.unwrap_or(Asked::of(How::Undo))));
    }
    let looked = Box::pin(look(account, sync, current, &op, &asked)).await?;
    let (mut steps, mut tasks) = (heard(account, &context, &op, &looked).await?, Vec::new());
    for ((looked, (_, mark)), (_, asked)) in looked.into_iter().zip(due).zip(&asked) {
        let turn = Turn { context: &context, sync, how: asked.how, mark };
        match turn.take(looked)? {
            Next::Step(step) => steps.push(*step),
            Next::Task(task) => tasks.push(*task),
        }
    }
    context.settle(&steps).await?;
    Box::pin(push(account, &mut context, tasks)).await
}

/// What was begun before and is shown to have been done: link and journal say so first.
async fn heard(account: &Account, context: &Context<'_>, op: &str, looked: &[Looked]) -> Result<Vec<Step>, StoreError> {
    let contacts: Vec<&str> = looked.iter().map(|one| one.contact.as_str()).collect();
    let noted = begun::of(&account.tools.pool, &context.keys(), account.subject(), &contacts).await?;
    let mut steps = Vec::new();
    for (one, noted) in looked.iter().zip(noted) {
        let is_gone = one.person.is_none() && one.reversal.is_some();
        let trash = trashing(&noted).filter(|trash| is_gone && trash.write().run != op);
        steps.extend(trash.map(|trash| Step { link: Some(trash.link.clone()), ..ended(trash, &one.contact) }));
        let Some(person) = &one.person else { continue };
        // Of what it did itself the undo tells in its turn.
        let done = shown(&noted, person, &context.sync.account.key, &one.contact).filter(|done| done.op != op);
        steps.extend(done.map(|done| done_late(done, &one.contact, person)).transpose()?);
    }
    Ok(steps)
}

enum Next {
    Step(Box<Step>),
    Task(Box<Task>),
}

/// One contact's turn.
struct Turn<'a> {
    context: &'a Context<'a>,
    sync: &'a SyncSpec,
    how: How,
    mark: Mark,
}

impl Turn<'_> {
    fn take(self, looked: Looked) -> Result<Next, StoreError> {
        match looked.reversal.clone() {
            None => {
                let unread = || settle::unread(self.context, &self.item(&looked));
                let later = |until| Step {
                    generation: Some(self.mark.generation),
                    due: Some(until),
                    why: Some("uncertain_update"),
                    ..Step::of(&looked.contact)
                };
                Ok(Next::Step(Box::new(looked.not_before.map_or_else(unread, later))))
            }
            Some(Reversal::Trash { .. }) => Ok(self.trash(looked)),
            Some(Reversal::Update { change, left }) => {
                let Some(before) = looked.person.clone() else { return self.nothing(&looked) };
                let link = self.link_after(&looked, &change.applied_to(&before));
                let count = if left.is_some() { "kept" } else { "reverted" };
                let reason = left.as_ref().map_or_else(|| self.reason(), |left| self.reason_of(left));
                let deed = Deed::Update { change, before: Box::new(before) };
                Ok(Next::Task(Box::new(self.task(&looked, deed, link, count, "undone", reason))))
            }
            Some(Reversal::Stays(left)) => {
                let reason = self.reason_of(&left);
                self.settled(&looked, "kept", Some(("kept", &reason)))
            }
            Some(Reversal::Done) => self.settled(&looked, "reverted", Some(("undone", &self.reason()))),
            Some(Reversal::Nothing) => self.nothing(&looked),
        }
    }

    /// To the trash; and only as it was just read.
    fn trash(&self, looked: Looked) -> Next {
        let (Some(person), Some(held)) = (looked.person.clone(), looked.link.clone()) else {
            // Without a link nobody could tell after a crash whose doing it was.
            return Next::Step(Box::new(settle::clean(&looked.contact, &self.mark, "kept")));
        };
        let deed = Deed::Trash { before: Box::new(person), held: Box::new(held), exact: true };
        Next::Task(Box::new(self.task(&looked, deed, None, "trashed", "trashed", self.reason())))
    }

    fn nothing(&self, looked: &Looked) -> Result<Next, StoreError> {
        if looked.person.is_some() && self.how.leaves() {
            return self.settled(looked, "reverted", None);
        }
        let is_gone = looked.person.is_none();
        // Our own doing, the end of which was not written down.
        let is_trashed = is_gone && looked.link.as_ref().is_some_and(|link| link.state == LinkState::Trashing);
        let mut step = match is_trashed {
            true => self.noted(looked, "trashed", Some(("trashed", &self.reason()))),
            false => self.noted(looked, "nothing", None),
        };
        if is_trashed || (is_gone && self.how.leaves()) {
            step.link = Some(None);
            step.disown = Some(looked.resource.clone());
        }
        Ok(Next::Step(Box::new(step)))
    }

    /// Nothing to write to Google; the link becomes what the person says.
    fn settled(&self, looked: &Looked, count: &'static str, noticed: Option<(&str, &str)>) -> Result<Next, StoreError> {
        let mut step = self.noted(looked, count, noticed);
        let is_ours = looked.reversal == Some(Reversal::Done) || self.how.leaves();
        if let Some(person) = looked.person.as_ref().filter(|_| is_ours) {
            let link = self.link_after(looked, person);
            step.disown = link.is_none().then(|| person.resource_name.clone());
            step.own = link.is_some().then(|| person.resource_name.clone());
            step.link = Some(link.map(|link| encode("a link", &link)).transpose()?);
        }
        Ok(Next::Step(Box::new(step)))
    }

    fn noted(&self, looked: &Looked, count: &'static str, noticed: Option<(&str, &str)>) -> Step {
        let mut step = settle::clean(&looked.contact, &self.mark, count);
        step.ended = true;
        step.journal =
            noticed.map(|(action, reason)| settle::noticed(self.context, &self.item(looked), action, reason));
        step
    }

    /// The link once the person is like this; none when Carnet has let go of it.
    fn link_after(&self, looked: &Looked, after: &Person) -> Option<Link> {
        let gone = looked.link.clone().filter(|link| link.state == LinkState::DeletedInCrm);
        let stamp = stamp_for(after, &self.sync.account.key, &looked.contact).filter(|stamp| !stamp.released);
        let Some(stamp) = stamp else { return gone };
        let old = looked.link.clone().filter(Link::is_followed);
        let mut link = Link {
            resource: after.resource_name.clone(),
            version: old.as_ref().and_then(|link| link.version),
            // What the CRM says is compared with Google when the contact is next looked at.
            digest: String::new(),
            base: stamp.base,
            origin: stamp.origin,
            op: stamp.op,
            holders: old.as_ref().map(|link| link.holders.clone()).unwrap_or_default(),
            rules: old.as_ref().map(|link| link.rules.clone()).unwrap_or_default(),
            state: LinkState::Live,
            update_time: old.and_then(|link| link.update_time),
        };
        let label = looked.label.clone().filter(|label| !self.how.leaves() && after.labels().any(|l| l == label));
        match label {
            Some(label) => drop(link.holders.insert(self.sync.id.clone(), label)),
            None => {
                link.holders.remove(&self.sync.id);
                link.rules.remove(&self.sync.id);
            }
        }
        let is_anybodys = !link.holders.is_empty() || !self.how.leaves();
        is_anybodys.then_some(link)
    }

    fn task(
        &self,
        looked: &Looked,
        deed: Deed,
        link: Option<Link>,
        count: &'static str,
        action: &'static str,
        reason: String,
    ) -> Task {
        Task {
            contact: looked.contact.clone(),
            mark: self.mark.clone(),
            deed,
            disown: link.is_none().then(|| looked.resource.clone()),
            link,
            count,
            action,
            reason,
            kept: Vec::new(),
            also: None,
            brake: None,
            reading: String::new(),
        }
    }

    fn item(&self, looked: &Looked) -> Item {
        let link = looked.link.clone();
        let (contact, mark) = (looked.contact.clone(), self.mark.clone());
        Item { contact, mark, link, intent: None, decision: None, open: None, heard: None }
    }

    fn reason(&self) -> String {
        if self.how.leaves() { "the sync leaves".to_owned() } else { "undo".to_owned() }
    }

    fn reason_of(&self, left: &Left) -> String {
        let fields: Vec<&str> = left.fields.iter().map(|field: &Field| field.mask()).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        format!("{}; stays: {}{fields}", self.reason(), left.why)
    }
}
