//! Counts what a matcher got right, and prints it as tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use carnet::{
    contact::{Contact, email_key, text_key},
    plan::identity::Rung,
};

use super::{ladder::Outcome, town::Town};

/// Links made by one matcher, or on one rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub right: usize,
    pub wrong: usize,
}

impl Links {
    pub fn precision(self) -> f64 {
        if self.right + self.wrong == 0 { 1.0 } else { self.right as f64 / (self.right + self.wrong) as f64 }
    }
}

/// Everything that is told of one run.
#[derive(Debug, Default)]
pub struct Score {
    /// Links that a perfect matcher would make: of a person twice in the CRM and once in Google, one.
    pub pairs: usize,
    pub rungs: BTreeMap<String, Links>,
    /// Of the pairs: needs you, and the right one is among the candidates.
    pub asked: usize,
    /// Needs you, but only about others.
    pub asked_about_others: usize,
    /// A second contact would be created beside the first.
    pub missed: usize,
    /// CRM contacts beyond the pairs: asked about though there is nobody to link to, and created.
    pub asked_in_vain: usize,
    pub created: usize,
    /// Scene → how many CRM contacts came to each end.
    pub scenes: BTreeMap<&'static str, BTreeMap<End, usize>>,
}

/// What became of a CRM contact, in the order in which it stands for the pair of a person who is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Linked,
    Wrong,
    Asked,
    AskedAboutOthers,
    Created,
}

impl Score {
    pub fn count(town: &Town, outcomes: &BTreeMap<String, Outcome>) -> Self {
        let mut score = Self::default();
        let mut entries: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        let mut ends: BTreeMap<usize, Vec<End>> = BTreeMap::new();
        for (name, (_, human)) in &town.persons {
            human.iter().for_each(|human| entries.entry(*human).or_default().push(name));
        }
        for client in &town.clients {
            let known = entries.get(&client.human).map_or(&[][..], Vec::as_slice);
            let end = score.judge(&outcomes[&client.contact.id], |resource| known.contains(&resource));
            *score.scenes.entry(client.scene).or_default().entry(end).or_default() += 1;
            ends.entry(client.human).or_default().push(end);
        }
        for (human, mut ends) in ends {
            ends.sort_unstable();
            score.add(&ends, entries.get(&human).map_or(0, Vec::len));
        }
        score
    }

    fn judge(&mut self, outcome: &Outcome, is_them: impl Fn(&str) -> bool) -> End {
        match outcome {
            Outcome::Linked(resource, by) => {
                let rung = if by.rung == Rung::Email { "e-mail" } else { "phone" };
                let links = self.rungs.entry(format!("{rung}; {}", by.names)).or_default();
                let is_right = is_them(resource);
                *if is_right { &mut links.right } else { &mut links.wrong } += 1;
                if is_right { End::Linked } else { End::Wrong }
            }
            Outcome::Asked(question) if question.candidates.iter().any(|c| is_them(&c.resource)) => End::Asked,
            Outcome::Asked(_) => End::AskedAboutOthers,
            Outcome::Created => End::Created,
        }
    }

    /// One person: the ends of their CRM contacts, and how many entries they have in Google.
    fn add(&mut self, ends: &[End], entries: usize) {
        let pairs = ends.len().min(entries);
        self.pairs += pairs;
        for end in &ends[..pairs] {
            match end {
                End::Linked => {}
                End::Asked => self.asked += 1,
                End::AskedAboutOthers => self.asked_about_others += 1,
                End::Created | End::Wrong => self.missed += 1,
            }
        }
        let beyond = &ends[pairs..];
        self.created += beyond.iter().filter(|end| **end == End::Created).count();
        self.asked_in_vain += beyond.iter().filter(|end| matches!(end, End::Asked | End::AskedAboutOthers)).count();
    }

    pub fn links(&self) -> Links {
        let sum = |all: Links, one: &Links| Links { right: all.right + one.right, wrong: all.wrong + one.wrong };
        self.rungs.values().fold(Links::default(), sum)
    }

