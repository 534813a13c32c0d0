//! Google: the People API as we use it.

pub mod person;
