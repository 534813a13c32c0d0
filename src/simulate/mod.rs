//! A pretend world to rehearse in: a strict CRM, a small town of people, traffic, and an oracle of what must be true
//! afterwards. It has its own wire types and imports nothing of the rest, so that it can judge the rest.

pub mod crm;
pub mod google;
pub mod people;
pub mod traffic;
pub mod truth;
