//! What should happen in Google, as pure functions: no I/O, no clock, no chance. `desired` says what a CRM contact looks like
//! in Google; `create`, `merge` and `release` turn it into the one write that is needed, or none.

pub mod base;
pub mod canonical;
pub mod change;
pub mod country;
pub mod create;
pub mod desired;
pub mod difference;
pub mod entry;
pub mod filter;
pub mod fingerprint;
pub mod forecast;
pub mod heir;
pub mod identifiers;
pub mod identity;
pub mod link;
pub mod merge;
pub mod names;
pub mod release;
pub mod stamp;
pub mod trash;
pub mod triage;
pub mod twin;
pub mod undo;
