//! Which CRM contact a Google contact stands for: the CRM's id somewhere in its `clientData`, else what it holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{
    Evidence,
    text::{Past, emails, full_name, has_label, items, phones, resource},
    wanted::Wanted,
};

/// Who stands for whom; persons are indices into the evidence.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The best one first.
    by_contact: BTreeMap<String, Vec<usize>>,
    persons: BTreeSet<usize>,
    /// How many CRM contacts have this person as theirs.
    held: HashMap<usize, usize>,
}

impl Claims {
    /// The Google contact of a CRM contact.
    pub(super) fn person(&self, id: &str) -> Option<usize> {
        self.by_contact.get(id)?.first().copied()
    }

    /// Whether another CRM contact has the same Google contact.
    pub(super) fn is_shared(&self, id: &str) -> bool {
        self.person(id).and_then(|person| self.held.get(&person)).is_some_and(|held| *held > 1)
    }

    /// The resource names, when there are several.
    pub(super) fn twins(&self, evidence: &Evidence<'_>, id: &str) -> Option<Vec<String>> {
        let persons = self.by_contact.get(id).filter(|persons| persons.len() > 1)?;
        Some(persons.iter().map(|person| resource(&evidence.google[*person]).to_owned()).collect())
    }

    /// Labelled, but nobody's.
    pub(super) fn stray(&self, evidence: &Evidence<'_>, group: Option<&str>) -> Vec<String> {
        let stray = |(at, person): &(usize, &Value)| has_label(person, group) && !self.persons.contains(at);
        evidence.google.iter().enumerate().filter(stray).map(|(_, person)| resource(person).to_owned()).collect()
    }

    fn add(&mut self, id: &str, person: usize) {
        self.by_contact.entry(id.to_owned()).or_default().push(person);
        self.persons.insert(person);
    }
}

/// Finds everyone's contact.
pub(super) fn claims(
    evidence: &Evidence<'_>,
    past: &Past<'_>,
    wanted: &BTreeMap<&str, Wanted>,
    group: Option<&str>,
) -> Claims {
    let (mut claims, mut unnamed) = (Claims::default(), Vec::new());
    let lengths: BTreeSet<usize> = wanted.keys().map(|id| id.len()).collect();
    for (at, person) in evidence.google.iter().enumerate() {
        let named = ids_in_client_data(person, wanted, &lengths);
        if named.is_empty() {
            unnamed.push((at, person));
        }
        named.into_iter().for_each(|id| claims.add(id, at));
    }
    let traits = Traits::of(wanted);
    for (at, person) in unnamed {
        let labelled = has_label(person, group);
        // Made since, without label or stamp, yet about a client: a create that went astray. (With a stamp it was let
        // go of on purpose, when its CRM contact went.)
        let astray = || {
            items(person, "clientData").next().is_none()
                && past.of_person(person).is_none()
                && !evidence.edited.contains(resource(person))
        };
        if labelled || astray() {
            let found = traits.best(person, &claims).filter(|(_, score)| labelled || *score > NAME);
            found.into_iter().for_each(|(id, _)| claims.add(id, at));
        }
    }
    for persons in claims.by_contact.values_mut() {
        settle(persons, evidence, past, group);
        persons.first().into_iter().for_each(|person| *claims.held.entry(*person).or_default() += 1);
    }
    claims
}

/// Labelled ones first; one that was there before and is not labelled (any more) is no twin of a labelled one.
fn settle(persons: &mut Vec<usize>, evidence: &Evidence<'_>, past: &Past<'_>, group: Option<&str>) {
    let labelled = |at: &usize| has_label(&evidence.google[*at], group);
    persons.sort_by_key(|at| !labelled(at));
    if persons.first().is_some_and(labelled) {
        persons.retain(|at| labelled(at) || past.of_person(&evidence.google[*at]).is_none());
    }
}

fn ids_in_client_data<'a>(
    person: &Value,
    wanted: &BTreeMap<&'a str, Wanted>,
    lengths: &BTreeSet<usize>,
) -> BTreeSet<&'a str> {
    let values = items(person, "clientData").filter_map(|entry| entry["value"].as_str());
    let windows = values.flat_map(|value| {
        let at = move |length: usize| {
            (0..(value.len() + 1).saturating_sub(length)).filter_map(move |from| value.get(from..from + length))
        };
        lengths.iter().flat_map(move |length| at(*length))
    });
    windows.filter_map(|part| wanted.get_key_value(part).map(|(id, _)| *id)).collect()
}

const NAME: usize = 1;
const PHONE: usize = 2;
const EMAIL: usize = 4;

/// CRM contacts by what they can be recognised by.
struct Traits<'a>(HashMap<String, Vec<(&'a str, usize)>>);

impl<'a> Traits<'a> {
    fn of(wanted: &BTreeMap<&'a str, Wanted>) -> Self {
        let mut traits: HashMap<String, Vec<(&'a str, usize)>> = HashMap::new();
        for (id, wanted) in wanted {
            let phones = wanted.phones.iter().map(|phone| (phone.key.clone(), PHONE));
            let emails = wanted.emails.iter().map(|email| (email.clone(), EMAIL));
            for (key, weight) in phones.chain(emails).chain([(wanted.full_name(), NAME)]) {
                if !key.is_empty() {
                    traits.entry(key).or_default().push((id, weight));
                }
            }
        }
        Self(traits)
    }

    /// Who has most in common with a person, and how much; of equals one who has nobody yet.
    fn best(&self, person: &Value, claims: &Claims) -> Option<(&'a str, usize)> {
        let keys = emails(person)
            .into_iter()
            .chain(phones(person).into_iter().map(|phone| phone.key))
            .chain([full_name(person)]);
        let mut scores: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, weight) in keys.filter_map(|key| self.0.get(&key)).flatten() {
            *scores.entry(id).or_default() += weight;
        }
        scores.into_iter().max_by_key(|(id, score)| (*score, claims.person(id).is_none()))
    }
}
