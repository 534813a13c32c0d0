//! Workers: claim a Google account, look at what the CRM says now, settle by outcome.
//!
//! A worker takes a Google account by its lease, works off one slice of its dirty contacts, and lets go, so that no account waits
//! for another one's bulk. What a slice does to a contact is decided in `plan`, done in `push`, and written down by
//! [`crate::store::ledger`].

mod account;
mod batch;
mod bell;
mod crm_token;
mod gather;
mod google_token;
mod listing;
mod matching;
mod outcome;
mod recall;
mod retire;
mod scheduler;
mod settle;
mod slice;
mod tools;
mod twins;
mod uncertain;

pub use account::{Account, Halt, Pause, PauseWhy, pause_of, resume};
pub use batch::{Decision, identifiers};
pub use bell::Bell;
pub use crm_token::CrmAccessFailure;
pub use google_token::AccessFailure;
pub use listing::{note, refresh};
pub use matching::{Found, look_up};
pub use outcome::backoff;
pub use scheduler::Workers;
pub use settle::Need;
pub use tools::Tools;
