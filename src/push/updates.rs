//! Updates. Each carries the etag of the reading it was merged on, so it is done to that state or not at
//! all, and repeating the whole look at the contact is always safe.

use std::collections::BTreeMap;

use crate::{
    claim::{Account, Halt, listing, note},
    contact::AccountKey,
    google::{
        call::{Call, MAX_BATCH},
        failure::{Class, Failure},
        person::{Field, Person},
    },
    plan::{
        change::by_mask,
        stamp::{stamp_for, stamp_mark},
    },
    store::{
        begun::{self, still_open},
        ledger::Step,
        listing::Listing,
    },
};

use super::{Context, Deed, Task, label, task::LABEL_LOOKED_FOR};

/// Changes contacts: batches of one mask where there are enough, singles for the rest.
pub async fn update(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<(), Halt> {
    announce(account, context, &tasks).await?;
    let (groups, mut singles) = by_mask(tasks, |task| match &task.deed {
        Deed::Update { change, .. } if !task.alone() => Some(change),
        _ => None,
    });
    for (mask, mut group) in groups {
        while !group.is_empty() {
            let rest = group.split_off(group.len().min(MAX_BATCH));
            if account.prefers_batches(group.len()) {
                batch(account, context, &mask, &group).await?;
            } else {
                singles.append(&mut group);
            }
            group = rest;
        }
    }
    for task in singles {
        single(account, context, &task).await?;
    }
    Ok(())
}

/// Whoever gets our stamp for the first time is found by it from before the call on: should the answer be lost, or this
/// process, and the contact leave before it is looked at again, it is still known where to let go. Who looks there reads
/// the person, so a write that was not done misleads nobody.
async fn announce(account: &Account, context: &Context<'_>, tasks: &[Task]) -> Result<(), Halt> {
    let (key, region) = (&context.sync.account.key, listing::region(account));
    let marks = |task: &Task| {
        let Deed::Update { before, .. } = &task.deed else { return None };
        let is_new = stamp_for(before, key, &task.contact).is_none_or(|stamp| stamp.released);
        let marks = listing::marks(before, &region).into_iter().chain([stamp_mark(key, &task.contact)]);
        is_new.then(|| (before.resource_name.clone(), Some(marks.collect())))
    };
    let announced: Vec<_> = tasks.iter().filter_map(marks).collect();
    if announced.is_empty() {
        return Ok(());
    }
    let known = Listing::new(account.tools.pool.clone(), account.subject());
    Ok(known.note(&account.lease.token, &announced).await?)
}

async fn single(account: &mut Account, context: &mut Context<'_>, task: &Task) -> Result<(), Halt> {
    let Deed::Update { change, .. } = &task.deed else { return Ok(()) };
    let mask: Vec<Field> = change.mask.iter().copied().collect();
    let token = account.pay(Call::Update).await?;
    begin(account, context, std::slice::from_ref(task)).await?;
    let result = account.tools.people.update(&token, &change.person, &mask).await;
    match account.heard(Call::Update, &token, result).await {
        Ok(after) => finished(account, context, &[(task, after)]).await,
        Err(failure) => give_way(account, context, Call::Update, task, failure).await,
    }
}

async fn batch(account: &mut Account, context: &mut Context<'_>, mask: &[Field], tasks: &[Task]) -> Result<(), Halt> {
    let people: Vec<Person> = tasks.iter().filter_map(body).collect();
    let token = account.pay(Call::BatchUpdate).await?;
    begin(account, context, tasks).await?;
    let result = account.tools.people.batch_update(&token, &people, mask).await;
    let results = match account.heard(Call::BatchUpdate, &token, result).await {
        Ok(results) => results,
        Err(failure) => return batch_failed(account, context, tasks, failure).await,
    };
    let mut by_resource: BTreeMap<String, Result<Person, Failure>> =
        results.into_iter().map(|r| (r.requested, r.outcome)).collect();
    let (mut done, mut steps, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        match by_resource.remove(task.resource()) {
            Some(Ok(after)) => done.push((task, after)),
            Some(Err(failure)) => {
                refused.extend(failure.certainly_not_executed(Call::Update).then_some(task));
                steps.push(context.failed(task, &failure));
            }
            // Left out of the answer: whether it was done shows the next reading.
            None => steps.push(context.again(&task.contact, &task.mark, "no_answer")),
        }
    }
    withdraw(account, context, &refused).await?;
    context.settle(&steps).await?;
    finished(account, context, &done).await
}

/// Nothing is known of any contact of a batch that failed, but an update may be repeated: those that Google names are dealt
/// with, the others are looked at again. A contact that fails a second time goes alone from then on, so that the one at
/// fault is found, and counted.
async fn batch_failed(
    account: &Account,
    context: &mut Context<'_>,
    tasks: &[Task],
    failure: Failure,
) -> Result<(), Halt> {
    if failure.certainly_not_executed(Call::BatchUpdate) {
        withdraw(account, context, &tasks.iter().collect::<Vec<_>>()).await?;
    }
    let named = match &failure {
        Failure::Invalid { per_contact, .. } => per_contact.clone(),
        _ => BTreeMap::new(),
    };
    let of_contacts = matches!(failure.class(), Class::Validation | Class::Etag | Class::Gone);
    let answered = matches!(failure, Failure::Server { .. } | Failure::Lost);
    if !of_contacts && !answered {
        return Err(Halt::Failure(failure));
    }
    let mut steps = Vec::new();
    for task in tasks {
        steps.push(match named.get(task.resource()) {
            Some(why) => {
                let per_contact = BTreeMap::from([(task.resource().to_owned(), why.clone())]);
                let own = Failure::Invalid { message: why.clone(), fields: Vec::new(), per_contact };
                context.failed(task, &own)
            }
            None => {
                let alone = task.mark.tries > 0 || (named.is_empty() && failure.class() == Class::Validation);
                context.again(&task.contact, &task.mark, if alone { "alone" } else { "again" })
            }
        });
    }
    context.settle(&steps).await?;
    if answered { Err(Halt::Failure(failure)) } else { Ok(()) }
}

async fn finished(account: &Account, context: &mut Context<'_>, done: &[(&Task, Person)]) -> Result<(), Halt> {
    let steps = done.iter().map(|(task, after)| context.done(task, Some(after))).collect::<Result<Vec<_>, _>>()?;
    context.settle(&steps).await?;
    let persons: Vec<_> = done.iter().map(|(_, after)| (after.resource_name.clone(), Some(after))).collect();
    Ok(note(account, &persons).await?)
}

/// What they overwrite is remembered before they leave, and what is to be written down of them: else it would be lost with an
/// answer that is never heard.
async fn begin(account: &Account, context: &mut Context<'_>, tasks: &[Task]) -> Result<(), Halt> {
    let (pool, keys, key) = (&account.tools.pool, context.keys(), &context.sync.account.key);
    let contacts: Vec<&str> = tasks.iter().map(|task| task.contact.as_str()).collect();
    let noted = begun::of(pool, &keys, account.subject(), &contacts).await?;
    let (mut heard, mut all) = (Vec::new(), Vec::with_capacity(tasks.len()));
    for (task, mut noted) in tasks.iter().zip(noted) {
        let Deed::Update { change, before } = &task.deed else { continue };
        // One that was done, as the person shows, and whose answer nobody heard: what was begun beside it came to nothing.
        let shown = stamp_for(before, key, &task.contact);
        if let Some(done) = noted.iter().find(|noted| shown.as_ref().is_some_and(|stamp| stamp.op == noted.op)) {
            heard.push(Step { journal: Some(done.entry.clone()), ended: true, ..Step::of(&task.contact) });
            noted.clear();
        }
        let after = change.applied_to(before);
        let Some(stamp) = stamp_for(&after, key, &task.contact) else { continue };
        let mut noted = still_open(noted, pool.clock.now_ms(), context.tools.settings.tune.propagation);
        noted.push(context.begun(task, stamp.op, Some(&after))?);
        all.push((task.contact.as_str(), noted));
    }
    context.settle(&heard).await?;
    Ok(begun::note(pool, &keys, account.subject(), &all).await?)
}

/// The operation that its note names.
fn op(task: &Task, key: &AccountKey) -> Option<String> {
    match &task.deed {
        Deed::Update { change, before } => {
            stamp_for(&change.applied_to(before), key, &task.contact).map(|stamp| stamp.op)
        }
        Deed::Trash { .. } => Some(String::new()),
        Deed::Create { .. } => None,
    }
}

/// Google certainly did not do these.
pub(super) async fn withdraw(account: &Account, context: &Context<'_>, tasks: &[&Task]) -> Result<(), Halt> {
    let key = &context.sync.account.key;
    let ops: Vec<_> = tasks.iter().filter_map(|task| Some((task.contact.as_str(), op(task, key)?))).collect();
    let ops: Vec<_> = ops.iter().map(|(contact, op)| (*contact, op.as_str())).collect();
    Ok(begun::withdraw(&account.tools.pool, &context.keys(), account.subject(), &ops).await?)
}

/// A failure of a single call: the contact's own, or one that stops the slice.
pub(super) async fn give_way(
    account: &Account,
    context: &mut Context<'_>,
    call: Call,
    task: &Task,
    failure: Failure,
) -> Result<(), Halt> {
    if failure.certainly_not_executed(call) {
        withdraw(account, context, &[task]).await?;
    }
    match failure.class() {
        // The label may have been deleted in Google since it was last seen: it is looked for once before the contact is blamed.
        Class::Validation if task.may_lack_its_label() => {
            label::forget(account).await?;
            let mut step = context.again(&task.contact, &task.mark, LABEL_LOOKED_FOR);
            step.due = Some(context.tools.pool.clock.now_ms());
            Ok(context.settle(&[step]).await?)
        }
        Class::Validation | Class::Etag | Class::Gone => Ok(context.settle(&[context.failed(task, &failure)]).await?),
        // A 500 may be this contact's alone: it steps back, and the slice goes on with others later.
        Class::Transient if matches!(failure, Failure::Server { .. } | Failure::Lost) => {
            context.settle(&[context.failed(task, &failure)]).await?;
            Err(Halt::Failure(failure))
        }
        _ => Err(Halt::Failure(failure)),
    }
}

fn body(task: &Task) -> Option<Person> {
    match &task.deed {
        Deed::Update { change, .. } => Some(change.person.clone()),
        _ => None,
    }
}
