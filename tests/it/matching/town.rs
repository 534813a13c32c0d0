//! A broker's town with labels: what the CRM holds, what the phone holds, and who is who.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    contact::{Birthday, Contact, Name},
    google::person::{BirthdayValue, DateValue, Item, NameValue, OrganizationValue, Person, TextValue},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::people::{self, Human, Style, everyday, pick};

pub const REGION: &str = "CA";

/// One CRM contact, who it is, and the scene that put it there.
pub struct Client {
    pub contact: Contact,
    pub human: usize,
    pub scene: &'static str,
}

/// Both sides.
pub struct Town {
    pub rng: StdRng,
    pub clients: Vec<Client>,
    /// By resource name, with the human each is of; `None`: a couple's, a company's.
    pub persons: BTreeMap<String, (Person, Option<usize>)>,
    pub scene: &'static str,
    humans: usize,
    numbers: u32,
}

/// One entry before it is written down.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub name: (String, String),
    pub company: String,
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    pub born: Option<[i16; 3]>,
}

impl Entry {
    pub fn email(mut self, email: &str) -> Self {
        self.emails.push(email.into());
        self
    }

    pub fn phone(mut self, phone: &str) -> Self {
        self.phones.push(phone.into());
        self
    }

    pub fn born(mut self, human: &Human) -> Self {
        self.born = Some(human.born);
        self
    }

    pub fn of(mut self, company: &str) -> Self {
        self.company = company.into();
        self
    }
}

impl Town {
    pub fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        let (clients, persons) = (Vec::new(), BTreeMap::new());
        Self { rng, clients, persons, scene: "", humans: 0, numbers: 0 }
    }

    pub fn human(&mut self) -> Human {
        let (given, family) = (people::given(&mut self.rng), people::family(&mut self.rng));
        self.called(&given, &family)
    }

    pub fn called(&mut self, given: &str, family: &str) -> Human {
        self.humans += 1;
        let rng = &mut self.rng;
        let born = [rng.random_range(1935..2000), rng.random_range(1..=12), rng.random_range(2..=28)];
        let (email, mobile, company) = (self.email(given, family), self.number(), people::company(&mut self.rng));
        Human { id: self.humans, given: given.into(), family: family.into(), born, email, mobile, company }
    }

    /// People of one family, whose given names have neither the initial nor a word in common.
    pub fn household(&mut self, size: usize) -> Vec<Human> {
        let family = people::family(&mut self.rng);
        let (mut words, mut members) = (BTreeSet::new(), Vec::new());
        while members.len() < size {
            let given = people::given(&mut self.rng);
            let initial = given.chars().take(1).map(|c| people::plain(&c.to_string()));
            let own: Vec<String> = given.split(['-', ' ']).map(str::to_owned).chain(initial).collect();
            if own.iter().all(|word| !words.contains(word)) {
                words.extend(own);
                members.push(self.called(&given, &family));
            }
        }
        members
    }

    /// A valid number that nobody else has.
    pub fn number(&mut self) -> String {
        let areas = [514, 438, 450, 418, 819, 581, 873, 579];
        let (area, rest) = (areas[self.numbers as usize % areas.len()], self.numbers / 8);
        self.numbers += 1;
        format!("+1{area}{}{:04}", 226 + rest / 10_000, rest % 10_000)
    }

    /// An address that nobody else has.
    pub fn email(&mut self, given: &str, family: &str) -> String {
        self.numbers += 1;
        let word = |text: &str| people::plain(text).to_lowercase().replace([' ', '\'', '-'], "");
        let (given, family, number) = (word(given), word(family), self.numbers);
        let local = match self.rng.random_range(0..4) {
            0 => format!("{}{family}{number}", &given[..1]),
            1 => format!("{family}{number}"),
            2 => format!("{given}{number}"),
            _ => format!("{given}.{family}{number}"),
        };
        let domains = ["gmail.com", "gmail.com", "hotmail.example", "videotron.example", "courriel.example"];
        format!("{local}@{}", pick(&mut self.rng, &domains))
    }

    pub fn coin(&mut self, chance: f64) -> bool {
        self.rng.random_bool(chance)
    }

    pub fn rng_below(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end)
    }

    /// The name in this style, nothing else.
    pub fn styled(&mut self, human: &Human, style: Style) -> Entry {
        Entry { name: people::written(&mut self.rng, human, style), ..Entry::default() }
    }

    /// The name as people write names.
    pub fn entry(&mut self, human: &Human) -> Entry {
        let style = everyday(&mut self.rng);
        self.styled(human, style)
    }

    /// The same, with a given name to go by.
    pub fn full(&mut self, human: &Human) -> Entry {
        loop {
            let style = everyday(&mut self.rng);
            if style != Style::FamilyOnly {
                return self.styled(human, style);
            }
        }
    }

    pub fn crm(&mut self, human: &Human, entry: Entry) {
        let (given, family) = entry.name;
        let born = entry.born.and_then(|[y, m, d]| Birthday::read(&format!("{y:04}-{m:02}-{d:02}")));
        let contact = Contact {
            id: format!("c{:05}", self.clients.len()),
            name: Name { given, family, ..Name::default() },
            company: entry.company,
            emails: entry.emails,
            phones: entry.phones,
            birthday: born,
            ..Contact::default()
        };
        self.clients.push(Client { contact, human: human.id, scene: self.scene });
    }

    pub fn google(&mut self, human: Option<&Human>, entry: Entry) {
        let (given_name, family_name) = entry.name;
        let name = NameValue { given_name, family_name, ..NameValue::default() };
        let emails: Vec<_> = entry.emails.iter().map(|e| self.typed_email(e)).collect();
        let phones: Vec<_> = entry.phones.iter().map(|p| self.typed_phone(p)).collect();
        let company = OrganizationValue { name: entry.company, ..OrganizationValue::default() };
        let born = entry.born.map(|[y, m, d]| DateValue { year: y, month: m as i8, day: d as i8 });
        let person = Person {
            resource_name: format!("people/c{:05}", self.persons.len()),
            names: vec![name.into()],
            email_addresses: emails,
            phone_numbers: phones,
            organizations: if company.name.is_empty() { Vec::new() } else { vec![company.into()] },
            birthdays: born.map(|date| BirthdayValue { date: Some(date) }.into()).into_iter().collect(),
            ..Person::default()
        };
        self.persons.insert(person.resource_name.clone(), (person, human.map(|h| h.id)));
    }

    fn typed_email(&mut self, email: &str) -> Item<TextValue> {
        let value = match self.rng.random_range(0..6) {
            0 => email.to_uppercase(),
            1 => format!(" {email}"),
            2 => email.replacen("@gmail.com", "@googlemail.com", 1),
            _ => email.to_owned(),
        };
        TextValue { value, kind: None }.into()
    }

    /// As on a keypad, a business card, abroad; Google often adds its own reading.
    fn typed_phone(&mut self, e164: &str) -> Item<TextValue> {
        let digits = e164.trim_start_matches("+1");
        let value = match self.rng.random_range(0..5) {
            _ if digits.len() != 10 => e164.to_owned(),
            0 => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
            1 => digits.to_owned(),
            2 => format!("1-{}-{}-{}", &digits[..3], &digits[3..6], &digits[6..]),
            3 => format!("{}.{}.{}", &digits[..3], &digits[3..6], &digits[6..]),
            _ => e164.to_owned(),
        };
        let mut item: Item<TextValue> = TextValue { value, kind: Some("mobile".into()) }.into();
        if digits.len() == 10 && self.coin(0.7) {
            item.rest.insert("canonicalForm".into(), e164.into());
        }
        item
    }
}
