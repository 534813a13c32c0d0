//! How a call to the People API can fail, named by what the caller should do about it.
//! Sentences and `Debug` carry no personal data: Google's own words, which may quote a contact, are in the fields alone.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::call::{Call, Metric};

/// A call that did not succeed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection: the request never left. Try again.
    #[error("Google could not be reached")]
    NotSent,
    /// 401. Refresh the access token once, then call again.
    #[error("Google no longer accepts the access token")]
    Unauthorised,
    /// The consent does not cover contacts. Ask the user to agree again.
    #[error(
        "the Google account has not agreed to the editing of its contacts; connect it again and leave that box ticked"
    )]
    ScopeMissing,
    /// The operator has to switch the API on.
    #[error("the People API is switched off in the Google Cloud project of the OAuth app; enable it there: {message}")]
    ApiDisabled {
        /// Google's words, with the address of the switch.
        message: String,
    },
    /// A 403 of the API for any other reason (a Workspace rule, say). Ask the user or their administrator.
    #[error("Google forbids this account to use its contacts here; ask the administrator of the Google account")]
    Forbidden {
        /// Google's words.
        message: String,
    },
    /// Too much at once. Tell the budget, then wait.
    #[error("{kind}")]
    Quota {
        /// Which quota.
        kind: QuotaKind,
        /// How long Google asks to wait; it seldom says.
        retry_after: Option<Duration>,
    },
    /// The contact has changed since it was read (in a batch: at least one has, and no other complaint was made).
    /// Read again, merge again.
    #[error("the contact has changed in Google since it was read")]
    EtagStale,
    /// Drop the sync token and list everything.
    #[error("Google no longer accepts the sync token")]
    SyncTokenExpired,
    /// There is no such contact or label. Only the API itself can say so: a 500 or a 404 page of a proxy does not.
    #[error("Google has no such contact or label")]
    NotFound,
    /// There is a label of that name. List the labels and take it.
    #[error("Google has a label of that name already")]
    AlreadyExists,
    /// Another write for the account was under way. Try again.
    #[error("Google was busy with another write for this account")]
    Aborted,
    /// 400: the contact cannot be written as it is.
    #[error("Google refused what was sent{}", told(fields, per_contact))]
    Invalid {
        /// Google's words.
        message: String,
        /// Paths of the fields complained about.
        fields: Vec<String>,
        /// Of a batch, the contacts that made it fail and why: by resource name in an update, by index (`"0"`) in a
        /// create. Contacts whose etag was stale are left out: they need another reading, not a dead letter.
        per_contact: BTreeMap<String, String>,
    },
    /// Any other 4xx: something between us and the API is set up wrongly, or the call is too large.
    #[error("Google refused the call with HTTP status {status}")]
    Rejected {
        /// HTTP status.
        status: u16,
    },
    /// The account holds as many contacts as Google allows, those in the trash included.
    #[error("the Google account is full: remove contacts and empty the trash of Google Contacts")]
    AccountFull,
    /// 5xx, or an answer that is not the API's. Try again, if the call may be made twice.
    #[error("Google could not answer (HTTP status {status})")]
    Server {
        /// HTTP status.
        status: u16,
    },
    /// Sent, and no whole answer came back. Whether it was done is unknown.
    #[error("the answer of Google was lost")]
    Lost,
    /// A success that cannot be read. It was done.
    #[error("the answer of Google cannot be read at `{path}`")]
    Unreadable {
        /// Where in the answer.
        path: String,
        /// The answer, for a dead letter.
        body: Withheld,
    },
}

/// Which quota is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaKind {
    /// One of the per-minute quotas; `None` when Google does not say which.
    #[error("Google's limit per minute is reached")]
    PerMinute {
        /// The quota.
        metric: Option<Metric>,
    },
    /// The storage behind the account ("FBS"). It may last hours, and retries prolong it.
    #[error("Google's storage behind this account takes no more for now; it may last hours")]
    Backend,
    /// The fixed quota of first pages of full listings.
    #[error("Google allows no further full listing of this account for now")]
    FirstPage,
    /// The contact writes of the day.
    #[error("Google's limit per day is reached")]
    Daily,
    /// Google does not say.
    #[error("Google asks to slow down")]
    Unnamed,
}

/// What kind of reaction a failure wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Pause the Google account, one alert, keep marking. (For [`Failure::Unauthorised`]: after one refresh.)
    Authorisation,
    /// Slow down.
    Quota,
    /// Retry, later each time.
    Transient,
    /// Isolate the contact, dead-letter it, go on with the rest.
    Validation,
    /// Read again, merge again, at most three times.
    Etag,
    /// The contact or label is gone.
    Gone,
    /// Pause the Google account and say why.
    Full,
    /// List everything, without a sync token.
    Relist,
    /// Take the label that is there.
    Taken,
}

