//! The one integration binary, a module per subject.

mod api;
mod connect;
mod demo;
mod doctor;
mod events;
mod failures;
mod filters;
mod first_light;
mod kept;
mod kills;
mod layout;
mod model;
mod needs;
mod own_redis;
mod python_client;
mod receive;
mod redis_down;
mod redis_lost;
mod refused;
mod restore;
mod samples;
mod signature_axes;
mod signatures;
mod stopped_worker;
mod trash;
mod world;
