use proptest::prelude::*;

use super::{Candidate, Evidence, Hit, MOST_SUGGESTIONS, Verdict, identify};
use crate::{
    contact::{Contact, Name},
    google::person::{NameValue, Person, PersonMetadata},
    plan::{
        identifiers::Identifier,
        names::{Relation, relate},
    },
};

const EMAIL: &str = "jean@example.com";
const ROLE: &str = "info@example.com";
const PHONE: &str = "+15145550123";

/// The CRM contact of every test.
fn jean() -> Contact {
    let name = Name { given: "Jean".into(), family: "Roy".into(), ..Name::default() };
    Contact { name, ..Contact::default() }
}

/// `resource given family`; a resource that begins with `t` is taken.
fn candidate(text: &str) -> Candidate<'static> {
    let mut words = text.split(' ').map(str::to_owned);
    let mut next = || words.next().unwrap_or_default();
    let resource_name = next();
    let name = NameValue { given_name: next(), family_name: next(), ..NameValue::default() };
    let taken = resource_name.starts_with('t');
    let person = Person { resource_name, names: vec![name.into()], ..Person::default() };
    Candidate { person: Box::leak(Box::new(person)), taken }
}

/// An e-mail address, a phone number, or else a full name.
fn identifier(text: &str) -> Identifier {
    let by_name = || crate::plan::identifiers::identifiers_of_contact(&jean(), "CA").pop();
    Identifier::email(text).or_else(|| Identifier::phone(text, "CA")).or_else(by_name).unwrap()
}

/// `(identifier, CRM contacts with it, persons with it)`.
type Case<'a> = (&'a str, usize, &'a [&'a str]);

