//! The first look at a dirty contact, before Google is asked anything: most of them need no call at all.

use jiff::Timestamp;

use super::link::{Link, LinkState};

/// What a reading of a CRM contact calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triage {
    /// The CRM says what it said when we last wrote: nothing to do.
    Unchanged,
    /// Google must be looked at.
    Look,
    /// The reading is older than what we already acted on: drop it.
    Older,
    /// The user deleted the Google contact: it stays deleted.
    Refused,
}

/// Sorts a reading with this digest and version, for the sync with this id.
pub fn triage(link: Option<&Link>, digest: &str, version: Option<Timestamp>, sync: &str) -> Triage {
    let Some(link) = link else { return Triage::Look };
    if link.state == LinkState::DeletedInGoogle {
        return Triage::Refused;
    }
    if version.zip(link.version).is_some_and(|(read, known)| read < known) {
        return Triage::Older;
    }
    let settled = link.state == LinkState::Live && link.holders.contains_key(sync) && link.digest == digest;
    if settled { Triage::Unchanged } else { Triage::Look }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{base::Base, stamp::Origin};

    fn link(state: LinkState, version: i64) -> Link {
        Link {
            rules: Default::default(),
            resource: "people/c1".into(),
            version: Some(Timestamp::from_second(version).unwrap()),
            digest: "d".into(),
            base: Base::default(),
            origin: Origin::Created,
            op: "op".into(),
            holders: [("office".to_owned(), "contactGroups/1".to_owned())].into(),
            state,
            update_time: None,
        }
    }

    #[test]
    fn a_reading_is_sorted_by_state_then_version_then_content() {
        use LinkState::{DeletedInCrm, DeletedInGoogle, Live, Trashing};
        for (state, digest, version, sync, triaged) in [
            (Live, "d", Some(5), "office", Triage::Unchanged),
            (Live, "d", None, "office", Triage::Unchanged),
            (Live, "other", Some(5), "office", Triage::Look),
            (Live, "d", Some(5), "another sync", Triage::Look),
            (Live, "other", Some(4), "office", Triage::Older),
            (Trashing, "d", Some(5), "office", Triage::Look),
            (DeletedInCrm, "d", Some(4), "office", Triage::Older),
            (DeletedInCrm, "d", Some(6), "office", Triage::Look),
            (DeletedInGoogle, "other", Some(6), "office", Triage::Refused),
        ] {
            let version = version.map(|second| Timestamp::from_second(second).unwrap());
            let found = triage(Some(&link(state, 5)), digest, version, sync);
            assert_eq!(found, triaged, "{state:?} {digest} {version:?} {sync}");
        }
        assert_eq!(triage(None, "d", None, "office"), Triage::Look);
    }
}
