//! Single values: the three name parts, the birthday and the note. Each is written while Google's is blank or still the one we wrote;
//! an edit of the user's stays.

use super::{BYTES, BYTES_ARE_FULL, Draft, bytes};
use crate::{
    config::declared::Policy,
    google::person::{Field, Item, NameValue, NoteValue, Person},
    plan::{
        base::Base,
        canonical::{Part, birthday_key, is_contacts_own, name_key, note_key},
        change::as_written,
        desired::Desired,
        stamp::comes_first,
    },
};

/// What becomes of one single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// Nothing to do.
    Same,
    /// Google's stays, for this reason.
    Keep(&'static str),
    /// The CRM's is written where nothing stood.
    Fill,
    /// The CRM's is written over Google's; in these words.
    Replace(&'static str),
    /// Ours is taken out.
    Clear,
}

const EDITED: &str = "edited in Google, unchanged in the CRM";
const CLEARED: &str = "cleared in Google";
const USERS_OWN: &str = "the user's own";
const OTHERS: &str = "written for another CRM contact";
const UNKNOWN: &str = "the reading of the CRM may lack a part of it";
/// Google's stays where both sides changed.
pub(super) const BOTH_KEPT: &str = "changed on both sides: Google's stays, by the policy merge";
/// As [`BOTH_KEPT`], of a note.
pub(super) const NOTE_KEPT: &str = "changed on both sides: a note of the user's is never replaced";
/// The CRM's was written where both sides changed.
pub(super) const BOTH_REPLACED: &str = "changed on both sides: replaced, by the policy overwrite";
const REPLACED: &str = "replaced what we had written";
/// The CRM's was written over what is the user's own.
pub(super) const REPLACED_USERS: &str = "replaced the user's own, by the policy overwrite";

/// What holds for one value.
#[derive(Clone, Copy)]
struct Rule<'a> {
    part: Part,
    base: &'a Base,
    policy: Policy,
    /// Where the CRM's is empty, ours goes.
    clears: bool,
}

/// The rule for one value, on canonical forms.
fn choose(rule: Rule<'_>, google: &str, wanted: &str) -> Choice {
    let Rule { part, base, policy, clears } = rule;
    let is_ours = base.has(part, google);
    if wanted.is_empty() {
        return if clears && is_ours { Choice::Clear } else { Choice::Same };
    }
    if google == wanted {
        return Choice::Same;
    }
    let crm_is_unchanged = base.has(part, wanted);
    match (google.is_empty(), crm_is_unchanged) {
        (true, true) => Choice::Keep(CLEARED),
        (true, false) => Choice::Fill,
        (false, _) if is_ours => Choice::Replace(REPLACED),
        (false, true) => Choice::Keep(EDITED),
        // What we once wrote there is neither what the CRM says nor what stands in Google.
        (false, false) if base.has_any(part) && policy == Policy::Overwrite => Choice::Replace(BOTH_REPLACED),
        (false, false) if base.has_any(part) => Choice::Keep(BOTH_KEPT),
        (false, false) if policy == Policy::Overwrite => Choice::Replace(REPLACED_USERS),
        (false, false) => Choice::Keep(USERS_OWN),
    }
}

