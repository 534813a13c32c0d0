//! The one integration binary, a module per subject.

mod connect;
mod doctor;
mod events;
mod first_light;
mod kept;
mod kills;
mod layout;
mod own_redis;
mod receive;
mod redis_down;
mod redis_lost;
mod samples;
mod signature_axes;
mod signatures;
mod stopped_worker;
mod world;
