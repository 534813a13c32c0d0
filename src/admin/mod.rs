//! The admin side: health, metrics, and what people see.

pub mod health;
pub mod overview;
