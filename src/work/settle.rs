//! The small steps that end a contact's turn without a write to Google.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    claim::{Account, Halt, refresh},
    google::person::Person,
    plan::{
        identity::Question,
        link::{Link, LinkState},
    },
    push::{Context, GivenUp},
    store::{
        StoreError, encode,
        keys::CrmKeys,
        ledger::{Mark, Step},
        listing::Listing,
        registry::{Refusal, Registry},
        runs::Runs,
    },
};

use super::batch::Item;

/// A question as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Need {
    /// The sync's id.
    pub sync: String,
    /// The question.
    #[serde(flatten)]
    pub question: Question,
}

/// A listing this young need not be brought up to date again within a slice.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// A person made a moment ago may be listed before it can be read.
const TRIES_BEFORE_DOUBT: u64 = 3;

/// Brings the listing up to date unless that was done a moment ago.
pub async fn freshen(account: &mut Account) -> Result<(), Halt> {
    if account.listed.is_some_and(|at| at.elapsed() < FRESH_FOR) {
        return Ok(());
    }
    refresh(account).await
}

/// The listing names a person that cannot be read, and not for the first time: it may stand there under a name that it has no
/// more, of which Google does not always tell. Everything is listed anew before the next try, unless it has just been.
pub async fn doubt(account: &mut Account, item: &Item) -> Result<(), Halt> {
    if item.mark.tries < TRIES_BEFORE_DOUBT {
        return Ok(());
    }
    let listing = Listing::new(account.tools.pool.clone(), account.subject());
    let window = i64::try_from(account.tools.settings.tune.propagation.as_millis()).unwrap_or(i64::MAX);
    let now = account.tools.pool.clock.now_ms();
    if listing.facts().await?.is_some_and(|facts| now - facts.full >= window) {
        tracing::info!(google = %account.google.name, "the listing names somebody who is not there; it is made anew");
        listing.forget().await?;
        account.listed = None;
    }
    Ok(())
}

/// The contact is clean.
pub fn clean(contact: &str, mark: &Mark, count: &'static str) -> Step {
    let mut step = Step::of(contact);
    step.answer(mark);
    step.clean = true;
    step.count = Some(count);
    step
}

/// Gone from the CRM, and remembered as gone: a page of an index that lags shall not bring it back.
pub fn gone(item: &Item, tombstone: &Link) -> Result<Step, StoreError> {
    let mut step = clean(&item.contact, &item.mark, "skipped");
    step.link = Some(Some(encode("a link", tombstone)?));
    step.need = Some(None);
    Ok(step)
}

/// Its person in Google could not be read: looked at again, counted as a try.
pub fn unread(context: &Context<'_>, item: &Item) -> Step {
    if item.mark.tries >= context.tools.settings.tune.retry_attempts {
        let sentence = "the contact in Google could not be read, again and again";
        let why = GivenUp { reason: "google_keeps_failing", sentence, ..GivenUp::default() };
        return context.dead_letter(&item.contact, &item.mark, why);
    }
    context.again(&item.contact, &item.mark, "google_unavailable")
}

/// Clean, with a link that says so.
pub fn linked(item: &Item, link: &Link, count: &'static str) -> Result<Step, StoreError> {
    let mut step = clean(&item.contact, &item.mark, count);
    step.link = Some(Some(encode("a link", link)?));
    step.own = Some(link.resource.clone());
    step.disown = item.link.as_ref().map(|l| l.resource.clone()).filter(|r| *r != link.resource);
    step.need = Some(None);
    Ok(step)
}

