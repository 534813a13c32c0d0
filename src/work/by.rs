//! Why a person in Google is taken for a contact of the CRM: what is counted of it, and what the journal says.

use crate::plan::identity::{Evidence, Rung};

/// By what it is the contact's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The link says so.
    Link,
    /// It carries our stamp, and the link was lost or let go of.
    Stamp,
    /// It was there before, and this speaks for it.
    Evidence(Evidence),
    /// Somebody decided so.
    Decision,
}

impl By {
    /// The journal's word for the write, and the run's counter.
    pub fn action(self) -> &'static str {
        match self {
            Self::Link | Self::Stamp => "updated",
            Self::Evidence(_) | Self::Decision => "adopted",
        }
    }

    /// The counter that tells by what it was found.
    pub fn counter(self) -> Option<&'static str> {
        match self {
            Self::Link => None,
            Self::Stamp => Some("adopted-stamp"),
            Self::Evidence(Evidence { rung: Rung::Email, .. }) => Some("adopted-email"),
            Self::Evidence(Evidence { rung: Rung::Phone, .. }) => Some("adopted-phone"),
            // A name alone decides nothing.
            Self::Evidence(Evidence { rung: Rung::Name, .. }) => None,
            Self::Decision => Some("adopted-decided"),
        }
    }

    /// The reason in words, where it is not only that the CRM says something else.
    pub fn reason(self) -> Option<String> {
        match self {
            Self::Link => None,
            Self::Stamp => Some("it carries the stamp of this contact".to_owned()),
            Self::Evidence(evidence) => Some(evidence.to_string()),
            Self::Decision => Some("somebody decided that it is this one".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{identity::Standing, names::Relation};

    #[test]
    fn each_evidence_has_a_counter_and_words() {
        let evidence = |rung| By::Evidence(Evidence { rung, standing: Standing::Unique, names: Relation::Same });
        for (by, action, counter, begins) in [
            (By::Link, "updated", None, None),
            (By::Stamp, "updated", Some("adopted-stamp"), Some("it carries the stamp")),
            (evidence(Rung::Email), "adopted", Some("adopted-email"), Some("same e-mail; ")),
            (evidence(Rung::Phone), "adopted", Some("adopted-phone"), Some("same phone; ")),
            (By::Decision, "adopted", Some("adopted-decided"), Some("somebody decided")),
        ] {
            assert_eq!((by.action(), by.counter()), (action, counter), "{by:?}");
            let reason = by.reason();
            assert_eq!(reason.is_some(), begins.is_some());
            assert!(reason.unwrap_or_default().starts_with(begins.unwrap_or_default()), "{by:?}");
        }
    }
}
