//! Finds the Google persons that a contact without a link may be: by stamp, else by identifiers that both sides have.

use std::collections::{BTreeMap, BTreeSet};

use super::settle;
use crate::{
    claim::{Account, Halt, listing},
    contact::Contact,
    google::{
        call::{Call, MAX_BATCH},
        failure::Failure,
        person::Person,
    },
    plan::{
        heir::heir,
        identifiers::{Identifier, identifiers_of_contact},
        identity::{Known, Persons, Verdict, identify},
        stamp,
    },
    store::{census::Census, current::SyncSpec, keys::CrmKeys, listing::Listing},
};

/// What was found for one contact.
#[derive(Debug)]
pub enum Found {
    /// A person carries our stamp for it: the link was lost, or an uncertain create succeeded.
    Stamped(Box<Person>),
    /// Somebody who may be it could not be read just now: nothing may be concluded.
    Unknown,
    /// Several persons carry it.
    Twins(Vec<Person>),
    /// What the identity ladder says; with the person, if one is to be adopted.
    Ladder(Verdict, Option<Box<Person>>),
    /// Of a contact whose person vanished: the person that has what it had.
    Heir(Box<Person>),
    /// Of a contact whose person vanished: there is none.
    Nobody,
    /// It may be one that is there already, but not every CRM contact has been counted yet.
    CountFirst,
}

/// Looks up contacts without a link. The listing must be fresh.
pub async fn look_up(account: &mut Account, sync: &SyncSpec, contacts: &[&Contact]) -> Result<Vec<Found>, Halt> {
    look_for(account, sync, contacts, false).await
}

/// The same of contacts whose person is gone: who has taken it in?
pub(super) async fn look_up_vanished(
    account: &mut Account,
    sync: &SyncSpec,
    contacts: &[&Contact],
) -> Result<Vec<Found>, Halt> {
    look_for(account, sync, contacts, true).await
}

async fn look_for(
    account: &mut Account,
    sync: &SyncSpec,
    contacts: &[&Contact],
    vanished: bool,
) -> Result<Vec<Found>, Halt> {
    let tools = account.tools.clone();
    let key = &sync.account.key;
    let lists = Listing::new(tools.pool.clone(), account.subject());
    let census = Census::new(tools.pool.clone(), CrmKeys::new(key));
    let wanted: Vec<Wanted<'_>> = contacts
        .iter()
        .map(|contact| Wanted {
            contact,
            vanished,
            stamp: stamp::stamp_mark(key, &contact.id),
            released: listing::released_mark(key, &contact.id),
            identifiers: identifiers_of_contact(contact, &sync.account.region),
        })
        .collect();
    let marks: Vec<String> = wanted.iter().flat_map(Wanted::marks).collect::<BTreeSet<_>>().into_iter().collect();
    let mut listed = lists.persons(&marks).await?;
    let complete = sync.account.is_limited() || census.is_complete().await?;
    let names: BTreeSet<String> = listed.values().flatten().cloned().collect();
    // Read rather than listed: what the listing said may be a moment old. A person that it names and that cannot be read is
    // neither there nor gone; one that is gone leaves the listing in a moment.
    let read = read(account, &names.into_iter().collect::<Vec<_>>()).await?;
    let (mut persons, mut now) = (BTreeMap::new(), BTreeMap::new());
    for (listed, person) in read.into_iter().filter_map(|(name, person)| Some((name, person?))) {
        now.insert(listed, person.resource_name.clone());
        persons.insert(person.resource_name.clone(), person);
    }
    let region = listing::region(account);
    let found = Persons::read(&persons, &region);
    // Who else has what these persons have.
    let theirs: Vec<String> = found.marks().filter(|mark| !listed.contains_key(mark)).collect();
    listed.extend(lists.persons(&theirs).await?);
    listed.values_mut().for_each(|names| rename(names, &now));
    let counted = census.holders(&[marks, theirs].concat()).await?;
    let known = Known { account: key, persons: &found, listed: &listed, counted: &counted };
    Ok(wanted.iter().map(|w| w.judge(&known, &persons, complete)).collect())
}

/// The listing may still have a person by an earlier name, or two that their owner has merged since.
fn rename(names: &mut Vec<String>, now: &BTreeMap<String, String>) {
    let renamed: BTreeSet<String> = names.drain(..).map(|name| now.get(&name).cloned().unwrap_or(name)).collect();
    names.extend(renamed);
}

