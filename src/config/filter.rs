//! Values in a sync's filter that are more than a text: a time, and one value or several.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time from which on something counts: a date, which begins at midnight UTC, or an RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    text: String,
    at: Timestamp,
}

/// One text, or several of which one is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub enum OneOf {
    /// This one.
    One(String),
    /// Any of these.
    Several(Vec<String>),
}

impl Since {
    /// The moment.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl OneOf {
    /// All of them.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A date and time without a zone would be read as a date too, and its time overlooked.
        let date = || text.parse::<Date>().ok().filter(|_| text.len() == 10)?.to_zoned(TimeZone::UTC).ok();
        let at = text.parse().ok().or_else(|| date().map(|midnight| midnight.timestamp()));
        let at = at.ok_or_else(|| {
            format!("\"{text}\" is no date; write one as 2025-01-31, or a time as 2025-01-31T08:00:00-05:00")
        })?;
        Ok(Self { text: text.to_owned(), at })
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DateVisitor)
    }
}

/// TOML has dates of its own, which people write without quotes.
struct DateVisitor;

impl<'de> de::Visitor<'de> for DateVisitor {
    type Value = Since;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date such as 2025-01-31")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Since, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Since, A::Error> {
        let date = toml::value::Datetime::deserialize(de::value::MapAccessDeserializer::new(map))?;
        date.to_string().parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Filter {
        since: Since,
    }

    #[test]
    fn a_date_begins_at_midnight_and_may_stand_without_quotes() {
        for (written, at) in [
            ("'2025-01-31'", "2025-01-31T00:00:00Z"),
            ("2025-01-31", "2025-01-31T00:00:00Z"),
            ("'2025-01-31T08:00:00-05:00'", "2025-01-31T13:00:00Z"),
            ("2025-01-31T08:00:00-05:00", "2025-01-31T13:00:00Z"),
        ] {
            let read: Filter = toml::from_str(&format!("since = {written}")).expect(written);
            assert_eq!(read.since.at(), at.parse().unwrap(), "{written}");
            let again: Filter = toml::from_str(&toml::to_string(&read).expect("toml")).expect("toml");
            assert_eq!(again.since, read.since);
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_a_sentence() {
        for written in
            ["'last year'", "'2025-02-30'", "'2025-01-31T08:00:00'", "2025-01-31T08:00:00", "'31/01/2025'", "''"]
        {
            let refused = toml::from_str::<Filter>(&format!("since = {written}")).unwrap_err().to_string();
            assert!(refused.contains("is no date; write one as 2025-01-31"), "{written}: {refused}");
        }
        assert!(toml::from_str::<Filter>("since = 2025").unwrap_err().to_string().contains("a date such as"));
    }

    #[test]
    fn one_text_and_a_list_are_both_taken_and_nothing_else() {
        let read = |text: &str| toml::from_str::<std::collections::BTreeMap<String, OneOf>>(text);
        assert_eq!(read("a = 'x'").unwrap()["a"].texts(), ["x"]);
        assert_eq!(read("a = ['x', 'y']").unwrap()["a"].texts(), ["x", "y"]);
        assert!(read("a = 3").unwrap_err().to_string().contains("expected a text or a list of texts"));
    }
}
