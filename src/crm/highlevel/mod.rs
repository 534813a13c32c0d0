//! HighLevel, as HighLevel itself and under a reseller's name: three contact shapes and workflow bodies in, the neutral
//! contact out; the API client with its pace; OAuth tokens that rotate.

mod adapt;
mod client;
mod credential;
mod directory;
mod failure;
mod http;
mod names;
pub mod oauth;
mod page;
mod rate;
#[cfg(test)]
mod scripted;
mod wire;
mod workflow;

pub use adapt::webhook;
pub use client::{Access, HighLevel, Reading};
pub use directory::Missing;
pub use failure::CrmFailure;
pub use names::{CustomField, Location, User};
pub use page::{Cursor, Page, Skipped};
pub use workflow::workflow;
