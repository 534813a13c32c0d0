//! A Google account: contacts, trash, tombstones and labels, all under one revision counter. Everything that changes a
//! contact goes through here, so every change has a new etag and a place in the sync feed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    clock::{DAY, MINUTE},
    contact::{Contact, Version},
    labels::{self, Group},
    options::{Limits, Modes},
    page::Cursor,
    quota::{Meter, StorageBlock},
    refusal::Refusal,
    search::Index,
};

/// A contact in the trash. It still counts against the account's limit.
pub struct Trashed {
    pub contact: Contact,
    pub at: i64,
}

/// That something was there: what the sync feed says of a deleted contact or label.
pub struct Tombstone {
    pub revision: u64,
    pub at: i64,
}

pub struct Account {
    pub subject: String,
    pub email: String,
    /// The time of the request being served.
    pub now: i64,
    pub rng: StdRng,
    /// Makes etags and order of ties differ between accounts.
    pub salt: u64,
    pub people: BTreeMap<u64, Contact>,
    pub trash: BTreeMap<u64, Trashed>,
    pub gone: BTreeMap<u64, Tombstone>,
    /// Old ids of contacts whose id changed.
    pub renamed: BTreeMap<u64, u64>,
    pub groups: BTreeMap<Arc<str>, Group>,
    pub gone_groups: BTreeMap<Arc<str>, Tombstone>,
    pub cursors: VecDeque<Cursor>,
    pub meter: Meter,
    pub storage: Option<StorageBlock>,
    pub index: Index,
    pub limits: Limits,
    pub modes: Modes,
    /// A write is under way.
    pub writing: bool,
    /// Scopes granted so far, for each OAuth client.
    pub consented: BTreeMap<String, BTreeSet<String>>,
    revision: u64,
    /// When revisions were made, newest last: tells what the sync feed may show yet.
    commits: VecDeque<(i64, u64)>,
    counts: Option<Counts>,
}

impl Account {
    pub fn new(subject: String, email: String, seed: u64, now: i64, limits: Limits, modes: Modes) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        Self {
            subject,
            email,
            now,
            salt: rng.random(),
            rng,
            people: BTreeMap::new(),
            trash: BTreeMap::new(),
            gone: BTreeMap::new(),
            renamed: BTreeMap::new(),
            groups: labels::system(now),
            gone_groups: BTreeMap::new(),
            cursors: VecDeque::new(),
            meter: Meter::default(),
            storage: None,
            index: Index::default(),
            limits,
            modes,
            writing: false,
            consented: BTreeMap::new(),
            revision: 0,
            commits: VecDeque::new(),
            counts: None,
        }
    }

    /// Takes the next revision.
    pub fn commit(&mut self) -> u64 {
        self.revision += 1;
        match self.commits.back_mut() {
            Some(last) if last.0 == self.now => last.1 = self.revision,
            _ => self.commits.push_back((self.now, self.revision)),
        }
        // No delay is longer than an hour.
        while self.commits.get(1).is_some_and(|next| next.0 < self.now - 60 * MINUTE) {
            self.commits.pop_front();
        }
        self.revision
    }

    /// The newest revision made until `cutoff`.
    pub fn horizon(&self, cutoff: i64) -> u64 {
        self.commits.iter().rev().find(|c| c.0 <= cutoff).map_or(0, |c| c.1)
    }

    fn version(&mut self, content: Arc<str>, labels: Vec<Arc<str>>) -> Version {
        Version { content, labels, revision: self.commit(), at: self.now }
    }

    pub fn fresh_id(&mut self) -> u64 {
        loop {
            // 63 bits, as the ids seen in the wild.
            let id = self.rng.random_range(1 << 56..1u64 << 63);
            if !self.people.contains_key(&id) && !self.gone.contains_key(&id) && !self.renamed.contains_key(&id) {
                return id;
            }
        }
    }

    /// Stores a new contact. Two equal ones are two contacts: Google never deduplicates.
    pub fn add(&mut self, content: Arc<str>, labels: Vec<Arc<str>>) -> u64 {
        let (id, created) = (self.fresh_id(), self.now);
        let current = self.version(content, labels);
        let contact = Contact { id, current, older: Vec::new(), created, previous: Vec::new(), profile: None };
        self.people.insert(id, contact);
        id
    }

    /// Gives a contact a new version, even if it equals the old one.
    pub fn change(&mut self, id: u64, content: Arc<str>, labels: Vec<Arc<str>>) {
        let version = self.version(content, labels);
        let lag = i64::from(self.limits.stale_read_ms);
        if let Some(contact) = self.people.get_mut(&id) {
            contact.replace(version, lag);
        }
    }

    /// Changes only the labels of a contact.
    pub fn relabel(&mut self, id: u64, labels: Vec<Arc<str>>) {
        if let Some(contact) = self.people.get(&id) {
            let content = contact.current.content.clone();
            self.change(id, content, labels);
        }
    }

    /// Moves a contact to the trash; false when there is none.
    pub fn discard(&mut self, id: u64) -> bool {
        let Some(contact) = self.people.remove(&id) else { return false };
        let tombstone = Tombstone { revision: self.commit(), at: self.now };
        self.gone.insert(id, tombstone);
        self.trash.insert(id, Trashed { contact, at: self.now });
        true
    }

    /// Drops what has been in the trash for too long.
    pub fn purge(&mut self) {
        let cutoff = self.now - i64::from(self.limits.trash_days) * DAY;
        self.trash.retain(|_, trashed| trashed.at > cutoff);
    }

    /// # Errors
    /// When `more` contacts do not fit, whatever lies in the trash included.
    pub fn refuse_if_full(&mut self, more: usize) -> Result<(), Refusal> {
        if self.people.len() + self.trash.len() + more > self.limits.contacts {
            self.purge();
        }
        let full = self.people.len() + self.trash.len() + more > self.limits.contacts;
        if full { Err(Refusal::full(self.modes.full_is_429)) } else { Ok(()) }
    }

    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Contact> {
        self.people.values().filter(move |c| c.current.labels.iter().any(|l| &**l == group))
    }

    /// How many members a label has; a little old when the mode says so.
    pub fn member_count(&mut self, group: &str) -> usize {
        let (now, revision, late) = (self.now, self.revision, self.modes.late_member_count);
        let good = |c: &&Counts| c.revision == revision || (late && c.at > now - MINUTE);
        if let Some(counts) = self.counts.as_ref().filter(good) {
            return counts.members.get(group).copied().unwrap_or(0);
        }
        let mut members: HashMap<Arc<str>, usize> = HashMap::new();
        for label in self.people.values().flat_map(|c| &c.current.labels) {
            *members.entry(label.clone()).or_default() += 1;
        }
        let count = members.get(group).copied().unwrap_or(0);
        self.counts = Some(Counts { at: now, revision, members });
        count
    }
}

/// Members of every label at one time, so that a list of labels does not count the account once for each.
struct Counts {
    at: i64,
    revision: u64,
    members: HashMap<Arc<str>, usize>,
}
