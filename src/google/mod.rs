//! Google: the People API as we use it ([`people`], what a [`call`] costs, how it can [`fail`](failure)), the consent and
//! the tokens ([`oauth`], [`tokens`]), and the pace of one account ([`budget`]).
//!
//! Nothing here retries, sleeps or stores: callers pay the budget first, call once, and act on the class of a failure.

mod answer;
pub mod budget;
pub mod call;
mod classify;
pub mod failure;
mod groups;
pub mod http;
pub mod oauth;
mod oauth_answer;
mod pause;
pub mod people;
pub mod person;
#[cfg(test)]
mod recorder;
pub mod tokens;
mod window;
mod wire;
mod writes;

pub use groups::{Group, LeftOut};
pub use oauth_answer::OauthFailure;
