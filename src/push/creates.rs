//! Creates: intent → call → commit.

use std::collections::BTreeMap;

use crate::{
    claim::{Account, Halt, note},
    google::{
        call::{Call, MAX_BATCH},
        failure::{Class, Failure},
        person::Person,
    },
    plan::stamp,
    store::{encode, ledger::Step},
};

use super::{Context, Deed, Task, intent::Intent, updates::give_way};

/// Makes contacts: batches where there are enough, singles for the rest.
pub async fn create(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<(), Halt> {
    let (mut singles, mut together): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(Task::alone);
    while !together.is_empty() {
        let rest = together.split_off(together.len().min(MAX_BATCH));
        if account.prefers_batches(together.len()) {
            batch(account, context, &together).await?;
        } else {
            singles.append(&mut together);
        }
        together = rest;
    }
    for task in singles {
        single(account, context, &task).await?;
    }
    Ok(())
}

/// Writes the intents. The budget is waited for before, so that a call follows at once.
async fn intend(account: &Account, context: &mut Context<'_>, tasks: &[Task]) -> Result<Vec<Intent>, Halt> {
    let now = account.tools.pool.clock.now_ms();
    let millis = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    // After this moment the call cannot leave any more: the lease would end before its timeout.
    let latest = millis(account.lease.remaining()) - millis(account.tools.settings.tune.google_timeout);
    let mut steps = Vec::with_capacity(tasks.len());
    let mut intents = Vec::with_capacity(tasks.len());
    for task in tasks {
        let op = task.link.as_ref().map(|l| l.op.clone()).unwrap_or_default();
        let (sync, run) = (context.sync.id.clone(), task.mark.run.clone());
        let not_after = now + latest.max(0);
        let intent = Intent { op, sync, run, at: now, not_after, absent_at: None, alone: false };
        let mut step = Step::of(&task.contact);
        step.intent = Some(Some(encode("an intent", &intent)?));
        steps.push(step);
        intents.push(intent);
    }
    context.settle(&steps).await?;
    Ok(intents)
}

/// A call leaves only while the remaining lease is longer than its timeout; else it certainly was not executed.
pub(super) fn may_leave(account: &Account) -> bool {
    account.lease.remaining() > account.tools.settings.tune.google_timeout
}

async fn single(account: &mut Account, context: &mut Context<'_>, task: &Task) -> Result<(), Halt> {
    let Deed::Create { person } = &task.deed else { return Ok(()) };
    let token = account.pay(Call::Create).await?;
    intend(account, context, std::slice::from_ref(task)).await?;
    let result =
        if may_leave(account) { account.tools.people.create(&token, person).await } else { Err(Failure::NotSent) };
    match account.heard(Call::Create, &token, result).await {
        Ok(after) => finished(account, context, &[(task, after)]).await,
        Err(failure) if failure.certainly_not_executed(Call::Create) => {
            context.settle(&[withdrawn(task)]).await?;
            give_way(account, context, Call::Create, task, failure).await
        }
        Err(failure) => {
            context.settle(&[uncertain(account, task)]).await?;
            Err(Halt::Failure(failure))
        }
    }
}

async fn batch(account: &mut Account, context: &mut Context<'_>, tasks: &[Task]) -> Result<(), Halt> {
    let people: Vec<Person> = tasks.iter().filter_map(body).collect();
    let token = account.pay(Call::BatchCreate).await?;
    let intents = intend(account, context, tasks).await?;
    let result = if may_leave(account) {
        account.tools.people.batch_create(&token, &people).await
    } else {
        Err(Failure::NotSent)
    };
    let results = match account.heard(Call::BatchCreate, &token, result).await {
        Ok(results) => results,
        Err(failure) if failure.certainly_not_executed(Call::BatchCreate) => {
            context.settle(&tasks.iter().map(withdrawn).collect::<Vec<_>>()).await?;
            return Err(Halt::Failure(failure));
        }
        Err(failure) => {
            // One of them made Google refuse the whole: each goes alone once it is known that none was made.
            let invalid = failure.class() == Class::Validation;
            let mut steps = Vec::with_capacity(tasks.len());
            for (task, intent) in tasks.iter().zip(intents) {
                let mut step = uncertain(account, task);
                // One that fails a second time goes alone too, so that the one at fault is found.
                let alone = invalid || task.mark.tries > 0;
                step.intent = Some(Some(encode("an intent", &Intent { alone, ..intent })?));
                steps.push(step);
            }
            context.settle(&steps).await?;
            return if invalid { Ok(()) } else { Err(Halt::Failure(failure)) };
        }
    };
    // Google promises no order: what was made is recognised by its stamp.
    let mut made: BTreeMap<String, Person> = BTreeMap::new();
    for person in results.into_iter().filter_map(|r| r.outcome.ok()) {
        for stamp in stamp::stamps_of(&person).into_iter().filter(|s| s.account == context.sync.account.key) {
            made.insert(stamp.contact, person.clone());
        }
    }
    let mut done = Vec::new();
    let mut steps = Vec::new();
    for task in tasks {
        match made.remove(&task.contact) {
            Some(after) => done.push((task, after)),
            None => {
                let mut step = uncertain(account, task);
                if let Some(intent) = intents.iter().find(|i| task.link.as_ref().is_some_and(|l| l.op == i.op)) {
                    let alone = task.mark.tries > 0;
                    step.intent = Some(Some(encode("an intent", &Intent { alone, ..intent.clone() })?));
                }
                steps.push(step);
            }
        }
    }
    context.settle(&steps).await?;
    finished(account, context, &done).await
}

async fn finished(account: &Account, context: &mut Context<'_>, done: &[(&Task, Person)]) -> Result<(), Halt> {
    let steps = done.iter().map(|(task, after)| context.done(task, Some(after))).collect::<Result<Vec<_>, _>>()?;
    context.settle(&steps).await?;
    let persons: Vec<_> = done.iter().map(|(_, after)| (after.resource_name.clone(), Some(after))).collect();
    Ok(note(account, &persons).await?)
}

/// The create certainly did not happen: its intent goes, the contact stays dirty.
fn withdrawn(task: &Task) -> Step {
    let mut step = Step::of(&task.contact);
    step.intent = Some(None);
    step
}

/// Nobody knows: the intent stays, and the contact is looked at again when the listing may be asked.
fn uncertain(account: &Account, task: &Task) -> Step {
    let tune = &account.tools.settings.tune;
    let mut step = Step::of(&task.contact);
    step.answer(&task.mark);
    step.due = Some(
        account.tools.pool.clock.now_ms()
            + i64::try_from((account.lease.remaining() + tune.google_timeout).as_millis()).unwrap_or(0),
    );
    step.why = Some("uncertain_create");
    step.tries = Some(task.mark.tries + 1);
    step
}

fn body(task: &Task) -> Option<Person> {
    match &task.deed {
        Deed::Create { person } => Some((**person).clone()),
        _ => None,
    }
}
