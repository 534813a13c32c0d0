//! Reading a CRM's JSON. What goes wrong is told by its place, never by a value: values are people's data.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// JSON that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the CRM's data cannot be used at {path}")]
pub struct Unreadable {
    /// Path into the JSON (`contacts[3].email`), or line and column when it is no JSON at all.
    pub path: String,
}

impl Unreadable {
    /// At this place.
    pub(super) fn at(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }
}

/// Decodes a body; the error names the path to what does not fit.
pub(super) fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unreadable> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let place = |error: &serde_json::Error| Unreadable::at(format!("line {} column {}", error.line(), error.column()));
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() { Unreadable::at(error.path().to_string()) } else { place(error.inner()) }
    })?;
    json.end().map_err(|error| place(&error))?;
    Ok(value)
}

/// A scalar as text: CRMs send ids and postal codes as strings or numbers, and null for nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }
    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Page {
        items: Vec<Text>,
    }

    #[test]
    fn an_error_names_the_path_and_no_value() {
        for (body, path) in [
            (r#"{"items":["a",{"email":"ann@example.com"}]}"#, "items[1]"),
            ("<html>ann@example.com</html>", "line 1 column 1"),
            ("", "line 1 column 0"),
            (r#"{"items":[]} ann@example.com"#, "line 1 column 14"),
        ] {
            let error = decode::<Page>(body.as_bytes()).map(|p| p.items.len()).expect_err(body);
            assert_eq!(error.path, path);
            assert!(!error.to_string().contains("ann@"));
        }
    }

    #[test]
    fn scalars_become_text_and_null_becomes_nothing() {
        let page: Page = decode(br#"{"items":["007",42,-1,15145550123.0,null]}"#).expect("page");
        let texts: Vec<_> = page.items.iter().map(|t| t.0.as_str()).collect();
        assert_eq!(texts, ["007", "42", "-1", "15145550123", ""]);
    }
}
