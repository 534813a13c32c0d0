//! Small worlds, whole: in whatever order the contacts come, in the end the same ones are the same people.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use proptest::prelude::*;

use crate::{
    contact::{AccountKey, Contact, Name},
    google::person::{NameValue, Person, TextValue},
    plan::{
        identifiers::{Identifier, Kind, identifiers_of_contact, identifiers_of_person},
        identity::{Known, Persons, Verdict, identify},
        stamp::{Origin, Stamp, stamped},
    },
};

const GIVEN: [&str; 6] = ["Jean", "J.", "Julie", "Jean-François", "", "Robert"];
const FAMILY: [&str; 4] = ["Roy", "Gagnon", "Roy-Gagnon", ""];
const EMAILS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "info@example.com"];
const PHONES: [&str; 4] = ["+15145550101", "+15145550102", "+15145550103", "+18005550123"];

#[derive(Clone, Debug)]
struct Entry {
    name: (&'static str, &'static str),
    emails: Vec<&'static str>,
    phones: Vec<&'static str>,
}

fn entry() -> impl Strategy<Value = Entry> {
    let some = |all: [&'static str; 4]| prop::sample::subsequence(all.to_vec(), 0..3);
    let name = (prop::sample::select(GIVEN.to_vec()), prop::sample::select(FAMILY.to_vec()));
    (name, some(EMAILS), some(PHONES)).prop_map(|(name, emails, phones)| Entry { name, emails, phones })
}

fn key() -> AccountKey {
    AccountKey { vendor: "generic".into(), id: "1".into() }
}

fn contact(number: usize, entry: &Entry) -> Contact {
    let owned = |texts: &[&str]| texts.iter().map(|t| t.to_string()).collect();
    Contact {
        id: format!("crm{number}"),
        name: Name { given: entry.name.0.into(), family: entry.name.1.into(), ..Name::default() },
        emails: owned(&entry.emails),
        phones: owned(&entry.phones),
        ..Contact::default()
    }
}

fn person(number: usize, entry: &Entry) -> Person {
    let name = NameValue { given_name: entry.name.0.into(), family_name: entry.name.1.into(), ..NameValue::default() };
    let texts =
        |texts: &[&str]| texts.iter().map(|t| TextValue { value: (*t).to_owned(), kind: None }.into()).collect();
    Person {
        resource_name: format!("people/c{number}"),
        names: vec![name.into()],
        email_addresses: texts(&entry.emails),
        phone_numbers: texts(&entry.phones),
        ..Person::default()
    }
}

/// The same as [`identifiers_of_contact`], with numbers read once: that takes long.
fn identifiers(entry: &Entry) -> BTreeSet<Identifier> {
    static READ: LazyLock<BTreeMap<&str, Identifier>> = LazyLock::new(|| {
        let emails = EMAILS.iter().map(|e| (*e, Identifier::email(e).unwrap()));
        emails.chain(PHONES.iter().map(|p| (*p, Identifier::phone(p, "CA").unwrap()))).collect()
    });
    let named = contact(0, &Entry { emails: Vec::new(), phones: Vec::new(), ..entry.clone() });
    let others = entry.emails.iter().chain(&entry.phones).map(|text| READ[text].clone());
    identifiers_of_contact(&named, "CA").into_iter().chain(others).collect()
}

/// Both sides, and who is found to be whom.
struct World {
    crm: BTreeMap<String, (Contact, BTreeSet<Identifier>)>,
    google: BTreeMap<String, (Person, BTreeSet<Identifier>)>,
    links: BTreeMap<String, String>,
}

impl World {
    fn new(crm: &[Entry], google: &[Entry]) -> Self {
        let crm = crm.iter().enumerate().map(|(n, e)| (format!("crm{n}"), (contact(n, e), identifiers(e))));
        let google = google.iter().enumerate().map(|(n, e)| (format!("people/c{n}"), (person(n, e), identifiers(e))));
        Self { crm: crm.collect(), google: google.collect(), links: BTreeMap::new() }
    }

    fn verdict(&self, id: &str) -> Verdict {
        let persons = self.google.iter().map(|(name, (p, i))| (name.as_str(), (p, i.iter().cloned().collect())));
        let (listed, counted) = (by_mark(&self.google), by_mark(&self.crm));
        let persons = Persons(persons.collect());
        let known = Known { account: &key(), persons: &persons, listed: &listed, counted: &counted };
        let (contact, identifiers) = &self.crm[id];
        identify(contact, &known.hits(contact, &identifiers.iter().cloned().collect::<Vec<_>>()))
    }

    /// What the service does: an adopted person gets a stamp and the CRM's values, a new one is made of them.
    fn write(&mut self, id: &str, resource: &str) {
        let (contact, theirs) = &self.crm[id];
        let made = || (Person { resource_name: resource.to_owned(), ..Person::default() }, BTreeSet::new());
        let (person, identifiers) = self.google.entry(resource.to_owned()).or_insert_with(made);
        let is_named = person.names.iter().any(|n| !n.value.given_name.is_empty() || !n.value.family_name.is_empty());
        identifiers.extend(theirs.iter().filter(|i| i.kind() != Kind::Name || !is_named).cloned());
        if !is_named {
            let (given_name, family_name) = (contact.name.given.clone(), contact.name.family.clone());
            person.names = vec![NameValue { given_name, family_name, ..NameValue::default() }.into()];
        }
        let stamp = Stamp {
            account: key(),
            contact: id.to_owned(),
            origin: Origin::Adopted,
            op: "op".into(),
            released: false,
            base: Default::default(),
        };
        person.client_data = stamped(person, &stamp);
        self.links.insert(id.to_owned(), resource.to_owned());
    }

    /// Looks at everyone in this order, again and again until nothing changes any more.
    fn settle(mut self, order: &[usize]) -> BTreeMap<String, String> {
        loop {
            let before = self.links.len();
            for id in order.iter().map(|n| format!("crm{n}")) {
                if self.links.contains_key(&id) {
                    continue;
                }
                match self.verdict(&id) {
                    Verdict::Adopt { resource, .. } => self.write(&id, &resource),
                    Verdict::Create => self.write(&id, &format!("people/new-{id}")),
                    Verdict::NeedsYou(_) => {}
                }
            }
            if self.links.len() == before {
                return self.links;
            }
        }
    }
}

fn by_mark<T>(side: &BTreeMap<String, (T, BTreeSet<Identifier>)>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, (_, identifiers)) in side {
        identifiers.iter().for_each(|i| found.entry(i.to_string()).or_default().push(name.clone()));
    }
    found
}

