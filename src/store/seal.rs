//! Secrets are sealed (AES-256-GCM under a key derived from `CARNET_SECRET_KEY`) before they reach Redis or the disk.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Seals and opens texts. What a text is for is bound into it, so one cannot be passed off as another.
pub struct Sealer(LessSafeKey);

/// A sealed text that does not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Another key, another purpose, or damage.
    #[error(
        "a sealed secret does not open with this CARNET_SECRET_KEY; start with the key that this installation was set up with"
    )]
    WrongKey,
    /// The system gives no random numbers.
    #[error("the system's random source failed")]
    NoRandom,
}

impl Sealer {
    /// From the secret key as the operator wrote it.
    pub fn new(secret: &SecretString) -> Result<Self, SealError> {
        let digest = Sha256::new().chain_update(b"carnet seal 1\0").chain_update(secret.expose_secret()).finalize();
        UnboundKey::new(&AES_256_GCM, &digest).map(|key| Self(LessSafeKey::new(key))).map_err(|_| SealError::WrongKey)
    }

    /// Seals `text` for `purpose`; base64 without padding.
    pub fn seal(&self, purpose: &str, text: &str) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let mut sealed = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| SealError::WrongKey)?;
        Ok(STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`Sealer::seal`] made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<SecretString, SealError> {
        let bytes = STANDARD_NO_PAD.decode(sealed).map_err(|_| SealError::WrongKey)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::WrongKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::WrongKey)?;
        let mut rest = rest.to_vec();
        let text =
            self.0.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut rest).map_err(|_| SealError::WrongKey)?;
        String::from_utf8(text.to_vec()).map(SecretString::from).map_err(|_| SealError::WrongKey)
    }
}

/// Random text of `bytes` random bytes, in hex.
pub fn random_text(bytes: usize) -> Result<String, SealError> {
    let mut buffer = vec![0; bytes];
    SystemRandom::new().fill(&mut buffer).map_err(|_| SealError::NoRandom)?;
    Ok(hex::encode(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_only_with_its_key_and_purpose() {
        let sealer = Sealer::new(&SecretString::from("key one")).unwrap();
        let sealed = sealer.seal("google/office", "refresh").unwrap();
        assert!(!sealed.contains("refresh"));
        assert_eq!(sealer.open("google/office", &sealed).unwrap().expose_secret(), "refresh");
        assert!(sealer.open("google/other", &sealed).is_err());
        assert!(Sealer::new(&SecretString::from("key two")).unwrap().open("google/office", &sealed).is_err());
        assert!(sealer.open("google/office", "AAAA").is_err());
    }
}