/// Text that may hold personal data: kept, and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Withheld(String);

impl Withheld {
    /// Bytes that are kept of an answer; it goes into a dead letter.
    const KEPT: usize = 64 * 1024;

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(&bytes[..bytes.len().min(Self::KEPT)]).into_owned())
    }

    /// The text itself (its first 64 KiB).
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Failure {
    /// Whether Google certainly did not do what the call asked for. The table is closed: whatever is not named here is
    /// uncertain, and a create is then never sent again before a listing was searched for its stamp.
    pub fn certainly_not_executed(&self, call: Call) -> bool {
        match self {
            Self::NotSent
            | Self::Unauthorised
            | Self::ScopeMissing
            | Self::ApiDisabled { .. }
            | Self::Forbidden { .. }
            | Self::Server { status: 403 }
            | Self::Quota { kind: QuotaKind::PerMinute { .. }, .. } => true,
            Self::Invalid { .. } => matches!(call, Call::Create | Call::Update),
            Self::EtagStale | Self::NotFound => call == Call::Update,
            _ => false,
        }
    }

    /// What kind of reaction it wants.
    pub fn class(&self) -> Class {
        match self {
            Self::Unauthorised | Self::ScopeMissing | Self::ApiDisabled { .. } | Self::Forbidden { .. } => {
                Class::Authorisation
            }
            Self::Quota { .. } => Class::Quota,
            Self::NotSent | Self::Aborted | Self::Server { .. } | Self::Lost => Class::Transient,
            Self::Invalid { .. } | Self::Rejected { .. } | Self::Unreadable { .. } => Class::Validation,
            Self::EtagStale => Class::Etag,
            Self::NotFound => Class::Gone,
            Self::AccountFull => Class::Full,
            Self::SyncTokenExpired => Class::Relist,
            Self::AlreadyExists => Class::Taken,
        }
    }
}

/// ` (names, 2 contacts of the batch)`: where the trouble is, without what Google quotes.
fn told(fields: &[String], per_contact: &BTreeMap<String, String>) -> String {
    let mut parts = fields.to_vec();
    if !per_contact.is_empty() {
        parts.push(format!("{} of the batch", per_contact.len()));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.class())
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes withheld]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(kind: QuotaKind) -> Failure {
        Failure::Quota { kind, retry_after: None }
    }

    fn invalid() -> Failure {
        let per_contact = [("people/c1".to_owned(), "Gwen's number".to_owned())].into();
        Failure::Invalid { message: "Gwen".into(), fields: vec!["person.names".into()], per_contact }
    }

    #[test]
    fn only_what_the_table_names_is_certainly_not_executed() {
        let message = String::new;
        for (failure, create, batch) in [
            (Failure::NotSent, true, true),
            (Failure::Unauthorised, true, true),
            (Failure::ScopeMissing, true, true),
            (Failure::ApiDisabled { message: message() }, true, true),
            (Failure::Forbidden { message: message() }, true, true),
            (Failure::Server { status: 403 }, true, true),
            (quota(QuotaKind::PerMinute { metric: None }), true, true),
            (quota(QuotaKind::PerMinute { metric: Some(Metric::CriticalWrites) }), true, true),
            (invalid(), true, false),
            (quota(QuotaKind::Backend), false, false),
            (quota(QuotaKind::FirstPage), false, false),
            (quota(QuotaKind::Daily), false, false),
            (quota(QuotaKind::Unnamed), false, false),
            (Failure::EtagStale, false, false),
            (Failure::SyncTokenExpired, false, false),
            (Failure::NotFound, false, false),
            (Failure::AlreadyExists, false, false),
            (Failure::Aborted, false, false),
            (Failure::Rejected { status: 413 }, false, false),
            (Failure::AccountFull, false, false),
            (Failure::Server { status: 500 }, false, false),
            (Failure::Server { status: 503 }, false, false),
            (Failure::Lost, false, false),
            (Failure::Unreadable { path: "person".into(), body: Withheld::default() }, false, false),
        ] {
            assert_eq!(failure.certainly_not_executed(Call::Create), create, "{failure:?}");
            assert_eq!(failure.certainly_not_executed(Call::BatchCreate), batch, "{failure:?}");
        }
    }

    #[test]
    fn neither_sentence_nor_debug_repeats_what_google_quotes() {
        let unreadable = Failure::Unreadable { path: "names".into(), body: Withheld::from_bytes(b"Gwen") };
        for failure in [invalid(), unreadable, Failure::Forbidden { message: "Gwen".into() }] {
            assert!(!format!("{failure} {failure:?} {failure:#?}").contains("Gwen"), "{failure}");
        }
        assert_eq!(invalid().to_string(), "Google refused what was sent (person.names, 1 of the batch)");
    }
}
