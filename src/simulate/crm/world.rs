//! Everything the pretend CRM remembers: locations with their contacts, the lagging search index, the virtual clock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    Options,
    contact::Record,
    deliver::{Behaviour, Log},
    fault::Fault,
    gate::Window,
    oauth::Tokens,
    search::{Rows, Search},
};

/// The whole state; `reset` makes a new one.
pub(super) struct World {
    pub(super) rng: StdRng,
    /// Added to the machine's clock.
    pub(super) advanced_ms: i64,
    pub(super) locations: BTreeMap<String, Location>,
    pub(super) tokens: Tokens,
    /// Rate windows by app and resource.
    pub(super) windows: HashMap<String, Window>,
    pub(super) faults: Vec<Fault>,
    pub(super) behaviour: Behaviour,
    pub(super) log: Log,
    /// Cancelled by a reset and at shutdown: deliveries of an older world stop.
    pub(super) epoch: CancellationToken,
}

/// One sub-account.
#[derive(Default)]
pub(super) struct Location {
    pub(super) name: String,
    pub(super) company: String,
    pub(super) custom_fields: Vec<Value>,
    pub(super) users: Vec<Value>,
    pub(super) allow_duplicates: bool,
    pub(super) contacts: BTreeMap<String, Record>,
    pub(super) index: Index,
    /// The page answered last, for the fault that repeats one.
    pub(super) last_page: Vec<Value>,
}

/// The search index: follows the contacts after a lag.
#[derive(Default)]
pub(super) struct Index {
    shown: BTreeMap<String, Record>,
    coming: VecDeque<(i64, String, Option<Record>)>,
    /// What was searched for last, and found: good for its next page, as long as nothing changes.
    found: Option<(String, Rows)>,
}

impl World {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            rng: StdRng::seed_from_u64(options.seed),
            advanced_ms: 0,
            locations: BTreeMap::new(),
            tokens: Tokens::default(),
            windows: HashMap::new(),
            faults: Vec::new(),
            behaviour: Behaviour::of(options),
            log: Log::default(),
            epoch: CancellationToken::new(),
        }
    }

    /// Virtual milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        Timestamp::now().as_millisecond() + self.advanced_ms
    }

    /// A HighLevel id: 20 letters and digits.
    pub(super) fn fresh_id(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..20).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect()
    }

    /// A random UUID (version 4), for webhooks, traces and tokens.
    pub(super) fn fresh_uuid(&mut self) -> String {
        let bits = (self.rng.random::<u128>() & !(0xf << 76) & !(0xc << 60)) | (0x4 << 76) | (0x8 << 60);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl Location {
    /// Stores a contact (or its absence) and queues the change for the index.
    pub(super) fn put(&mut self, id: &str, record: Option<Record>, visible_at: i64) {
        match record.clone() {
            Some(record) => self.contacts.insert(id.to_owned(), record),
            None => self.contacts.remove(id),
        };
        self.index.coming.push_back((visible_at, id.to_owned(), record));
    }

    /// Stores a contact and indexes it at once, as after a quiet night.
    pub(super) fn seed(&mut self, id: String, record: Record) {
        self.index.shown.insert(id.clone(), record.clone());
        self.index.found = None;
        self.contacts.insert(id, record);
    }
}

impl Index {
    /// What the search sees at `now`.
    pub(super) fn at(&mut self, now: i64) -> &BTreeMap<String, Record> {
        while self.coming.front().is_some_and(|(visible_at, _, _)| *visible_at <= now) {
            self.found = None;
            match self.coming.pop_front() {
                Some((_, id, Some(record))) => self.shown.insert(id, record),
                Some((_, id, None)) => self.shown.remove(&id),
                None => break,
            };
        }
        &self.shown
    }

    /// What this search finds at `now`, and where.
    pub(super) fn rows(&mut self, search: &Search, now: i64) -> (&Rows, &BTreeMap<String, Record>) {
        self.at(now);
        let subject = search.subject();
        let found = match self.found.take().filter(|(of, _)| *of == subject) {
            Some(found) => found,
            None => (subject, search.rows(self.shown.values())),
        };
        (&self.found.insert(found).1, &self.shown)
    }
}

/// `2026-03-29T13:52:03.538Z`.
pub(super) fn iso(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A duration as whole milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
