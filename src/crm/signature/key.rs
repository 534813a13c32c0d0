//! Keys: HMAC secrets and public keys, checked when they are read so that a wrong one stops the start, not the first webhook.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    signature::{ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use crate::config::declared::SecretEncoding;

/// HighLevel's platform key of `X-GHL-Signature`, the same for all apps; quoted alike by many public integrations.
pub(super) const HIGHLEVEL_ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=
-----END PUBLIC KEY-----";

/// HighLevel's platform key of `x-wh-signature`:
/// <https://github.com/GoHighLevel/highlevel-api-docs/blob/main/docs/oauth/WebhookAuthentication.md>
pub(super) const HIGHLEVEL_RSA: &str = "-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----";

/// A key, ready to use.
pub(super) enum Key {
    HmacSha256(Hmac<Sha256>),
    HmacSha1(Hmac<Sha1>),
    Public(ParsedPublicKey),
}

impl Key {
    /// HMAC-SHA-256 with this secret; `None` when the secret is not written as said, or is empty.
    pub fn hmac_sha256(secret: &str, encoding: SecretEncoding) -> Option<Self> {
        Hmac::new_from_slice(&decode_secret(secret, encoding)?).ok().map(Self::HmacSha256)
    }

    /// HMAC-SHA-1 with this secret.
    pub fn hmac_sha1(secret: &str, encoding: SecretEncoding) -> Option<Self> {
        Hmac::new_from_slice(&decode_secret(secret, encoding)?).ok().map(Self::HmacSha1)
    }

    /// An Ed25519 public key in PEM.
    pub fn ed25519(pem: &str) -> Option<Self> {
        ParsedPublicKey::new(&ED25519, der(pem)?).ok().map(Self::Public)
    }

    /// An RSA public key in PEM, 2048 to 8192 bits, for PKCS#1 v1.5 with SHA-256.
    pub fn rsa_sha256(pem: &str) -> Option<Self> {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(pem)?).ok().map(Self::Public)
    }

    /// Whether one of the signatures is this key's over the message. Takes the same time for every wrong one; a MAC is
    /// computed once however many signatures are offered.
    pub fn made_one_of(&self, signatures: &[Vec<u8>], message: &[u8]) -> bool {
        let is_one = |mac: &[u8]| signatures.iter().any(|s| verify_slices_are_equal(mac, s).is_ok());
        match self {
            Self::HmacSha256(hmac) => is_one(&hmac.clone().chain_update(message).finalize().into_bytes()),
            Self::HmacSha1(hmac) => is_one(&hmac.clone().chain_update(message).finalize().into_bytes()),
            Self::Public(key) => signatures.iter().any(|s| key.verify_sig(message, s).is_ok()),
        }
    }
}

impl Key {
    /// The signature of a message; `None` for a public key, which can only check one.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::HmacSha256(hmac) => Some(hmac.clone().chain_update(message).finalize().into_bytes().to_vec()),
            Self::HmacSha1(hmac) => Some(hmac.clone().chain_update(message).finalize().into_bytes().to_vec()),
            Self::Public(_) => None,
        }
    }
}

fn decode_secret(secret: &str, encoding: SecretEncoding) -> Option<Vec<u8>> {
    let bytes = match encoding {
        SecretEncoding::Utf8 => secret.as_bytes().to_vec(),
        SecretEncoding::Hex => hex::decode(secret.trim()).ok()?,
        SecretEncoding::Base64 => base64(secret)?,
        SecretEncoding::Whsec => base64(secret.trim().strip_prefix("whsec_").unwrap_or(secret))?,
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// Decodes base64 with or without padding; white space is skipped, Ruby senders end and break lines with it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    LENIENT.decode(text).ok()
}

/// The key inside `-----BEGIN PUBLIC KEY-----` armour. Line breaks may be written `\n`, as environment files make them.
fn der(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.replace("\\n", "\n");
    let inside = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?.strip_suffix("-----END PUBLIC KEY-----")?;
    base64(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_keys_are_keys_and_of_their_own_kind() {
        assert!(Key::ed25519(HIGHLEVEL_ED25519).is_some());
        assert!(Key::rsa_sha256(HIGHLEVEL_RSA).is_some());
        assert!(Key::ed25519(HIGHLEVEL_RSA).is_none());
        assert!(Key::rsa_sha256(HIGHLEVEL_ED25519).is_none());
        assert!(Key::ed25519(&HIGHLEVEL_ED25519.replace('\n', "\\n")).is_some());
    }

    #[test]
    fn a_key_that_is_cut_or_doubled_or_bare_is_no_key() {
        let bare = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=";
        for bad in [
            "",
            bare,
            &format!("{HIGHLEVEL_ED25519}\n{HIGHLEVEL_ED25519}"),
            &HIGHLEVEL_ED25519.replace("MCow", ""),
            &HIGHLEVEL_RSA.replace("T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==\n", ""),
        ] {
            assert!(Key::ed25519(bad).is_none() && Key::rsa_sha256(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_read_as_they_are_said_to_be_written() {
        for (secret, encoding, bytes) in [
            ("c2VjcmV0", SecretEncoding::Utf8, Some(&b"c2VjcmV0"[..])),
            ("736563726574\n", SecretEncoding::Hex, Some(b"secret")),
            ("c2VjcmV0", SecretEncoding::Base64, Some(b"secret")),
            ("whsec_c2VjcmV0", SecretEncoding::Whsec, Some(b"secret")),
            ("c2VjcmV0", SecretEncoding::Whsec, Some(b"secret")),
            ("73656372657", SecretEncoding::Hex, None),
            ("not base64!", SecretEncoding::Base64, None),
            ("whsec_", SecretEncoding::Whsec, None),
            ("", SecretEncoding::Utf8, None),
        ] {
            assert_eq!(decode_secret(secret, encoding).as_deref(), bytes, "{secret}");
        }
    }
}
