//! Properties that everything built on a town relies on.

use std::collections::BTreeMap;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::*;

type Is<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn google_values<'a>(person: &'a Value, field: &str) -> Vec<&'a str> {
    person[field].as_array().into_iter().flatten().filter_map(|item| item["value"].as_str()).collect()
}

/// Every e-mail (lower case) and every number (last ten digits) of a side, with how many have it.
fn identifiers<'a>(contacts: impl Iterator<Item = (Vec<&'a str>, Vec<&'a str>)>) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for (emails, phones) in contacts {
        let mut own: Vec<_> =
            emails.iter().map(|e| e.to_lowercase()).chain(phones.iter().map(|p| last_ten(p))).collect();
        own.sort();
        own.dedup();
        own.into_iter().for_each(|key| *seen.entry(key).or_insert(0) += 1);
    }
    seen
}

fn crm_identifiers(town: &Town) -> BTreeMap<String, usize> {
    let drafts = town.crm.iter().filter_map(Value::as_object);
    identifiers(drafts.map(|draft| (every(draft, "email").collect(), every(draft, "phone").collect())))
}

fn google_identifiers(people: &[Value]) -> BTreeMap<String, usize> {
    identifiers(
        people.iter().map(|person| (google_values(person, "emailAddresses"), google_values(person, "phoneNumbers"))),
    )
}

#[test]
fn the_same_seed_builds_the_same_town_and_another_seed_another() {
    assert_eq!(town(3, 120, 60, 20), town(3, 120, 60, 20));
    assert_ne!(town(3, 120, 60, 20), town(4, 120, 60, 20));
}

#[test]
fn the_same_people_share_an_identifier_that_is_unique_on_both_sides() {
    let town = town(11, 500, 200, 120);
    assert_eq!((town.crm.len(), town.google.len(), town.same.len()), (500, 200, 120));
    let (crm, google) = (crm_identifiers(&town), google_identifiers(&town.google));
    for (id, index) in &town.same {
        let contact = town.crm.iter().find(|contact| contact["id"] == id.as_str()).and_then(Value::as_object).unwrap();
        let own = google_identifiers(&town.google[*index..=*index]);
        let of_contact =
            identifiers([(every(contact, "email").collect(), every(contact, "phone").collect())].into_iter());
        let shared: Vec<_> = own.keys().filter(|key| of_contact.contains_key(*key)).collect();
        assert!(!shared.is_empty(), "{id} shares nothing");
        for key in shared {
            assert_eq!((crm[key], google[key]), (1, 1), "{key} of {id} is not unique");
        }
        assert_eq!(
            own.keys().filter(|key| crm.contains_key(*key)).count(),
            own.keys().filter(|key| of_contact.contains_key(*key)).count()
        );
    }
}

#[test]
fn strangers_share_no_identifier_and_no_full_name_with_the_crm() {
    let town = town(12, 500, 300, 50);
    let crm = crm_identifiers(&town);
    let names: BTreeSet<_> = town.crm.iter().filter_map(Value::as_object).map(|draft| name_keys(draft).0).collect();
    let same: BTreeSet<_> = town.same.iter().map(|(_, index)| *index).collect();
    let strangers: Vec<_> = (0..300).filter(|index| !same.contains(index)).map(|index| &town.google[index]).collect();
    assert_eq!(strangers.len(), 250);
    for person in strangers {
        let name = &person["names"][0];
        let full = format!("{} {}", name["givenName"].as_str().unwrap(), name["familyName"].as_str().unwrap());
        assert!(!names.contains(&names::folded(&full)), "{full}");
        assert!(google_identifiers(std::slice::from_ref(person)).keys().all(|key| !crm.contains_key(key)));
    }
}

#[test]
fn two_thirds_of_a_small_crm_can_be_known_to_google() {
    let most = town(11, 500, 500, 500).same.len();
    assert!((300..360).contains(&most), "{most}");
}

#[test]
fn no_two_personal_contacts_share_an_identifier() {
    assert!(google_identifiers(&town(13, 300, 300, 100).google).values().all(|count| *count == 1));
}

