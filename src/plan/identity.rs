//! The identity ladder below link and stamp: whether a contact without either is one of the people already in Google.
//!
//! A wrong join puts two people into one entry and cannot be seen afterwards, so it adopts only when nothing else fits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{contact::Contact, google::person::Person};

use super::{
    identifiers::{Identifier, Kind},
    names::{Relation, relate},
};

/// A Google person that one of the contact's identifiers points to.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The person.
    pub person: &'a Person,
    /// Whether it carries an unreleased stamp of, or is linked to, *another* contact of the same CRM account.
    pub taken: bool,
}

/// One identifier of the contact and who else has it.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// What they have in common.
    pub identifier: Identifier,
    /// CRM contacts of the account with it, this one included.
    pub crm_contacts: usize,
    /// Every Google person with it.
    pub persons: Vec<&'a Candidate<'a>>,
}

/// What to do with the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody in Google is this contact.
    Create,
    /// This person is.
    Adopt {
        /// `people/c…`
        resource: String,
        /// The strongest reason.
        by: Evidence,
    },
    /// A person must decide.
    NeedsYou(Question),
}

/// What a person is asked; holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// In words.
    pub why: String,
    /// Who it could be, the likeliest first; at most [`MOST_SUGGESTIONS`].
    pub candidates: Vec<Suggestion>,
}

/// One of the answers to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// `people/c…`
    pub resource: String,
    /// What speaks for it, in words.
    pub evidence: String,
}

/// A switchboard's number may point to hundreds; nobody reads on after a few.
pub const MOST_SUGGESTIONS: usize = 20;

/// What connects contact and person, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Unique e-mail, same name.
    EmailAndName,
    /// Unique e-mail, compatible names.
    Email,
    /// Unique e-mail, nothing to compare.
    EmailAlone,
    /// Unique phone, same name.
    PhoneAndName,
    /// Unique phone, compatible names.
    Phone,
    /// E-mail that several have. From here on it only suggests.
    SharedEmail,
    /// Unique phone, nothing to compare.
    PhoneAlone,
    /// Phone that several have.
    SharedPhone,
    /// Unique e-mail, contradicting names.
    EmailAgainstName,
    /// Nothing but the name.
    NameAlone,
}

impl Evidence {
    /// Whether it is enough to adopt, if nothing else speaks for another.
    pub fn decides(self) -> bool {
        self < Self::SharedEmail
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmailAndName => "same e-mail, same name",
            Self::Email => "same e-mail, names do not contradict",
            Self::EmailAlone => "same e-mail, too little of a name to compare",
            Self::PhoneAndName => "same phone, same name",
            Self::Phone => "same phone, names do not contradict",
            Self::SharedEmail => "same e-mail, but several contacts have it",
            Self::PhoneAlone => "same phone, but too little of a name to compare",
            Self::SharedPhone => "same phone, but several contacts have it",
            Self::EmailAgainstName => "same e-mail, but the names contradict",
            Self::NameAlone => "same name, but no e-mail or phone that settles it",
        })
    }
}

/// Decides for a contact that has neither link nor stamp. The order of hits and persons does not matter.
///
/// A taken person belongs to another CRM contact, of which this one is a duplicate: it is never a candidate, else the
/// two contacts would overwrite each other for ever.
pub fn identify(contact: &Contact, hits: &[Hit<'_>]) -> Verdict {
    let mut found = strongest_of_each(contact, hits);
    match found.as_slice() {
        [] => Verdict::Create,
        [(by, resource)] if by.decides() => Verdict::Adopt { resource: (*resource).to_owned(), by: *by },
        [(by, _)] => ask(by.to_string(), &found),
        _ => {
            found.sort();
            ask(format!("{} Google contacts could be this one", found.len()), &found)
        }
    }
}

fn ask(why: String, found: &[(Evidence, &str)]) -> Verdict {
    let candidates = found.iter().take(MOST_SUGGESTIONS);
    let candidates = candidates.map(|(e, r)| Suggestion { resource: (*r).to_owned(), evidence: e.to_string() });
    Verdict::NeedsYou(Question { why, candidates: candidates.collect() })
}

/// Every person that something speaks for, each once, with the strongest evidence.
fn strongest_of_each<'a>(contact: &Contact, hits: &[Hit<'a>]) -> Vec<(Evidence, &'a str)> {
    let taken = taken(hits);
    let mut found: BTreeMap<&str, Evidence> = BTreeMap::new();
    for hit in hits {
        let free = free_persons(hit, &taken);
        let shared = hit.crm_contacts > 1 || free.len() > 1;
        for (resource, person) in free {
            let Some(evidence) = weigh(&hit.identifier, shared, relate(contact, person)) else { continue };
            found.entry(resource).and_modify(|e| *e = evidence.min(*e)).or_insert(evidence);
        }
    }
    found.into_iter().map(|(resource, evidence)| (evidence, resource)).collect()
}

fn taken<'a>(hits: &[Hit<'a>]) -> BTreeSet<&'a str> {
    let all = hits.iter().flat_map(|h| &h.persons);
    all.filter(|c| c.taken || c.person.is_deleted()).map(|c| c.person.resource_name.as_str()).collect()
}

/// Each person once, even when it has the identifier twice.
fn free_persons<'a>(hit: &Hit<'a>, taken: &BTreeSet<&str>) -> BTreeMap<&'a str, &'a Person> {
    let persons = hit.persons.iter().map(|c| (c.person.resource_name.as_str(), c.person));
    persons.filter(|(resource, _)| !taken.contains(resource)).collect()
}

/// What an identifier in common is worth, given how the names relate; `None` is nothing.
fn weigh(identifier: &Identifier, shared: bool, names: Relation) -> Option<Evidence> {
    use Relation::{Compatible, Contradict, Same, Unknown};
    match (identifier.kind(), shared, names) {
        // info@ is the office's: without a name that agrees it points to nobody.
        (Kind::Email, _, Unknown | Contradict) if identifier.is_role_address() => None,
        (Kind::Email, false, Same) => Some(Evidence::EmailAndName),
        (Kind::Email, false, Compatible) => Some(Evidence::Email),
        (Kind::Email, false, Unknown) => Some(Evidence::EmailAlone),
        (Kind::Email, false, Contradict) => Some(Evidence::EmailAgainstName),
        (Kind::Phone, false, Same) => Some(Evidence::PhoneAndName),
        (Kind::Phone, false, Compatible) => Some(Evidence::Phone),
        (Kind::Phone, false, Unknown) => Some(Evidence::PhoneAlone),
        // A household or an office line, or an address that a couple shares.
        (Kind::Phone, _, Contradict) | (Kind::Email, true, Contradict) => None,
        (Kind::Email, true, _) => Some(Evidence::SharedEmail),
        (Kind::Phone, true, _) => Some(Evidence::SharedPhone),
        (Kind::Name, _, Same) => Some(Evidence::NameAlone),
        (Kind::Name, _, _) => None,
    }
}

#[cfg(test)]
mod tests;