#[test]
fn the_worlds_have_the_identifiers_that_contacts_and_persons_have() {
    let entry = Entry { name: ("Jean", "Roy"), emails: vec![EMAILS[0], EMAILS[3]], phones: vec![PHONES[1], PHONES[3]] };
    let expected: Vec<_> = identifiers(&entry).into_iter().collect();
    assert_eq!(identifiers_of_contact(&contact(0, &entry), "CA"), expected);
    assert_eq!(identifiers_of_person(&person(0, &entry), "CA"), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn in_whatever_order_contacts_come_the_same_ones_are_the_same_people(
        crm in prop::collection::vec(entry(), 1..5),
        google in prop::collection::vec(entry(), 1..4),
        keys in prop::collection::vec(any::<u32>(), 5),
    ) {
        let straight: Vec<usize> = (0..crm.len()).collect();
        let mut other = straight.clone();
        other.sort_by_key(|n| keys[*n]);
        let (one, two) = (World::new(&crm, &google).settle(&straight), World::new(&crm, &google).settle(&other));
        prop_assert_eq!(one, two);
    }

    #[test]
    fn no_two_contacts_are_told_to_adopt_one_person(
        crm in prop::collection::vec(entry(), 2..5), google in prop::collection::vec(entry(), 1..4),
    ) {
        let world = World::new(&crm, &google);
        let mut adopted = BTreeSet::new();
        for id in world.crm.keys() {
            if let Verdict::Adopt { resource, .. } = world.verdict(id) {
                prop_assert!(adopted.insert(resource), "{}", id);
            }
        }
    }
}
