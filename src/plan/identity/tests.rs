use proptest::prelude::*;

use super::{Candidate, Hit, MOST_SUGGESTIONS, Rung, Verdict, identify};
use crate::{
    contact::{Birthday, Contact, Name},
    google::person::{BirthdayValue, DateValue, NameValue, Person, PersonMetadata},
    plan::{
        identifiers::Identifier,
        names::{Relation, relate},
    },
};

mod order;

const EMAIL: &str = "jean@example.com";
const OTHER_EMAIL: &str = "jean.roy@example.com";
const ROLE: &str = "info@example.com";
const PHONE: &str = "+15145550123";
const TOLL_FREE: &str = "+18005550123";

/// The CRM contact of most tests.
fn jean() -> Contact {
    named("Jean Roy")
}

fn named(text: &str) -> Contact {
    let (given, family) = text.split_once(' ').unwrap_or((text, ""));
    Contact {
        name: Name { given: given.into(), family: family.into(), ..Name::default() },
        birthday: Birthday::read("1950-03-14"),
        ..Contact::default()
    }
}

/// `resource given family`; a resource that begins with `t` is taken, one with `e` or `p` is claimed by the e-mail or
/// phone of another CRM contact, one with `y` is born in 1980, one with `s` a month off.
fn candidate(text: &str) -> Candidate<'static> {
    let mut words = text.splitn(3, ' ').map(str::to_owned);
    let mut next = || words.next().unwrap_or_default();
    let resource_name = next();
    let name = NameValue { given_name: next(), family_name: next(), ..NameValue::default() };
    let taken = resource_name.starts_with('t');
    let claim = match resource_name.as_bytes()[0] {
        b'e' => Some(Rung::Email),
        b'p' => Some(Rung::Phone),
        _ => None,
    };
    let date = match resource_name.as_bytes()[0] {
        b'y' => Some(DateValue { year: 1980, month: 3, day: 14 }),
        b's' => Some(DateValue { year: 1950, month: 4, day: 14 }),
        _ => None,
    };
    let birthdays = date.map(|date| BirthdayValue { date: Some(date) }.into()).into_iter().collect();
    let person = Person { resource_name, names: vec![name.into()], birthdays, ..Person::default() };
    Candidate { person: Box::leak(Box::new(person)), taken, claim }
}

/// An e-mail address, a phone number, or else a full name.
fn identifier(text: &str) -> Identifier {
    let by_name = || crate::plan::identifiers::identifiers_of_contact(&jean(), "CA").pop();
    Identifier::email(text).or_else(|| Identifier::phone(text, "CA")).or_else(by_name).unwrap()
}

/// `(identifier, CRM contacts with it, persons with it)`.
type Case<'a> = (&'a str, usize, &'a [&'a str]);

