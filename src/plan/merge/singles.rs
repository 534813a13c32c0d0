//! Single values: the three name parts and the birthday. Each is written while Google's is blank or still the one we wrote;
//! an edit of the user's stays.

use super::Draft;
use crate::{
    config::declared::Policy,
    google::person::{Field, Item, NameValue},
    plan::{
        base::Base,
        canonical::{Part, birthday_key, is_contacts_own, name_key},
        change::as_written,
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
    /// The CRM's is written over Google's.
    Replace,
}

const EDITED: &str = "edited in Google";
const CLEARED: &str = "cleared in Google";
const USERS_OWN: &str = "the user's own";
const OTHERS: &str = "written for another CRM contact";

/// The rule for one value, on canonical forms.
fn choose(part: Part, google: &str, wanted: &str, base: &Base, policy: Policy) -> Choice {
    if wanted.is_empty() || google == wanted {
        return Choice::Same;
    }
    let crm_is_unchanged = base.has(part, wanted);
    match (google.is_empty(), crm_is_unchanged) {
        (true, true) => Choice::Keep(CLEARED),
        (true, false) => Choice::Fill,
        (false, _) if base.has(part, google) => Choice::Replace,
        (false, true) => Choice::Keep(EDITED),
        (false, false) if policy == Policy::Overwrite => Choice::Replace,
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

    fn choose(&self, part: Part, google: &str, wanted: &str) -> Choice {
        let choice = choose(part, google, wanted, &self.base, self.input.policy);
        let writes = matches!(choice, Choice::Fill | Choice::Replace);
        // Two CRM contacts on one person would write over each other for ever.
        let is_others = writes && !comes_first(self.input.person, self.input.account, self.input.contact);
        if is_others { Choice::Keep(OTHERS) } else { choice }
    }

    /// Notes what was chosen; true when the value is to be written.
    fn settle(&mut self, part: Part, wanted: &str, choice: Choice) -> bool {
        match choice {
            Choice::Same => return false,
            Choice::Keep(why) => {
                self.keep(part.field(), why);
                return false;
            }
            Choice::Fill => self.change.note(part.field(), "filled in"),
            Choice::Replace => self.change.note(part.field(), "replaced"),
        }
        self.written.add(part, wanted);
        true
    }

    /// Whether the name as a whole is the user's, so that its blanks are theirs too.
    fn is_users_own(&self, current: &Item<NameValue>, choices: &[Choice; 3]) -> bool {
        let keeps = choices.iter().any(|c| matches!(c, Choice::Keep(EDITED | USERS_OWN)));
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
            (ours(&["Anne"]), "Anne", "Annie", Merge, Choice::Replace),
            (ours(&["Anne"]), "Maman", "Anne", Overwrite, Choice::Keep(EDITED)),
            (ours(&["Anne"]), "Maman", "Annie", Merge, Choice::Keep(USERS_OWN)),
            (ours(&["Anne"]), "Maman", "Annie", Overwrite, Choice::Replace),
            (ours(&[]), "Maman", "Anne", Merge, Choice::Keep(USERS_OWN)),
        ] {
            assert_eq!(choose(Part::Given, google, crm, &base, policy), choice, "{base:?} {google} {crm} {policy:?}");
        }
    }
}
