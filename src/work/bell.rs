//! The doorbell: which Google accounts have something due, and when. It only saves waiting; the sweep finds what it missed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tokio::sync::Notify;

/// Rung by the dispatcher, answered by the workers of this process.
#[derive(Default)]
pub struct Bell {
    due: Mutex<BTreeMap<String, Instant>>,
    notify: Notify,
}

impl Bell {
    /// Something of this Google account is due then.
    pub fn ring(&self, subject: &str, due: Instant) {
        let mut held = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held.entry(subject.to_owned()).or_insert(due);
        *entry = (*entry).min(due);
        self.notify.notify_one();
    }

    /// Waits until the earliest due time and answers which accounts are due by now.
    pub async fn due(&self) -> Vec<String> {
        loop {
            let next = {
                let mut held = self.due.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let due: Vec<String> = held.iter().filter(|(_, at)| **at <= now).map(|(s, _)| s.clone()).collect();
                if !due.is_empty() {
                    for subject in &due {
                        held.remove(subject);
                    }
                    return due;
                }
                held.values().min().copied()
            };
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = self.notify.notified() => {}
                },
                None => self.notify.notified().await,
            }
        }
    }
}
