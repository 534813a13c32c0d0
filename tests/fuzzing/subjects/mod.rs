//! What a fuzzer throws its bytes at, and what must hold whatever they are. Each subject reads input as a stranger could send
//! it; `tests/it/fuzz.rs` runs the same functions over the corpus.

pub mod config;
pub mod connect;
pub mod google;
mod lines;
mod room;
pub mod signature;
pub mod stamp;
pub mod webhook;
