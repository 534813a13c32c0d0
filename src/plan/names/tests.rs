use super::{
    Called, Relation,
    Relation::{
        Alike, Company, Compatible, Contradict, Couple, Fragment, Generation, Initials, Misspelt, Nickname, Part,
        Renamed, Same, Unknown,
    },
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
        ("Marc|McDonald", "Marc|MacDonald", Same),
        ("Marc|Van der Berg", "Marc|Vanderberg", Same),
        ("Marc|de la Fontaine", "MARC|DE LA FONTAINE", Same),
        ("Marc|L'Heureux", "Marc|L’heureux", Same),
        ("Zoë|Lemœur", "Zoe|Lemoeur", Same),
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
fn a_fuller_writing_of_a_name_with_the_same_given_name_is_compatible() {
    check(&[
        ("Jean|T.", "Jean|Tremblay", Compatible),
        ("Jean", "Jean|Tremblay", Compatible),
        ("Marie Claude", "Marie-Claude|Roy", Compatible),
        ("Robert M.|Roy", "Robert|Roy", Compatible),
        ("Robert James|Smith", "Robert J.|Smith", Compatible),
        ("Robert James|Smith", "Robert|Smith", Compatible),
        ("M. Jean|Tremblay", "Jean|Tremblay", Same),
        ("Mme Julie Tremblay", "Julie|Tremblay-Gagnon", Compatible),
        ("Julie|Tremblay", "Julie|Tremblay-Gagnon", Compatible),
        ("Julie|Gagnon", "Julie|Tremblay-Gagnon", Compatible),
        ("Julie|Gagnon", "Julie|Tremblay (Gagnon)", Compatible),
        ("Julie Tremblay Gagnon", "Julie|Tremblay", Compatible),
        ("Julie Tremblay Gagnon", "Julie Tremblay", Compatible),
        ("Julie Tremblay|Gagnon", "Julie|Tremblay", Compatible),
        ("Tremblay|Julie", "Julie Anne|Tremblay", Compatible),
        ("Jean|Roy notaire", "Jean|Roy", Compatible),
        ("Jean Roy|notaire", "Jean|Roy", Compatible),
        ("Jean Roy Desjardins", "Jean|Roy|Desjardins", Compatible),
        ("Jean Roy|Desjardins", "Jean|Roy", Compatible),
        ("Jean (Desjardins)|Roy", "Jean|Roy", Compatible),
        ("Marc|de la Fontaine", "Marc|Fontaine", Compatible),
        ("Mac|Roy", "Mac|Roy-Gagnon", Compatible),
    ]);
}

#[test]
fn a_slip_of_the_pen_in_the_family_name_is_compatible_in_the_given_name_it_is_doubtful() {
    check(&[
        ("Jean|Trembley", "Jean|Tremblay", Compatible),
        ("Jean|Gautier", "Jean|Gauthier", Compatible),
        ("Trembley Jean", "Tremblay|Jean", Misspelt),
        ("Jonh|Smith", "John|Smith", Misspelt),
        ("Fredric|Roy", "Frédéric|Roy", Misspelt),
        ("Fredric|Trembley", "Frédéric|Tremblay", Misspelt),
        ("Isabele", "Isabelle|Roy", Misspelt),
        ("Sylvai|Roy", "Sylvain|Roy", Alike),
        ("Léo|Roy", "Léa|Roy", Alike),
        ("Louis|Roy", "Louise|Gagnon", Contradict),
        // Both exist: two people of one family.
        ("Louis|Roy", "Louise|Roy", Alike),
        ("Michel|Roy", "Michèle|Roy", Alike),
        ("René|Roy", "Renée|Roy", Alike),
        ("Marie|Roy", "Mario|Roy", Alike),
        ("Lise|Roy", "Line|Roy", Alike),
        ("Martin|Roy", "Martine|Roy", Alike),
        ("Émile|Roy", "Émilie|Roy", Alike),
    ]);
}

#[test]
fn a_short_form_may_be_the_person() {
    check(&[
        ("Robert|Smith", "Bob|Smith", Nickname),
        ("Rob|Smith", "Bob|Smith", Nickname),
        ("Smith|Bob", "Robert|Smith", Nickname),
        // Here it is written that he is called so.
        ("Robert (Bob)|Roy", "Robert|Roy", Compatible),
        ("Robert (Bob)|Roy", "Bob|Roy", Compatible),
        ("Bob", "Robert|Smith", Nickname),
        ("Frédéric|Gagnon", "Fred|Gagnon", Nickname),
        ("Steph|Gagnon", "Stéphanie|Gagnon-Roy", Nickname),
        ("Cathy|Roy", "Catherine|Roy", Nickname),
        ("Alex|Roy", "Alexandre|Roy", Nickname),
        ("Alex|Roy", "Alexandra|Roy", Nickname),
        ("Jeff|Roy", "Jean-François|Roy", Nickname),
        ("Marie-Ève|Roy", "Mariève|Roy", Nickname),
        ("Marc|Roy", "Mark|Roy", Nickname),
        ("Bob|Trembley", "Robert|Tremblay", Nickname),
        ("Alexandre|Roy", "Alexandra|Roy", Alike),
        ("Stéphane|Roy", "Stéphanie|Roy", Alike),
        ("Guy|Roy", "Guillaume|Roy", Contradict),
        ("Robert|Roy", "Bill|Roy", Contradict),
        // Two doubts at once are one too many.
        ("Liz|Roy", "Elizabeth|Gagnon", Contradict),
    ]);
}

#[test]
fn initials_and_halves_of_a_given_name_may_be_a_relatives() {
    check(&[
        ("J.|Tremblay", "Jean|Tremblay", Initials),
        ("J.|Tremblay", "Julie|Tremblay", Initials),
        ("J Tremblay", "Julie|Tremblay", Initials),
        ("Tremblay J.", "Julie|Tremblay", Initials),
        ("J.-F.|Roy", "Jean-François|Roy", Initials),
        ("JF|Roy", "Jean-François|Roy", Initials),
        ("MC|Roy", "Marie-Claude|Roy", Initials),
        ("MC|Roy", "Marie-Christine|Roy", Initials),
        ("PL|Roy", "Pierre-Luc|Roy", Initials),
        ("Jean-F.|Roy", "Jean-François|Roy", Initials),
        ("J.|de la Fontaine", "Jean de la Fontaine", Initials),
        ("M. Tremblay", "Marc|Tremblay", Initials),
        ("Jean|Roy", "Jean-François|Roy", Part),
        ("Marie|Roy", "Marie-Claude|Roy", Part),
        ("Marie-Claude", "Marie|", Part),
        ("Jean M.|Roy", "Jean|Roy", Part),
        ("Jean Pierre Roy", "Jean|Roy", Part),
        ("Tremblay Jean", "Jean-François|Tremblay", Part),
        ("Jean-François|Tremblay", "Jean|Tremblay-Gagnon", Part),
        ("Pierre|Roy", "Jean-Pierre|Roy", Part),
        ("Claude|Roy", "Marie Claude Roy", Part),
        ("Michel|Roy", "J. Michel|Roy", Part),
    ]);
}

#[test]
fn another_family_name_with_the_very_same_given_name_may_be_a_marriage() {
    check(&[
        ("Marie|Tremblay", "Marie|Gagnon", Renamed),
        ("Marie-Claude|Tremblay", "Marie Claude|Gagnon", Renamed),
        ("Jean Roy", "Jean Gagnon", Renamed),
        ("Jean|Roy", "Jean|Plombier", Renamed),
        ("Jean|Roy|Desjardins", "Jean|Desjardins", Renamed),
        // Written family name first: husband and wife.
        ("Labelle|Alexandra", "Labelle|Frédéric", Contradict),
        ("Labelle Alexandra", "Labelle, Frédéric", Contradict),
        ("Martin-Labelle|Valérie", "Martin-Labelle|Luc", Contradict),
        ("Labelle|Alexandra", "Labelle|Ludger", Contradict),
        ("Marie|Martin", "Marie|Tremblay", Renamed),
        // Marie and Marie-Claude, J. and Jean, Bob and Robert: too little is left.
        ("Marie|Tremblay", "Marie-Claude|Gagnon", Contradict),
        ("J.|Roy", "J.|Gagnon", Contradict),
        ("J.|Roy", "Jean|Gagnon", Contradict),
        ("Bob|Roy", "Robert|Gagnon", Contradict),
    ]);
}

#[test]
fn a_company_typed_as_the_name_is_the_company_or_somebody_of_it() {
    check(&[
        ("||Toitures Roy", "Toitures Roy", Compatible),
        ("||Roy et Fils", "Roy & Fils ltée", Compatible),
        ("||Toitures Roy", "||Toitures Roy", Compatible),
        ("||(Example) MacLaren's Pub", "MacLarens Pub", Compatible),
        ("Jean|Roy|Toitures Roy inc.", "Toitures Roy", Company),
        ("Jean|Roy|Toitures Roy", "Toitures|Roy Inc", Company),
        ("||Toitures Roy", "Jean|Roy|Toitures Roy", Unknown),
        ("||Toitures Roy", "||Toitures Gagnon", Unknown),
        // A company's name beside a person's contradicts nothing, two companies' names contradict as two persons' do.
        ("Jean|Gagnon", "Toitures Roy", Company),
        ("Jean|Gagnon", "Garage Michel Roy", Company),
        ("Jean|Gagnon", "Boréal inc.", Company),
        ("Toitures Roy", "", Unknown),
        // A company behind a name makes no company of it.
        ("Luc|Gagnon", "Jean|Gagnon (Garage Roy)", Contradict),
        ("Luc|Gagnon", "Gagnon|Jean (Garage Roy)", Contradict),
        ("Luc|Gagnon", "Jean Gagnon inc.", Contradict),
        ("Garage Gagnon", "Toitures Roy", Contradict),
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
        ("Mme|Tremblay", "Julie|Tremblay", Fragment),
        ("Madame|Tremblay", "Julie|Tremblay", Fragment),
        ("M. Tremblay", "Jean|Tremblay", Fragment),
        ("|Tremblay", "Julie|Tremblay", Fragment),
        ("|Tremblay", "Julie Tremblay", Fragment),
        ("Tremblay", "Julie|Tremblay", Fragment),
        ("Tremblay", "Julie Tremblay", Fragment),
        ("Tremblay-Gagnon", "Julie|Tremblay-Gagnon", Fragment),
        ("Jean|", "|Tremblay", Fragment),
        ("J.|T.", "Jean|Tremblay", Unknown),
        ("J.|T.", "J.|T.", Unknown),
    ]);
}

#[test]
fn a_generation_or_a_couple_on_one_side_only_is_somebody_else_as_likely() {
    check(&[
        ("Jean|Roy", "Jean|Roy Jr", Generation),
        ("Bob|Roy", "Robert|Roy III", Generation),
        ("Jean|Roy", "Jean et Marie|Roy", Couple),
        ("Marie|Roy", "Jean & Marie|Roy", Couple),
        ("Jean et Marie|Roy", "Jean & Marie Roy", Same),
        ("Jean|Roy Jr", "Jean|Roy Sr", Contradict),
        ("Jean|Roy fils", "Jean|Roy père", Contradict),
        ("Luc|Roy", "Jean & Marie|Roy", Contradict),
    ]);
}

#[test]
fn relatives_and_strangers_contradict() {
    check(&[
        ("Jean|Tremblay", "Marc|Tremblay", Contradict),
        ("Jean|Tremblay", "Julie|Tremblay", Contradict),
        ("J.|Tremblay", "Marc|Tremblay", Contradict),
        ("Marie-Claude|Roy", "Marie-Ève|Roy", Contradict),
        ("Marie Claude Roy", "Marie-Ève|Roy", Contradict),
        ("Marie Claude Roy", "Marie Ève Roy", Contradict),
        ("Jean-Pierre|Roy", "Jean-Marc|Roy", Contradict),
        ("Robert James|Smith", "Robert Paul|Smith", Contradict),
        ("Marc J.|Tremblay", "Jean|Tremblay", Contradict),
        ("Jean", "Marc", Contradict),
        ("|Tremblay", "Jean|Gagnon", Contradict),
        ("Jean Tremblay", "Luc|Gagnon", Contradict),
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
    assert_eq!(relate(&contact("Jean|Roy"), &son), Generation);
}

#[test]
fn a_name_of_the_persons_own_profile_does_not_count() {
    let profile = Source { kind: "PROFILE".into(), ..Source::default() };
    let metadata = Some(ItemMetadata { source: Some(profile), ..ItemMetadata::default() });
    let name = NameValue { given_name: "Marc".into(), ..NameValue::default() };
    let nameless = Person { names: vec![Item { metadata, ..Item::from(name) }], ..Person::default() };
    assert_eq!(relate(&contact("Jean|Roy"), &nameless), Unknown);
}

mod properties;