    pub fn recall(&self) -> f64 {
        self.links().right as f64 / self.pairs as f64
    }

    pub fn tables(&self, naive: &[(&str, Links)]) -> String {
        let mut text = String::new();
        let all = self.links();
        let share = |n: usize| format!("{:.1} %", 100.0 * n as f64 / self.pairs as f64);
        let mut row = |name: &str, links: Links| {
            let Links { right, wrong } = links;
            let _ = writeln!(
                text,
                "| {name} | {} | {right} | {wrong} | {:.3} | {} |",
                right + wrong,
                links.precision(),
                share(right)
            );
        };
        for (rung, links) in &self.rungs {
            row(rung, *links);
        }
        row("**Carnet, all rungs**", all);
        for (name, links) in naive {
            row(name, *links);
        }
        let head = "| links made by | links | right | wrong | precision | recall |\n|---|---|---|---|---|---|\n";
        let missed = self.missed + self.asked_about_others;
        format!(
            "{head}{text}\n{} are on both sides: {} linked, {} need you with the right one offered, {missed} missed \
             ({}: {} would be created beside, {} asked about others only). Of the other CRM contacts {} need you in vain, {} \
             are created.\n",
            self.pairs,
            all.right,
            self.asked,
            share(missed),
            self.missed,
            self.asked_about_others,
            self.asked_in_vain,
            self.created
        )
    }

    pub fn by_scene(&self) -> String {
        let columns = [End::Linked, End::Wrong, End::Asked, End::AskedAboutOthers, End::Created];
        let mut text = format!(
            "{:<48}{:>8}{:>8}{:>8}{:>14}{:>9}\n",
            "scene", "linked", "wrong", "asked", "about others", "created"
        );
        for (scene, ends) in &self.scenes {
            let [linked, wrong, asked, others, created] = columns.map(|end| ends.get(&end).copied().unwrap_or(0));
            let _ = writeln!(text, "{scene:<48}{linked:>8}{wrong:>8}{asked:>8}{others:>14}{created:>9}");
        }
        text
    }
}

/// A matcher that links to the first person with one of these keys in common. What it links twice counts once.
fn naive(
    town: &Town,
    of_contact: fn(&Contact) -> Vec<String>,
    of_person: fn(&carnet::google::person::Person) -> Vec<String>,
) -> Links {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for (name, (person, _)) in &town.persons {
        of_person(person).into_iter().for_each(|key| {
            first.entry(key).or_insert(name);
        });
    }
    let (mut links, mut done) = (Links::default(), BTreeSet::new());
    for client in &town.clients {
        let Some(name) = of_contact(&client.contact).iter().find_map(|key| first.get(key)) else { continue };
        match town.persons[*name].1 == Some(client.human) {
            true => links.right += usize::from(done.insert(name)),
            false => links.wrong += 1,
        }
    }
    links
}

/// What simple connectors do.
pub fn naive_matchers(town: &Town) -> Vec<(&'static str, Links)> {
    let emails = |c: &Contact| c.emails.iter().map(|e| email_key(e)).collect::<Vec<_>>();
    let persons_emails = |p: &carnet::google::person::Person| {
        p.email_addresses.iter().map(|e| email_key(&e.value.value)).collect::<Vec<_>>()
    };
    vec![
        ("naive: e-mail only", naive(town, emails, persons_emails)),
        ("naive: name only", naive(town, contacts_name, persons_name)),
    ]
}

fn contacts_name(contact: &Contact) -> Vec<String> {
    full(&contact.name.given, &contact.name.family)
}

fn persons_name(person: &carnet::google::person::Person) -> Vec<String> {
    person.names.iter().flat_map(|n| full(&n.value.given_name, &n.value.family_name)).collect()
}

fn full(given: &str, family: &str) -> Vec<String> {
    let name = text_key(&format!("{given} {family}"));
    if name.is_empty() { Vec::new() } else { vec![name] }
}
