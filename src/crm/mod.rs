//! The CRM side: whether a webhook may be believed ([`signature`]), what it is about ([`event`]), and what a contact is
//! ([`highlevel`] through its API, [`payload`] from a body alone).

mod decode;
pub mod event;
pub mod generic;
pub mod highlevel;
pub mod payload;
mod put;
pub mod signature;
mod tidy;

pub use decode::Unreadable;
use put::put;
