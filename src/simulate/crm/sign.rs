//! The platform key: Ed25519 over the raw body, as `X-GHL-Signature` carries it. Derived from the seed, so the public
//! half can be configured before the simulator starts.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// `SubjectPublicKeyInfo` of an Ed25519 key up to the 32 key bytes (RFC 8410).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn key(seed: u64) -> Ed25519KeyPair {
    let secret = Sha256::digest(format!("carnet pretend platform key {seed}"));
    Ed25519KeyPair::from_seed_unchecked(&secret).expect("any 32 bytes are an Ed25519 seed")
}

/// The public key of the simulator with this seed, as PEM.
pub fn public_key_pem(seed: u64) -> String {
    let mut der = SPKI_HEAD.to_vec();
    der.extend_from_slice(key(seed).public_key().as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// The value of `X-GHL-Signature` for a body: base64 of 64 bytes.
pub fn sign(seed: u64, body: &[u8]) -> String {
    STANDARD.encode(key(seed).sign(body))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// The key bytes as a client would read them out of the PEM.
    fn published(seed: u64) -> Vec<u8> {
        let pem = public_key_pem(seed);
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(text).unwrap();
        assert_eq!((der.len(), &der[..12]), (44, &SPKI_HEAD[..]));
        der[12..].to_vec()
    }

    #[test]
    fn a_signature_verifies_with_the_published_key_and_no_other() {
        let body = r#"{"type":"ContactCreate","firstName":"Zoé"}"#.as_bytes();
        let signature = STANDARD.decode(sign(7, body)).unwrap();
        assert!(UnparsedPublicKey::new(&ED25519, published(7)).verify(body, &signature).is_ok());
        assert!(UnparsedPublicKey::new(&ED25519, published(8)).verify(body, &signature).is_err());
        assert!(UnparsedPublicKey::new(&ED25519, published(7)).verify(b"other", &signature).is_err());
    }
}
