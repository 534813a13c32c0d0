//! One contact with the versions that late reads may still show. Content is kept as JSON text: 25,000 of them as trees of
//! maps would take hundreds of megabytes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::etag;

#[derive(Clone)]
pub struct Version {
    /// A JSON object of the writable lists, without memberships.
    pub content: Arc<str>,
    /// Resource names of contact groups.
    pub labels: Vec<Arc<str>>,
    pub revision: u64,
    pub at: i64,
}

#[derive(Clone)]
pub struct Contact {
    pub id: u64,
    pub current: Version,
    /// Oldest first; kept only as long as reads may be stale.
    pub older: Vec<Version>,
    pub created: i64,
    /// Ids it had before.
    pub previous: Vec<u64>,
    /// A linked profile: a JSON object of lists that reads mix in unless they ask for the CONTACT source only.
    pub profile: Option<Arc<str>>,
}

impl Contact {
    pub fn fields(&self) -> Map<String, Value> {
        parse(&self.current.content)
    }

    pub fn source_etag(&self, salt: u64) -> String {
        etag::source(salt, self.id, self.current.revision)
    }

    /// The version that a reader sees who lags behind until `cutoff`.
    pub fn shown(&self, cutoff: i64) -> &Version {
        if self.current.at <= cutoff {
            return &self.current;
        }
        let known = self.older.iter().rev().find(|v| v.at <= cutoff);
        known.or(self.older.first()).unwrap_or(&self.current)
    }

    /// Puts a new version in place, and keeps those that readers lagging by `lag` milliseconds may still see.
    pub fn replace(&mut self, version: Version, lag: i64) {
        let cutoff = version.at - lag;
        let old = std::mem::replace(&mut self.current, version);
        if lag == 0 {
            self.older.clear();
            return;
        }
        self.older.push(old);
        let shown = self.older.iter().rposition(|v| v.at <= cutoff).unwrap_or(0);
        self.older.drain(..shown);
    }
}

pub fn parse(content: &str) -> Map<String, Value> {
    serde_json::from_str(content).unwrap_or_default()
}

pub fn resource_name(id: u64) -> String {
    format!("people/c{id}")
}

/// `None` for names that no contact can have.
pub fn id_of(resource_name: &str) -> Option<u64> {
    resource_name.strip_prefix("people/c")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(revision: u64, at: i64) -> Version {
        Version { content: "{}".into(), labels: Vec::new(), revision, at }
    }

    #[test]
    fn a_late_reader_sees_the_version_of_then() {
        let current = version(1, 0);
        let mut contact =
            Contact { id: 1, current, older: Vec::new(), created: 0, previous: Vec::new(), profile: None };
        for (revision, at) in [(2, 100), (3, 105), (4, 300)] {
            contact.replace(version(revision, at), 50);
        }
        assert_eq!(contact.shown(300).revision, 4);
        assert_eq!(contact.shown(299).revision, 3);
        assert_eq!(contact.older.len(), 1, "what nobody can see any more is dropped");
    }
}
