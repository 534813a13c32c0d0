//! The secret keys that Carnet made itself: a file in the data directory, one key a line, newest first. Whoever changes it, and whoever
//! seals something that must outlive the process, holds its lock.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    seal::{SealError, random_text},
    snapshot::write_durably,
};

/// Where the keys are.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

/// Nobody changes the keys while this lives.
pub struct Held(#[expect(dead_code, reason = "the lock goes with it")] File);

impl KeyFile {
    /// In this data directory.
    pub fn in_dir(dir: &Path) -> Self {
        Self(dir.join("secret.key"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The keys, newest first; none when there is no file.
    pub fn read(&self) -> Result<Vec<SecretString>, SealError> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => {
                Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(SecretString::from).collect())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    /// Makes a key and puts it in front of those that are there.
    pub fn add(&self) -> Result<(), SealError> {
        let _held = self.lock()?;
        let mut keys = vec![SecretString::from(random_text(32)?)];
        keys.extend(self.read()?);
        self.write(&keys)
    }

    /// Leaves only the newest key.
    pub(super) fn keep_newest(&self, _held: &Held) -> Result<(), SealError> {
        let mut keys = self.read()?;
        keys.truncate(1);
        self.write(&keys)
    }

    pub(super) fn lock(&self) -> Result<Held, SealError> {
        let lock = File::create(self.0.with_extension("lock")).map_err(|e| self.unusable(&e))?;
        lock.lock().map_err(|e| self.unusable(&e))?;
        Ok(Held(lock))
    }

    fn write(&self, keys: &[SecretString]) -> Result<(), SealError> {
        let lines: Vec<&str> = keys.iter().map(|key| key.expose_secret()).collect();
        write_durably(&self.0, lines.join("\n").as_bytes()).map_err(|e| self.unusable(&e))
    }

    fn unusable(&self, error: &std::io::Error) -> SealError {
        SealError::File(self.0.clone(), error.to_string())
    }
}
