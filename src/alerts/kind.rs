//! What can be wrong, and what is to be done about it.

use serde::{Deserialize, Serialize};

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Google lets us in no more.
    GoogleAccess,
    /// The Google account holds as many contacts as Google allows.
    GoogleFull,
    /// It soon will.
    GoogleNearlyFull,
    /// The connection to Google ends on a day that is known: the OAuth app is in Google's testing mode.
    GoogleTesting,
    /// The CRM lets us in no more.
    CrmAccess,
    /// Webhooks of a CRM are refused for their signature, one after the other.
    Signatures,
    /// No webhook for unusually long.
    Silence,
    /// The last run of a sync failed.
    RunFailed,
    /// The brake has stopped contacts.
    Brake,
    /// Contacts wait for a person's decision.
    NeedsYou,
    /// Contacts could not be written.
    DeadLetters,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::GoogleAccess,
        Self::GoogleFull,
        Self::GoogleNearlyFull,
        Self::GoogleTesting,
        Self::CrmAccess,
        Self::Signatures,
        Self::Silence,
        Self::RunFailed,
        Self::Brake,
        Self::NeedsYou,
        Self::DeadLetters,
    ];

    /// A short stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::GoogleAccess => "google_access",
            Self::GoogleFull => "google_full",
            Self::GoogleNearlyFull => "google_nearly_full",
            Self::GoogleTesting => "google_testing",
            Self::CrmAccess => "crm_access",
            Self::Signatures => "signatures",
            Self::Silence => "silence",
            Self::RunFailed => "run_failed",
            Self::Brake => "brake",
            Self::NeedsYou => "needs_you",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// What to do about it; `about` is what the alert is about, by its name.
    pub fn advice(self, about: &str) -> String {
        match self {
            Self::GoogleAccess => format!(
                "Connect the Google account again: `carnet apply` prints the link. Changes wait meanwhile; none is lost. \
                 `carnet doctor` looks at the connection of \"{about}\"."
            ),
            Self::GoogleFull | Self::GoogleNearlyFull => {
                "Delete contacts that nobody needs (and empty the trash), or narrow the sync's filter.".to_owned()
            }
            Self::GoogleTesting => {
                "Publish the OAuth app (Google Cloud console, Audience, \"Publish app\"), then connect the account again: a connection \
                 made in testing mode ends after 7 days all the same."
                    .to_owned()
            }
            Self::CrmAccess => {
                "Give the CRM account a token that the CRM accepts, by `carnet apply`. Changes wait meanwhile; none is lost.".to_owned()
            }
            Self::Signatures => format!(
                "Compare the secret or key of \"{about}\" with the CRM's; `carnet sign` makes a delivery that is right. Changes that were \
                 refused are found by the next reconcile."
            ),
            Self::Silence => {
                "Look whether the CRM still has the webhook and whether its address leads here. The reconcile repairs what was missed, \
                 later than a webhook would."
                    .to_owned()
            }
            Self::RunFailed => format!("`carnet sync runs {about}` says why; `carnet sync run {about}` tries again."),
            Self::Brake => "`carnet brake list` shows them; `allow` or `discard` answers.".to_owned(),
            Self::NeedsYou => "`carnet needs list` shows them.".to_owned(),
            Self::DeadLetters => "`carnet dead list` says why; `carnet dead replay` tries again.".to_owned(),
        }
    }
}
