//! One line of a plan: what would become of one CRM contact, and why.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{difference::Difference, identity::Suggestion};
use crate::{contact::Contact, google::person::Field};

/// What would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Made anew in Google.
    Create,
    /// Recognised in Google, and linked.
    Adopt,
    /// Linked, and different.
    Update,
    /// Taken out of the sync.
    Remove,
    /// Asked about: nobody may guess.
    NeedsYou,
    /// Left as its owner left it in Google, or left out by an answer.
    Refused,
    /// Outside the filter, or not to be recognised by anything.
    Skip,
    /// Cannot be told now: it is looked at again later.
    Wait,
}

/// One line of a plan. Two plans do the same to a contact if its entries are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The CRM's id of the contact.
    pub contact: String,
    /// What people call it; empty when nothing was read.
    pub name: String,
    /// What would be done.
    pub action: Action,
    /// The Google contact, `people/c…`, or empty.
    pub resource: String,
    /// Why, or what speaks for it, in words.
    pub why: String,
    /// What changes in Google; of a question, what a contact made for it would hold.
    pub fields: Vec<Difference>,
    /// Who it could be, if a person must decide.
    pub candidates: Vec<Suggestion>,
    /// What whoever applies it agrees to, if the brake watches over it , as the brake calls it.
    #[serde(default)]
    pub agrees: Option<String>,
}

/// The one write to Google that an entry stands for, as quotas count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new contact.
    Create,
    /// A change of these fields.
    Update(BTreeSet<Field>),
    /// To the trash.
    Delete,
}

impl Action {
    /// All, in the order in which a plan is read.
    pub const ALL: [Self; 8] =
        [Self::NeedsYou, Self::Remove, Self::Update, Self::Adopt, Self::Create, Self::Wait, Self::Refused, Self::Skip];
    /// Those that a run acts on.
    pub const ACTED_ON: [Self; 5] = [Self::Create, Self::Adopt, Self::Update, Self::Remove, Self::NeedsYou];

    /// Its word, for machines and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::NeedsYou => "needs-you",
            Self::Refused => "refused",
            Self::Skip => "skip",
            Self::Wait => "wait",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|action| action.code() == text.trim());
        found.ok_or_else(|| format!("\"{text}\" is none of {}", Self::ALL.map(Self::code).join(", ")))
    }
}

impl Entry {
    /// Whether a run does something with the contact.
    pub fn is_acted_on(&self) -> bool {
        Action::ACTED_ON.contains(&self.action)
    }

    /// Whether both do the same in Google. Why is another question.
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        let done = |entry: &Self| (entry.action, entry.resource.clone(), entry.fields.clone());
        self.contact == other.contact && done(self) == done(other)
    }
}

/// What people call a contact: its name and company, or what else it can be told by.
pub fn called(contact: &Contact) -> String {
    let name = [&contact.name.given, &contact.name.middle, &contact.name.family].map(|part| part.trim());
    let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let known: Vec<&str> = [name.as_str(), contact.company.trim()].into_iter().filter(|t| !t.is_empty()).collect();
    match known.as_slice() {
        [] => contact.emails.iter().chain(&contact.phones).next().cloned().unwrap_or_default(),
        _ => known.join(" / "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Name;

    #[test]
    fn every_action_is_read_back_from_its_word() {
        for action in Action::ALL {
            assert_eq!(action.code().parse(), Ok(action));
            assert_eq!(serde_json::to_value(action).unwrap(), action.code());
        }
        assert!("unchanged".parse::<Action>().unwrap_err().contains("needs-you, remove"));
    }

    #[test]
    fn a_contact_is_called_by_the_best_that_is_known_of_it() {
        let name = Name { given: "Anne".into(), family: "Roy".into(), ..Name::default() };
        let mut contact = Contact { name, company: "Nord".into(), ..Contact::default() };
        contact.emails = vec!["a@exemple.ca".into()];
        assert_eq!(called(&contact), "Anne Roy / Nord");
        contact.name = Name::default();
        assert_eq!(called(&contact), "Nord");
        contact.company.clear();
        assert_eq!(called(&contact), "a@exemple.ca");
        assert_eq!(called(&Contact::default()), "");
    }
}
