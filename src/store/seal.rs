//! Secrets are sealed (AES-256-GCM under a key derived from a secret key) before they reach Redis or the disk. Several keys may open;
//! one seals, the one that the registry names: while a new key is being handed out to all processes, all still seal with the old one.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::key_file::{Held, KeyFile};

/// Seals and opens texts. What a text is for is bound into it, so one cannot be passed off as another.
pub struct Sealer {
    ring: RwLock<Ring>,
    file: Option<KeyFile>,
}

/// The keys of a process, newest first.
#[derive(Clone)]
struct Ring {
    keys: Vec<Arc<Key>>,
    /// Were there once: they open only what is on its way into the registry, to be sealed anew.
    retired: Vec<Arc<Key>>,
    /// Id of the one that seals.
    seals: String,
}

struct Key {
    id: String,
    digest: [u8; 32],
    aead: LessSafeKey,
}

/// A sealed text that does not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Another key, another purpose, or damage.
    #[error(
        "a sealed secret does not open with this CARNET_SECRET_KEY; start with the key that this installation was set up with"
    )]
    WrongKey,
    /// It says itself under which key, and that is none of ours.
    #[error(
        "what is stored was sealed with the secret key {wanted}, but this process has {}; start with the key that this \
         installation was set up with (beside a newer one as CARNET_SECRET_KEY_PREVIOUS)", have.join(", ")
    )]
    OtherKey {
        /// Id of the key that is needed.
        wanted: String,
        /// Ids of those that are there.
        have: Vec<String>,
    },
    /// The key file changed between two steps; the next try reads it anew.
    #[error("the secret key was rotated a moment ago; try again")]
    Rotated,
    /// The key file cannot be read.
    #[error("the secret key file {0} cannot be used: {1}")]
    File(std::path::PathBuf, String),
    /// The system gives no random numbers.
    #[error("the system's random source failed")]
    NoRandom,
}

impl Key {
    fn new(secret: &SecretString) -> Result<Self, SealError> {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"carnet seal 1\0").chain_update(secret.expose_secret()).finalize().into();
        let id = hex::encode(&Sha256::new().chain_update(b"carnet key id\0").chain_update(digest).finalize()[..4]);
        let aead = aead(&digest)?;
        Ok(Self { id, digest, aead })
    }

    fn open(&self, purpose: &str, bytes: &[u8]) -> Option<SecretString> {
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let text = self.aead.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut rest).ok()?;
        String::from_utf8(text.to_vec()).ok().map(SecretString::from)
    }
}

fn aead(digest: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, digest).map(LessSafeKey::new).map_err(|_| SealError::WrongKey)
}

impl Sealer {
    /// From one secret key as the operator wrote it.
    pub fn new(secret: &SecretString) -> Result<Self, SealError> {
        Self::of(std::slice::from_ref(secret))
    }

    /// From several, newest first; at least one.
    pub fn of(secrets: &[SecretString]) -> Result<Self, SealError> {
        let ring = Ring::of(secrets)?;
        Ok(Self { ring: RwLock::new(ring), file: None })
    }

    /// From the lines of a key file, which is read again when something was sealed with a key that is not known.
    pub fn in_file(file: KeyFile) -> Result<Self, SealError> {
        let ring = Ring::of(&file.read()?)?;
        Ok(Self { ring: RwLock::new(ring), file: Some(file) })
    }

    /// The key file, if the keys are in one.
    pub fn file(&self) -> Option<&KeyFile> {
        self.file.as_ref()
    }

