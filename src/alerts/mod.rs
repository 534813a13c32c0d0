//! What people are told without asking: one alert for each problem, not for each event. It is opened when a problem is seen, said
//! again once a day while it lasts, and closed with "it is over"; each of these to the log, to a signed webhook and by mail,
//! and a channel that does not answer is told later.

mod book;
mod channels;
mod kind;
mod problems;
mod rhythm;
mod watch;

pub use book::{Open, Said, list};
pub use channels::{BadChannel, Channel, Channels, Notice};
pub use kind::Kind;
pub use watch::Watch;
