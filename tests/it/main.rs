//! The one integration binary, a module per subject.

mod connect;
mod doctor;
mod events;
mod first_light;
mod layout;
mod own_redis;
mod receive;
mod signature_axes;
mod signatures;
mod world;