    fn ring(&self) -> Ring {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ids of the keys that open, newest first.
    pub fn ids(&self) -> Vec<String> {
        self.ring().keys.iter().map(|key| key.id.clone()).collect()
    }

    /// Id of the key that seals.
    pub fn seals_with(&self) -> String {
        self.ring().seals
    }

    /// Reads the key file again, if there is one.
    pub fn refresh(&self) -> Result<(), SealError> {
        let Some(file) = &self.file else { return Ok(()) };
        let secrets = file.read()?;
        // Somebody took the file away: what is in memory is all there is.
        if secrets.is_empty() {
            return Ok(());
        }
        let new = Ring::of(&secrets)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let gone = ring.keys.iter().filter(|old| new.keys.iter().all(|key| key.id != old.id)).cloned();
        let gone: Vec<_> = gone.collect();
        ring.retired.extend(gone);
        ring.keys = new.keys;
        Ok(())
    }

    /// Seals with the key of this id from now on. Empty: what was sealed before keys had ids, by the oldest there is.
    pub fn seal_with(&self, id: &str) -> Result<(), SealError> {
        if self.ring().find(id).is_none() {
            self.refresh()?;
        }
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let key = if id.is_empty() { ring.keys.last().cloned() } else { ring.find(id) };
        let Some(key) = key else { return Err(ring.lacks(id)) };
        ring.seals.clone_from(&key.id);
        Ok(())
    }

    /// Holds the key file still, so that the key that seals stays in it; [`SealError::Rotated`] when it is gone already.
    pub(super) fn hold(&self) -> Result<Option<Held>, SealError> {
        let Some(file) = &self.file else { return Ok(None) };
        let held = file.lock()?;
        self.refresh()?;
        let ring = self.ring();
        if ring.find(&ring.seals).is_none() {
            return Err(SealError::Rotated);
        }
        Ok(Some(held))
    }

    /// Seals `text` for `purpose`: the key's id, a dot, base64 without padding.
    pub fn seal(&self, purpose: &str, text: &str) -> Result<String, SealError> {
        let ring = self.ring();
        let key = ring.any(&ring.seals).ok_or(SealError::WrongKey)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = text.as_bytes().to_vec();
        key.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| SealError::WrongKey)?;
        Ok(format!("{}.{}", key.id, STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens what [`Sealer::seal`] made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<SecretString, SealError> {
        match key_of(sealed) {
            Some(id) if self.ring().find(id).is_none() => self.refresh()?,
            _ => {}
        }
        let ring = self.ring();
        ring.open(&ring.keys, purpose, sealed)
    }

    /// Seals anew what another key has sealed; `None`: it is under the right one.
    pub fn reseal(&self, purpose: &str, sealed: &str) -> Result<Option<String>, SealError> {
        let ring = self.ring();
        if key_of(sealed) == Some(ring.seals.as_str()) {
            return Ok(None);
        }
        let all: Vec<_> = ring.keys.iter().chain(&ring.retired).cloned().collect();
        self.seal(purpose, ring.open(&all, purpose, sealed)?.expose_secret()).map(Some)
    }

    /// A key for one file: derived from the one of this id and a salt that no other file has.
    pub(super) fn file_key(&self, id: &str, salt: &[u8]) -> Result<LessSafeKey, SealError> {
        let ring = self.ring();
        let key = ring.find(id).ok_or_else(|| ring.lacks(id))?;
        let mac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key.digest);
        let mut context = aws_lc_rs::hmac::Context::with_key(&mac);
        context.update(b"carnet file 1\0");
        context.update(salt);
        let derived = context.sign();
        let digest = derived.as_ref().try_into().map_err(|_| SealError::WrongKey)?;
        aead(&digest)
    }
}

impl Ring {
    fn of(secrets: &[SecretString]) -> Result<Self, SealError> {
        let mut keys: Vec<Arc<Key>> = Vec::with_capacity(secrets.len());
        for secret in secrets {
            let key = Arc::new(Key::new(secret)?);
            if keys.iter().all(|other| other.id != key.id) {
                keys.push(key);
            }
        }
        let seals = keys.first().map(|key| key.id.clone()).unwrap_or_default();
        Ok(Self { keys, retired: Vec::new(), seals })
    }

    fn find(&self, id: &str) -> Option<Arc<Key>> {
        self.keys.iter().find(|key| key.id == id).cloned()
    }

    fn any(&self, id: &str) -> Option<Arc<Key>> {
        self.find(id).or_else(|| self.retired.iter().find(|key| key.id == id).cloned())
    }

    fn lacks(&self, id: &str) -> SealError {
        SealError::OtherKey { wanted: id.to_owned(), have: self.keys.iter().map(|key| key.id.clone()).collect() }
    }

    fn open(&self, keys: &[Arc<Key>], purpose: &str, sealed: &str) -> Result<SecretString, SealError> {
        let (id, text) = sealed.split_once('.').map_or((None, sealed), |(id, text)| (Some(id), text));
        let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| SealError::WrongKey)?;
        if let Some(id) = id {
            let key = keys.iter().find(|key| key.id == id).ok_or_else(|| self.lacks(id))?;
            return key.open(purpose, &bytes).ok_or(SealError::WrongKey);
        }
        keys.iter().find_map(|key| key.open(purpose, &bytes)).ok_or(SealError::WrongKey)
    }
}

/// Id of the key that sealed a text, if it says so.
pub fn key_of(sealed: &str) -> Option<&str> {
    sealed.split_once('.').map(|(id, _)| id)
}

/// Random text of `bytes` random bytes, in hex.
pub fn random_text(bytes: usize) -> Result<String, SealError> {
    let mut buffer = vec![0; bytes];
    random(&mut buffer)?;
    Ok(hex::encode(buffer))
}

/// Fills it with random bytes.
pub(super) fn random(buffer: &mut [u8]) -> Result<(), SealError> {
    SystemRandom::new().fill(buffer).map_err(|_| SealError::NoRandom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets<const N: usize>(texts: [&str; N]) -> [SecretString; N] {
        texts.map(SecretString::from)
    }

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_purpose() {
        let sealer = Sealer::new(&SecretString::from("key one")).unwrap();
        let sealed = sealer.seal("google/office", "refresh").unwrap();
        assert!(!sealed.contains("refresh"));
        assert_eq!(sealer.open("google/office", &sealed).unwrap().expose_secret(), "refresh");
        assert!(sealer.open("google/other", &sealed).is_err());
        let other = Sealer::new(&SecretString::from("key two")).unwrap();
        assert!(matches!(other.open("google/office", &sealed), Err(SealError::OtherKey { .. })));
        assert!(sealer.open("google/office", "AAAA").is_err());
    }

    #[test]
    fn what_was_sealed_before_keys_had_ids_opens_by_trial() {
        let sealer = Sealer::new(&SecretString::from("key one")).unwrap();
        let sealed = sealer.seal("p", "text").unwrap();
        let (_, without_id) = sealed.split_once('.').unwrap();
        let both = Sealer::of(&secrets(["key two", "key one"])).unwrap();
        assert_eq!(both.open("p", without_id).unwrap().expose_secret(), "text");
        both.seal_with("").unwrap();
        assert_eq!(both.seals_with(), sealer.seals_with(), "the oldest seals until the registry says otherwise");
    }

    #[test]
    fn a_new_key_opens_what_the_old_one_sealed_and_seals_only_when_told() {
        let old = Sealer::new(&SecretString::from("key one")).unwrap();
        let sealed = old.seal("p", "text").unwrap();
        let both = Sealer::of(&secrets(["key two", "key one"])).unwrap();
        both.seal_with(&old.seals_with()).unwrap();
        assert_eq!(both.reseal("p", &sealed).unwrap(), None);
        assert!(old.open("p", &both.seal("p", "more").unwrap()).is_ok(), "a process that has only the old key goes on");
        both.seal_with(&both.ids()[0]).unwrap();
        let anew = both.reseal("p", &sealed).unwrap().unwrap();
        let new = Sealer::new(&SecretString::from("key two")).unwrap();
        assert_eq!(new.open("p", &anew).unwrap().expose_secret(), "text");
        let said = new.open("p", &sealed).unwrap_err().to_string();
        assert!(said.contains(&old.seals_with()) && said.contains(&new.seals_with()), "{said}");
    }
}
