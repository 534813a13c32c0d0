//! Carnet keeps a person's Google Contacts in step with their CRM. The map, in the order an event travels:
//!
//! `receive` → `queue` → `claim` → `work` → `plan` → `push`, with `reconcile` as the slow road through the same `plan` and `push`.
//! `crm` and `google` speak to the two sides, `store` to Redis; `answers` is what people ask and decide; `app` puts them together, `cli` starts them.

pub mod admin;
pub mod alerts;
pub mod answers;
pub mod app;
pub mod caller;
pub mod claim;
pub mod cli;
pub mod config;
pub mod contact;
pub mod crm;
pub mod google;
pub mod plan;
pub mod push;
pub mod queue;
pub mod receive;
pub mod reconcile;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod work;
