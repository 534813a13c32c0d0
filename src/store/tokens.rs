//! Tokens of the API: of each only a digest is kept, so that whoever reads Redis or the data directory has none. They are long
//! and random; a plain digest is enough.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::seal::{SealError, random_text};

/// What a token is good for. Each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look: syncs, runs, questions, dead letters with their values masked, metrics.
    Read,
    /// Act: run, pause, answer, replay, restore, preview and apply.
    Operate,
    /// Everything: see what dead letters hold, discard them, take runs back, read the audit log.
    Admin,
}

/// A token, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// SHA-256 of the token, in hex.
    pub digest: String,
    /// What it is good for.
    pub scope: Scope,
    /// When it was made (ms).
    pub made: i64,
    /// When it ends (ms).
    pub ends: Option<i64>,
}

/// What every token begins with, so that one that leaked is recognised.
const PREFIX: &str = "carnet_";
const BYTES: usize = 32;

impl ApiToken {
    /// A new one, and the token itself, which is shown once.
    pub fn make(scope: Scope, made: i64, ends: Option<i64>) -> Result<(Self, SecretString), SealError> {
        let token = SecretString::from(format!("{PREFIX}{}", random_text(BYTES)?));
        Ok((Self { digest: digest(token.expose_secret()), scope, made, ends }, token))
    }

    /// Whether it is this one, and still good.
    pub fn is(&self, digest: &str, now: i64) -> bool {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(self.digest.as_bytes(), digest.as_bytes());
        same.is_ok() && self.ends.is_none_or(|ends| now < ends)
    }
}

/// As a token is kept.
pub fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl Scope {
    /// For people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Read, Self::Operate, Self::Admin];
        all.into_iter().find(|scope| scope.name() == text).ok_or_else(|| "it is read, operate or admin".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_until_it_ends_and_nothing_of_it_is_kept() {
        let (kept, token) = ApiToken::make(Scope::Read, 0, Some(100)).expect("random numbers");
        let token = token.expose_secret();
        assert!(token.starts_with("carnet_") && token.len() > 40);
        assert!(kept.is(&digest(token), 99) && !kept.is(&digest(token), 100) && !kept.is(&digest("carnet_other"), 0));
        assert!(!format!("{kept:?}").contains(&token[PREFIX.len()..]));
    }

    #[test]
    fn a_scope_includes_the_smaller_ones() {
        assert!(Scope::Admin > Scope::Operate && Scope::Operate > Scope::Read);
        assert_eq!("operate".parse(), Ok(Scope::Operate));
        assert!("root".parse::<Scope>().is_err());
    }
}
