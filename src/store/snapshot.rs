//! The sealed copy of the registry in the data directory, for the day on which Redis is lost or goes back in time.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{
    registry::Registry,
    seal::{SealError, Sealer, key_of},
};

/// What is in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which installation it belongs to.
    pub installation: String,
    /// Configuration, credentials, refusals.
    pub registry: Registry,
    /// Id of the key that the file was sealed with; empty when it does not say.
    #[serde(skip)]
    pub key: String,
}

/// Bytes in which the id of its key stands.
const BEGINNING: u64 = 64;

/// Where the snapshot lives.
#[derive(Clone, Debug)]
pub struct SnapshotFile(PathBuf);

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk says no.
    #[error("the snapshot {0} cannot be used: {1}")]
    Disk(PathBuf, String),
    /// Another secret key.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// Not a snapshot.
    #[error("the snapshot {0} is damaged; move it away to start without it")]
    Damaged(PathBuf),
}

impl SnapshotFile {
    /// In this data directory.
    pub fn in_dir(dir: &Path) -> Self {
        Self(dir.join("snapshot.sealed"))
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.0.exists()
    }

    /// Id of the key that it is sealed with; empty when there is none, or it does not say.
    pub fn key(&self) -> String {
        // Its beginning says so, and this is asked with every sweep.
        let mut start = String::new();
        let read = std::fs::File::open(&self.0).and_then(|file| file.take(BEGINNING).read_to_string(&mut start));
        if read.is_ok() { key_of(&start).unwrap_or_default().to_owned() } else { String::new() }
    }

    /// Reads it; `None` when there is none.
    pub fn read(&self, sealer: &Sealer) -> Result<Option<Snapshot>, SnapshotError> {
        let sealed = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(SnapshotError::Disk(self.0.clone(), e.to_string())),
        };
        let text = sealer.open("snapshot", sealed.trim())?;
        let mut snapshot: Snapshot =
            serde_json::from_str(text.expose_secret()).map_err(|_| SnapshotError::Damaged(self.0.clone()))?;
        snapshot.key = key_of(&sealed).unwrap_or_default().to_owned();
        Ok(Some(snapshot))
    }

    /// Writes it whole or not at all: to a new file, to the disk, then over the old one.
    pub fn write(&self, sealer: &Sealer, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let text = serde_json::to_string(snapshot).map_err(|_| SnapshotError::Damaged(self.0.clone()))?;
        // A key that is on its way out of the key file must not seal what the next start has to open.
        let _held = sealer.hold()?;
        let sealed = sealer.seal("snapshot", &text)?;
        write_durably(&self.0, sealed.as_bytes()).map_err(|e| SnapshotError::Disk(self.0.clone(), e.to_string()))
    }
}

/// Replaces a file so that a power cut leaves the old or the new one; readable by the owner only.
pub fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    // Two processes (the service and the command line) or two tasks may write at once: each has its own new file.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let new = path.with_extension(format!("new-{}-{}", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    match path.parent() {
        Some(dir) => std::fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}
