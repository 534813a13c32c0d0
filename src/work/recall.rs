//! Finds again what a contact that leaves has in Google, when its link does not say: made by a create whose end was never
//! written down, linked in a Redis that is gone, or merged by its owner into another person. A contact that stays is
//! matched by its stamp anyway.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claim::{Account, Halt},
    google::person::Person,
    plan::{
        filter::{Place, place},
        link::{Link, LinkState},
        stamp::{Stamp, stamp_for, stamp_mark},
    },
    push::Context,
    store::{current::SyncSpec, listing::Listing},
};

use super::{batch::Item, gather::State, matching::read, settle};

/// Gives contacts without a link that leave the link that their stamp in Google stands for. Answers those whose stamp the
/// listing knows and no reading shows: what they have cannot be told now.
pub(super) async fn recall_leaving(
    account: &mut Account,
    context: &Context<'_>,
    items: &mut [Item],
    states: &[State],
) -> Result<BTreeSet<String>, Halt> {
    let leaving = items.iter_mut().zip(states).filter(|(item, state)| is_unknown(item) && leaves(context.sync, state));
    let leaving: Vec<&mut Item> = leaving.map(|(item, _)| item).collect();
    if leaving.is_empty() {
        return Ok(BTreeSet::new());
    }
    let listing = Listing::new(account.tools.pool.clone(), account.subject());
    let epoch = account.tools.now().installation.epoch;
    // What was made a moment ago is in the listing already: its intent was resolved by it. Only a lost one is made anew.
    if listing.facts().await?.is_none_or(|facts| facts.epoch != epoch) {
        Box::pin(settle::freshen(account)).await?;
    }
    recall(account, context, leaving).await
}

/// Gives each contact that the listing knows by its stamp the link that the stamp stands for; answers as
/// [`recall_leaving`].
pub(super) async fn recall(
    account: &mut Account,
    context: &Context<'_>,
    mut leaving: Vec<&mut Item>,
) -> Result<BTreeSet<String>, Halt> {
    let sync = context.sync;
    let mut unclear = BTreeSet::new();
    let listing = Listing::new(account.tools.pool.clone(), account.subject());
    let mark = |item: &Item| stamp_mark(&sync.account.key, &item.contact);
    let hits = listing.persons(&leaving.iter().map(|item| mark(item)).collect::<Vec<_>>()).await?;
    if hits.is_empty() {
        return Ok(unclear);
    }
    let persons = read(account, &hits.values().flatten().cloned().collect::<Vec<_>>()).await?;
    let labels = labels(account, context).await?;
    for item in &mut leaving {
        let Some(names) = hits.get(&mark(item)) else { continue };
        let found = names.iter().filter_map(|name| persons.get(name)?.as_ref()).find_map(|person| {
            let stamp = stamp_for(person, &sync.account.key, &item.contact).filter(|s| !s.released)?;
            Some(link_of(person, stamp, &labels, &sync.id))
        });
        // Not to be read, or read as it was before it got the stamp.
        if found.is_none() {
            unclear.insert(item.contact.clone());
        }
        item.link = found.or(item.link.take());
    }
    Ok(unclear)
}

/// A contact that was known to be gone may have left its stamp behind.
fn is_unknown(item: &Item) -> bool {
    item.link.as_ref().is_none_or(|link| link.state == LinkState::DeletedInCrm)
}

fn leaves(sync: &SyncSpec, state: &State) -> bool {
    match state {
        State::Gone => true,
        State::There(contact) => matches!(place(&sync.spec, contact), Place::Outside(_)),
        State::Later { .. } | State::Unreadable { .. } | State::Unknown | State::NotRead => false,
    }
}

/// Labels of all syncs between the two accounts: each holds the persons that carry its label.
async fn labels(account: &mut Account, context: &Context<'_>) -> Result<BTreeMap<String, String>, Halt> {
    let current = account.tools.now();
    let subject = account.subject().to_owned();
    let mut labels = BTreeMap::new();
    for other in current.syncs_of(&subject).filter(|s| s.account.key == context.sync.account.key) {
        labels.insert(other.id.clone(), context.label(account, &other.spec.label, false).await?);
    }
    Ok(labels)
}

/// The link that a stamp stands for. `labels`: those of the syncs between the two accounts, by sync.
pub(super) fn link_of(person: &Person, stamp: Stamp, labels: &BTreeMap<String, String>, sync: &str) -> Link {
    let is_on = |label: &String| person.labels().any(|l| l == label);
    let holders = |held: &dyn Fn(&str, &String) -> bool| -> BTreeMap<String, String> {
        labels.iter().filter(|(id, label)| held(id, label)).map(|(id, label)| (id.clone(), label.clone())).collect()
    };
    let labelled = holders(&|_, label| is_on(label));
    // Its owner took the label off and the stamp stayed: it is let go of all the same.
    let holders = if labelled.is_empty() { holders(&|id, _| id == sync) } else { labelled };
    Link {
        resource: person.resource_name.clone(),
        version: None,
        digest: String::new(),
        base: stamp.base,
        origin: stamp.origin,
        op: stamp.op,
        holders,
        rules: BTreeMap::new(),
        state: LinkState::Live,
        update_time: None,
    }
}
