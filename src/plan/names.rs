//! Whether two names can be the same person's. Names never prove anything; they only agree, say nothing, or contradict.
//!
//! Each doubt has a name of its own, because an e-mail address bears more doubt than a phone number. A mailbox is one
//! person's more often than not, so whatever does not contradict is enough. A line is often a family's or an office's, and
//! that both sides know one owner of it does not mean that they know the same one: whatever two people of one family may
//! be called (J. for Jean and Julie, Bob the son of Robert, Marie the mother of Marie-Ève) leaves a phone number undecided.

mod keys;
mod marks;
mod nicknames;
mod parts;
mod spelling;
mod words;

use std::fmt;

pub use words::Called;
pub(super) use words::is_contacts_own;

use crate::{contact::Contact, google::person::Person};

use parts::{is_initial, relate_parts};

/// How the names of the two sides relate, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The same words in any order.
    Same,
    /// The same given name; of the rest, one side has more, less, or a slip of the pen.
    Compatible,
    /// Bob and Robert.
    Nickname,
    /// "J." and Jean, but also Julie.
    Initials,
    /// Marie and Marie-Ève, Pierre and Jean-Pierre.
    Part,
    /// A given name with a slip in it: Jonh and John.
    Misspelt,
    /// The same given name, another family name: Marie Tremblay and Marie Gagnon.
    Renamed,
    /// One side has no name, or only initials.
    Unknown,
    /// One side has only the family name, which a relative has too.
    Fragment,
    /// One has the name of a company, be it the other's.
    Company,
    /// The names would agree, but one is of a couple.
    Couple,
    /// The names would agree, but one is a Jr, a Sr, a "fils", and the other does not say.
    Generation,
    /// Given names that are a letter apart and both exist: Louis and Louise live under one roof, or one is a slip.
    Alike,
    /// Two different people, as far as names can say.
    Contradict,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same name",
            Self::Compatible => "one name is a fuller writing of the other",
            Self::Nickname => "the given name of one may be a short form of the other's",
            Self::Initials => "of the given name, one has only the initial",
            Self::Part => "the given names have only a part in common",
            Self::Misspelt => "the given names differ by a letter",
            Self::Company => "one has the name of a company",
            Self::Renamed => "same given name, another family name",
            Self::Unknown => "no names to compare",
            Self::Fragment => "of one, only a part of the name is known",
            Self::Couple => "one is the name of a couple",
            Self::Generation => "one of them is a junior or a senior, the other does not say",
            Self::Alike => "the given names are nearly alike: two of one family, or a slip of the pen",
            Self::Contradict => "the names contradict",
        })
    }
}

/// Relates a CRM contact's name to a Google person's.
pub fn relate(contact: &Contact, person: &Person) -> Relation {
    relate_called(&Called::in_crm(contact), &Called::in_google(person))
}

/// The same over words; symmetric.
pub fn relate_called(a: &Called, b: &Called) -> Relation {
    let named = relate_names(a, b);
    match companies(a, b) {
        Some(company) => named.min(company),
        // A company and a person do not contradict each other; the person may be whoever picks up the phone there.
        None if a.business != b.business && !a.is_empty() && !b.is_empty() => {
            if named == Relation::Contradict {
                Relation::Company
            } else {
                named
            }
        }
        None => named,
    }
}

/// People type a company where the name goes. Two entries that are both the company itself agree.
fn companies(a: &Called, b: &Called) -> Option<Relation> {
    let is_called_like = |x: &Called, y: &Called| y.companies.contains(&x.typed);
    let both = a.typed.is_empty() && b.typed.is_empty() && a.companies.iter().any(|c| b.companies.contains(c));
    match (is_called_like(a, b), is_called_like(b, a)) {
        _ if both => Some(Relation::Compatible),
        (true, _) if b.is_empty() => Some(Relation::Compatible),
        (_, true) if a.is_empty() => Some(Relation::Compatible),
        (true, _) | (_, true) => Some(Relation::Company),
        _ => None,
    }
}

fn relate_names(a: &Called, b: &Called) -> Relation {
    if a.is_empty() || b.is_empty() {
        return Relation::Unknown;
    }
    let relation = if are_same(a, b) { Relation::Same } else { relate_parts(a, b) };
    match (a.generation, b.generation) {
        (Some(x), Some(y)) if x != y => Relation::Contradict,
        (x, y) if x != y => relation.max(Relation::Generation),
        _ if a.couple != b.couple => relation.max(Relation::Couple),
        _ => relation,
    }
}

/// The same words in any order, or the same letters: "Mac Donald" is MacDonald, "Van der Berg" is Vanderberg.
fn are_same(a: &Called, b: &Called) -> bool {
    let letters = |name: &Called| [name.words().concat(), [&name.family[..], &name.given[..]].concat().concat()];
    let has_whole_word = |name: &Called| name.words().iter().any(|w| !is_initial(w));
    let same = a.sorted() == b.sorted() || letters(a).iter().any(|text| letters(b).contains(text));
    same && has_whole_word(a) && has_whole_word(b)
}

#[cfg(test)]
mod tests;
