//! The queue: events in Redis Streams, dirty contacts, dead letters.

pub mod door;
pub mod event;
