//! One thing to do in Google, with what to write down once it is done.

use crate::{
    google::person::{Field, Person},
    plan::{change::Change, link::Link, merge::Kept},
    store::{brake::Held, ledger::Mark},
};

/// Why a contact is tried again after Google refused it: its label was looked for first.
pub const LABEL_LOOKED_FOR: &str = "label_looked_for";

/// What to do.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Make a contact.
    Create {
        /// The body, stamped.
        person: Box<Person>,
    },
    /// Change a contact.
    Update {
        /// The body and its mask.
        change: Box<Change>,
        /// The person as it was read.
        before: Box<Person>,
    },
    /// Move a contact to Google's trash.
    Trash {
        /// Which, as it was read.
        before: Box<Person>,
        /// Its link until then.
        held: Box<Link>,
        /// Only as it was read: whoever has changed it in between is asked anew.
        exact: bool,
    },
}

/// A deed for one CRM contact.
#[derive(Clone, Debug)]
pub struct Task {
    /// The CRM contact.
    pub contact: String,
    /// Its mark.
    pub mark: Mark,
    /// What to do.
    pub deed: Deed,
    /// The link to write afterwards; its resource and times are filled in from what Google answers. `None` removes it.
    pub link: Option<Link>,
    /// Google resource that the contact lets go of.
    pub disown: Option<String>,
    /// The run's counter.
    pub count: &'static str,
    /// A second one, which tells by what evidence.
    pub also: Option<&'static str>,
    /// The journal's word for it.
    pub action: &'static str,
    /// Why, in words.
    pub reason: String,
    /// Values of Google's that stay although the CRM says otherwise.
    pub kept: Vec<Kept>,
    /// What the CRM said, as JSON, for a dead letter.
    pub reading: String,
    /// If it takes the contact out or writes over its owner's values: what the brake notes when it stops it.
    pub brake: Option<Held>,
}

impl Task {
    /// The Google resource that it changes; empty for a create.
    pub fn resource(&self) -> &str {
        match &self.deed {
            Deed::Create { .. } => "",
            Deed::Update { before, .. } | Deed::Trash { before, .. } => &before.resource_name,
        }
    }

    /// Whether it must go alone: in a batch it has made others fail before.
    pub fn alone(&self) -> bool {
        matches!(self.mark.why.as_deref(), Some("alone" | LABEL_LOOKED_FOR))
    }

    /// Whether it gives a label that has not been looked for since it first failed.
    pub fn may_lack_its_label(&self) -> bool {
        let labels = match &self.deed {
            Deed::Create { .. } => true,
            Deed::Update { change, .. } => change.mask.contains(&Field::Memberships),
            Deed::Trash { .. } => false,
        };
        labels && self.mark.why.as_deref() != Some(LABEL_LOOKED_FOR)
    }
}
