//! Page tokens and sync tokens. A page token points into a listing that was laid out when it began, so a page can be asked for
//! again; a sync token carries all it needs and is sealed against guessing.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;

use super::{account::Account, etag::scramble, refusal::Refusal};

/// A listing under way.
pub struct Cursor {
    id: u64,
    /// The parameters of its first call; every page must repeat them.
    pub fingerprint: u64,
    pub order: Vec<u64>,
    pub sync: SyncToken,
    /// Lists changes since a sync token, tombstones included.
    pub feed: bool,
}

/// Listings remembered for each account; asking for a page of an older one is an error.
const CURSORS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    /// Changes after this revision come next.
    pub revision: u64,
    /// When the full listing began: the age counts from here, whatever came between.
    pub full_at: i64,
    /// The parameters that must be repeated.
    pub fingerprint: u64,
}

/// A number that stands for a list of parameters.
pub fn fingerprint(parts: &[&str]) -> u64 {
    parts.iter().flat_map(|p| p.bytes().chain([0])).fold(0, |hash, byte| scramble(hash ^ u64::from(byte)))
}

impl SyncToken {
    pub fn seal(&self, salt: u64) -> String {
        let text = format!("{:x}.{:x}.{:x}", self.revision, self.full_at, self.fingerprint);
        BASE64_URL_SAFE_NO_PAD.encode(format!("{text}.{:x}", fingerprint(&[&text, &salt.to_string()])))
    }

    /// # Errors
    /// 400 for anything that was not sealed for this account.
    pub fn open(token: &str, salt: u64) -> Result<Self, Refusal> {
        let read = || {
            let decoded = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (text, seal) = decoded.rsplit_once('.')?;
            let sealed = seal == format!("{:x}", fingerprint(&[text, &salt.to_string()]));
            let mut parts = text.split('.').filter(|_| sealed);
            Some(Self {
                revision: u64::from_str_radix(parts.next()?, 16).ok()?,
                full_at: i64::from_str_radix(parts.next()?, 16).ok()?,
                fingerprint: u64::from_str_radix(parts.next()?, 16).ok()?,
            })
        };
        read().ok_or_else(|| Refusal::invalid("Sync token is invalid."))
    }
}

impl Account {
    /// Remembers a listing; the result is its place among the cursors.
    pub fn remember(&mut self, fingerprint: u64, order: Vec<u64>, sync: SyncToken, feed: bool) -> usize {
        while self.cursors.len() >= CURSORS {
            self.cursors.pop_front();
        }
        self.cursors.push_back(Cursor { id: self.rng.random(), fingerprint, order, sync, feed });
        self.cursors.len() - 1
    }

    pub fn page_token(&self, cursor: usize, offset: usize) -> String {
        let id = self.cursors.get(cursor).map_or(0, |c| c.id);
        BASE64_URL_SAFE_NO_PAD.encode(format!("{id:x}.{offset:x}"))
    }

    /// The listing and offset that a page token points to.
    ///
    /// # Errors
    /// 400 for an unknown token, and when other parameters differ from those of the first call.
    pub fn find_page(&self, token: &str, fingerprint: u64) -> Result<(usize, usize), Refusal> {
        let read = || {
            let decoded = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let (id, offset) = decoded.split_once('.')?;
            let id = u64::from_str_radix(id, 16).ok()?;
            let index = self.cursors.iter().position(|c| c.id == id)?;
            Some((index, usize::from_str_radix(offset, 16).ok()?))
        };
        let (index, offset) = read().ok_or_else(|| Refusal::invalid("Page token is invalid."))?;
        if self.cursors[index].fingerprint != fingerprint {
            return Err(changed_parameters("page"));
        }
        Ok((index, offset))
    }
}

pub fn changed_parameters(kind: &str) -> Refusal {
    Refusal::invalid(format!("Request parameters must match those of the call that provided the {kind} token."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_token_opens_only_for_its_account_and_unharmed() {
        let token = SyncToken { revision: 7, full_at: 1_700_000_000_000, fingerprint: 9 };
        let sealed = token.seal(1);
        assert_eq!(SyncToken::open(&sealed, 1).unwrap(), token);
        assert!(SyncToken::open(&sealed, 2).is_err());
        assert!(SyncToken::open("garbage", 1).is_err());
    }
}
