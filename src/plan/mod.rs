//! Deciding what to do with one contact, given what both sides hold. Pure: no clock, no network, no Redis.

pub mod filter;
pub mod identifiers;
pub mod identity;
pub mod names;
