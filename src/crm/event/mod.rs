//! What a believed delivery is about: tenant, contact, changed or deleted. Nothing else is read from it here; the contact
//! itself is read when its turn comes.

mod generic;
mod highlevel;
mod sample;
mod text;
mod workflow;

use jiff::Timestamp;
use serde_json::Value;

pub use generic::{BadMap, check_map};
pub use sample::sample;

use crate::{
    config::declared::{Crm, Kind},
    contact::AccountKey,
    queue::event::{Event, Says},
};

/// What came of one event of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// About a contact of a configured account.
    Event(Event),
    /// Nothing for us.
    Ignored(Ignored),
}

/// Why an event is not for us. The sender is told that all is well, or it would send it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// A type that says nothing about a contact.
    UnknownType,
    /// HighLevel: the app was installed somewhere.
    Install,
    /// HighLevel: the app was removed somewhere.
    Uninstall,
    /// HighLevel: a team member was added.
    UserCreate,
    /// HighLevel: signed by the platform, for somebody else's app.
    OtherApp,
    /// Of a tenant that is not configured.
    UnknownAccount,
    /// No tenant said, and not exactly one to choose from.
    NoAccount,
    /// No contact id.
    NoContact,
    /// The delivery is an empty list.
    Empty,
}

impl Ignored {
    /// The code under which it is counted and answered.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownType => "unknown_type",
            Self::Install => "install",
            Self::Uninstall => "uninstall",
            Self::UserCreate => "user_create",
            Self::OtherApp => "other_app",
            Self::UnknownAccount => "unknown_account",
            Self::NoAccount => "no_account",
            Self::NoContact => "no_contact",
            Self::Empty => "empty",
        }
    }
}

/// A body that cannot be read; says where, never what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is unreadable at {path}: {why}")]
pub struct Unreadable {
    /// Path into the JSON, `.` for the body itself.
    pub path: String,
    /// What is wrong there.
    pub why: &'static str,
}

/// Reads what routing needs from the body of a delivery, and the `query` it came with (without `?`).
///
/// # Errors
/// When the body is no JSON, is nested deeper than 128, or is not of the shape that the kind of CRM sends.
pub fn read(crm: &Crm, query: Option<&str>, body: &[u8]) -> Result<Vec<Read>, Unreadable> {
    let value = parse(body)?;
    match crm.kind {
        Kind::Highlevel => Ok(vec![highlevel::read(crm, object(&value)?, body)]),
        Kind::HighlevelWorkflow => Ok(vec![workflow::read(crm, query, object(&value)?, body)]),
        Kind::Generic => generic::read(crm, &value, body),
    }
}

/// An event before it is known whose it is.
struct Found {
    account: Option<String>,
    contact: Option<String>,
    kind: String,
    says: Says,
    id: Option<String>,
    at: Option<Timestamp>,
}

impl Found {
    fn about_ours(self, crm: &Crm, body: &[u8]) -> Read {
        let Some(account) = self.account else { return Read::Ignored(Ignored::NoAccount) };
        let Some(ours) = crm.account.iter().find(|ours| ours.id == account) else {
            return Read::Ignored(Ignored::UnknownAccount);
        };
        let Some(contact) = self.contact else { return Read::Ignored(Ignored::NoContact) };
        Read::Event(Event {
            account: AccountKey { vendor: crm.vendor().to_owned(), id: account },
            contact,
            says: self.says,
            kind: self.kind,
            id: self.id,
            at: self.at,
            // Where the CRM can be asked, nobody reads it again, and it may hold what no sync maps.
            body: if ours.has_access() { Vec::new() } else { body.to_vec() },
        })
    }
}

/// Where the sender names no tenant, the CRM's only one is meant.
fn only_account(crm: &Crm) -> Option<String> {
    match crm.account.as_slice() {
        [only] => Some(only.id.clone()),
        _ => None,
    }
}

fn parse(body: &[u8]) -> Result<Value, Unreadable> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| Unreadable {
        path: e.path().to_string().chars().take(100).collect(),
        why: if e.inner().is_eof() { "it ends too early" } else { "it is no JSON that can be read" },
    })?;
    match json.end() {
        Ok(()) => Ok(value),
        Err(_) => Err(Unreadable { path: ".".into(), why: "something follows the JSON" }),
    }
}

fn object(value: &Value) -> Result<&Value, Unreadable> {
    if value.is_object() { Ok(value) } else { Err(Unreadable { path: ".".into(), why: "an object is expected" }) }
}
