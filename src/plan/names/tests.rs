use proptest::prelude::*;

use super::{
    Called, Relation,
    Relation::{Compatible, Contradict, Same, Unknown},
    relate, relate_called,
};
use crate::{
    contact::{Contact, Name},
    google::person::{Item, ItemMetadata, NameValue, OrganizationValue, Person, Source},
};

/// `given|family|company`, the last two optional.
fn parts(text: &str) -> [String; 3] {
    let mut parts = text.split('|').map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn contact(text: &str) -> Contact {
    let [given, family, company] = parts(text);
    Contact { name: Name { given, family, ..Name::default() }, company, ..Contact::default() }
}

fn person(text: &str) -> Person {
    let [given_name, family_name, company] = parts(text);
    let name = NameValue { given_name, family_name, ..NameValue::default() };
    let organization = OrganizationValue { name: company, ..OrganizationValue::default() };
    Person { names: vec![name.into()], organizations: vec![organization.into()], ..Person::default() }
}

fn check(table: &[(&str, &str, Relation)]) {
    for (a, b, relation) in table {
        assert_eq!(relate(&contact(a), &person(b)), *relation, "{a} / {b}");
        assert_eq!(relate(&contact(b), &person(a)), *relation, "{b} / {a}");
    }
}

#[test]
fn the_same_words_in_any_order_and_spelling_are_the_same() {
    check(&[
        ("Jean|Tremblay", "Jean|Tremblay", Same),
        ("JEAN|TREMBLAY", "jean|tremblay", Same),
        ("Hélène|Bélanger", "Helene|Belanger", Same),
        ("Jean|Tremblay", "Tremblay|Jean", Same),
        ("Jean Tremblay", "Jean|Tremblay", Same),
        ("|Jean Tremblay", "Jean|Tremblay", Same),
        ("Tremblay, Jean", "Jean|Tremblay", Same),
        ("Jean-François|Roy", "Jean François|Roy", Same),
        ("Julie|Tremblay-Gagnon", "Julie|Tremblay Gagnon", Same),
        ("Anne|St-Pierre", "Anne|Saint-Pierre", Same),
        ("Luc|Ste-Marie", "Luc|Sainte-Marie", Same),
        ("Marc|MacDonald", "Marc|Mac Donald", Same),
        ("Pat|O'Brien", "Pat|O’Brien", Same),
        ("Pat|O' Brien", "Pat|OBrien", Same),
        ("Mme Julie|Roy", "Julie|Roy", Same),
        ("Dr. Luc|Roy", "Luc|Roy", Same),
        ("(Example) Ted|Mosby", "Ted|Mosby", Same),
        ("[Sample] Ted Mosby", "Ted|Mosby", Same),
        ("(Sample Contact) Maria", "Maria", Same),
        ("Cher", "Cher", Same),
        ("|Tremblay", "Tremblay|", Same),
        ("王伟", "王伟", Same),
        ("王|伟", "伟|王", Same),
        ("Jean Jr|Roy", "Jean|Roy Junior", Same),
        ("Toitures Roy", "Toitures|Roy", Same),
    ]);
}

#[test]
fn a_shorter_writing_of_a_name_is_compatible() {
    check(&[
        ("J.|Tremblay", "Jean|Tremblay", Compatible),
        ("J.|Tremblay", "Julie|Tremblay", Compatible),
        ("J Tremblay", "Julie|Tremblay", Compatible),
        ("Tremblay J.", "Julie|Tremblay", Compatible),
        ("Jean|T.", "Jean|Tremblay", Compatible),
        ("Jean|Roy", "Jean-François|Roy", Compatible),
        ("Marie|Roy", "Marie-Claude|Roy", Compatible),
        ("J.-F.|Roy", "Jean-François|Roy", Compatible),
        ("JF|Roy", "Jean-François|Roy", Compatible),
        ("Jean M.|Roy", "Jean Michel|Roy", Compatible),
        ("Jean M.|Roy", "Jean|Roy", Compatible),
        ("Julie|Tremblay", "Julie|Tremblay-Gagnon", Compatible),
        ("Julie|Gagnon", "Julie|Tremblay-Gagnon", Compatible),
        ("Julie Tremblay Gagnon", "Julie|Tremblay", Compatible),
        ("Julie Tremblay Gagnon", "Julie Tremblay", Compatible),
        ("Jean-François|Tremblay", "Jean|Tremblay-Gagnon", Compatible),
        ("Jean", "Jean|Tremblay", Compatible),
        ("Marie-Claude", "Marie|", Compatible),
        ("Marie Claude", "Marie-Claude|Roy", Compatible),
        ("Tremblay Jean", "Jean-François|Tremblay", Compatible),
        ("Robert (Bob)|Roy", "Robert|Roy", Compatible),
        ("Jean|Roy notaire", "Jean|Roy", Compatible),
        ("J.|de la Fontaine", "Jean de la Fontaine", Compatible),
    ]);
}

#[test]
fn a_company_typed_as_the_name_is_compatible() {
    check(&[
        ("Jean|Roy|Toitures Roy inc.", "Toitures Roy", Compatible),
        ("Jean|Roy|Toitures Roy", "Toitures|Roy Inc", Compatible),
        ("||Toitures Roy", "Toitures Roy", Compatible),
        ("||Roy et Fils", "Roy & Fils ltée", Compatible),
        ("||Toitures Roy", "||Toitures Roy", Compatible),
        ("||(Example) MacLaren's Pub", "MacLarens Pub", Compatible),
        ("||Toitures Roy", "Jean|Roy|Toitures Roy", Unknown),
        ("||Toitures Roy", "||Toitures Gagnon", Unknown),
        ("Jean|Roy|Desjardins", "Luc|Gagnon|Desjardins", Contradict),
    ]);
}

#[test]
fn too_little_of_a_name_says_nothing() {
    check(&[
        ("", "Jean|Roy", Unknown),
        ("", "", Unknown),
        ("jean@example.com", "Jean|Roy", Unknown),
        ("+1 514 555-0123", "Jean|Roy", Unknown),
        ("😀", "Jean|Roy", Unknown),
        ("Mme|Tremblay", "Julie|Tremblay", Unknown),
        ("|Tremblay", "Julie|Tremblay", Unknown),
        ("Tremblay", "Julie|Tremblay", Unknown),
        ("Tremblay-Gagnon", "Julie|Tremblay-Gagnon", Unknown),
        ("J.|T.", "Jean|Tremblay", Unknown),
        ("J.|T.", "J.|T.", Unknown),
        ("Pierre|Roy", "Jean-Pierre|Roy", Unknown),
        ("Claude|Roy", "Marie Claude Roy", Unknown),
        ("Michel|Roy", "J. Michel|Roy", Unknown),
        ("Jean|Roy", "Jean|Roy Jr", Unknown),
        ("Jean|Roy", "Jean et Marie|Roy", Unknown),
    ]);
}

#[test]
fn relatives_and_strangers_contradict() {
    check(&[
        ("Jean|Tremblay", "Marc|Tremblay", Contradict),
        ("Jean|Tremblay", "Julie|Tremblay", Contradict),
        ("J.|Tremblay", "Marc|Tremblay", Contradict),
        ("M. Tremblay", "Jean|Tremblay", Contradict),
        ("Marie-Claude|Roy", "Marie-Ève|Roy", Contradict),
        ("Marie Claude Roy", "Marie-Ève|Roy", Contradict),
        ("Marie Claude Roy", "Marie Ève Roy", Contradict),
        ("Jean-Pierre|Roy", "Jean-Marc|Roy", Contradict),
        ("Marc J.|Tremblay", "Jean|Tremblay", Contradict),
        ("J.|Roy", "J.|Gagnon", Contradict),
        ("Julie|Tremblay", "Julie|Gagnon", Contradict),
        ("Jean|Roy Jr", "Jean|Roy Sr", Contradict),
        ("Jean|Roy fils", "Jean|Roy père", Contradict),
        ("Robert|Smith", "Bob|Smith", Contradict),
        ("Jean", "Marc", Contradict),
        ("Jean|", "|Tremblay", Contradict),
        ("Jean Tremblay", "Luc|Gagnon", Contradict),
        ("Jean Roy", "Jean Gagnon", Contradict),
        ("Martin|Jean", "Jean|Gagnon", Contradict),
        ("王|伟", "李|伟", Contradict),
    ]);
}

#[test]
fn a_text_of_a_thousand_words_is_compared_quickly() {
    let long = "Jean ".repeat(1000);
    let begun = std::time::Instant::now();
    assert_ne!(relate(&contact(&long), &person(&format!("{long} Roy"))), Same);
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn a_suffix_that_google_set_apart_still_tells_father_from_son() {
    let mut son = person("Jean|Roy");
    son.names[0].rest.insert("honorificSuffix".into(), "Jr.".into());
    assert_eq!(relate(&contact("Jean|Roy Sr"), &son), Contradict);
    assert_eq!(relate(&contact("Jean|Roy"), &son), Unknown);
}

#[test]
fn a_name_of_the_persons_own_profile_does_not_count() {
    let profile = Source { kind: "PROFILE".into(), ..Source::default() };
    let metadata = Some(ItemMetadata { source: Some(profile), ..ItemMetadata::default() });
    let name = NameValue { given_name: "Marc".into(), ..NameValue::default() };
    let nameless = Person { names: vec![Item { metadata, ..Item::from(name) }], ..Person::default() };
    assert_eq!(relate(&contact("Jean|Roy"), &nameless), Unknown);
}

#[test]
fn names_of_other_parts_and_the_same_letters_relate_alike_both_ways() {
    for ((a, b), (c, d)) in [(("a-a ", ""), ("", "aa ")), (("Mac Donald John", ""), ("John", "MacDonald"))] {
        let (x, y) = (Called::read(a, b), Called::read(c, d));
        assert_eq!(relate_called(&x, &y), relate_called(&y, &x), "{a}|{b} and {c}|{d}");
    }
}

proptest! {
    #[test]
    fn relating_is_symmetric_and_a_name_never_contradicts_itself(
        a in "([A-Ca-c]{1,3}[ -]){0,3}", b in "([A-Ca-c]{1,3}[ -]){0,3}", c in "([a-c]{1,2} ){0,2}", d in "([a-c]{1,2} ){0,2}"
    ) {
        let (x, y) = (Called::read(&a, &c), Called::read(&b, &d));
        prop_assert_eq!(relate_called(&x, &y), relate_called(&y, &x));
        prop_assert_ne!(relate_called(&x, &x), Contradict);
    }
}
