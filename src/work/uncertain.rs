//! Creates whose end is unknown: looked for in Google's listing, twice, a propagation window apart, before anything is sent again.

use crate::{
    claim::Tools,
    push::{
        Context,
        intent::{Intent, Resolve},
    },
    store::{
        StoreError,
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        ledger::{LedgerView, Mark, Step},
        runs::Runs,
    },
};

/// What an intent allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing yet.
    Wait(i64),
    /// Look for the stamp; if it is not there, remember that, and look once more.
    FirstLook,
    /// Look for the stamp; if it is not there again, the create did not happen.
    LastLook,
}

/// What this intent allows now.
pub fn allowed(context: &Context<'_>, intent: &Intent) -> Allowed {
    let tune = &context.tools.settings.tune;
    let millis = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    match intent.resolve(context.tools.pool.clock.now_ms(), millis(tune.google_timeout), millis(tune.propagation)) {
        Resolve::Wait(until) => Allowed::Wait(until),
        Resolve::Look if intent.absent_at.is_none() => Allowed::FirstLook,
        Resolve::Look => Allowed::LastLook,
    }
}

/// Creates of the sync that are not known to have ended: contact and run.
pub async fn open_creates(
    tools: &Tools,
    sync: &SyncSpec,
    subject: &str,
) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let view = LedgerView::new(tools.pool.clone(), &sync.account.key, subject);
    let open = view.open_intents::<Intent>().await?.into_iter();
    Ok(open.filter(|(_, intent)| intent.sync == sync.id).map(|(contact, intent)| (contact, intent.run)).collect())
}

/// How many contacts of the run, or of the sync, there are of which nobody knows yet whether they were made. (A run that went to
/// its end has found out.) An undo would miss them, and its pause would keep anybody from finding out.
pub async fn unsettled(tools: &Tools, sync: &SyncSpec, subject: &str, run: Option<&str>) -> Result<usize, StoreError> {
    let runs = Runs::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let open = open_creates(tools, sync, subject).await?.into_iter();
    let is_its = |of: &Option<String>| run.is_none_or(|run| of.as_deref() == Some(run));
    let its: Vec<String> = open.filter(|(_, of)| is_its(of)).map(|(contact, _)| contact).collect();
    let open = runs.marked(&its).await?.into_iter().filter(|is_marked| *is_marked).count();
    // Found, and not linked yet.
    let found = runs.dropped().await?.into_iter().filter(|contact| !its.contains(contact)).count();
    Ok(open + found)
}

/// Not found at the first look: once more, a propagation window later.
pub fn absent_once(context: &Context<'_>, contact: &str, mark: &Mark, intent: &Intent) -> Result<Step, StoreError> {
    let now = context.tools.pool.clock.now_ms();
    let window = i64::try_from(context.tools.settings.tune.propagation.as_millis()).unwrap_or(i64::MAX);
    let mut step = waiting(contact, mark, now + window);
    step.intent = Some(Some(encode("an intent", &Intent { absent_at: Some(now), ..intent.clone() })?));
    Ok(step)
}

/// A moment later, once more.
pub fn soon(context: &Context<'_>, item: &super::batch::Item) -> Step {
    let wait = i64::try_from(context.tools.settings.tune.retry_base.as_millis()).unwrap_or(i64::MAX);
    let mut step = waiting(&item.contact, &item.mark, context.tools.pool.clock.now_ms() + wait);
    step.tries = Some(item.mark.tries + 1);
    step
}

/// The contact waits until then.
pub fn waiting(contact: &str, mark: &Mark, until: i64) -> Step {
    let mut step = Step::of(contact);
    step.answer(mark);
    step.due = Some(until);
    step.why = Some("uncertain_create");
    step
}
