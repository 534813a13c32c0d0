//! The identity ladder below link and stamp: whether a contact without either is one of the people already in Google.
//!
//! A wrong join puts two people into one entry and cannot be seen afterwards, so it adopts only when nothing else fits.
//! The order in which contacts are looked at does not matter: of two that could both have a person by an identifier of
//! their own, the one with the e-mail has them, and with two e-mails or two numbers neither.

mod evidence;
mod known;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{contact::Contact, google::person::Person};

use super::{
    identifiers::Identifier,
    names::{Relation, relate},
};

pub use evidence::{Evidence, Rung, Standing};
pub use known::{Known, Persons};

/// A Google person that one of the contact's identifiers points to.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The person.
    pub person: &'a Person,
    /// Whether it carries an unreleased stamp of *another* contact of the same CRM account.
    pub taken: bool,
    /// The strongest identifier of the person that one other CRM contact alone has, and no other person.
    pub claim: Option<Rung>,
}

/// One identifier of the contact and who else has it.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// What they have in common.
    pub identifier: Identifier,
    /// CRM contacts of the account with it, this one included.
    pub crm_contacts: usize,
    /// Every Google person with it.
    pub persons: Vec<Candidate<'a>>,
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

/// Decides for a contact that has neither link nor stamp. The order of hits and persons does not matter.
///
/// A taken person belongs to another CRM contact, of which this one is a duplicate: it is never a candidate, else the
/// two contacts would overwrite each other for ever. What it has still is not unique.
pub fn identify(contact: &Contact, hits: &[Hit<'_>]) -> Verdict {
    let mut found = found(contact, hits);
    found.sort_by_cached_key(|one| (one.best().map(Evidence::rank), one.resource));
    let Some((first, others)) = found.split_first() else { return Verdict::Create };
    match first.best() {
        Some(by) if by.decides() && others.iter().all(|other| other.yields_to(by)) => {
            Verdict::Adopt { resource: first.resource.to_owned(), by }
        }
        _ if others.is_empty() => ask(first.words(), &found),
        _ => ask(format!("{} Google contacts could be this one", found.len()), &found),
    }
}

fn ask(why: String, found: &[Found<'_>]) -> Verdict {
    let candidates = found.iter().take(MOST_SUGGESTIONS);
    let candidates = candidates.map(|f| Suggestion { resource: f.resource.to_owned(), evidence: f.words() });
    Verdict::NeedsYou(Question { why, candidates: candidates.collect() })
}

/// A person that something speaks for.
struct Found<'a> {
    resource: &'a str,
    /// The strongest first.
    evidence: Vec<Evidence>,
}

impl Found<'_> {
    fn best(&self) -> Option<Evidence> {
        self.evidence.first().copied()
    }

    /// Whoever has an identifier of the contact alone is a rival, whatever the names say.
    fn yields_to(&self, best: Evidence) -> bool {
        self.evidence.iter().all(|evidence| !evidence.is_own() && best.outweighs(evidence.names))
    }

    /// All that speaks for the person.
    fn words(&self) -> String {
        let facts: BTreeSet<String> = self.evidence.iter().map(|e| e.fact()).filter(|fact| !fact.is_empty()).collect();
        match self.best() {
            Some(best) if facts.len() > 1 => {
                format!("{}; {}", facts.into_iter().collect::<Vec<_>>().join("; "), best.names)
            }
            Some(best) => best.to_string(),
            None => String::new(),
        }
    }
}

fn found<'a>(contact: &Contact, hits: &[Hit<'a>]) -> Vec<Found<'a>> {
    let taken = taken(hits);
    let mut relations: BTreeMap<&str, Relation> = BTreeMap::new();
    let mut found: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for hit in hits {
        let there = there(hit);
        let shared = hit.crm_contacts > 1 || there.len() > 1;
        for (resource, candidate) in there.into_iter().filter(|(resource, _)| !taken.contains(resource)) {
            let names = *relations.entry(resource).or_insert_with(|| relate(contact, candidate.person));
            found.entry(resource).or_default().extend(Evidence::weigh(contact, hit, shared, candidate, names));
        }
    }
    found.retain(|_, evidence| !evidence.is_empty());
    found.values_mut().for_each(|evidence| evidence.sort_by_key(|e| e.rank()));
    found.into_iter().map(|(resource, evidence)| Found { resource, evidence }).collect()
}

fn taken<'a>(hits: &[Hit<'a>]) -> BTreeSet<&'a str> {
    let all = hits.iter().flat_map(|h| &h.persons);
    all.filter(|c| c.taken).map(|c| c.person.resource_name.as_str()).collect()
}

/// Each person once, even when it has the identifier twice; none that is gone.
fn there<'a, 'h>(hit: &'h Hit<'a>) -> BTreeMap<&'a str, &'h Candidate<'a>> {
    let there = hit.persons.iter().filter(|c| !c.person.is_deleted());
    there.map(|c| (c.person.resource_name.as_str(), c)).collect()
}

#[cfg(test)]
mod tests;
