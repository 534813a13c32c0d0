//! The one integration binary, a module per subject.

mod events;
mod first_light;
mod kept;
mod own_redis;
mod receive;
mod samples;
mod signature_axes;
mod signatures;
mod world;
