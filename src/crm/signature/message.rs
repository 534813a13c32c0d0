//! What is signed: a template of `{method}` `{url}` `{timestamp}` `{id}` `{body}` and fixed text.

use std::borrow::Cow;

use super::{Delivery, Refusal};

/// A parsed template.
pub(super) struct Message(Vec<Piece>);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Method,
    Url,
    /// HubSpot signs the URL with some escapes undone.
    UnescapedUrl,
    Timestamp,
    Id,
    Body,
}

impl Message {
    /// Of pieces that are known to be right.
    pub fn of(pieces: &[Piece]) -> Self {
        Self(pieces.to_vec())
    }

    /// Reads a template; `Err` is the placeholder nobody knows.
    pub fn parse(template: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{{{after}"))?;
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
            pieces.push(match name {
                "method" => Piece::Method,
                "url" => Piece::Url,
                "timestamp" => Piece::Timestamp,
                "id" => Piece::Id,
                "body" => Piece::Body,
                other => return Err(format!("{{{other}}}")),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub fn has(&self, piece: &Piece) -> bool {
        self.0.contains(piece)
    }

    /// The signed bytes.
    pub fn render<'d>(
        &self,
        delivery: &Delivery<'d>,
        timestamp: Option<&str>,
        id: Option<&str>,
    ) -> Result<Cow<'d, [u8]>, Refusal> {
        if self.0 == [Piece::Body] {
            return Ok(Cow::Borrowed(delivery.body));
        }
        let mut bytes = Vec::with_capacity(delivery.body.len() + 256);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Method => bytes.extend_from_slice(delivery.method.as_bytes()),
                Piece::Url => bytes.extend_from_slice(delivery.public_url.as_bytes()),
                Piece::UnescapedUrl => bytes.extend_from_slice(unescape_for_hubspot(delivery.public_url).as_bytes()),
                Piece::Timestamp => bytes.extend_from_slice(timestamp.ok_or(Refusal::MissingTimestamp)?.as_bytes()),
                Piece::Id => bytes.extend_from_slice(id.ok_or(Refusal::MissingId)?.as_bytes()),
                Piece::Body => bytes.extend_from_slice(delivery.body),
            }
        }
        Ok(Cow::Owned(bytes))
    }
}

/// Undoes exactly the escapes that HubSpot's signature page lists, once; every other one stays (`%20`, `%25`).
fn unescape_for_hubspot(url: &str) -> String {
    const UNDONE: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut pieces = url.split('%');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.get(..2).unwrap_or_default();
        match UNDONE.iter().find(|(escape, _)| escape.eq_ignore_ascii_case(code)) {
            Some((_, character)) => {
                plain.push(*character);
                plain.push_str(&piece[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(piece);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_escapes_are_undone_and_only_once() {
        for (url, signed) in [
            ("https://x.example/a%3Ab%2fc?q=%40%21%24%27%28%29%2A%2C%3B", "https://x.example/a:b/c?q=@!$'()*,;"),
            ("https://x.example/a%20b%25%2Bc?d=%26", "https://x.example/a%20b%25%2Bc?d=%26"),
            ("https://x.example/%253A?é=%é", "https://x.example/%253A?é=%é"),
            ("https://x.example/?end=%3", "https://x.example/?end=%3"),
        ] {
            assert_eq!(unescape_for_hubspot(url), signed);
        }
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        assert_eq!(Message::parse("{body}.{secret}").err().as_deref(), Some("{secret}"));
        assert_eq!(Message::parse("{body").err().as_deref(), Some("{body"));
    }
}
