//! An event: one verified webhook delivery about one contact, as it stands in the CRM account's stream.

use jiff::Timestamp;

use crate::contact::AccountKey;

/// What an event says about its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Created or changed.
    Changed,
    /// Deleted in the CRM.
    Deleted,
}

/// One verified delivery about one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The tenant.
    pub account: AccountKey,
    /// The CRM's contact id.
    pub contact: String,
    /// Changed or deleted.
    pub says: Says,
    /// The CRM's word for it (`ContactUpdate`).
    pub kind: String,
    /// The CRM's id of the delivery, if it has one.
    pub id: Option<String>,
    /// When the CRM says it happened, if it says so.
    pub at: Option<Timestamp>,
    /// In limited mode the raw body (for a delivery with several events: this event's part); else empty.
    pub body: Vec<u8>,
}
