//! A secret as an operator writes it: the value itself, `env:NAME`, `file:PATH`, or `sealed:…` as `carnet export` prints it.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// A secret or a reference to one. Never printed by `Debug`; serialised as the operator wrote it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct SecretText(SecretString);

/// Why a secret could not be read. Names the reference, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// `env:NAME` and there is no such variable, or it is empty.
    #[error("the environment variable {0} is not set; set it, or write the secret another way")]
    NoVariable(String),
    /// `file:PATH` and the file cannot be read, or is empty.
    #[error("the secret file {0} cannot be read: {1}")]
    NoFile(String, String),
    /// The text is empty.
    #[error("a secret is empty; leave the key out, or give it a value, env:NAME or file:PATH")]
    Empty,
}

impl SecretText {
    /// Wraps text as written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text as written: a value or a reference.
    pub fn written(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether this is `env:…` or `file:…`, which may be printed.
    pub fn is_reference(&self) -> bool {
        self.written().starts_with("env:") || self.written().starts_with("file:")
    }

    /// Follows `env:` and `file:`; any other text is the secret itself. Surrounding white space of files is dropped.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        let written = self.written();
        let value = if let Some(name) = written.strip_prefix("env:") {
            std::env::var(name)
                .ok()
                .filter(|v| !v.is_empty())
                .ok_or_else(|| SecretError::NoVariable(name.to_owned()))?
        } else if let Some(path) = written.strip_prefix("file:") {
            let text =
                std::fs::read_to_string(path).map_err(|e| SecretError::NoFile(path.to_owned(), e.to_string()))?;
            text.trim().to_owned()
        } else {
            written.to_owned()
        };
        if value.is_empty() { Err(SecretError::Empty) } else { Ok(SecretString::from(value)) }
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_reference() { self.written() } else { "[secret]" })
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.written() == other.written()
    }
}
impl Eq for SecretText {}

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.written())
    }
}
