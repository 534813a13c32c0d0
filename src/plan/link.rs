//! The link: (Google subject, CRM contact) → Google contact, with what we last wrote. A mirror of the stamp, kept on our side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{base::Base, stamp::Origin};
use crate::google::person::{Person, update_time};

/// Which Google contact a CRM contact is, and what we know of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// `people/c…`
    pub resource: String,
    /// The CRM's version of the contact that we last looked at.
    pub version: Option<Timestamp>,
    /// Digest of what the CRM then said.
    pub digest: String,
    /// Hashes of the values that we wrote.
    pub base: Base,
    /// How the Google contact came to be managed.
    pub origin: Origin,
    /// The operation that last wrote it.
    pub op: String,
    /// The syncs that hold it: sync id → resource name of its label.
    pub holders: BTreeMap<String, String>,
    /// Sync id → policy and label under which it last looked at the contact.
    #[serde(default)]
    pub rules: BTreeMap<String, String>,
    /// Whether it is still followed.
    pub state: LinkState,
    /// `updateTime` of the CONTACT source after our last write, as Google gives it.
    #[serde(default)]
    pub update_time: Option<String>,
}

impl Link {
    /// Whether this sync manages the contact.
    pub fn is_held_by(&self, sync: &str) -> bool {
        self.is_followed() && self.holders.contains_key(sync)
    }

    /// Whether it leads to a person in Google that is kept in step, or was until a moment ago.
    pub fn is_followed(&self) -> bool {
        matches!(self.state, LinkState::Live | LinkState::Trashing)
    }

    /// As it is once Google has answered with this person; what only keeps a contact from coming back stays as it is.
    pub fn seen(self, person: &Person) -> Self {
        match self.state {
            LinkState::DeletedInCrm => self,
            _ => Self { resource: person.resource_name.clone(), update_time: update_time(person), ..self },
        }
    }

    /// Whether this sync last looked at the contact under this rule (`SyncSpec::rule`).
    pub fn follows(&self, sync: &str, rule: &str) -> bool {
        self.rules.get(sync).is_some_and(|held| held == rule)
    }
}

/// Whether a link is still followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Kept in step.
    Live,
    /// The user deleted it in Google: it stays deleted until restored by command.
    DeletedInGoogle,
    /// The CRM contact is gone; kept so that a late reading does not revive it.
    DeletedInCrm,
    /// On its way to Google's trash: written before the call leaves, so that a person that is gone is known to be our doing.
    Trashing,
}
