//! The three-way merge of one CRM contact into one Google contact: base (what we wrote) / CRM (what is desired) / Google (what
//! stands there). It yields the one update that is needed, or none, and never takes a value that we did not write.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod golden;
mod labels;
mod lists;
mod organizations;
#[cfg(test)]
mod properties;
mod singles;

use serde::Serialize;

use super::{
    base::{Base, ValueHash},
    canonical::{Part, keys_of},
    change::Change,
    desired::Desired,
    stamp::{Origin, Stamp, stamp_for, stamped, stamps_of},
};
use crate::{
    config::declared::Policy,
    contact::AccountKey,
    google::person::{Field, Person},
};

/// Everything that a merge looks at.
#[derive(Clone, Copy, Debug)]
pub struct Merge<'a> {
    /// What the CRM says.
    pub desired: &'a Desired,
    /// The Google contact, as read with all of [`Field::ALL`].
    pub person: &'a Person,
    /// The link's base, used when the person carries no unreleased stamp of this contact.
    pub link_base: Option<&'a Base>,
    /// What may be done to values that we did not write.
    pub policy: Policy,
    /// The CRM account.
    pub account: &'a AccountKey,
    /// The CRM's contact id.
    pub contact: &'a str,
    /// Of the link, or `Adopted` for a new adoption; the origin in an unreleased stamp wins.
    pub origin: Origin,
    /// Id of this operation.
    pub op: &'a str,
    /// The label that the contact should have, `contactGroups/…`.
    pub label: &'a str,
    /// Further labels that it should have, as resource names: those of [`Desired::labels`].
    pub more_labels: &'a [String],
    /// Whether we gave it that label before: if it is gone, the user took it off.
    pub had_label: bool,
    /// Whether the reading of the CRM may lack values that are there: then nothing is removed.
    pub partial: bool,
}

/// What a merge comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Merged; perhaps with nothing to write.
    Merged(Box<Merged>),
    /// The user took the label off: nothing is written.
    OptedOut,
}

/// A finished merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The update to send; `None` when Google holds everything already.
    pub change: Option<Change>,
    /// The base after it.
    pub base: Base,
    /// The origin that the stamp holds.
    pub origin: Origin,
    /// Values of Google's that stay although the CRM says otherwise.
    pub kept: Vec<Kept>,
}

/// What was kept, as one text for the journal.
pub fn kept_in_words(kept: &[Kept]) -> String {
    kept.iter().map(|k| format!("{}: {}", k.field.mask(), k.why)).collect::<Vec<_>>().join("; ")
}

/// Whether a change replaces a value that we had not written.
pub fn is_overwrite(change: &Change) -> bool {
    change.wrote.iter().any(|written| [singles::BOTH_REPLACED, singles::REPLACED_USERS].contains(&written.action))
}

impl Kept {
    /// Whether both sides had changed the value, so that the policy decided.
    pub fn is_conflict(&self) -> bool {
        [singles::BOTH_KEPT, singles::NOTE_KEPT].contains(&self.why)
    }
}

/// A value of Google's that stays although the CRM says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where.
    pub field: Field,
    /// Why, in words.
    pub why: &'static str,
}

/// Merges; see the module. Merging again after the change was applied changes nothing.
pub fn merge(input: &Merge<'_>) -> Verdict {
    let has_label = input.person.labels().any(|label| label == input.label);
    let (held, let_go) = match stamp_for(input.person, input.account, input.contact) {
        Some(stamp) if stamp.released => (None, Some(stamp)),
        stamp => (stamp, None),
    };
    // Where we let go it was we who took it off, whatever the link still says.
    if input.had_label && !has_label && let_go.is_none() {
        return Verdict::OptedOut;
    }
    // What we wrote before we let go, and nobody has changed since, is still known to be ours when the contact comes back.
    let bases = [held.as_ref().map(|s| &s.base), input.link_base, let_go.as_ref().map(|s| &s.base)];
    let mut draft = Draft::new(input, bases.into_iter().flatten().next());
    if input.policy != Policy::Link {
        input.desired.left_out.iter().for_each(|part| draft.keep(part.field(), "left out: too much for one contact"));
        draft.names();
        draft.birthday();
        draft.organizations();
        draft.lists();
    }
    draft.labels(has_label);
    if input.policy != Policy::Link {
        // Last: it is what gives way when a contact grows too large.
        draft.biography();
    }
    Verdict::Merged(Box::new(draft.finish(held.as_ref())))
}

