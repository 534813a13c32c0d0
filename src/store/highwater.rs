//! How far this process has seen Redis come: a Redis that shows less has gone back in time. Kept in memory and in a file
//! that survives the process (not a power cut: then the private Redis, which writes through, is ahead of the file).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Marks of how far Redis has come, per installation epoch.
pub struct Highwater {
    path: PathBuf,
    marks: Mutex<Marks>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Marks {
    epoch: u64,
    beat: u64,
    sequences: BTreeMap<String, u64>,
}

impl Highwater {
    /// Reads the file of this data directory; an unreadable one counts as none.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join("highwater.json");
        let marks = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        Self { path, marks: Mutex::new(marks) }
    }

    /// The installation's heartbeat last seen.
    pub fn beat(&self) -> u64 {
        self.with(|m| m.beat)
    }

    /// The epoch last seen.
    pub fn epoch(&self) -> u64 {
        self.with(|m| m.epoch)
    }

    /// Whether this epoch and heartbeat are behind what was seen. Heartbeats of different epochs do not compare: whoever
    /// begins an epoch begins its count.
    pub fn is_behind(&self, epoch: u64, beat: u64) -> bool {
        self.with(|m| epoch < m.epoch || (epoch == m.epoch && beat < m.beat))
    }

    /// Notes a heartbeat of an epoch. A new epoch forgets everything older.
    pub fn note_beat(&self, epoch: u64, beat: u64) {
        self.with(|m| {
            if m.epoch != epoch {
                *m = Marks { epoch, ..Marks::default() };
            }
            m.beat = beat;
        });
        self.save();
    }

    /// Whether a sequence is at least as far as this process left it.
    pub fn accepts(&self, key: &str, sequence: u64) -> bool {
        self.with(|m| m.sequences.get(key).is_none_or(|seen| sequence >= *seen))
    }

    /// Notes a sequence.
    pub fn note(&self, key: &str, sequence: u64) {
        self.with(|m| m.sequences.insert(key.to_owned(), sequence));
        self.save();
    }

    fn with<T>(&self, f: impl FnOnce(&mut Marks) -> T) -> T {
        f(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Written under the lock, so that two notes never mix. A file that cannot be written weakens the check, not the work:
    /// the next note tries again.
    fn save(&self) {
        let written = self.with(|marks| {
            let new = self.path.with_extension("new");
            std::fs::write(&new, serde_json::to_vec(marks)?)?;
            std::fs::rename(&new, &self.path)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the high-water file cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_sequence_is_noticed_also_after_a_restart_until_a_new_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let highwater = Highwater::open(dir.path());
        highwater.note_beat(1, 10);
        highwater.note("a", 7);
        let again = Highwater::open(dir.path());
        assert_eq!(again.beat(), 10);
        assert!(again.accepts("a", 7) && again.accepts("a", 8) && again.accepts("b", 0));
        assert!(!again.accepts("a", 6));
        again.note_beat(2, 11);
        assert!(again.accepts("a", 0));
    }
}
