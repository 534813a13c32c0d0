//! The one integration binary, a module per subject.

mod events;
mod signature_axes;
mod signatures;
