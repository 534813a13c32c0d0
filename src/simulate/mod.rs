//! Pretend counterparts, part of the product: `carnet sim`, the demo and the tests all run against them. They know nothing
//! of the rest of the crate, so that a misreading of the wire on one side cannot hide on the other.

pub mod google;
