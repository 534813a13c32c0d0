//! Google: the People API as we use it ([`people`], what a [`call`] costs, how it can [`fail`](failure)), the consent and
//! the tokens ([`oauth`], [`tokens`]).
//!

mod answer;
pub mod call;
mod classify;
pub mod failure;
mod groups;
pub mod http;
pub mod oauth;
mod oauth_answer;
pub mod people;
pub mod person;
#[cfg(test)]
mod recorder;
pub mod tokens;
mod wire;
mod writes;

pub use groups::{Group, LeftOut};
pub use oauth_answer::OauthFailure;
