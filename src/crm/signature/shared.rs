//! Senders that sign nothing and only show a shared secret: in a header, as bearer or basic, in the URL, in the body.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};

use super::{Delivery, Refusal, inside_body, key, only_value};

/// What may be shown, and where.
pub(super) struct Shared {
    pub place: Place,
    /// Digests, so that comparing tells nothing of a secret, not even its length.
    pub digests: Vec<[u8; 32]>,
}

/// Where the secret is shown.
pub(super) enum Place {
    Header {
        name: HeaderName,
        prefix: String,
    },
    Bearer,
    /// The secret is then `user:password`.
    Basic,
    Url {
        parameter: String,
    },
    Body {
        pointer: String,
    },
}

/// What secrets are kept and compared as.
pub(super) fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl Shared {
    pub fn verify(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let shown = digest(&self.shown(delivery)?.ok_or(Refusal::MissingSignature)?);
        // No early end: which of several secrets fits is nobody's business either.
        let fits = self.digests.iter().fold(false, |fits, d| fits | verify_slices_are_equal(d, &shown).is_ok());
        if fits { Ok(()) } else { Err(Refusal::WrongSignature) }
    }

    fn shown(&self, delivery: &Delivery<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(match &self.place {
            Place::Header { name, prefix } => only_value(delivery.headers, name)?
                .map(|value| value.strip_prefix(prefix.as_bytes()).ok_or(Refusal::WrongSignature))
                .transpose()?
                .map(<[u8]>::to_vec),
            Place::Bearer => credentials(delivery.headers, "bearer")?.map(<[u8]>::to_vec),
            Place::Basic => match credentials(delivery.headers, "basic")? {
                Some(value) => {
                    let text = std::str::from_utf8(value).map_err(|_| Refusal::WrongSignature)?;
                    Some(key::base64(text).ok_or(Refusal::WrongSignature)?)
                }
                None => None,
            },
            Place::Url { parameter } => parameter_of(delivery.query.unwrap_or_default(), parameter)?,
            Place::Body { pointer } => inside_body::text_at(delivery.body, pointer).map(String::into_bytes),
        })
    }
}

/// What follows the scheme in `Authorization`; the scheme's case does not matter.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<Option<&'h [u8]>, Refusal> {
    let Some(value) = only_value(headers, &AUTHORIZATION)? else { return Ok(None) };
    let (name, rest) = value.split_at_checked(scheme.len()).ok_or(Refusal::WrongSignature)?;
    if !name.eq_ignore_ascii_case(scheme.as_bytes()) || !rest.starts_with(b" ") {
        return Err(Refusal::WrongSignature);
    }
    Ok(Some(rest.trim_ascii()))
}

fn parameter_of(query: &str, parameter: &str) -> Result<Option<Vec<u8>>, Refusal> {
    let mut values = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == parameter);
    let value = values.next().map(|(_, value)| value.into_owned().into_bytes());
    if values.next().is_some() { Err(Refusal::RepeatedHeader) } else { Ok(value) }
}
