//! Whether two names can be the same person's. Names never prove anything; they only agree, say nothing, or contradict.
//!
//! Where a wrong guess would join two people of one family, the answer is [`Relation::Unknown`]: an e-mail address may
//! still decide, a phone number may not. Nicknames (Bob, Robert) are deliberately not known: a person decides.

mod words;

pub use words::Called;
pub(super) use words::is_contacts_own;

use crate::{contact::Contact, google::person::Person};

/// How the names of the two sides relate, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The same words in any order.
    Same,
    /// One can be a shorter writing of the other.
    Compatible,
    /// One side has no name, or too little of one to tell (a family name, initials).
    Unknown,
    /// Two different people, as far as names can say.
    Contradict,
}

/// Relates a CRM contact's name to a Google person's.
pub fn relate(contact: &Contact, person: &Person) -> Relation {
    relate_called(&Called::in_crm(contact), &Called::in_google(person))
}

/// The same over words; symmetric.
pub fn relate_called(a: &Called, b: &Called) -> Relation {
    match relate_names(a, b) {
        Relation::Unknown | Relation::Contradict if one_is_called_like_the_company(a, b) => Relation::Compatible,
        relation => relation,
    }
}

/// People type a company where the name goes, on one side only. Two nameless entries of one company agree too.
fn one_is_called_like_the_company(a: &Called, b: &Called) -> bool {
    a.companies.contains(&b.typed)
        || b.companies.contains(&a.typed)
        || (a.typed.is_empty() && b.typed.is_empty() && a.companies.iter().any(|c| b.companies.contains(c)))
}

fn relate_names(a: &Called, b: &Called) -> Relation {
    if a.is_empty() || b.is_empty() {
        return Relation::Unknown;
    }
    let relation = if are_same(a, b) { Relation::Same } else { relate_parts(a, b) };
    match (a.generation, b.generation) {
        (Some(x), Some(y)) if x != y => Relation::Contradict,
        (x, y) if x != y || a.couple != b.couple => relation.max(Relation::Unknown),
        _ => relation,
    }
}

/// The same words in any order, or the same letters: "Mac Donald" is MacDonald, "O' Brien" is O'Brien.
fn are_same(a: &Called, b: &Called) -> bool {
    let letters = |name: &Called| [name.words().concat(), [&name.family[..], &name.given[..]].concat().concat()];
    let has_whole_word = |name: &Called| name.words().iter().any(|w| !is_initial(w));
    let same = a.sorted() == b.sorted() || letters(a).iter().any(|text| letters(b).contains(text));
    same && has_whole_word(a) && has_whole_word(b)
}

/// The best reading of both names. Where a name came in one part, any place may be where the family name starts, but
/// only when one name has all the words of the other: else Marie Claude Roy would be Marie-Ève Roy.
fn relate_parts(a: &Called, b: &Called) -> Relation {
    let (a_words, b_words) = (a.words(), b.words());
    let whole = fits_either(&a_words, &b_words);
    let mut best = Relation::Contradict;
    for i in splits(a, whole) {
        for j in splits(b, whole) {
            best = best.min(relate_split(a_words.split_at(i), b_words.split_at(j)));
        }
    }
    let shares_a_word = a_words.iter().any(|w| !is_initial(w) && b_words.contains(w));
    if shares_a_word { best } else { best.max(Relation::Unknown) }
}

fn splits(name: &Called, anywhere: bool) -> std::ops::RangeInclusive<usize> {
    let given = name.given.len();
    let all = given + name.family.len();
    // A text of hundreds of words is no name, and every pair of places would be tried.
    if name.guessed && anywhere && all <= 12 { 1..=all } else { given..=given }
}

type Parts<'a> = (&'a [String], &'a [String]);

fn relate_split(a: Parts<'_>, b: Parts<'_>) -> Relation {
    use Part::{Agree, Clash, Loose, Missing};
    let straight = match (given(a.0, b.0), family(a.1, b.1)) {
        (Clash, _) | (_, Clash) | (Missing, Missing) => Relation::Contradict,
        (Agree, _) => Relation::Compatible,
        // A family name alone, or "Pierre" for "Jean-Pierre": a relative as likely as the person.
        (Missing | Loose, _) => Relation::Unknown,
    };
    let swapped = match (given(a.0, b.1), given(a.1, b.0)) {
        (Agree, Agree) => Relation::Compatible,
        (Agree, Missing) | (Missing, Agree) => Relation::Unknown,
        _ => Relation::Contradict,
    };
    straight.min(swapped)
}

/// How one part of two names relates.
enum Part {
    Missing,
    Agree,
    Loose,
    Clash,
}

/// Given names agree when one has all words of the other and both begin alike.
fn given(a: &[String], b: &[String]) -> Part {
    match (a.first(), b.first()) {
        (Some(x), Some(y)) if fits_either(a, b) && is_alike(x, y) => Part::Agree,
        (Some(_), Some(_)) if has_all(a, b) || has_all(b, a) => Part::Loose,
        (Some(_), Some(_)) => Part::Clash,
        _ => Part::Missing,
    }
}

/// Of a double family name either half may be left out.
fn family(a: &[String], b: &[String]) -> Part {
    match (a.is_empty() || b.is_empty(), fits_either(a, b)) {
        (true, _) => Part::Missing,
        (false, true) => Part::Agree,
        (false, false) => Part::Clash,
    }
}

fn has_all(a: &[String], b: &[String]) -> bool {
    b.iter().all(|w| a.contains(w))
}

fn fits_either(a: &[String], b: &[String]) -> bool {
    fits(a, b) || fits(b, a)
}

/// Whether each word of `small` has a word of its own in `large`, initials standing for words.
fn fits(small: &[String], large: &[String]) -> bool {
    let mut free: Vec<&String> = large.iter().collect();
    // Whole words choose first: an initial can take what is left.
    let (initials, whole): (Vec<_>, Vec<_>) = small.iter().partition(|w| is_initial(w));
    whole.into_iter().chain(initials).all(|word| {
        let at = free.iter().position(|w| *w == word).or_else(|| free.iter().position(|w| is_alike(w, word)));
        at.map(|at| free.swap_remove(at)).is_some()
    })
}

fn is_alike(a: &str, b: &str) -> bool {
    a == b || (is_initial(a) && b.starts_with(a)) || (is_initial(b) && a.starts_with(b))
}

/// One Latin letter. One Chinese character is a whole name.
fn is_initial(word: &str) -> bool {
    word.len() == 1 && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
