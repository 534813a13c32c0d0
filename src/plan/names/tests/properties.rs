//! What holds of all names.

use proptest::prelude::*;

use super::{super::is_initial, *};

#[test]
fn names_of_other_parts_and_the_same_letters_relate_alike_both_ways() {
    for ((a, b), (c, d)) in
        [(("a-a ", ""), ("", "aa ")), (("Mac Donald John", ""), ("John", "MacDonald")), (("éA-", "a "), ("é-a'", "b "))]
    {
        let (x, y) = (Called::read(a, b), Called::read(c, d));
        assert_eq!(relate_called(&x, &y), relate_called(&y, &x), "{a}|{b} and {c}|{d}");
    }
}

const GIVEN: &[&str] = &[
    "Jean",
    "J.",
    "JF",
    "Jean-François",
    "Jean Pierre",
    "Pierre",
    "Marie",
    "Marie-Ève",
    "Mariève",
    "Robert",
    "Bob",
    "Rob",
    "Robert James",
    "Robert J.",
    "Alex",
    "Alexandra",
    "Jonh",
    "John",
    "M.",
    "Mme Julie",
    "Jean et Marie",
    "Toitures",
    "",
];
const FAMILY: &[&str] = &[
    "Roy",
    "Tremblay",
    "Trembley",
    "Tremblay-Gagnon",
    "Gagnon",
    "T.",
    "St-Pierre",
    "de la Fontaine",
    "Roy Jr",
    "Roy père",
    "MacDonald",
    "Mc Donald",
    "O'Brien",
    "Roy inc.",
    "",
];

prop_compose! {
    /// A given and a family part as people write them, some in one part, some by chance.
    fn name()(
        given in prop::sample::select(GIVEN.to_vec()),
        family in prop::sample::select(FAMILY.to_vec()),
        (a, b) in ("([A-Ca-cé]{1,3}[ '-]){0,3}", "([a-cà]{1,4} ){0,2}"),
        form in 0..5,
    ) -> (String, String) {
        match form {
            0 => (a, b),
            1 => (format!("{given} {family}"), String::new()),
            2 => (String::new(), format!("{family} {given}")),
            _ => (given.to_owned(), family.to_owned()),
        }
    }
}

fn read((given, family): &(String, String)) -> Called {
    Called::read(given, family)
}

/// Accents come off and back on.
fn accented(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a' => 'â',
            'e' => 'é',
            'é' | 'è' => 'e',
            'o' => 'ô',
            'i' => 'ï',
            'ç' => 'c',
            c => c,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn relating_is_symmetric(a in name(), b in name()) {
        let (x, y) = (read(&a), read(&b));
        prop_assert_eq!(relate_called(&x, &y), relate_called(&y, &x));
    }

    #[test]
    fn a_name_is_the_same_as_itself_or_says_nothing(a in name()) {
        let x = read(&a);
        let relation = relate_called(&x, &x);
        let has_a_whole_word = x.words().iter().any(|w| !is_initial(w));
        let expected: &[Relation] = if has_a_whole_word { &[Same] } else { &[Unknown, Fragment] };
        prop_assert!(expected.contains(&relation), "{relation}");
    }

    #[test]
    fn case_and_accents_change_nothing(a in name(), b in name()) {
        let relation = relate_called(&read(&a), &read(&b));
        let loud = (a.0.to_uppercase(), a.1.to_uppercase());
        prop_assert_eq!(relate_called(&read(&loud), &read(&b)), relation);
        let other = (accented(&a.0), accented(&a.1));
        prop_assert_eq!(relate_called(&read(&other), &read(&b)), relation);
    }

    #[test]
    fn swapped_parts_are_the_same_name(a in name()) {
        let swapped = (a.1.clone(), a.0.clone());
        let x = read(&a);
        let has_a_whole_word = x.words().iter().any(|w| !is_initial(w));
        let relation = relate_called(&x, &read(&swapped));
        let expected: &[Relation] = if has_a_whole_word { &[Same] } else { &[Unknown, Fragment] };
        prop_assert!(expected.contains(&relation), "{relation}");
    }

    #[test]
    fn who_is_the_same_stays_the_same_with_swapped_parts(a in name(), b in name()) {
        let swapped = (a.1.clone(), a.0.clone());
        if relate_called(&read(&a), &read(&b)) == Same {
            prop_assert_eq!(relate_called(&read(&swapped), &read(&b)), Same);
        }
    }

    #[test]
    fn the_same_name_is_found_by_its_keys(a in name(), b in name()) {
        let (x, y) = (read(&a), read(&b));
        let sorted = x.sorted() == y.sorted();
        if sorted && relate_called(&x, &y) == Same {
            prop_assert!(x.words().len() < 2 || x.keys().intersection(&y.keys()).next().is_some());
        }
    }

    #[test]
    fn any_text_is_compared(a in ".{0,40}", b in ".{0,40}", c in ".{0,40}") {
        let (x, y) = (Called::read(&a, &b), Called::read(&c, ""));
        prop_assert_eq!(relate_called(&x, &y), relate_called(&y, &x));
        prop_assert!(x.keys().len() <= 8);
    }
}
