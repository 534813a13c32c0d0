//! The base of the three-way merge: a short hash of every value that we wrote. It stands in the stamp, written in the same
//! call as the values, so "is Google's value still the one we wrote?" is answered without any value stored on our side.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical::Part;

/// The hash of one value: the letter of its part and five base64url characters (30 bits) of SHA-256(letter, canonical value).
///
/// Two values of one contact collide once in a billion; then an edit of the user's is taken for ours, in that one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ValueHash(String);

/// The hashes of the values that we wrote into one Google contact for one CRM contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base(BTreeSet<ValueHash>);

/// Text that is no hash of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a value")]
pub struct NoHash;

impl ValueHash {
    /// Characters of a hash.
    pub const LENGTH: usize = 6;

    /// Of a canonical value (see [`super::canonical`]).
    pub fn of(part: Part, key: &str) -> Self {
        let letter = part.letter();
        let digest = Sha256::new().chain_update([letter as u8]).chain_update(key.as_bytes()).finalize();
        let mut text = URL_SAFE_NO_PAD.encode(digest);
        text.truncate(Self::LENGTH - 1);
        Self(format!("{letter}{text}"))
    }

    /// Whether it is of this part.
    pub fn is_of(&self, part: Part) -> bool {
        self.0.starts_with(part.letter())
    }

    /// As it stands in the stamp.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ValueHash {
    type Error = NoHash;
    fn try_from(text: String) -> Result<Self, NoHash> {
        let is_base64 = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_of_a_part = Part::BY_IMPORTANCE.iter().any(|part| text.starts_with(part.letter()));
        if text.len() == Self::LENGTH && is_base64 && is_of_a_part { Ok(Self(text)) } else { Err(NoHash) }
    }
}

impl From<ValueHash> for String {
    fn from(hash: ValueHash) -> Self {
        hash.0
    }
}

impl Base {
    /// Whether we wrote this canonical value.
    pub fn has(&self, part: Part, key: &str) -> bool {
        !key.is_empty() && self.0.contains(&ValueHash::of(part, key))
    }

    /// Whether we wrote anything in this part.
    pub fn has_any(&self, part: Part) -> bool {
        self.0.iter().any(|hash| hash.is_of(part))
    }

    /// Notes a value as written by us; an empty one is no value.
    pub fn add(&mut self, part: Part, key: &str) {
        if !key.is_empty() {
            self.0.insert(ValueHash::of(part, key));
        }
    }

    /// The hashes, those whose memory matters most first, in an order that depends on nothing else.
    pub fn by_importance(&self) -> impl Iterator<Item = &ValueHash> {
        Part::BY_IMPORTANCE.into_iter().flat_map(|part| self.0.iter().filter(move |hash| hash.is_of(part)))
    }

    /// No longer counts as written by us.
    pub fn forget(&mut self, part: Part, key: &str) {
        self.0.remove(&ValueHash::of(part, key));
    }

    /// Only the hashes for which this holds.
    pub fn retain(&mut self, keep: impl Fn(&ValueHash) -> bool) {
        self.0.retain(|hash| keep(hash));
    }

    /// Whether it has this hash.
    pub fn contains(&self, hash: &ValueHash) -> bool {
        self.0.contains(hash)
    }

    /// Takes in another base's hashes.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl FromIterator<ValueHash> for Base {
    fn from_iter<I: IntoIterator<Item = ValueHash>>(hashes: I) -> Self {
        Self(hashes.into_iter().collect())
    }
}

impl FromIterator<(Part, String)> for Base {
    fn from_iter<I: IntoIterator<Item = (Part, String)>>(keys: I) -> Self {
        let mut base = Self::default();
        for (part, key) in keys {
            base.add(part, &key);
        }
        base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_knows_what_was_written_and_in_which_part() {
        let base = Base::from_iter([(Part::Given, "Anne".to_owned()), (Part::Email, String::new())]);
        assert!(base.has(Part::Given, "Anne"));
        assert!(!base.has(Part::Family, "Anne"));
        assert!(!base.has(Part::Email, ""), "nothing is never something that we wrote");
    }

    #[test]
    fn a_base_reads_back_from_json_and_refuses_what_is_no_hash() {
        let base = Base::from_iter([(Part::Url, "a".to_owned()), (Part::Given, "b".to_owned())]);
        let json = serde_json::to_string(&base).unwrap();
        assert_eq!(serde_json::from_str::<Base>(&json).unwrap(), base);
        for wrong in [r#"["gAAA"]"#, r#"["xAAAAA"]"#, r#"["gAA AA"]"#, r#"["gÉAAA"]"#] {
            assert!(serde_json::from_str::<Base>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hashes_never_change_because_they_stand_in_contacts() {
        assert_eq!(ValueHash::of(Part::Email, "anne@example.com").as_str(), "eR-Zav");
    }
}
