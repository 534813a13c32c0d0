//! Removals to Google's trash. Google takes no etag for them, so each person is read again right before; and the link says
//! *trashing* before the call leaves, so that whoever finds the person gone after a crash knows whose doing it was.

use crate::{
    claim::{Account, Halt, note},
    google::{
        call::{Call, MAX_BATCH, MAX_DELETES},
        failure::{Class, Failure},
        person::Person,
    },
    plan::{
        link::{Link, LinkState},
        trash::is_ours_alone,
    },
    store::{
        begun::{self, still_open},
        encode,
        ledger::Step,
    },
};

use super::{
    Context, Deed, Task,
    creates::may_leave,
    updates::{give_way, withdraw},
};

/// Singles are read again this many at a time: none waits long between its reading and its end.
const SINGLES: usize = 10;

/// Moves contacts to the trash, together where that is cheaper. Only those that we created come here; 404 means that it is
/// done.
pub async fn trash(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<(), Halt> {
    let (mut singles, mut together): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(Task::alone);
    while !together.is_empty() {
        let rest = together.split_off(together.len().min(MAX_DELETES));
        if account.prefers_batch_deletes(together.len()) {
            singles.extend(batch(account, context, together).await?);
        } else {
            singles.append(&mut together);
        }
        together = rest;
    }
    while !singles.is_empty() {
        let rest = singles.split_off(singles.len().min(SINGLES));
        for task in read_again(account, context, singles).await? {
            single(account, context, &task).await?;
        }
        singles = rest;
    }
    Ok(())
}

async fn single(account: &mut Account, context: &mut Context<'_>, task: &Task) -> Result<(), Halt> {
    let token = account.pay(Call::Delete).await?;
    announce(account, context, std::slice::from_ref(task)).await?;
    let result = account.tools.people.delete(&token, task.resource()).await;
    match account.heard(Call::Delete, &token, result).await {
        Ok(()) | Err(Failure::NotFound) => finished(account, context, std::slice::from_ref(task)).await,
        Err(failure) => give_way(account, context, Call::Delete, task, failure).await,
    }
}

/// One call for many. It answers for all or for none: those that must be tried one by one are given back.
async fn batch(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<Vec<Task>, Halt> {
    // The budget is waited for before the reading, so that the call follows it at once.
    let token = account.pay(Call::BatchDelete).await?;
    let tasks = read_again(account, context, tasks).await?;
    if tasks.is_empty() {
        return Ok(tasks);
    }
    announce(account, context, &tasks).await?;
    let names: Vec<&str> = tasks.iter().map(Task::resource).collect();
    let result = if may_leave(account) {
        account.tools.people.batch_delete(&token, &names).await
    } else {
        Err(Failure::NotSent)
    };
    let failure = match account.heard(Call::BatchDelete, &token, result).await {
        Ok(()) => return finished(account, context, &tasks).await.map(|()| Vec::new()),
        Err(failure) => failure,
    };
    if failure.certainly_not_executed(Call::BatchDelete) {
        withdraw(account, context, &tasks.iter().collect::<Vec<_>>()).await?;
    }
    match failure.class() {
        // One name that Google does not know, or does not like, and nobody says what became of the others.
        Class::Gone | Class::Validation => Ok(tasks),
        Class::Transient if matches!(failure, Failure::Server { .. } | Failure::Lost) => {
            let again = |task: &Task| {
                let why = if task.mark.tries > 0 { "alone" } else { "again" };
                context.again(&task.contact, &task.mark, why)
            };
            let steps: Vec<Step> = tasks.iter().map(again).collect();
            context.settle(&steps).await?;
            Err(Halt::Failure(failure))
        }
        _ => Err(Halt::Failure(failure)),
    }
}

/// Reads the persons once more and answers the tasks that still hold. Who is gone is done; who is no longer ours alone is
/// looked at anew.
async fn read_again(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<Vec<Task>, Halt> {
    let (mut left, mut gone, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let mut tasks = tasks.into_iter().peekable();
    while tasks.peek().is_some() {
        let chunk: Vec<Task> = tasks.by_ref().take(MAX_BATCH).collect();
        let names: Vec<&str> = chunk.iter().map(Task::resource).collect();
        let token = account.pay(Call::BatchGet).await?;
        let result = account.tools.people.batch_get(&token, &names).await;
        let read = account.heard(Call::BatchGet, &token, result).await.map_err(Halt::Failure)?;
        for task in chunk {
            let found = read.iter().find(|r| r.requested == task.resource()).map(|r| &r.outcome);
            match found {
                Some(Ok(person)) if may_go(person, &task, context) => left.push(task.of(person)),
                Some(Ok(_)) => steps.push(context.again(&task.contact, &task.mark, "changed_meanwhile")),
                Some(Err(Failure::NotFound)) => gone.push(task),
                Some(Err(_)) | None => steps.push(context.again(&task.contact, &task.mark, "google_unavailable")),
            }
        }
    }
    context.settle(&steps).await?;
    finished(account, context, &gone).await?;
    Ok(left)
}

/// Still ours alone and, if that was asked for, as it was when that was decided.
fn may_go(person: &Person, task: &Task, context: &Context<'_>) -> bool {
    let is_same = match &task.deed {
        Deed::Trash { before, exact: true, .. } => person.source_etag() == before.source_etag(),
        _ => true,
    };
    is_same && is_ours_alone(person, &context.sync.account.key, &task.contact)
}

impl Task {
    /// The same, with the person as it was just read.
    fn of(self, person: &Person) -> Self {
        let deed = match self.deed {
            Deed::Trash { held, exact, .. } => Deed::Trash { before: Box::new(person.clone()), held, exact },
            deed => deed,
        };
        Self { deed, ..self }
    }
}

/// The links say what is about to happen, and the notes until when it may.
async fn announce(account: &Account, context: &mut Context<'_>, tasks: &[Task]) -> Result<(), Halt> {
    let (pool, keys) = (&account.tools.pool, context.keys());
    let contacts: Vec<&str> = tasks.iter().map(|task| task.contact.as_str()).collect();
    let noted = begun::of(pool, &keys, account.subject(), &contacts).await?;
    let (mut steps, mut notes) = (Vec::with_capacity(tasks.len()), Vec::with_capacity(tasks.len()));
    for (task, noted) in tasks.iter().zip(noted) {
        let Deed::Trash { held, .. } = &task.deed else { continue };
        let mut noted = still_open(noted, pool.clock.now_ms(), context.tools.settings.tune.propagation);
        noted.push(context.begun(task, String::new(), None)?);
        notes.push((task.contact.as_str(), noted));
        let mut step = Step::of(&task.contact);
        let link = Link { state: LinkState::Trashing, ..(**held).clone() };
        step.link = Some(Some(encode("a link", &link)?));
        steps.push(step);
    }
    begun::note(pool, &keys, account.subject(), &notes).await?;
    Ok(context.settle(&steps).await?)
}

async fn finished(account: &Account, context: &mut Context<'_>, tasks: &[Task]) -> Result<(), Halt> {
    if tasks.is_empty() {
        return Ok(());
    }
    let steps = tasks.iter().map(|task| context.done(task, None)).collect::<Result<Vec<_>, _>>()?;
    context.settle(&steps).await?;
    let gone: Vec<_> = tasks.iter().map(|task| (task.resource().to_owned(), None)).collect();
    Ok(note(account, &gone).await?)
}
