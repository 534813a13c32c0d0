//! How a header carries signatures: alone, behind a prefix, as named parts of a list, or as versions of one.

use axum::http::{HeaderMap, HeaderName};

use super::{Refusal, key, only_value};
use crate::config::declared::Encoding;

/// Senders list a handful while they rotate; each further one costs a check.
const MOST_SIGNATURES: usize = 16;

/// Where the signature is and how it is written.
pub(super) struct Carried {
    pub header: HeaderName,
    pub shape: Shape,
    /// Fixed text before each signature, such as `sha256=`.
    pub prefix: String,
    pub encoding: Encoding,
}

/// What else is in the header.
pub(super) enum Shape {
    /// Nothing.
    Alone,
    /// `t=…,v1=…[,v1=…]`, or with `;` as Paddle does: the parts of this name.
    Part(String),
    /// `v1,… v1a,…` of Standard Webhooks: the `v1` ones; other versions are skipped.
    Versions,
}

impl Carried {
    /// The header's text; `None` when it is absent, empty, or HighLevel's `N/A` for "not signed".
    pub fn text<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, Refusal> {
        match only_value(headers, &self.header)? {
            None | Some(b"N/A") => Ok(None),
            Some(value) => std::str::from_utf8(value).map(Some).map_err(|_| Refusal::WrongSignature),
        }
    }

    /// The decoded signatures; what cannot be decoded is none.
    pub fn signatures(&self, text: &str) -> Result<Vec<Vec<u8>>, Refusal> {
        let written: Vec<&str> = match &self.shape {
            Shape::Alone => vec![text],
            Shape::Part(name) => parts(text, name)?.collect(),
            Shape::Versions => {
                bounded(text.split_ascii_whitespace())?.filter_map(|entry| entry.strip_prefix("v1,")).collect()
            }
        };
        Ok(written.into_iter().filter_map(|signature| self.decode(signature)).collect())
    }

    fn decode(&self, signature: &str) -> Option<Vec<u8>> {
        let signature = signature.strip_prefix(self.prefix.as_str())?;
        let bytes = match self.encoding {
            Encoding::Hex => hex::decode(signature.trim_ascii()).ok()?,
            Encoding::Base64 => key::base64(signature)?,
        };
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// The values of all parts called `name`.
pub(super) fn parts<'t>(text: &'t str, name: &str) -> Result<impl Iterator<Item = &'t str>, Refusal> {
    let entries = bounded(text.split([',', ';']))?.filter_map(|entry| entry.split_once('='));
    Ok(entries.filter(move |(key, _)| key.trim_ascii() == name).map(|(_, value)| value.trim_ascii()))
}

fn bounded<'t>(entries: impl Iterator<Item = &'t str> + Clone) -> Result<impl Iterator<Item = &'t str>, Refusal> {
    if entries.clone().nth(MOST_SIGNATURES).is_some() { Err(Refusal::WrongSignature) } else { Ok(entries) }
}
