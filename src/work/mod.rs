//! Workers: look at what the CRM says of dirty contacts now, and settle by outcome.
//!
//! A worker claims a Google account, works off one slice of its dirty contacts, and lets go, so that no account waits for another
//! one's bulk. What a slice does to a contact is decided in `plan`, done in `push`, and written down by
//! [`crate::store::ledger`].

mod batch;
mod bell;
mod brake;
mod by;
mod draft;
mod gather;
mod hear;
mod linked;
mod matching;
mod orphans;
mod recall;
mod retire;
mod scheduler;
mod settle;
mod slice;
mod twins;
mod uncertain;
mod undo;
mod unlinked;

pub use crate::push::Pencil;
pub use batch::{Decision, identifiers, wanted};
pub use bell::Bell;
pub use brake::{DELETED, Room, about_outside, about_overwrite};
pub use draft::{Decided, draft};
pub use scheduler::Workers;
pub use settle::Need;
pub use slice::{Slice, work};
pub use uncertain::{open_creates, unsettled};
pub use undo::{Asked, How, Looked, look};