fn decide_for(contact: &Contact, cases: &[Case<'_>]) -> Verdict {
    let hits = cases.iter().map(|(i, crm_contacts, persons)| Hit {
        identifier: identifier(i),
        crm_contacts: *crm_contacts,
        persons: persons.iter().map(|p| candidate(p)).collect(),
    });
    identify(contact, &hits.collect::<Vec<_>>())
}

fn decide(cases: &[Case<'_>]) -> Verdict {
    decide_for(&jean(), cases)
}

fn adopts(cases: &[Case<'_>], resource: &str, by: &str) {
    let Verdict::Adopt { resource: adopted, by: evidence } = decide(cases) else {
        panic!("{cases:?}: {:?}", decide(cases))
    };
    assert_eq!((adopted.as_str(), evidence.to_string().as_str()), (resource, by), "{cases:?}");
}

fn creates(cases: &[Case<'_>]) {
    assert_eq!(decide(cases), Verdict::Create, "{cases:?}");
}

/// `suggestions`: `resource` and its evidence, in order.
fn asks(cases: &[Case<'_>], why: &str, suggestions: &[(&str, &str)]) {
    let Verdict::NeedsYou(question) = decide(cases) else { panic!("{cases:?}: {:?}", decide(cases)) };
    let suggested: Vec<_> = question.candidates.iter().map(|s| (s.resource.as_str(), s.evidence.as_str())).collect();
    assert_eq!((question.why.as_str(), suggested), (why, suggestions.to_vec()), "{cases:?}");
}

/// One candidate, whose evidence is the whole question.
fn asks_about(cases: &[Case<'_>], resource: &str, evidence: &str) {
    asks(cases, evidence, &[(resource, evidence)]);
}

const TWO: &str = "2 Google contacts could be this one";

#[test]
fn nobody_with_anything_in_common_is_created() {
    creates(&[]);
    creates(&[(EMAIL, 1, &[]), (PHONE, 1, &[]), ("name", 1, &[])]);
}

/// How each relation of names is judged beside a unique e-mail, a unique phone, a shared phone, and alone.
#[test]
fn what_names_allow_depends_on_the_rung() {
    for (crm, google, email, phone, shared, alone) in [
        ("Jean Roy", "Jean Roy", "adopt", "adopt", "ask", "ask"),
        ("Jean Roy", "Roy Jean", "adopt", "adopt", "ask", "ask"),
        ("Jean Roy", "Jean", "adopt", "adopt", "ask", "ask"),
        ("Jean Roy", "Jean Roy-Gagnon", "adopt", "adopt", "ask", "ask"),
        ("Jean Tremblay", "Jean Trembley", "adopt", "adopt", "ask", "ask"),
        // Father Robert and his son Bob, one known here and one there, have one line; rarely one mailbox.
        ("Robert Roy", "Bob Roy", "adopt", "ask", "ask", "ask"),
        ("Stéphane Roy", "Steph Roy", "adopt", "ask", "ask", "ask"),
        // J. may be his wife Julie, Marie the mother of Marie-Ève, Jean-Claude's brother has his line too.
        ("Jean Roy", "J. Roy", "adopt", "ask", "ask", "create"),
        ("Jean-François Roy", "JF Roy", "adopt", "ask", "ask", "create"),
        ("Marie Roy", "Marie-Ève Roy", "adopt", "ask", "ask", "create"),
        ("Pierre Roy", "Jean-Pierre Roy", "adopt", "ask", "ask", "create"),
        // A slip of the pen, or two of one family.
        ("Ludovic Roy", "Ludovik Roy", "ask", "ask", "ask", "create"),
        ("Louis Roy", "Louise Roy", "ask", "ask", "ask", "create"),
        ("Frédéric Roy", "Fréderc Roy", "adopt", "ask", "ask", "create"),
        // Marie took another name, or the office has another Marie.
        ("Marie Tremblay", "Marie Gagnon", "adopt", "ask", "ask", "create"),
        ("Marie Tremblay", "Marie Tremblay-Gagnon", "adopt", "adopt", "ask", "ask"),
        ("Jean Roy", "", "adopt", "ask", "ask", "create"),
        // His wife's, his son's, his.
        ("Jean Roy", "M. Roy", "ask", "ask", "ask", "create"),
        ("Jean Roy", "Toitures Boréal", "ask", "ask", "ask", "create"),
        ("Jean Roy", "Jean Roy Jr", "ask", "ask", "ask", "ask"),
        ("Jean Roy", "Jean et Julie Roy", "ask", "ask", "ask", "ask"),
        ("Jean Roy", "Julie Roy", "ask", "create", "create", "create"),
        ("Jean Roy Sr", "Jean Roy Jr", "ask", "create", "create", "create"),
    ] {
        let word = |verdict: Verdict| match verdict {
            Verdict::Adopt { .. } => "adopt",
            Verdict::NeedsYou(_) => "ask",
            Verdict::Create => "create",
        };
        let person = format!("a {google}");
        let persons: &[&str] = &[&person];
        let of = |identifier, holders| word(decide_for(&named(crm), &[(identifier, holders, persons)]));
        let found = (of(EMAIL, 1), of(PHONE, 1), of(PHONE, 2), of("name", 1));
        assert_eq!(found, (email, phone, shared, alone), "{crm} / {google}");
    }
}

#[test]
fn the_evidence_is_told_in_words() {
    adopts(&[(EMAIL, 1, &["a Jean Roy"])], "a", "same e-mail; same name");
    adopts(&[(EMAIL, 1, &["a"])], "a", "same e-mail; no names to compare");
    adopts(&[(PHONE, 1, &["a Jean"])], "a", "same phone; one name is a fuller writing of the other");
    asks_about(&[(EMAIL, 1, &["a Julie Roy"])], "a", "same e-mail; the names contradict");
    asks_about(&[(PHONE, 1, &["a J. Roy"])], "a", "same phone; of the given name, one has only the initial");
    asks_about(&[("name", 1, &["a Jean Roy"])], "a", "same name, but no e-mail or phone that settles it");
    asks_about(
        &[(EMAIL, 2, &["a Jean Roy"]), (PHONE, 1, &["a Jean Roy", "b Julie Roy"])],
        "a",
        "same e-mail, but several contacts have it; same phone, but several contacts have it; same name",
    );
}

#[test]
fn an_address_of_a_function_and_a_toll_free_number_are_no_identity() {
    for (shared, what) in [(ROLE, "same e-mail"), (TOLL_FREE, "same phone")] {
        let evidence = |names: &str| format!("{what}, but it looks like an office's or a household's; {names}");
        asks_about(&[(shared, 1, &["a Jean Roy"])], "a", &evidence("same name"));
        asks_about(&[(shared, 1, &["a"])], "a", &evidence("no names to compare"));
        creates(&[(shared, 1, &["a Julie Roy"])]);
        creates(&[(shared, 3, &["a", "b Julie Roy", "c Jean Gagnon"])]);
        asks_about(&[(shared, 3, &["a Jean Roy", "b Julie Roy"])], "a", &evidence("same name"));
    }
}

#[test]
fn what_several_crm_contacts_share_only_suggests() {
    let email = "same e-mail, but several contacts have it; ";
    asks_about(&[(EMAIL, 2, &["a Jean Roy"])], "a", &format!("{email}same name"));
    asks_about(&[(EMAIL, 2, &["a"])], "a", &format!("{email}no names to compare"));
    asks_about(&[(PHONE, 2, &["a Jean Roy"])], "a", "same phone, but several contacts have it; same name");
    creates(&[(EMAIL, 2, &["a Julie Roy"]), (PHONE, 2, &["a Julie Roy", "b Marc Roy"])]);
}

#[test]
fn what_several_persons_share_only_suggests_those_whose_names_allow_it() {
    let email = "same e-mail, but several contacts have it; ";
    let (same, little) = (format!("{email}same name"), format!("{email}no names to compare"));
    asks(&[(EMAIL, 1, &["b", "a Jean Roy"])], TWO, &[("a", &same), ("b", &little)]);
    let phone = "same phone, but several contacts have it; same name";
    asks_about(&[(PHONE, 1, &["a Jean Roy", "b Julie Roy"])], "a", phone);
}

#[test]
fn a_person_that_has_the_identifier_twice_is_one_person() {
    adopts(&[(EMAIL, 1, &["a Jean Roy", "a Jean Roy"])], "a", "same e-mail; same name");
}

#[test]
fn a_taken_person_is_no_candidate_but_what_it_has_is_shared() {
    creates(&[(EMAIL, 2, &["t Jean Roy"]), (PHONE, 2, &["t Jean Roy"]), ("name", 2, &["t Jean Roy"])]);
    let evidence = "same e-mail, but several contacts have it; same name";
    asks_about(&[(EMAIL, 1, &["t Marc Roy", "a Jean Roy"])], "a", evidence);
    adopts(&[(EMAIL, 1, &["a Jean Roy"]), ("name", 1, &["a Jean Roy", "t Jean Roy"])], "a", "same e-mail; same name");
}

#[test]
fn a_tombstone_is_no_candidate() {
    let metadata = Some(PersonMetadata { deleted: Some(true), ..PersonMetadata::default() });
    let gone = Person { metadata, ..candidate("a Jean Roy").person.clone() };
    let candidate = Candidate { person: &gone, taken: false, claim: None };
    let hit = Hit { identifier: identifier(EMAIL), crm_contacts: 1, persons: vec![candidate] };
    assert_eq!(identify(&jean(), &[hit]), Verdict::Create);
}

#[test]
fn identifiers_that_agree_on_one_person_adopt_by_the_strongest() {
    adopts(&[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["a Jean Roy"])], "a", "same e-mail; same name");
    adopts(&[(EMAIL, 2, &["a Jean Roy"]), (PHONE, 1, &["a Jean Roy"])], "a", "same phone; same name");
    adopts(&[(PHONE, 1, &["a Jean Roy"]), ("name", 1, &["a Jean Roy"])], "a", "same phone; same name");
    let alone = "same e-mail; no names to compare";
    adopts(&[(EMAIL, 1, &["a"]), (PHONE, 1, &["a"])], "a", alone);
}

#[test]
fn who_only_shares_something_is_no_rival_to_whom_a_unique_email_points() {
    let by = "same e-mail; same name";
    adopts(&[(EMAIL, 1, &["a Jean Roy"]), (PHONE, 3, &["b Julie Roy", "c Marc Roy"])], "a", by);
    adopts(&[(EMAIL, 1, &["a Jean Roy"]), (PHONE, 2, &["b Jean Roy", "c Marc Roy"])], "a", by);
    adopts(&[(EMAIL, 1, &["b Jean Roy"]), ("name", 1, &["a Jean Roy"])], "b", by);
    // Of an address without a name to it, the namesake may be the better half.
    let little = "same e-mail; no names to compare";
    let name = "same name, but no e-mail or phone that settles it";
    asks(&[(EMAIL, 1, &["b"]), ("name", 1, &["a Jean Roy"])], TWO, &[("b", little), ("a", name)]);
    // And of two of one name, the line may be the other's.
    asks(
        &[(PHONE, 1, &["b Jean Roy"]), ("name", 1, &["a Jean Roy", "b Jean Roy"])],
        TWO,
        &[("b", "same phone; same name"), ("a", name)],
    );
}

#[test]
fn two_persons_with_an_identifier_of_their_own_are_a_question() {
    asks(
        &[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["b J. Roy"])],
        TWO,
        &[("b", "same e-mail; of the given name, one has only the initial"), ("a", "same phone; same name")],
    );
    asks(
        &[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["b Jean Roy"])],
        TWO,
        &[("b", "same e-mail; same name"), ("a", "same phone; same name")],
    );
    asks(
        &[(OTHER_EMAIL, 1, &["a Jean Roy"]), (EMAIL, 1, &["b Julie Roy"])],
        TWO,
        &[("a", "same e-mail; same name"), ("b", "same e-mail; the names contradict")],
    );
    asks(
        &[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["b Julie Roy"])],
        TWO,
        &[("a", "same phone; same name"), ("b", "same e-mail; the names contradict")],
    );
}

#[test]
fn whom_another_crm_contact_claims_as_well_is_asked_about() {
    let also = "but another CRM contact has an e-mail or phone of this one too; same name";
    asks_about(&[(EMAIL, 1, &["e Jean Roy"])], "e", &format!("same e-mail, {also}"));
    asks_about(&[(PHONE, 1, &["e Jean Roy"])], "e", &format!("same phone, {also}"));
    asks_about(&[(PHONE, 1, &["p Jean Roy"])], "p", &format!("same phone, {also}"));
    adopts(&[(EMAIL, 1, &["p Jean Roy"])], "p", "same e-mail; same name");
}

#[test]
fn two_birthdays_make_father_and_son_of_one_name() {
    asks_about(&[(EMAIL, 1, &["y Jean Roy"])], "y", "same e-mail, but another birthday; same name");
    asks_about(&[(PHONE, 1, &["y Jean Roy"])], "y", "same phone, but another birthday; same name");
    asks_about(&[("name", 1, &["y Jean Roy"])], "y", "same name, but another birthday");
    creates(&[(PHONE, 1, &["y Julie Roy"])]);
    adopts(&[(PHONE, 1, &["s Jean Roy"])], "s", "same phone; same name");
    let twisted = Contact { birthday: Birthday::read("1951-05-14"), ..jean() };
    assert!(matches!(decide_for(&twisted, &[(PHONE, 1, &["s Jean Roy"])]), Verdict::NeedsYou(_)));
    let filler = Contact { birthday: Birthday::read("1970-01-01"), ..jean() };
    assert!(matches!(decide_for(&filler, &[(PHONE, 1, &["y Jean Roy"])]), Verdict::Adopt { .. }));
}

#[test]
fn a_switchboard_of_hundreds_is_asked_about_in_short() {
    let persons: Vec<String> = (0..300).map(|i| format!("a{i}")).collect();
    let persons: Vec<&str> = persons.iter().map(String::as_str).collect();
    let Verdict::NeedsYou(question) = decide(&[(PHONE, 1, &persons)]) else { panic!("not asked") };
    assert_eq!(question.why, "300 Google contacts could be this one");
    assert_eq!(question.candidates.len(), MOST_SUGGESTIONS);
}

const PERSONS: [&str; 14] = [
    "a Jean Roy",
    "b J. Roy",
    "c",
    "d Julie Roy",
    "t1 Jean Roy",
    "t2",
    "f Jean-François Roy",
    "g Roy",
    "h Jean Gagnon",
    "i Jean Roy Jr",
    "k Jean et Julie Roy",
    "e Jean Roy",
    "p Jean Roy",
    "y Jean Roy",
];

prop_compose! {
    /// Up to four hits, with any of the persons each.
    fn some_cases()(cases in prop::collection::vec(
        (prop::sample::select(vec![EMAIL, OTHER_EMAIL, ROLE, PHONE, TOLL_FREE, "name"]), 1_usize..3,
         prop::sample::subsequence(PERSONS.to_vec(), 0..4)), 0..5,
    )) -> Vec<(&'static str, usize, Vec<&'static str>)> {
        cases
    }
}

fn decide_owned(cases: &[(&'static str, usize, Vec<&'static str>)]) -> Verdict {
    decide(&cases.iter().map(|(i, n, p)| (*i, *n, p.as_slice())).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_taken_person_is_never_adopted_or_suggested(cases in some_cases()) {
        match decide_owned(&cases) {
            Verdict::Adopt { resource, .. } => prop_assert!(!resource.starts_with('t')),
            Verdict::NeedsYou(q) => prop_assert!(q.candidates.iter().all(|s| !s.resource.starts_with('t'))),
            Verdict::Create => {}
        }
    }

    #[test]
    fn whom_it_adopts_only_the_two_have_the_identifier(cases in some_cases()) {
        let Verdict::Adopt { resource, by } = decide_owned(&cases) else { return Ok(()) };
        prop_assert!(by.decides());
        let is_own = |(i, crm_contacts, persons): &(&str, usize, Vec<&str>)| {
            let is_only = persons.iter().all(|p| p.split(' ').next() == Some(&resource));
            [EMAIL, OTHER_EMAIL, PHONE].contains(i) && *crm_contacts == 1 && !persons.is_empty() && is_only
        };
        prop_assert!(cases.iter().any(is_own), "{resource} {by}");
    }

    #[test]
    fn whose_name_speaks_against_it_is_never_adopted(cases in some_cases()) {
        let Verdict::Adopt { resource, by } = decide_owned(&cases) else { return Ok(()) };
        let adopted = PERSONS.iter().map(|p| candidate(p)).find(|c| c.person.resource_name == resource).unwrap();
        let most = if by.rung == Rung::Email { Relation::Unknown } else { Relation::Compatible };
        prop_assert!(relate(&jean(), adopted.person) <= most);
    }

    #[test]
    fn the_order_of_hits_and_persons_does_not_matter(cases in some_cases(), turn in 0_usize..5) {
        let mut other = cases.clone();
        other.reverse();
        let middle = turn.min(other.len());
        other.rotate_left(middle);
        other.iter_mut().for_each(|(_, _, persons)| persons.reverse());
        prop_assert_eq!(decide_owned(&cases), decide_owned(&other));
    }
}
