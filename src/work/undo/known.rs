//! What is wanted of a contact, and what our side knows of it: its link, and its entries of the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    claim::Account,
    google::person::{Field, Person},
    plan::{link::Link, undo::Write},
    store::{StoreError, begun::Begun, current::SyncSpec, decode, journal, keys::CrmKeys, ledger::LedgerView},
};

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The writes are taken back.
    Undo,
    /// The sync leaves; everything stays, and is let go of.
    LeaveKeep,
    /// The sync leaves; its label goes.
    LeaveUnlabel,
    /// The sync leaves; all that it ever wrote is taken back, as far as the journal reaches.
    LeaveUndo,
}

impl How {
    /// Whether the sync leaves.
    pub fn leaves(self) -> bool {
        self != Self::Undo
    }
}

/// What is wanted of one contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What.
    pub how: How,
    /// The journal's entries that it concerns, oldest first.
    pub entries: Vec<String>,
    /// Updates after them of which nobody knew, when this was asked, whether Google carried them out; one at the most was. The whole
    /// of them: their notes go once the undo itself has written.
    #[serde(default)]
    pub begun: Vec<Begun>,
}

impl Asked {
    /// Without any write yet.
    pub fn of(how: How) -> Self {
        Self { how, entries: Vec::new(), begun: Vec::new() }
    }
}

/// What is known of these contacts, in their order.
pub(super) async fn known<'a>(
    account: &Account,
    sync: &SyncSpec,
    asked: &'a [(String, Asked)],
) -> Result<Vec<Known<'a>>, StoreError> {
    let contacts: Vec<String> = asked.iter().map(|(contact, _)| contact.clone()).collect();
    let view = LedgerView::new(account.tools.pool.clone(), &sync.account.key, account.subject());
    let links = view.links::<Link>(&contacts).await?;
    let mut entries = entries(account, sync, asked).await?;
    let mut all = Vec::with_capacity(asked.len());
    for ((contact, asked), link) in asked.iter().zip(links) {
        let (entries, is_whole) = entries.remove(contact).unwrap_or((Vec::new(), true));
        all.push(Known { contact, how: asked.how, link, entries, begun: &asked.begun, is_whole });
    }
    Ok(all)
}

/// The entries of each contact, and whether none of them is missing.
async fn entries<'a>(
    account: &Account,
    sync: &SyncSpec,
    asked: &'a [(String, Asked)],
) -> Result<BTreeMap<&'a String, (Vec<journal::Write>, bool)>, StoreError> {
    let ids: Vec<&str> = asked.iter().flat_map(|(_, asked)| asked.entries.iter().map(String::as_str)).collect();
    let keys = CrmKeys::new(&sync.account.key);
    let mut found = journal::by_ids(&account.tools.pool, &keys, account.subject(), &ids).await?.into_iter();
    let of_contact = |(contact, asked): &'a (String, Asked)| {
        let its: Vec<_> = found.by_ref().take(asked.entries.len()).collect();
        let is_whole = its.iter().all(Option::is_some);
        (contact, (its.into_iter().flatten().collect(), is_whole))
    };
    Ok(asked.iter().map(of_contact).collect())
}

/// What our side knows of a contact.
pub(super) struct Known<'a> {
    pub contact: &'a str,
    pub how: How,
    pub link: Option<Link>,
    pub entries: Vec<journal::Write>,
    pub begun: &'a [Begun],
    pub is_whole: bool,
}

impl Known<'_> {
    /// Where it may be in Google: where it was last written, else where its link leads; a sync that leaves follows its links.
    /// What was made is nowhere else: whoever the link leads to since was made by a later run.
    pub fn names(&self) -> Vec<String> {
        let begun = self.begun.last().map(|begun| begun.write().resource);
        let written = self.entries.iter().rev().map(|entry| entry.resource.clone());
        let written = begun.into_iter().chain(written).find(|name| !name.is_empty());
        let linked = self.link.as_ref().filter(|link| link.is_followed()).map(|link| link.resource.clone());
        let is_made = self.entries.iter().any(|entry| entry.action == "created");
        let names = match self.how.leaves() {
            true => [linked.or(written), None],
            false => [written, linked.filter(|_| !is_made)],
        };
        names.into_iter().flatten().collect()
    }
}

/// An entry as a plan reads it.
pub(super) fn write(entry: &journal::Write) -> Result<Write, StoreError> {
    let person = |text: &str| match text.is_empty() {
        true => Ok(Person::default()),
        false => decode("a journal entry", text),
    };
    Ok(Write {
        at: Timestamp::from_millisecond(entry.at).unwrap_or_default(),
        made: entry.action == "created",
        trashed: entry.action == "trashed",
        mask: Field::ALL.into_iter().filter(|field| entry.mask.iter().any(|name| name == field.mask())).collect(),
        before: person(&entry.before)?,
        after: person(&entry.after)?,
    })
}
