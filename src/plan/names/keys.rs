//! Keys by which the same full name is found again, however it was written. They only find: whether what they find can be
//! the same person is for [`relate`](super::relate) to say.

use std::collections::BTreeSet;

use super::{Called, nicknames, parts::is_initial};

/// Each key is kept for each contact, so a long name has the first few only.
const MOST_KEYS: usize = 8;

/// What stands before a family name and is left out as often as not.
const PARTICLES: [&str; 16] =
    ["al", "ben", "da", "de", "del", "den", "der", "di", "du", "el", "la", "le", "les", "saint", "van", "von"];

impl Called {
    /// The full name in all its writings: parts in any order, Bob as Robert, without middle names and initials, with
    /// either half of a double family name. Empty without two words to go by.
    pub fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for words in self.writings() {
            keys.extend(spellings(&words).into_iter().map(|mut words| {
                words.sort();
                words.join(" ")
            }));
        }
        keys.into_iter().take(MOST_KEYS).collect()
    }

    /// A company has no given name to begin with.
    fn writings(&self) -> Vec<Vec<String>> {
        let company = || self.companies.first().filter(|_| self.is_empty());
        let words: Vec<String> = company().cloned().unwrap_or_else(|| self.words());
        let whole: Vec<String> = words.iter().filter(|w| !is_initial(w)).cloned().collect();
        let words = if whole.len() >= 2 { whole } else { words };
        if words.len() < 2 {
            return Vec::new();
        }
        let mut writings = vec![words.clone()];
        let (first, rest) = words.split_at(if begins_with_a_compound(&words) { 2 } else { 1 });
        if rest.len() > 1 && !self.business && company().is_none() {
            // Where the family name starts is not sure in a name that came in one part.
            let is_family = |word: &&String| self.family.contains(word) || !nicknames::is_given_name(word);
            let families = rest.iter().filter(|word| !PARTICLES.contains(&word.as_str())).filter(is_family);
            writings.extend(families.map(|family| [first, std::slice::from_ref(family)].concat()));
            writings.push([first, &[self.family.concat()]].concat());
        }
        writings.retain(|words| words.iter().all(|word| !word.is_empty()));
        writings
    }
}

/// Jean Pierre Roy is not Jean Roy.
fn begins_with_a_compound(words: &[String]) -> bool {
    matches!(words, [a, b, _, ..] if nicknames::begins_compounds(a) && nicknames::is_given_name(b))
}

/// Every short form as the names that it may stand for.
fn spellings(words: &[String]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for word in words {
        let names = nicknames::names(word);
        let add =
            |begun: &Vec<String>, name: &str| begun.iter().cloned().chain(name.split(' ').map(str::to_owned)).collect();
        let longer = all.iter().flat_map(|begun| names.iter().map(move |name| add(begun, name)));
        all = longer.take(MOST_KEYS).collect();
    }
    all
}