fn decide(cases: &[Case<'_>]) -> Verdict {
    let persons: Vec<Vec<_>> = cases.iter().map(|(.., p)| p.iter().map(|p| candidate(p)).collect()).collect();
    let hits = cases.iter().zip(&persons).map(|((i, crm_contacts, _), persons)| Hit {
        identifier: identifier(i),
        crm_contacts: *crm_contacts,
        persons: persons.iter().collect(),
    });
    identify(&jean(), &hits.collect::<Vec<_>>())
}

fn adopt(resource: &str, by: Evidence) -> Verdict {
    Verdict::Adopt { resource: resource.into(), by }
}

fn adopts(cases: &[Case<'_>], resource: &str, by: Evidence) {
    assert_eq!(decide(cases), adopt(resource, by), "{cases:?}");
}

fn creates(cases: &[Case<'_>]) {
    assert_eq!(decide(cases), Verdict::Create, "{cases:?}");
}

/// `suggestions`: `resource` and its evidence, in order.
fn asks(cases: &[Case<'_>], why: &str, suggestions: &[(&str, Evidence)]) {
    let Verdict::NeedsYou(question) = decide(cases) else { panic!("{cases:?}: {:?}", decide(cases)) };
    let suggested: Vec<_> = question.candidates.iter().map(|s| (s.resource.as_str(), s.evidence.clone())).collect();
    let expected: Vec<_> = suggestions.iter().map(|(r, e)| (*r, e.to_string())).collect();
    assert_eq!((question.why.as_str(), suggested), (why, expected), "{cases:?}");
}

#[test]
fn nobody_with_anything_in_common_is_created() {
    creates(&[]);
    creates(&[(EMAIL, 1, &[]), (PHONE, 1, &[]), ("name", 1, &[])]);
}

#[test]
fn a_unique_email_adopts_unless_the_names_contradict() {
    adopts(&[(EMAIL, 1, &["a Jean Roy"])], "a", Evidence::EmailAndName);
    adopts(&[(EMAIL, 1, &["a J. Roy"])], "a", Evidence::Email);
    adopts(&[(EMAIL, 1, &["a"])], "a", Evidence::EmailAlone);
    let why = "same e-mail, but the names contradict";
    asks(&[(EMAIL, 1, &["a Julie Roy"])], why, &[("a", Evidence::EmailAgainstName)]);
}

#[test]
fn an_address_of_a_function_needs_names_that_agree() {
    adopts(&[(ROLE, 1, &["a Jean Roy"])], "a", Evidence::EmailAndName);
    adopts(&[(ROLE, 1, &["a J. Roy"])], "a", Evidence::Email);
    creates(&[(ROLE, 1, &["a"])]);
    creates(&[(ROLE, 1, &["a Julie Roy"])]);
    creates(&[(ROLE, 3, &["a", "b Julie Roy"])]);
    let why = "same e-mail, but several contacts have it";
    asks(&[(ROLE, 3, &["a Jean Roy", "b Julie Roy"])], why, &[("a", Evidence::SharedEmail)]);
}

#[test]
fn a_unique_phone_adopts_only_with_names_that_agree() {
    adopts(&[(PHONE, 1, &["a Jean Roy"])], "a", Evidence::PhoneAndName);
    adopts(&[(PHONE, 1, &["a Jean"])], "a", Evidence::Phone);
    creates(&[(PHONE, 1, &["a Julie Roy"])]);
    let why = "same phone, but too little of a name to compare";
    asks(&[(PHONE, 1, &["a"])], why, &[("a", Evidence::PhoneAlone)]);
    asks(&[(PHONE, 1, &["a Roy"])], why, &[("a", Evidence::PhoneAlone)]);
}

#[test]
fn what_several_crm_contacts_share_only_suggests() {
    let email = "same e-mail, but several contacts have it";
    asks(&[(EMAIL, 2, &["a Jean Roy"])], email, &[("a", Evidence::SharedEmail)]);
    asks(&[(EMAIL, 2, &["a"])], email, &[("a", Evidence::SharedEmail)]);
    let phone = "same phone, but several contacts have it";
    asks(&[(PHONE, 2, &["a Jean Roy"])], phone, &[("a", Evidence::SharedPhone)]);
    creates(&[(EMAIL, 2, &["a Julie Roy"]), (PHONE, 2, &["a Julie Roy", "b Marc Roy"])]);
}

#[test]
fn what_several_persons_share_only_suggests_those_whose_names_allow_it() {
    let two = "2 Google contacts could be this one";
    let both = [("a", Evidence::SharedEmail), ("b", Evidence::SharedEmail)];
    asks(&[(EMAIL, 1, &["b", "a Jean Roy"])], two, &both);
    let one = "same phone, but several contacts have it";
    asks(&[(PHONE, 1, &["a Jean Roy", "b Julie Roy"])], one, &[("a", Evidence::SharedPhone)]);
}

#[test]
fn a_person_that_has_the_identifier_twice_is_one_person() {
    adopts(&[(EMAIL, 1, &["a Jean Roy", "a Jean Roy"])], "a", Evidence::EmailAndName);
}

#[test]
fn a_taken_person_is_no_candidate_and_shares_nothing() {
    creates(&[(EMAIL, 2, &["t Jean Roy"]), (PHONE, 2, &["t Jean Roy"]), ("name", 2, &["t Jean Roy"])]);
    adopts(&[(EMAIL, 1, &["t Jean Roy", "a Jean Roy"])], "a", Evidence::EmailAndName);
}

#[test]
fn a_tombstone_is_no_candidate() {
    let metadata = Some(PersonMetadata { deleted: Some(true), ..PersonMetadata::default() });
    let gone = Person { metadata, ..candidate("a Jean Roy").person.clone() };
    let candidate = Candidate { person: &gone, taken: false };
    let hit = Hit { identifier: identifier(EMAIL), crm_contacts: 1, persons: vec![&candidate] };
    assert_eq!(identify(&jean(), &[hit]), Verdict::Create);
}

#[test]
fn identifiers_that_agree_on_one_person_adopt_by_the_strongest() {
    adopts(&[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["a Jean Roy"])], "a", Evidence::EmailAndName);
    adopts(&[(EMAIL, 2, &["a J. Roy"]), (PHONE, 1, &["a J. Roy"])], "a", Evidence::Phone);
    adopts(&[(PHONE, 1, &["a Jean Roy"]), ("name", 1, &["a Jean Roy"])], "a", Evidence::PhoneAndName);
    adopts(&[(EMAIL, 1, &["a"]), (PHONE, 1, &["a"])], "a", Evidence::EmailAlone);
}

#[test]
fn a_household_phone_of_relatives_does_not_hinder_a_unique_email() {
    adopts(&[(EMAIL, 1, &["a Jean Roy"]), (PHONE, 3, &["b Julie Roy", "c Marc Roy"])], "a", Evidence::EmailAndName);
}

#[test]
fn two_acceptable_persons_are_a_question() {
    let two = "2 Google contacts could be this one";
    asks(
        &[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["b J. Roy"])],
        two,
        &[("b", Evidence::Email), ("a", Evidence::PhoneAndName)],
    );
    asks(
        &[(EMAIL, 1, &["b Jean Roy"]), ("name", 1, &["a Jean Roy"])],
        two,
        &[("b", Evidence::EmailAndName), ("a", Evidence::NameAlone)],
    );
    asks(
        &[(PHONE, 1, &["a Jean Roy"]), (EMAIL, 1, &["b Julie Roy"])],
        two,
        &[("a", Evidence::PhoneAndName), ("b", Evidence::EmailAgainstName)],
    );
}

#[test]
fn a_name_alone_only_suggests() {
    let why = "same name, but no e-mail or phone that settles it";
    asks(&[("name", 1, &["a Jean Roy"])], why, &[("a", Evidence::NameAlone)]);
    creates(&[("name", 1, &["a Jean Gagnon"])]);
}

#[test]
fn a_switchboard_of_hundreds_is_asked_about_in_short() {
    let persons: Vec<String> = (0..300).map(|i| format!("a{i}")).collect();
    let persons: Vec<&str> = persons.iter().map(String::as_str).collect();
    let Verdict::NeedsYou(question) = decide(&[(PHONE, 1, &persons)]) else { panic!("not asked") };
    assert_eq!(question.why, "300 Google contacts could be this one");
    assert_eq!(question.candidates.len(), MOST_SUGGESTIONS);
}

const PERSONS: [&str; 8] =
    ["a Jean Roy", "b J. Roy", "c", "d Julie Roy", "t1 Jean Roy", "t2", "e Jean-François Roy", "f Roy"];

prop_compose! {
    /// Up to four hits, with any of the persons each.
    fn some_cases()(cases in prop::collection::vec(
        (prop::sample::select(vec![EMAIL, ROLE, PHONE, "name"]), 1_usize..3,
         prop::sample::subsequence(PERSONS.to_vec(), 0..4)), 0..5,
    )) -> Vec<(&'static str, usize, Vec<&'static str>)> {
        cases
    }
}

fn decide_owned(cases: &[(&'static str, usize, Vec<&'static str>)]) -> Verdict {
    decide(&cases.iter().map(|(i, n, p)| (*i, *n, p.as_slice())).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn a_taken_person_is_never_adopted_or_suggested(cases in some_cases()) {
        match decide_owned(&cases) {
            Verdict::Adopt { resource, .. } => prop_assert!(!resource.starts_with('t')),
            Verdict::NeedsYou(q) => prop_assert!(q.candidates.iter().all(|s| !s.resource.starts_with('t'))),
            Verdict::Create => {}
        }
    }

    #[test]
    fn it_never_adopts_when_two_persons_are_acceptable(cases in some_cases()) {
        let Verdict::Adopt { resource, .. } = decide_owned(&cases) else { return Ok(()) };
        // A name that agrees is acceptable with every kind of identifier but the name itself.
        for (_, _, persons) in cases.iter().filter(|(i, ..)| *i != "name") {
            for other in persons.iter().map(|p| candidate(p)).filter(|c| !c.taken) {
                let agrees = relate(&jean(), other.person) <= Relation::Compatible;
                prop_assert!(!agrees || other.person.resource_name == resource);
            }
        }
    }

    #[test]
    fn a_contradicting_name_is_never_adopted(cases in some_cases()) {
        let Verdict::Adopt { resource, .. } = decide_owned(&cases) else { return Ok(()) };
        let adopted = PERSONS.iter().map(|p| candidate(p)).find(|c| c.person.resource_name == resource).unwrap();
        prop_assert_ne!(relate(&jean(), adopted.person), Relation::Contradict);
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