impl Draft<'_> {
    pub(super) fn names(&mut self) {
        let current = self.input.person.names.iter().find(|i| is_contacts_own(i)).cloned().unwrap_or_default();
        let wanted = self.input.desired.name_keys();
        let mut choices = wanted.clone().map(|(part, want)| {
            let google = name_key(name_part(&mut current.value.clone(), part));
            self.choose(part, &google, &want)
        });
        if !self.input.desired.name_is_known {
            let is_write = |c: Choice| matches!(c, Choice::Replace(_) | Choice::Clear);
            choices = choices.map(|c| if is_write(c) { Choice::Keep(UNKNOWN) } else { c });
        }
        if self.is_users_own(&current, &choices) {
            // `Papa` and `Jean Tremblay` must not become `Papa Tremblay`.
            choices = choices.map(|c| if c == Choice::Fill { Choice::Keep(USERS_OWN) } else { c });
        }
        let mut name = name_to_write(&current);
        for ((part, want), choice) in wanted.into_iter().zip(choices) {
            if self.settle(part, &want, choice) {
                want.clone_into(name_part(&mut name.value, part));
            }
        }
        if self.change.mask.contains(&Field::Names) {
            self.change.person.names = vec![name];
        }
    }

    pub(super) fn birthday(&mut self) {
        let Some(wanted) = self.input.desired.person().birthdays.pop() else { return };
        let current = self.input.person.birthdays.iter().find(|i| is_contacts_own(i)).cloned().unwrap_or_default();
        let want = birthday_key(&wanted);
        let choice = self.choose(Part::Birthday, &birthday_key(&current), &want);
        if self.settle(Part::Birthday, &want, choice) {
            let mut birthday = as_written(&current);
            birthday.value = wanted.value;
            // Deprecated, and it would contradict the date.
            birthday.rest.remove("text");
            self.change.person.birthdays = vec![birthday];
        }
    }

    /// The note. What a person has written down is nobody's to replace, whatever the policy: only ours is.
    pub(super) fn biography(&mut self) {
        let desired = self.input.desired;
        let wanted = desired.person().biographies.pop().unwrap_or_default();
        let current = self.input.person.biographies.iter().find(|i| is_contacts_own(i)).cloned().unwrap_or_default();
        let (google, want) = (note_key(&current), note_key(&wanted));
        let clears = !self.is_mapped(Part::Note, String::new());
        let rule = Rule { part: Part::Note, base: &self.base, policy: Policy::Merge, clears };
        let mut choice = self.unless_others(choose(rule, &google, &want));
        if choice == Choice::Keep(BOTH_KEPT) {
            choice = Choice::Keep(NOTE_KEPT);
        }
        if matches!(choice, Choice::Replace(_)) && !desired.note_is_known {
            choice = Choice::Keep(UNKNOWN);
        }
        if matches!(choice, Choice::Fill | Choice::Replace(_)) && !self.has_room_for(&wanted) {
            choice = Choice::Keep(BYTES_ARE_FULL);
        }
        if self.settle(Part::Note, &want, choice) {
            let mut note = as_written(&current);
            note.value = wanted.value;
            self.change.person.biographies = if want.is_empty() { Vec::new() } else { vec![note] };
        }
    }

    fn has_room_for(&self, note: &Item<NoteValue>) -> bool {
        let others = Person { biographies: Vec::new(), ..self.change.applied_to(self.input.person) };
        bytes(&others).saturating_add(bytes(note)) <= BYTES
    }

    fn choose(&self, part: Part, google: &str, wanted: &str) -> Choice {
        let Desired { given, middle, family, name_is_whole, .. } = self.input.desired;
        let is_named = [given, middle, family].iter().any(|text| !text.is_empty());
        let clears = *name_is_whole && is_named && part.field() == Field::Names;
        let rule = Rule { part, base: &self.base, policy: self.input.policy, clears };
        self.unless_others(choose(rule, google, wanted))
    }

    /// Whether a value that is not ours may give way to the CRM's; what was decided is noted.
    pub(super) fn may_replace(&mut self, part: Part) -> bool {
        let is_first = comes_first(self.input.person, self.input.account, self.input.contact);
        let (by_merge, by_overwrite) = match self.base.has_any(part) {
            true => (BOTH_KEPT, BOTH_REPLACED),
            false => (USERS_OWN, REPLACED_USERS),
        };
        let choice = match self.input.policy {
            Policy::Overwrite if is_first => Choice::Replace(by_overwrite),
            Policy::Overwrite => Choice::Keep(OTHERS),
            Policy::Merge | Policy::Link => Choice::Keep(by_merge),
        };
        self.settle(part, "", choice)
    }

    /// Two CRM contacts on one person would write over each other for ever.
    fn unless_others(&self, choice: Choice) -> Choice {
        let writes = matches!(choice, Choice::Fill | Choice::Replace(_) | Choice::Clear);
        let is_others = writes && !comes_first(self.input.person, self.input.account, self.input.contact);
        if is_others { Choice::Keep(OTHERS) } else { choice }
    }

    /// Notes what was chosen; true when the value is to be written.
    fn settle(&mut self, part: Part, wanted: &str, choice: Choice) -> bool {
        let action = match choice {
            Choice::Same => return false,
            Choice::Keep(why) => {
                self.keep(part.field(), why);
                return false;
            }
            Choice::Fill => "filled in",
            Choice::Replace(how) => how,
            Choice::Clear => "took out what we had written",
        };
        self.change.note(part.field(), action);
        self.written.add(part, wanted);
        true
    }

    /// Whether the name as a whole is the user's, so that its blanks are theirs too.
    fn is_users_own(&self, current: &Item<NameValue>, choices: &[Choice; 3]) -> bool {
        let keeps = choices.iter().any(|c| matches!(c, Choice::Keep(EDITED | USERS_OWN | BOTH_KEPT)));
        // Google may hold a name that it could not take apart.
        let is_whole = current.value == NameValue::default() && current.rest.contains_key("unstructuredName");
        keeps || (is_whole && self.input.policy != Policy::Overwrite)
    }
}

