//! Codes and tokens, and when they die.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::{Rng, rngs::StdRng};

use super::clock::{DAY, MINUTE, SECOND};

/// An authorization code, waiting to be exchanged.
pub struct Code {
    pub subject: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub scopes: BTreeSet<String>,
    /// PKCE: challenge and method.
    pub challenge: Option<(String, String)>,
    pub nonce: Option<String>,
    /// Whether a refresh token comes with it.
    pub offline: bool,
    pub issued: i64,
}

/// What stands behind a refresh token.
#[derive(Clone)]
pub struct Grant {
    pub subject: String,
    pub client_id: String,
    pub scopes: BTreeSet<String>,
    pub issued: i64,
    pub used: i64,
    /// Made while the app was in testing.
    pub testing: bool,
}

/// What stands behind an access token.
#[derive(Clone)]
pub struct Access {
    pub subject: String,
    pub client_id: String,
    pub scopes: BTreeSet<String>,
    pub expires: i64,
}

#[derive(Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    refresh: BTreeMap<String, Grant>,
    access: HashMap<String, Access>,
}

/// Live refresh tokens for each account and client; the oldest dies silently.
const REFRESH_TOKENS: usize = 100;
/// Expired access tokens are swept out beyond this.
const ACCESS_TOKENS: usize = 10_000;

impl Grants {
    pub fn add_code(&mut self, code: Code, rng: &mut StdRng) -> String {
        let text = format!("4/0A{}", random_text(rng, 36));
        self.codes.insert(text.clone(), code);
        text
    }

    /// A code works once, and for ten minutes.
    pub fn take_code(&mut self, text: &str, now: i64) -> Option<Code> {
        self.codes.remove(text).filter(|code| now - code.issued < 10 * MINUTE)
    }

    pub fn add_refresh(&mut self, grant: Grant, rng: &mut StdRng) -> String {
        let same = |g: &Grant| g.subject == grant.subject && g.client_id == grant.client_id;
        let siblings: Vec<(i64, String)> =
            self.refresh.iter().filter(|(_, g)| same(g)).map(|(text, g)| (g.issued, text.clone())).collect();
        if siblings.len() >= REFRESH_TOKENS
            && let Some((_, oldest)) = siblings.into_iter().min()
        {
            self.refresh.remove(&oldest);
        }
        let text = format!("1//0{}", random_text(rng, 60));
        self.refresh.insert(text.clone(), grant);
        text
    }

    /// The grant of a refresh token that lives: six months after its last use, seven days in testing.
    pub fn refresh(&mut self, text: &str, now: i64) -> Option<Grant> {
        let grant = self.refresh.get_mut(text)?;
        if now - grant.used > 183 * DAY || (grant.testing && now - grant.issued > 7 * DAY) {
            self.refresh.remove(text);
            return None;
        }
        grant.used = now;
        Some(grant.clone())
    }

    pub fn add_access(&mut self, mut access: Access, now: i64, seconds: u32, rng: &mut StdRng) -> String {
        if self.access.len() >= ACCESS_TOKENS {
            self.access.retain(|_, a| a.expires > now);
        }
        access.expires = now + i64::from(seconds) * SECOND;
        let text = format!("ya29.{}", random_text(rng, 96));
        self.access.insert(text.clone(), access);
        text
    }

    pub fn access(&self, text: &str, now: i64) -> Option<Access> {
        self.access.get(text).filter(|a| a.expires > now).cloned()
    }

    /// Ends the whole grant that a token, of either kind, belongs to; tells whose it was and for which client.
    pub fn revoke(&mut self, text: &str) -> Option<(String, String)> {
        let by_refresh = self.refresh.get(text).map(|g| (g.subject.clone(), g.client_id.clone()));
        let by_access = || self.access.get(text).map(|a| (a.subject.clone(), a.client_id.clone()));
        let (subject, client_id) = by_refresh.or_else(by_access)?;
        self.refresh.retain(|_, g| g.subject != subject || g.client_id != client_id);
        self.access.retain(|_, a| a.subject != subject || a.client_id != client_id);
        Some((subject, client_id))
    }

    /// Ends every grant of an account, as its owner does on the security page.
    pub fn revoke_all(&mut self, subject: &str) {
        self.refresh.retain(|_, g| g.subject != subject);
        self.expire_access(subject);
    }

    pub fn expire_access(&mut self, subject: &str) {
        self.access.retain(|_, a| a.subject != subject);
    }
}

fn random_text(rng: &mut StdRng, bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    rng.fill_bytes(&mut buffer);
    BASE64_URL_SAFE_NO_PAD.encode(buffer)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn grant(issued: i64) -> Grant {
        let (subject, client_id) = ("s".to_owned(), "c".to_owned());
        Grant { subject, client_id, scopes: BTreeSet::new(), issued, used: issued, testing: issued == 7 }
    }

    #[test]
    fn the_hundred_and_first_refresh_token_kills_the_first() {
        let (mut grants, mut rng) = (Grants::default(), StdRng::seed_from_u64(1));
        let first = grants.add_refresh(grant(0), &mut rng);
        let second = grants.add_refresh(grant(1), &mut rng);
        for at in 2..=100 {
            grants.add_refresh(grant(at), &mut rng);
        }
        assert!(grants.refresh(&first, 200).is_none());
        assert!(grants.refresh(&second, 200).is_some());
    }

    #[test]
    fn a_refresh_token_dies_unused_or_in_testing() {
        let (mut grants, mut rng) = (Grants::default(), StdRng::seed_from_u64(1));
        let (lasting, testing) = (grants.add_refresh(grant(0), &mut rng), grants.add_refresh(grant(7), &mut rng));
        assert!(grants.refresh(&lasting, 100 * DAY).is_some());
        assert!(grants.refresh(&lasting, 280 * DAY).is_some(), "use keeps it alive");
        assert!(grants.refresh(&lasting, 480 * DAY).is_none());
        assert!(grants.refresh(&testing, 8 * DAY).is_none());
    }
}
