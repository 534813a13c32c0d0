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

use crate::claim::{Account, Halt};

/// Does every task; what became of each is settled as soon as it is known. A halt leaves the rest as it was: dirty.
pub async fn push(account: &mut Account, context: &mut Context<'_>, tasks: Vec<Task>) -> Result<(), Halt> {
    let (mut creates, mut updates, mut trashed) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        match &task.deed {
            Deed::Create { .. } => creates.push(task),
            Deed::Update { .. } => updates.push(task),
            Deed::Trash { .. } => trashed.push(task),
        }
    }
    trash::trash(account, context, trashed).await?;
    updates::update(account, context, updates).await?;
    creates::create(account, context, creates).await
}
