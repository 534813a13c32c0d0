//! Google: the People API as we use it ([`people`], what a [`call`] costs, how it can [`fail`](failure)).
//!

mod answer;
pub mod call;
mod classify;
pub mod failure;
mod groups;
pub mod http;
pub mod people;
pub mod person;
#[cfg(test)]
mod recorder;
mod wire;
mod writes;

pub use groups::{Group, LeftOut};
