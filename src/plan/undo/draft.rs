//! One contact on its way back: its writes taken back one after the other, and the one update that comes of it.

use std::collections::BTreeSet;

use super::{Left, Reversal, Undo, Why, Write, fields};
use crate::{
    google::person::{Field, Person},
    plan::{
        base::Base,
        canonical::{Part, keys_of},
        change::Change,
        stamp::{Stamp, stamp_for, stamped},
    },
};

/// A contact on its way back.
pub(super) struct Draft<'a> {
    input: &'a Undo<'a>,
    person: &'a Person,
    now: Person,
    stamp: Stamp,
    left: BTreeSet<Field>,
}

impl<'a> Draft<'a> {
    pub fn new(input: &'a Undo<'a>, person: &'a Person, stamp: Stamp) -> Self {
        Self { input, person, now: person.clone(), stamp, left: BTreeSet::new() }
    }

    /// Takes the writes back, the newest first. `shared`: somebody else has the contact too, so that only our label goes.
    pub fn reverted(mut self, shared: bool) -> Reversal {
        let input = self.input;
        let mut is_held = !self.stamp.released;
        for write in input.writes.iter().rev() {
            let there = self.there();
            for field in &write.mask {
                if (!shared || *field == Field::Memberships) && self.revert(*field, write, shared) {
                    self.left.insert(*field);
                }
            }
            if write.mask.contains(&Field::ClientData) {
                let before = stamp_for(&write.before, input.account, input.contact);
                is_held = before.as_ref().is_some_and(|stamp| !stamp.released);
                if !shared {
                    self.rebase(before, &there);
                }
            }
        }
        if input.leaves {
            let label = input.label.filter(|_| !input.is_label_shared);
            fields::take_off(&mut self.now, |l| Some(l) == label);
        }
        // Who loses the label of the last sync that held it is nobody's any more.
        let is_given_up = self.is_labelled(self.person) && !self.is_labelled(&self.now);
        self.stamp.released = !input.is_held_by_others && (input.leaves || is_given_up || !is_held);
        self.finish(shared)
    }

    fn is_labelled(&self, person: &Person) -> bool {
        person.labels().any(|l| self.input.label == Some(l))
    }

    /// Whether something of the field stays as it is.
    fn revert(&mut self, field: Field, write: &Write, shared: bool) -> bool {
        if field != Field::Memberships {
            return fields::revert(field, &mut self.now, write);
        }
        let Undo { label, labels, is_label_shared, .. } = *self.input;
        let stays = |l: &str| if label == Some(l) { is_label_shared } else { shared };
        fields::labels(&mut self.now, write, labels, stays)
    }

    fn there(&self) -> Base {
        let labels = self.now.labels().map(|label| (Part::Label, label.to_owned()));
        keys_of(&self.now, self.input.region).into_iter().chain(labels).collect()
    }

    /// What was ours before is ours again, and what was just taken out is not: it may be written anew. What the user took out
    /// stays known, so that it stays out.
    fn rebase(&mut self, before: Option<Stamp>, was: &Base) {
        let there = self.there();
        self.stamp.base.retain(|hash| there.contains(hash) || !was.contains(hash));
        if let Some(before) = before {
            self.stamp.base.extend(before.base);
            self.stamp.origin = before.origin;
        }
    }

    fn finish(mut self, shared: bool) -> Reversal {
        let mut change = Change::of(self.person);
        for field in Field::ALL {
            if fields::differs(field, self.person, &self.now) {
                change.person.take(field, &self.now);
                change.note(field, "taken back");
            }
        }
        let held = stamp_for(self.person, self.input.account, self.input.contact);
        // The stamp goes with every change, so that what was done is known as done.
        if !change.mask.is_empty() || held.as_ref() != Some(&self.stamp) {
            self.input.op.clone_into(&mut self.stamp.op);
            change.person.client_data = stamped(self.person, &self.stamp);
            change.note(Field::ClientData, if self.stamp.released { "let go of" } else { "stamped" });
        }
        let left = match (shared, self.left.is_empty()) {
            (true, _) => Some(Left { why: Why::HeldByAnother, fields: self.written() }),
            (false, false) => Some(Left { why: Why::ChangedSince, fields: self.left }),
            (false, true) => None,
        };
        let left = left.filter(|left| !left.fields.is_empty());
        match change.mask.is_empty() {
            true => left.map_or(Reversal::Nothing, Reversal::Stays),
            false => Reversal::Update { change: Box::new(change), left },
        }
    }

    /// The fields with values of the contact's that the writes touched.
    fn written(&self) -> BTreeSet<Field> {
        let touched = self.input.writes.iter().flat_map(|write| {
            write.mask.iter().filter(|field| fields::differs(**field, &write.before, &write.after)).copied()
        });
        touched.filter(|field| !matches!(field, Field::ClientData | Field::Memberships)).collect()
    }
}
