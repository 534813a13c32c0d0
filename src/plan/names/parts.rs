//! Compares given and family names part by part, in every reading that the two writings allow.

use super::{Called, Relation, nicknames, spelling};

/// The best reading of both names. Where the family name starts is taken as written, but when one name has all the words
/// of the other it may start elsewhere too ([`Called::starts`]): else Marie Claude Roy would be Marie-Ève Roy.
pub(super) fn relate_parts(a: &Called, b: &Called) -> Relation {
    let (a_words, b_words) = (a.words(), b.words());
    let whole = fits_either(&a_words, &b_words, near_given).is_some_and(|near| near < Near::Alike);
    let mut best = Relation::Contradict;
    for i in splits(a, whole) {
        for j in splits(b, whole) {
            best = best.min(relate_split(a_words.split_at(i), b_words.split_at(j)));
        }
        if best <= Relation::Compatible {
            break;
        }
    }
    if has_a_word_in_common(&a_words, &b_words) { best } else { best.max(Relation::Unknown) }
}

fn splits(name: &Called, elsewhere: bool) -> impl Iterator<Item = usize> {
    let written = name.given.len();
    let others = name.starts.iter().copied().filter(move |at| elsewhere && *at != written);
    std::iter::once(written).chain(others)
}

/// Initials alone are nothing in common.
fn has_a_word_in_common(a: &[String], b: &[String]) -> bool {
    let is_common = |x: &String, y: &String| near_given(x, y).is_some_and(|n| n != Near::Initial);
    a.iter().any(|x| !is_initial(x) && b.iter().any(|y| is_common(x, y)))
}

type Parts<'a> = (&'a [String], &'a [String]);

fn relate_split(a: Parts<'_>, b: Parts<'_>) -> Relation {
    straight(a, b).min(swapped(a, b))
}

fn straight(a: Parts<'_>, b: Parts<'_>) -> Relation {
    match (given(a.0, b.0), family(a.1, b.1)) {
        (Part::Clash, _) => Relation::Contradict,
        // Only the very same given name carries another family name: of Liz Roy and Elizabeth Gagnon too little is left.
        (Part::Agree(_), Part::Clash) if are_equal(a.0, b.0) && are_families(a, b) => Relation::Renamed,
        (_, Part::Clash) => Relation::Contradict,
        (Part::Agree(near), _) => near.into(),
        (Part::Loose, Part::Agree(_)) => Relation::Part,
        // A family name alone, or of Pierre and Jean-Pierre not even that.
        (Part::Missing | Part::Loose, _) => Relation::Fragment,
    }
}

/// Both parts must agree crosswise, as given names do: a reading that is bent cannot also be stretched.
fn swapped(a: Parts<'_>, b: Parts<'_>) -> Relation {
    match (given(a.0, b.1), given(a.1, b.0)) {
        (Part::Agree(x), Part::Agree(y)) => x.max(y).into(),
        (Part::Agree(_), Part::Missing) | (Part::Missing, Part::Agree(_)) => Relation::Fragment,
        _ => Relation::Contradict,
    }
}

/// How one part of two names relates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Missing,
    Agree(Near),
    Loose,
    Clash,
}

/// How near two words are, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Equal,
    Nickname,
    Initial,
    Part,
    Slip,
    Alike,
}

impl From<Near> for Relation {
    fn from(near: Near) -> Self {
        match near {
            Near::Equal => Self::Compatible,
            Near::Nickname => Self::Nickname,
            Near::Initial => Self::Initials,
            Near::Part => Self::Part,
            Near::Slip => Self::Misspelt,
            Near::Alike => Self::Alike,
        }
    }
}

/// Given names agree when one has all words of the other and both begin alike.
fn given(a: &[String], b: &[String]) -> Part {
    let (Some(x), Some(y)) = (a.first(), b.first()) else { return Part::Missing };
    let fit = fits_either(a, b, near_given).filter(|_| near_given(x, y).is_some());
    match fit {
        _ if a.concat() == b.concat() && !is_initial(&a.concat()) => Part::Agree(Near::Equal),
        Some(near) => Part::Agree(left_out(x == y, a, b, near)),
        None if nicknames::share_a_name(&a.join(" "), &b.join(" ")) => Part::Agree(Near::Nickname),
        None if has_all(a, b) || has_all(b, a) => Part::Loose,
        // A lone "M." that is not the initial is Monsieur.
        None if [a, b].iter().any(|part| matches!(part, [word] if word == "m")) => Part::Missing,
        None => Part::Clash,
    }
}