struct Wanted<'a> {
    contact: &'a Contact,
    vanished: bool,
    stamp: String,
    released: String,
    identifiers: Vec<Identifier>,
}

impl Wanted<'_> {
    fn marks(&self) -> impl Iterator<Item = String> {
        [self.stamp.clone(), self.released.clone()].into_iter().chain(self.identifiers.iter().map(ToString::to_string))
    }

    fn judge(&self, known: &Known<'_>, persons: &BTreeMap<String, Person>, complete: bool) -> Found {
        let mut named = self.marks().filter_map(|mark| known.listed.get(&mark)).flatten();
        if named.any(|name| !persons.contains_key(name)) {
            return Found::Unknown;
        }
        if let Some(found) = self.by_stamp(known, persons) {
            return found;
        }
        let ladder = known.hits(self.contact, &self.identifiers);
        if !ladder.is_empty() && !complete {
            return Found::CountFirst;
        }
        if self.vanished {
            let heir = heir(self.contact, &ladder).and_then(|name| persons.get(name));
            return heir.map_or(Found::Nobody, |person| Found::Heir(Box::new(person.clone())));
        }
        let verdict = identify(self.contact, &ladder);
        let adopted = match &verdict {
            Verdict::Adopt { resource, .. } => persons.get(resource).cloned().map(Box::new),
            _ => None,
        };
        Found::Ladder(verdict, adopted)
    }

    fn by_stamp(&self, known: &Known<'_>, persons: &BTreeMap<String, Person>) -> Option<Found> {
        let named = |mark: &str| known.listed.get(mark).into_iter().flatten().filter_map(|name| persons.get(name));
        let is_held = |person: &&Person| {
            stamp::stamp_for(person, known.account, &self.contact.id).is_some_and(|stamp| !stamp.released)
        };
        let is_let_go = |person: &&Person| {
            stamp::stamp_for(person, known.account, &self.contact.id).is_some_and(|stamp| stamp.released)
        };
        let held: Vec<&Person> = named(&self.stamp).filter(is_held).collect();
        // The listing knows that it was let go of, and the reading does not yet.
        if held.is_empty() && named(&self.released).any(|person| is_held(&person)) {
            return Some(Found::Unknown);
        }
        // One that was let go comes back to the same person, also if the listing has not heard of it.
        let let_go = named(&self.stamp).chain(named(&self.released)).filter(is_let_go);
        let let_go: BTreeMap<&str, &Person> = let_go.map(|person| (person.resource_name.as_str(), person)).collect();
        match (held.as_slice(), let_go.len()) {
            ([], 1) => let_go.into_values().next().map(|person| Found::Stamped(Box::new(person.clone()))),
            ([one], _) => Some(Found::Stamped(Box::new((*one).clone()))),
            ([], _) => None,
            (many, _) => Some(Found::Twins(many.iter().map(|person| (*person).clone()).collect())),
        }
    }
}

/// Reads persons whole. `None`: Google has no such person (any more).
pub async fn read(account: &mut Account, names: &[String]) -> Result<BTreeMap<String, Option<Person>>, Halt> {
    let mut read = BTreeMap::new();
    let mut unclear = Vec::new();
    for chunk in names.chunks(MAX_BATCH) {
        let token = account.pay(Call::BatchGet).await?;
        let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
        let result = account.tools.people.batch_get(&token, &chunk).await;
        for result in account.heard(Call::BatchGet, &token, result).await.map_err(Halt::Failure)? {
            match result.outcome {
                Ok(person) => drop(read.insert(result.requested, Some(person))),
                Err(Failure::NotFound) => drop(read.insert(result.requested, None)),
                Err(_) => unclear.push(result.requested),
            }
        }
    }
    if unclear.is_empty() {
        return Ok(read);
    }
    // Google has been seen to answer 500 for a person that is not there: the listing tells. One that it still has is neither
    // there nor gone: left out, and looked at again later.
    Box::pin(settle::freshen(account)).await?;
    let listing = Listing::new(account.tools.pool.clone(), account.subject());
    for name in unclear {
        if !listing.contains(&name).await? {
            read.insert(name, None);
        }
    }
    Ok(read)
}
