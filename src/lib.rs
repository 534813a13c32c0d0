//! Carnet keeps a person's Google Contacts in step with their CRM. The map, in the order an event travels:
//!
//! `receive` → `queue` → `work` → `plan` → `push`, with `reconcile` as the slow road through the same `plan` and `push`.
//! `crm` and `google` speak to the two sides, `store` to Redis; `app` puts them together, `cli` starts them.

pub mod config;
pub mod contact;
pub mod google;
pub mod queue;
pub mod simulate;
