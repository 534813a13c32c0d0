//! One thing to do in Google, with what to write down once it is done.

use crate::{
    google::person::Person,
    plan::{change::Change, link::Link},
    store::ledger::Mark,
};

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
    /// The journal's word for it.
    pub action: &'static str,
    /// Why, in words.
    pub reason: String,
    /// What the CRM said, as JSON, for a dead letter.
    pub reading: String,
}

impl Task {
    /// The Google resource that it changes; empty for a create.
    pub fn resource(&self) -> &str {
        match &self.deed {
            Deed::Create { .. } => "",
            Deed::Update { before, .. } | Deed::Trash { before } => &before.resource_name,
        }
    }

    /// Whether it must go alone: in a batch it has made others fail before.
    pub fn alone(&self) -> bool {
        self.mark.why.as_deref() == Some("alone")
    }
}
