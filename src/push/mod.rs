//! Writes to Google: batches where they are cheaper, one call after the other, and for creates intent → call → commit.
//!
//! Google has no idempotency key. A create is written down as an intent before it leaves; a create that is not certainly *not*
//! executed stays an intent and is resolved by looking for its stamp in Google's listing (`work::uncertain`), never sent
//! again blindly. Updates carry an etag and are repeated safely.

mod commit;
mod creates;
pub mod intent;
pub mod label;
mod pen;
mod task;
mod trash;
mod updates;

pub use commit::{Context, GivenUp};
pub use pen::{Pen, Pencil};
pub use task::{Deed, Task};

use std::collections::HashSet;

use crate::{
    claim::{Account, Halt},
    store::ledger::Step,
};

/// Does every task; what became of each is settled as soon as it is known. A halt leaves the rest as it was: dirty.
pub async fn push(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<(), Halt> {
    let (mut creates, mut updates, mut trashed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut taken, mut later) = (HashSet::new(), Vec::new());
    for task in tasks {
        match &task.deed {
            // Its owner merged two of ours: one after the other, each on what the one before has left.
            Deed::Update { .. } | Deed::Trash { .. } if !taken.insert(task.resource().to_owned()) => {
                let mut step = Step::of(&task.contact);
                step.answer(&task.mark);
                step.due = Some(account.tools.pool.clock.now_ms());
                // Why it waits already may say how it is to be tried next.
                step.why = task.mark.why.is_none().then_some("same_person");
                later.push(step);
            }
            Deed::Create { .. } => creates.push(task),
            Deed::Update { .. } => updates.push(task),
            Deed::Trash { .. } => trashed.push(task),
        }
    }
    context.settle(&later).await?;
    trash::trash(account, context, trashed).await?;
    updates::update(account, context, updates).await?;
    creates::create(account, context, creates).await
}
