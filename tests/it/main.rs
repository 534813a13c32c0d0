//! The one integration binary, a module per subject.

mod events;
mod own_redis;
mod receive;
mod signature_axes;
mod signatures;
