//! Taking back what was written to one Google contact, from the journal: what we added goes, what we took away comes back, and
//! what the user or a later run changed since is left and named. Pure; the worker reads, and does it.

mod draft;
mod fields;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use self::draft::Draft;
use super::{
    change::Change,
    stamp::{Origin, Stamp, stamp_for, stamps_of},
    trash::is_ours_alone,
    twin::changed_fields,
};
use crate::{
    config::mapping::Mapping,
    contact::AccountKey,
    google::person::{Field, Person},
};

/// Google empties its trash after this many days.
const TRASH_DAYS: i64 = 30;

/// One write of the journal, as far as it can be taken back.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// When.
    pub at: Timestamp,
    /// It made the contact.
    pub made: bool,
    /// It moved the contact to Google's trash.
    pub trashed: bool,
    /// The fields that it wrote.
    pub mask: BTreeSet<Field>,
    /// Those fields before.
    pub before: Person,
    /// Those fields after, as Google answered.
    pub after: Person,
}

/// Everything that is looked at to take back the writes on one contact.
#[derive(Clone, Copy, Debug)]
pub struct Undo<'a> {
    /// The CRM account.
    pub account: &'a AccountKey,
    /// The CRM's contact id.
    pub contact: &'a str,
    /// The writes, oldest first.
    pub writes: &'a [Write],
    /// The Google contact, as read with all of [`Field::ALL`]; `None` when it is gone.
    pub person: Option<&'a Person>,
    /// Id of this operation. It is the same when the operation is tried again, so that what was done is known as done.
    pub op: &'a str,
    /// The sync's label on it, `contactGroups/…`.
    pub label: Option<&'a str>,
    /// Another sync between the same two accounts holds it.
    pub is_held_by_others: bool,
    /// The label is there for a contact of another CRM account too.
    pub is_label_shared: bool,
    /// Google says that nobody has written since we did.
    pub is_untouched: bool,
    /// The labels that there are; a label that is gone cannot come back.
    pub labels: &'a BTreeSet<String>,
    /// The sync's map: which types we write.
    pub map: &'a Mapping,
    /// Default phone region.
    pub region: &'a str,
    /// The sync leaves: whatever stays is let go of.
    pub leaves: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Reversal {
    /// To Google's trash: it is as we left it. `unread`: what we never read (a photo) is to be looked at first.
    Trash {
        /// Google does not say that nobody has written since.
        unread: bool,
    },
    /// One update; what it leaves is named.
    Update {
        /// The body and its mask.
        change: Box<Change>,
        /// What stays, if anything does.
        left: Option<Left>,
    },
    /// Nothing is written, for this reason.
    Stays(Left),
    /// This very operation has done it before; it was not written down.
    Done,
    /// There is nothing to take back any more.
    Nothing,
}

/// What stays as it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Why.
    pub why: Why,
    /// The fields, as Google calls them.
    pub fields: BTreeSet<Field>,
}

/// Why something stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code", content = "until")]
pub enum Why {
    /// The user or a later run changed it.
    ChangedSince,
    /// Carnet let go of the contact, or its owner took our mark off.
    LetGo,
    /// Another sync, or another CRM contact, has it too.
    HeldByAnother,
    /// It is in Google's trash, from where only its owner can bring it back.
    InTrash(Timestamp),
    /// The journal no longer holds what was there.
    Forgotten,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ChangedSince => f.write_str("changed since"),
            Self::LetGo => f.write_str("let go of since"),
            Self::HeldByAnother => f.write_str("another sync or CRM contact has it too"),
            Self::InTrash(until) => {
                write!(f, "in Google's trash until {}; only its owner can bring it back", until.strftime("%Y-%m-%d"))
            }
            Self::Forgotten => f.write_str("the journal no longer says what was there"),
        }
    }
}

/// Decides. Deciding again once it is done changes nothing.
pub fn undo(input: &Undo<'_>) -> Reversal {
    if let Some(trashed) = input.writes.iter().rev().find(|write| write.trashed) {
        return in_trash(input, trashed);
    }
    let Some(person) = input.person else { return Reversal::Nothing };
    let Some(stamp) = stamp_for(person, input.account, input.contact) else { return stays(Why::LetGo, []) };
    if stamp.op == input.op {
        return Reversal::Done;
    }
    let made = input.writes.iter().any(|w| w.made) || (input.leaves && stamp.origin == Origin::Created);
    let is_its = |s: &Stamp| s.account == *input.account && s.contact == input.contact;
    let is_others = stamps_of(person).iter().any(|s| !s.released && !is_its(s));
    if stamp.released && !is_released_by(input.writes, &stamp) {
        return stays(Why::LetGo, []);
    }
    if made && !stamp.released && !input.is_held_by_others && !is_others {
        return take_out(input, person, &stamp);
    }
    Draft::new(input, person, stamp).reverted(input.is_held_by_others || is_others)
}

fn stays(why: Why, fields: impl IntoIterator<Item = Field>) -> Reversal {
    Reversal::Stays(Left { why, fields: fields.into_iter().collect() })
}

fn in_trash(input: &Undo<'_>, write: &Write) -> Reversal {
    if input.person.is_some() {
        return Reversal::Nothing;
    }
    let until = write.at + jiff::SignedDuration::from_hours(24 * TRASH_DAYS);
    stays(Why::InTrash(until), [])
}

/// Whether the last of these writes let go of the contact, and nobody has taken it back since.
fn is_released_by(writes: &[Write], stamp: &Stamp) -> bool {
    let last = writes.iter().rev().find(|write| write.mask.contains(&Field::ClientData));
    let after = last.and_then(|write| stamp_for(&write.after, &stamp.account, &stamp.contact));
    after.is_some_and(|after| after.released && after.op == stamp.op)
}

/// A contact that we made: it goes if it is as we left it.
fn take_out(input: &Undo<'_>, person: &Person, stamp: &Stamp) -> Reversal {
    let label = input.label.unwrap_or_default();
    let mut changed = changed_fields(person, stamp, label, input.map);
    // One that is gone as a whole was not taken off this contact.
    if !person.labels().any(|l| l == label) && input.labels.contains(label) {
        changed.insert(Field::Memberships);
    }
    let is_ours = is_ours_alone(person, input.account, input.contact);
    // Whatever we wrote after it was made may have taken in what its owner wrote before that.
    let made_by = input.writes.iter().filter(|write| write.made);
    let mut made_by = made_by.filter_map(|write| stamp_for(&write.after, input.account, input.contact));
    let is_untouched = input.is_untouched && made_by.any(|made| made.op == stamp.op);
    match (is_ours, is_untouched, changed.is_empty()) {
        (true, true, _) => Reversal::Trash { unread: false },
        (true, false, true) => Reversal::Trash { unread: true },
        (false, ..) => stays(Why::HeldByAnother, []),
        (true, false, false) => stays(Why::ChangedSince, changed),
    }
}