#[test]
fn every_kind_of_dirt_is_there_at_five_hundred() {
    let town = town(14, 500, 10, 5);
    let (crm, emails) = (&town.crm, |c: &Value| every(c.as_object().unwrap(), "email").count());
    let shared = crm_identifiers(&town);
    let text = |contact: &Value, key: &str| contact[key].as_str().unwrap_or_default().to_owned();
    let phone = |pattern: fn(&str) -> bool| move |contact: &Value| contact["phone"].as_str().is_some_and(pattern);
    let named = |c: &Value| !text(c, "firstName").is_empty() || !text(c, "lastName").is_empty();
    let kinds: Vec<(&str, Is<'_>)> = vec![
        ("lower case", Box::new(|c| named(c) && text(c, "firstName") == text(c, "firstName").to_lowercase())),
        ("no name", Box::new(|c| !named(c) && (c["email"].is_string() || c["phone"].is_string()))),
        ("one part", Box::new(|c| text(c, "firstName").contains(' ') && c["lastName"].is_null())),
        ("sample", Box::new(|c| text(c, "firstName").starts_with("(Example) "))),
        ("invalid phone", Box::new(phone(|p| p.len() == 11 && p.starts_with("+1") || p.starts_with("+17865568954")))),
        ("no phone at all", Box::new(phone(|p| !p.contains(|c: char| c.is_ascii_digit())))),
        ("foreign phone", Box::new(phone(|p| p.starts_with("+86")))),
        ("odd format", Box::new(phone(|p| p.starts_with('(')))),
        ("extension", Box::new(phone(|p| p.ends_with("12") && (p.contains('x') || p.contains(";ext="))))),
        ("several e-mails", Box::new(|c| emails(c) > 2)),
        ("several phones", Box::new(|c| every(c.as_object().unwrap(), "phone").count() > 2)),
        ("plus address", Box::new(|c| text(c, "email").contains('+'))),
        ("e-mail case", Box::new(|c| text(c, "email") != text(c, "email").to_lowercase())),
        ("odd domain", Box::new(|c| text(c, "email").ends_with(".comm"))),
        ("placeholder", Box::new(|c| ["null", "N/A", "-"].contains(&text(c, "lastName").as_str()))),
        ("dnd", Box::new(|c| c["dnd"] == true)),
        ("tags", Box::new(|c| c["tags"].is_array())),
        ("two company names", Box::new(|c| c["businessName"].is_string() && c["businessName"] != c["companyName"])),
        ("company only", Box::new(|c| !named(c) && c["companyName"].is_string())),
        ("address", Box::new(|c| c["postalCode"].is_string())),
        ("odd address", Box::new(|c| text(c, "city") == "RIVIÈRE-NOIRE")),
        ("country only", Box::new(|c| c["country"].is_string() && c["city"].is_null())),
        ("custom object", Box::new(|c| c["customFields"][3]["value"].is_object())),
        ("owner", Box::new(|c| c["assignedTo"] == town.owners[0]["id"])),
        ("deleted owner", Box::new(|c| c["assignedTo"] == town.owners[3]["id"])),
        ("unknown owner", Box::new(|c| text(c, "assignedTo").starts_with("u5erJamais"))),
        ("birthday", Box::new(|c| text(c, "dateOfBirth").ends_with("T00:00:00.000Z"))),
        ("decomposed", Box::new(|c| !is_nfc(&text(c, "firstName")))),
        ("composed", Box::new(|c| text(c, "firstName").nfd().to_string() != text(c, "firstName"))),
        ("emoji", Box::new(|c| text(c, "firstName").contains('🏡'))),
        ("other script", Box::new(|c| c["lastName"] == "陈")),
        ("website", Box::new(|c| text(c, "website").starts_with("https://"))),
        ("ssn", Box::new(|c| c["ssn"].is_string())),
        (
            "nothing",
            Box::new(|c| !named(c) && c["email"].is_null() && c["phone"].is_null() && c["companyName"].is_null()),
        ),
        ("shared phone", Box::new(|c| shared.get(&last_ten(&text(c, "phone"))).is_some_and(|n| *n > 1))),
        ("shared e-mail", Box::new(|c| shared.get(&text(c, "email").to_lowercase()).is_some_and(|n| *n > 1))),
    ];
    for (kind, is) in kinds {
        assert!(crm.iter().any(is), "no contact has: {kind}");
    }
}

#[test]
fn ids_are_unique_and_twenty_characters_long() {
    let town = town(15, 1000, 0, 0);
    let ids: BTreeSet<_> = town.crm.iter().filter_map(|contact| contact["id"].as_str()).collect();
    assert_eq!(ids.len(), 1000);
    assert!(ids.iter().all(|id| id.len() == 20));
}