/// Looked at again after a while.
pub fn later(
    context: &Context<'_>,
    item: &Item,
    after: Duration,
    why: &'static str,
    stale: bool,
    counts: bool,
) -> Step {
    if counts {
        let tries = item.mark.tries;
        if tries >= context.tools.settings.tune.retry_attempts {
            let sentence = "the CRM kept failing for this contact";
            let why = GivenUp { reason: "crm_keeps_failing", sentence, ..GivenUp::default() };
            return context.dead_letter(&item.contact, &item.mark, why);
        }
        return context.again(&item.contact, &item.mark, why);
    }
    let mut step = Step::of(&item.contact);
    step.answer(&item.mark);
    step.due = Some(context.tools.pool.clock.now_ms() + i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
    step.stale = stale.then_some(item.mark.stale + 1);
    step.why = Some(why);
    step.reread = stale;
    step
}

/// The end of an uncertain create is known: looked at again at once, alone if it had failed in a batch.
pub fn resolved(context: &Context<'_>, item: &Item, alone: bool) -> Step {
    let mut step = Step::of(&item.contact);
    step.answer(&item.mark);
    step.intent = Some(None);
    step.due = Some(context.tools.pool.clock.now_ms());
    step.why = Some(if alone { "alone" } else { "resolved" });
    step
}

/// Persons that the user deleted in Google stay deleted.
pub async fn deleted_in_google(account: &Account, context: &mut Context<'_>, items: &[Item]) -> Result<(), Halt> {
    let mut steps = Vec::new();
    for item in items {
        let Some(link) = &item.link else { continue };
        let mut step = clean(&item.contact, &item.mark, "refused");
        let gone = Link { state: LinkState::DeletedInGoogle, ..link.clone() };
        step.link = Some(Some(encode("a link", &gone)?));
        step.disown = Some(link.resource.clone());
        step.journal =
            Some(noticed(context, item, "deleted-in-google", "the user deleted it in Google; it stays deleted"));
        steps.push(step);
    }
    refuse(account, context, items, |_, _| Some(Refusal::Deleted)).await?;
    Ok(context.settle(&steps).await?)
}

/// The user took the label off: the sync lets go of the contact.
pub async fn opted_out(account: &Account, context: &mut Context<'_>, item: &Item, person: &Person) -> Result<(), Halt> {
    let sync = context.sync.id.clone();
    refuse(account, context, std::slice::from_ref(item), |held, _| {
        let mut syncs = match held {
            Some(Refusal::OptedOut(syncs)) => syncs.clone(),
            _ => Vec::new(),
        };
        if !syncs.contains(&sync) {
            syncs.push(sync.clone());
        }
        Some(Refusal::OptedOut(syncs))
    })
    .await?;
    let mut step = clean(&item.contact, &item.mark, "refused");
    if let Some(link) = &item.link {
        let mut rest = link.clone();
        rest.holders.remove(&context.sync.id);
        rest.resource.clone_from(&person.resource_name);
        step.link = Some(Some(encode("a link", &rest)?));
    }
    step.journal = Some(noticed(context, item, "opted-out", "the user took the label off; it is left alone"));
    Ok(context.settle(&[step]).await?)
}

/// Refusals go into the registry (and so to the data directory) first: they must outlive Redis.
async fn refuse(
    account: &Account,
    context: &Context<'_>,
    items: &[Item],
    refusal: impl Fn(Option<&Refusal>, &Item) -> Option<Refusal>,
) -> Result<(), Halt> {
    if items.is_empty() || context.is_preview() {
        return Ok(());
    }
    let installation = context.tools.now().installation.id.clone();
    let changed = context.tools.registry.change(&installation, |registry| {
        for item in items {
            let key = Registry::refusal_key(account.subject(), &context.sync.account.key, &item.contact);
            if let Some(refusal) = refusal(registry.refusals.get(&key), item) {
                registry.refusals.insert(key, refusal);
            }
        }
        true
    });
    changed.await.map(drop).map_err(|e| Halt::Store(StoreError::Unreadable("the registry", e.to_string())))
}

/// A journal entry of something that was not written by us just now.
pub fn noticed(context: &Context<'_>, item: &Item, action: &str, reason: &str) -> Vec<String> {
    let fields = [
        ("at", context.tools.pool.clock.now_ms().to_string()),
        ("sync", context.sync.id.clone()),
        ("run", item.mark.run.clone().unwrap_or_default()),
        ("contact", item.contact.clone()),
        ("action", action.to_owned()),
        ("reason", reason.to_owned()),
        ("resource", item.link.as_ref().map(|l| l.resource.clone()).unwrap_or_default()),
    ];
    fields.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

/// Nothing can be matched before every CRM contact was counted once: a run does that.
pub async fn want_count(context: &Context<'_>) -> Result<(), StoreError> {
    let (pool, sync) = (&context.tools.pool, context.sync);
    let runs = Runs::new(pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    if context.is_preview() {
        return Ok(());
    }
    if runs.wanted().await?.is_none() && runs.current().await?.is_none_or(|run| run.is_over()) {
        runs.want("first").await?;
    }
    Ok(())
}
