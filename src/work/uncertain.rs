//! Creates whose end is unknown: looked for in Google's listing, twice, a propagation window apart, before anything is sent again.

use crate::{
    push::{
        Context,
        intent::{Intent, Resolve},
    },
    store::{
        encode,
        ledger::{Mark, Step},
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

/// Not found at the first look: once more, a propagation window later.
pub fn absent_once(
    context: &Context<'_>,
    contact: &str,
    mark: &Mark,
    intent: &Intent,
) -> Result<Step, crate::store::StoreError> {
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
    step.generation = Some(mark.generation);
    step.due = Some(until);
    step.why = Some("uncertain_create");
    step
}
