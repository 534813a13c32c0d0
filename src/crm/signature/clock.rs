//! The time that a delivery says it was sent at, and how far it may be from now.

use axum::http::HeaderName;
use jiff::{SignedDuration, Timestamp};

use super::{Delivery, Refusal, carried::parts, inside_body, only_value};
use crate::config::declared::TimeUnit;

/// Where the time is and how it is judged.
pub(super) struct Clock {
    pub source: Source,
    pub unit: TimeUnit,
    /// Either way; `None`: the time is only part of what is signed.
    pub tolerance: Option<SignedDuration>,
}

/// Where the time is.
pub(super) enum Source {
    Header(HeaderName),
    /// A part of the signature header's list.
    Part(String),
    /// JSON pointer into the body, read only once the body is believed.
    Body(String),
}

impl Clock {
    /// The time as written outside the body, which is how it is signed; `None` when it is inside.
    pub fn text<'d>(&self, delivery: &Delivery<'d>, carried: &'d str) -> Result<Option<&'d str>, Refusal> {
        let text = match &self.source {
            Source::Body(_) => return Ok(None),
            Source::Part(name) => parts(carried, name)?.next(),
            Source::Header(name) => match only_value(delivery.headers, name)? {
                Some(value) => Some(std::str::from_utf8(value).map_err(|_| Refusal::UnreadableTimestamp)?),
                None => None,
            },
        };
        text.filter(|text| !text.is_empty()).map(Some).ok_or(Refusal::MissingTimestamp)
    }

    /// Holds the time against the delivery's clock; `text` is what [`Clock::text`] returned.
    pub fn check(&self, delivery: &Delivery<'_>, text: Option<&str>) -> Result<(), Refusal> {
        let Some(tolerance) = self.tolerance else { return Ok(()) };
        let at = match (&self.source, text) {
            (Source::Body(pointer), _) => {
                let text = inside_body::text_at(delivery.body, pointer).ok_or(Refusal::MissingTimestamp)?;
                self.read(&text)
            }
            (_, Some(text)) => self.read(text),
            (_, None) => return Err(Refusal::MissingTimestamp),
        };
        let off = delivery.now.duration_since(at.ok_or(Refusal::UnreadableTimestamp)?);
        if off.abs() <= tolerance { Ok(()) } else { Err(Refusal::Stale) }
    }

    fn read(&self, text: &str) -> Option<Timestamp> {
        match self.unit {
            TimeUnit::S => Timestamp::from_second(text.parse().ok()?).ok(),
            TimeUnit::Ms => Timestamp::from_millisecond(text.parse().ok()?).ok(),
            TimeUnit::Iso => text.parse().ok(),
        }
    }
}
