//! The CRM side: what a webhook says, and whether it may be believed.

pub mod event;
pub mod signature;