/// The name as it is sent: prefix, suffix and phonetic parts stay, what Google derives from the parts goes.
fn name_to_write(current: &Item<NameValue>) -> Item<NameValue> {
    let mut name = as_written(current);
    for derived in ["displayName", "displayNameLastFirst", "unstructuredName"] {
        name.rest.remove(derived);
    }
    name
}

fn name_part(name: &mut NameValue, part: Part) -> &mut String {
    match part {
        Part::Given => &mut name.given_name,
        Part::Middle => &mut name.middle_name,
        _ => &mut name.family_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_is_written_only_over_a_blank_or_over_ours() {
        use Policy::{Merge, Overwrite};
        let ours = |values: &[&str]| values.iter().map(|v| (Part::Given, (*v).to_owned())).collect::<Base>();
        for (base, google, crm, policy, choice) in [
            (ours(&[]), "Maman", "", Overwrite, Choice::Same),
            (ours(&[]), "Anne", "Anne", Overwrite, Choice::Same),
            (ours(&[]), "", "Anne", Merge, Choice::Fill),
            (ours(&["Anne"]), "", "Anne", Overwrite, Choice::Keep(CLEARED)),
            (ours(&["Anne"]), "", "Annie", Merge, Choice::Fill),
            (ours(&["Anne"]), "Anne", "Annie", Merge, Choice::Replace(REPLACED)),
            (ours(&["Anne"]), "Maman", "Anne", Overwrite, Choice::Keep(EDITED)),
            (ours(&["Anne"]), "Maman", "Annie", Merge, Choice::Keep(BOTH_KEPT)),
            (ours(&["Anne"]), "Maman", "Annie", Overwrite, Choice::Replace(BOTH_REPLACED)),
            (ours(&[]), "Maman", "Anne", Merge, Choice::Keep(USERS_OWN)),
            (ours(&[]), "Maman", "Anne", Overwrite, Choice::Replace(REPLACED_USERS)),
        ] {
            let rule = Rule { part: Part::Given, base: &base, policy, clears: false };
            assert_eq!(choose(rule, google, crm), choice, "{base:?} {google} {crm} {policy:?}");
        }
        let base = ours(&["Anne"]);
        let rule = Rule { part: Part::Given, base: &base, policy: Merge, clears: true };
        assert_eq!(choose(rule, "Anne", ""), Choice::Clear);
        assert_eq!(choose(rule, "Maman", ""), Choice::Same, "only ours is taken out");
    }
}
