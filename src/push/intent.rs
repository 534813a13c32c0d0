//! The intent: written before a create leaves, gone once its end is known.

use serde::{Deserialize, Serialize};

/// A create that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Operation id, also in the stamp.
    pub op: String,
    /// Id of the sync that began it.
    #[serde(default)]
    pub sync: String,
    /// The run that it was part of.
    #[serde(default)]
    pub run: Option<String>,
    /// When it was written (ms).
    pub at: i64,
    /// The request has left or never will after this time (ms).
    pub not_after: i64,
    /// When a listing was first seen without its stamp (ms).
    pub absent_at: Option<i64>,
    /// Whether it failed as part of a batch that Google called invalid: the next try goes alone.
    #[serde(default)]
    pub alone: bool,
}

/// What to do about an intent that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// Too early to look; come back then (ms).
    Wait(i64),
    /// Look for the stamp now.
    Look,
}

impl Intent {
    /// When the listing may be asked: from `not_after` + the timeout on, and again a propagation window after the first
    /// look that found nothing.
    pub fn resolve(&self, now: i64, timeout_ms: i64, window_ms: i64) -> Resolve {
        let from = match self.absent_at {
            None => self.not_after + timeout_ms,
            Some(first) => first + window_ms,
        };
        if now < from { Resolve::Wait(from) } else { Resolve::Look }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_looked_for_twice_a_window_apart() {
        let mut intent = Intent {
            op: "o".into(),
            sync: "s".into(),
            run: None,
            at: 0,
            not_after: 100,
            absent_at: None,
            alone: false,
        };
        assert_eq!(intent.resolve(0, 30, 300), Resolve::Wait(130));
        assert_eq!(intent.resolve(130, 30, 300), Resolve::Look);
        intent.absent_at = Some(140);
        assert_eq!(intent.resolve(200, 30, 300), Resolve::Wait(440));
        assert_eq!(intent.resolve(440, 30, 300), Resolve::Look);
    }
}
