//! Runs the town through the product's own ladder, in slices and until nothing changes any more, as the service does.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    contact::{AccountKey, Contact},
    google::person::{Person, TextValue},
    plan::{
        identifiers::{Identifier, identifiers_of_contact, identifiers_of_person},
        identity::{Evidence, Known, Persons, Question, Verdict, identify},
        stamp::{Origin, Stamp, stamped},
    },
};

use super::town::{REGION, Town};

const SLICE: usize = 200;

/// What became of a contact.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Linked(String, Evidence),
    Asked(Question),
    Created,
}

type Index = BTreeMap<String, Vec<String>>;

/// The town as it is before anybody is looked at; reading numbers takes most of the time.
#[derive(Clone)]
pub struct Ladder<'a> {
    contacts: Vec<(&'a Contact, Vec<Identifier>)>,
    persons: BTreeMap<String, Person>,
    /// Identifier → Google persons.
    listed: Index,
    /// Identifier → CRM contacts.
    counted: Index,
    account: AccountKey,
}

impl<'a> Ladder<'a> {
    pub fn of(town: &'a Town) -> Self {
        let contacts = town.clients.iter().map(|client| &client.contact);
        let contacts: Vec<_> = contacts.map(|c| (c, identifiers_of_contact(c, REGION))).collect();
        let (mut listed, mut counted) = (Index::new(), Index::new());
        for (contact, identifiers) in &contacts {
            identifiers.iter().for_each(|i| counted.entry(i.to_string()).or_default().push(contact.id.clone()));
        }
        for (name, (person, _)) in &town.persons {
            let identifiers = identifiers_of_person(person, REGION);
            identifiers.iter().for_each(|i| listed.entry(i.to_string()).or_default().push(name.clone()));
        }
        let persons = town.persons.iter().map(|(name, (person, _))| (name.clone(), person.clone())).collect();
        let account = AccountKey { vendor: "generic".into(), id: "1".into() };
        Self { contacts, persons, listed, counted, account }
    }

    /// The outcome of every CRM contact, by id, when they come in this order (indexes into the clients).
    pub fn climb(mut self, order: &[usize]) -> BTreeMap<String, Outcome> {
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        let mut left: Vec<usize> = order.to_vec();
        loop {
            let before = left.len();
            for slice in left.chunks(SLICE) {
                for (n, verdict) in self.slice(slice) {
                    let outcome = self.settle_one(n, verdict);
                    outcomes.insert(self.contacts[n].0.id.clone(), outcome);
                }
            }
            left.retain(|n| matches!(outcomes[&self.contacts[*n].0.id], Outcome::Asked(_)));
            if left.len() == before {
                return outcomes;
            }
        }
    }
    fn slice(&self, slice: &[usize]) -> Vec<(usize, Verdict)> {
        let marks = slice.iter().flat_map(|n| self.contacts[*n].1.iter().map(Identifier::to_string));
        let names: BTreeSet<&String> = marks.filter_map(|mark| self.listed.get(&mark)).flatten().collect();
        let hit = names.into_iter().map(|name| (name.clone(), self.persons[name].clone())).collect();
        let persons = Persons::read(&hit, REGION);
        let known = Known { account: &self.account, persons: &persons, listed: &self.listed, counted: &self.counted };
        let judge = |n: &usize| {
            let (contact, identifiers) = &self.contacts[*n];
            (*n, identify(contact, &known.hits(contact, identifiers)))
        };
        slice.iter().map(judge).collect()
    }

    fn settle_one(&mut self, n: usize, verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::NeedsYou(question) => Outcome::Asked(question),
            Verdict::Create => {
                let resource = format!("people/new-{}", self.contacts[n].0.id);
                self.write(n, &resource);
                Outcome::Created
            }
            Verdict::Adopt { resource, by } => {
                self.write(n, &resource);
                Outcome::Linked(resource, by)
            }
        }
    }

    /// The stamp, and the CRM's addresses and numbers.
    fn write(&mut self, n: usize, resource: &str) {
        let (contact, identifiers) = &self.contacts[n];
        let made = || Person { resource_name: resource.to_owned(), ..Person::default() };
        let person = self.persons.entry(resource.to_owned()).or_insert_with(made);
        let item = |text: &String| TextValue { value: text.clone(), kind: None }.into();
        person.email_addresses.extend(contact.emails.iter().map(item));
        person.phone_numbers.extend(contact.phones.iter().map(item));
        let stamp = Stamp {
            account: self.account.clone(),
            contact: contact.id.clone(),
            origin: Origin::Adopted,
            op: "op".into(),
            released: false,
            base: Default::default(),
        };
        person.client_data = stamped(person, &stamp);
        for mark in identifiers.iter().map(Identifier::to_string) {
            let names = self.listed.entry(mark).or_default();
            if !names.iter().any(|name| name == resource) {
                names.push(resource.to_owned());
            }
        }
    }
}
