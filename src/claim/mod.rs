//! A Google account in a worker's hands: claimed by its lease, called inside its budget with a token, its listing kept up to
//! date. Everything that touches Google goes through here, so nothing leaves unpaid, unfenced or at the same time twice.

mod account;
mod connection;
mod crm_refusal;
mod crm_token;
mod google_token;
pub mod listing;
mod moved;
mod others;
mod rest;
mod strangers;
mod testing;
mod tools;

pub use account::{Account, Halt, Pause, PauseWhy, pause_of, resume};
pub use connection::connection;
pub use crm_refusal::crm_refusal;
pub use crm_token::CrmAccessFailure;
pub use google_token::AccessFailure;
pub use listing::{note, refresh};
pub use others::{OtherWriter, other_writer};
pub use rest::{backoff, passes, rest};
pub use strangers::prove;
pub use tools::{NoClient, Tools};
