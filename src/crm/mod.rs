//! Speaking to CRMs: per CRM its wire types, its adapter to the neutral contact and its client. No CRM's spelling leaves
//! this folder. A new CRM is a new folder beside `highlevel`.

mod decode;
pub mod generic;
pub mod highlevel;
pub mod payload;
mod tidy;

pub use decode::Unreadable;
