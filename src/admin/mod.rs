//! The admin side: health, metrics, and what people see.

pub mod connect;
pub mod health;
pub mod home;
pub mod overview;
mod page;
mod session;
