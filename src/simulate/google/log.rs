//! What was asked: the last requests one by one, and counters of all of them. No bodies, no tokens.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::op::Cost;

#[derive(Clone, Serialize)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// Virtual time of arrival.
    pub at: String,
    pub subject: String,
    pub method: String,
    pub path: String,
    pub op: &'static str,
    /// 0 when no answer was sent.
    pub status: u16,
    pub units: Cost,
    /// The kind of the rule that hit it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<super::faults::Kind>,
    /// Real milliseconds that it took.
    pub ms: u64,
}

#[derive(Default)]
pub struct Log {
    pub entries: VecDeque<Entry>,
    seq: u64,
    /// Method → status → count.
    pub counters: BTreeMap<&'static str, BTreeMap<u16, u64>>,
    /// Units spent by each account.
    pub units: BTreeMap<String, Cost>,
}

impl Log {
    pub fn record(&mut self, mut entry: Entry, limit: usize) {
        self.seq += 1;
        entry.seq = self.seq;
        *self.counters.entry(entry.op).or_default().entry(entry.status).or_default() += 1;
        if !entry.subject.is_empty() {
            self.units.entry(entry.subject.clone()).or_default().add(entry.units);
        }
        self.entries.push_back(entry);
        while self.entries.len() > limit {
            self.entries.pop_front();
        }
    }
}
