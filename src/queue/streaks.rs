//! How many deliveries of each CRM this process has refused for their signature, in a row.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::store::{clock::Clock, doors::Streak};

/// Of the door of this process.
pub struct Streaks {
    clock: Clock,
    /// Only names that are configured come in, so it stays small.
    crms: Mutex<BTreeMap<String, Streak>>,
}

impl Streaks {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, crms: Mutex::default() }
    }

    /// As it is now.
    pub fn read(&self) -> BTreeMap<String, Streak> {
        self.crms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A delivery of this CRM came, and its signature was right or not.
    pub fn note(&self, crm: &str, is_right: bool) {
        let mut crms = self.crms.lock().unwrap_or_else(PoisonError::into_inner);
        let streak = crms.entry(crm.to_owned()).or_default();
        if is_right {
            (streak.refused, streak.right_at) = (0, self.clock.now_ms());
        } else {
            (streak.refused, streak.refused_at) = (streak.refused.saturating_add(1), self.clock.now_ms());
        }
    }
}
