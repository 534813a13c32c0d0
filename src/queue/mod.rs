//! The queue. One Redis Stream per CRM account holds verified events, appended by the `door`; field `contact` names the CRM contact,
//! `says` is `changed` or `deleted`, `at` the CRM's time (ms), `body` the raw payload.
//!
//! One consumer group, `dispatch`, reads each stream. A single script takes events out of it, acknowledges them and marks their
//! contacts *dirty* for every live sync of the account: nothing is ever between "taken" and "marked". A mark has a
//! generation, which moves with every event; the worker that has written a contact clears its mark only if the generation
//! is still the one it read. Repeated, reordered and replayed events are therefore harmless, and there is no memory of
//! seen ids.
//!
//! Dirty contacts wait in two sorted sets per sync, by due time (ms): `due` for live events and `bulk` for reconciles. The
//! due time is where everything that must wait waits: coalescing (a quiet second, at most five), retries, uncertain creates.
//! A paused sync keeps its marks; it is bounded by its contacts, not by events.
//!
//! In limited mode (no CRM credentials) the bodies are kept beside the marks and folded in stream order.
//!
//! `dead` is the stream of what cannot succeed as it is; `retention` trims events after a while.

pub mod dead;
pub mod dispatch;
pub mod door;
pub mod event;
pub mod retention;
pub mod streaks;