/// A middle name or its initial may be left out, the second half of Jean-François may not.
fn left_out(begin_equal: bool, a: &[String], b: &[String], near: Near) -> Near {
    let is_whole = a.first().is_some_and(|word| !is_initial(word));
    let begins_a_compound = begin_equal && a.first().is_some_and(|word| nicknames::begins_compounds(word));
    match near {
        Near::Equal | Near::Initial if a.len() != b.len() && begins_a_compound => near.max(Near::Part),
        Near::Initial if begin_equal && is_whole && !begins_a_compound => Near::Equal,
        _ => near,
    }
}

/// Of a double family name either half may be left out.
fn family(a: &[String], b: &[String]) -> Part {
    match fits_either(a, b, near_family) {
        _ if a.is_empty() || b.is_empty() => Part::Missing,
        _ if a.concat() == b.concat() => Part::Agree(Near::Equal),
        Some(near) => Part::Agree(near),
        None => Part::Clash,
    }
}

fn has_all(a: &[String], b: &[String]) -> bool {
    b.iter().all(|w| a.contains(w))
}

/// On both sides more than initials.
fn are_equal(a: &[String], b: &[String]) -> bool {
    a.concat() == b.concat() && [a, b].iter().all(|part| part.iter().any(|word| !is_initial(word)))
}

/// Whether what differs are the family names: where both are written family name first (Roy Julie and Roy Luc), it is not.
fn are_families(a: Parts<'_>, b: Parts<'_>) -> bool {
    let is_given = |part: &[String]| part.first().is_some_and(|word| nicknames::is_given_name(word));
    match (is_given(a.1), is_given(b.1)) {
        (true, true) => false,
        (false, false) => true,
        _ => is_given(a.0),
    }
}

type Nearness = fn(&str, &str) -> Option<Near>;

fn fits_either(a: &[String], b: &[String], near: Nearness) -> Option<Near> {
    match (fits(a, b, near), fits(b, a, near)) {
        (Some(x), Some(y)) => Some(x.min(y)),
        (x, y) => x.or(y),
    }
}

/// Whether each word of `small` has a word of its own in `large`, and how near the farthest pair is. The nearest pairs are
/// made first: an initial takes what is left.
fn fits(small: &[String], large: &[String], near: Nearness) -> Option<Near> {
    if small.len() > large.len() {
        return None;
    }
    let pairs = small.iter().enumerate().flat_map(|(i, word)| {
        let near = large.iter().enumerate().filter_map(move |(j, other)| near(word, other).map(|near| (near, i, j)));
        near.collect::<Vec<_>>()
    });
    let mut pairs: Vec<(Near, usize, usize)> = pairs.collect();
    pairs.sort_unstable();
    let (mut paired, mut taken) = (vec![false; small.len()], vec![false; large.len()]);
    let mut worst = Near::Equal;
    for (near, i, j) in pairs {
        if !paired[i] && !taken[j] {
            (paired[i], taken[j]) = (true, true);
            worst = worst.max(near);
        }
    }
    paired.iter().all(|paired| *paired).then_some(worst)
}

fn near_given(a: &str, b: &str) -> Option<Near> {
    match near_family(a, b).filter(|near| *near != Near::Slip) {
        None if nicknames::share_a_name(a, b) => Some(Near::Nickname),
        None if spelling::is_slip_in_given(a, b) => Some(Near::Slip),
        None if spelling::are_alike(a, b) => Some(Near::Alike),
        near => near,
    }
}

fn near_family(a: &str, b: &str) -> Option<Near> {
    match () {
        () if a == b => Some(Near::Equal),
        () if (is_initial(a) && b.starts_with(a)) || (is_initial(b) && a.starts_with(b)) => Some(Near::Initial),
        () if spelling::is_slip_in_family(a, b) => Some(Near::Slip),
        () => None,
    }
}

/// One Latin letter. One Chinese character is a whole name.
pub(super) fn is_initial(word: &str) -> bool {
    word.len() == 1 && word.starts_with(|c: char| c.is_ascii_alphabetic())
}
