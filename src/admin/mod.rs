//! The admin side: health, metrics, what people see, and the API.

pub mod access;
pub mod api;
pub mod connect;
mod failures;
pub mod health;
pub mod home;
pub mod overview;
mod page;
mod session;