/// A merge under way.
struct Draft<'a> {
    input: &'a Merge<'a>,
    /// What we wrote before.
    base: Base,
    /// What we wrote for other CRM contacts, whose person was merged with this one's: never taken away for this one's sake.
    others: Base,
    /// What this change writes.
    written: Base,
    change: Change,
    kept: Vec<Kept>,
    /// Entries that Google still takes.
    room: usize,
    /// Bytes that lists may still grow by, once one wants to.
    bytes: Option<usize>,
}

/// Entries that Google takes of one contact.
const ENTRIES: usize = 500;
/// Bytes that Google takes of one contact, less what it adds by itself.
const BYTES: usize = 120 * 1024;
const ENTRIES_ARE_FULL: &str = "no room: Google takes 500 entries of a contact";
const BYTES_ARE_FULL: &str = "no room: Google takes 128 KB of a contact";

/// Bytes of something on the wire.
fn bytes(part: &impl Serialize) -> usize {
    serde_json::to_string(part).map_or(usize::MAX, |text| text.len())
}

fn others(input: &Merge<'_>) -> Base {
    let mut all = Base::default();
    let others = stamps_of(input.person).into_iter().filter(|s| !s.released);
    let others = others.filter(|s| s.account != *input.account || s.contact != input.contact);
    others.for_each(|stamp| all.extend(stamp.base));
    all
}

impl<'a> Draft<'a> {
    fn new(input: &'a Merge<'a>, base: Option<&Base>) -> Self {
        let (base, others, change) = (base.cloned().unwrap_or_default(), others(input), Change::of(input.person));
        // Name, company, birthday, note, label and stamp always find room.
        let room = ENTRIES.saturating_sub(input.person.entries() + 6);
        Self { input, base, others, written: Base::default(), change, kept: Vec::new(), room, bytes: None }
    }

    /// Whether this value is there for this contact alone.
    fn is_ours(&self, part: Part, key: &str) -> bool {
        self.base.has(part, key) && !self.others.has(part, key)
    }

    /// Whether one more entry finds room; else it is left out, and that is said.
    fn finds_room(&mut self, field: Field, entry: &impl Serialize) -> bool {
        let size = bytes(entry);
        let left = *self.bytes.get_or_insert_with(|| BYTES.saturating_sub(bytes(self.input.person)));
        match (self.room, left.checked_sub(size)) {
            (0, _) => self.keep(field, ENTRIES_ARE_FULL),
            (_, None) => self.keep(field, BYTES_ARE_FULL),
            (_, Some(left)) => {
                self.room -= 1;
                self.bytes = Some(left);
                return true;
            }
        }
        false
    }

    /// Whether the reading may lack something of this part.
    fn is_uncertain(&self, part: Part) -> bool {
        self.input.partial || self.input.desired.uncertain.contains(&part)
    }

    fn keep(&mut self, field: Field, why: &'static str) {
        let kept = Kept { field, why };
        if !self.kept.contains(&kept) {
            self.kept.push(kept);
        }
    }

    fn finish(mut self, held: Option<&Stamp>) -> Merged {
        let base = self.base_after();
        let origin = held.map_or(self.input.origin, |stamp| stamp.origin);
        let is_needed = held.is_none() || !self.change.mask.is_empty();
        if is_needed {
            // The stamp goes with every change, so that values and their hashes are one atomic write.
            let stamp = Stamp {
                account: self.input.account.clone(),
                contact: self.input.contact.to_owned(),
                origin,
                op: self.input.op.to_owned(),
                released: false,
                base: base.clone(),
            };
            self.change.person.client_data = stamped(self.input.person, &stamp);
            self.change.note(Field::ClientData, "stamped");
        }
        Merged { change: is_needed.then_some(self.change), base, origin, kept: self.kept }
    }

    /// What we wrote and is still there or still wanted. A wanted value that the user took out stays known, so that it is
    /// never put back; one that neither side has any more is forgotten.
    fn base_after(&mut self) -> Base {
        let Merge { desired, person, partial, more_labels, .. } = *self.input;
        let after = self.change.applied_to(person);
        let labels = after.labels().chain(more_labels.iter().map(String::as_str)).map(|l| (Part::Label, l.to_owned()));
        let wanted = desired.keys();
        let silent = |hash: &ValueHash| !wanted.iter().any(|(part, _)| hash.is_of(*part));
        let unread = |hash: &ValueHash| desired.uncertain.iter().any(|part| hash.is_of(*part));
        let there = keys_of(&after, &desired.region);
        let alive: Base = wanted.iter().cloned().chain(there).chain(labels).collect();
        let mut base = std::mem::take(&mut self.base);
        // A partial reading that is silent about a part does not say that its values are unwanted.
        base.retain(|hash| alive.contains(hash) || (partial && silent(hash)) || unread(hash));
        base.extend(std::mem::take(&mut self.written));
        base
    }
}
