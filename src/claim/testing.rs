//! Google's testing mode: a connection made in it ends after 7 days. Google may say so with the tokens; if it does not, a
//! connection that was refused after a week tells of the next one.

use super::Tools;
use crate::store::{StoreError, current::GoogleAccount, registry::WEEK_MS};

/// A connection that ends this near to a week (ms) ended because of the testing mode.
const NEAR: i64 = 12 * 3_600_000;

impl Tools {
    /// Learns from whether a connection was refused, and when.
    pub async fn note_testing(&self, google: &GoogleAccount, is_refused: bool, now: i64) -> Result<(), StoreError> {
        if google.made == 0 {
            return Ok(());
        }
        let is_weekly = match (is_refused, now - google.made) {
            (true, age) if (age - WEEK_MS).abs() <= NEAR => true,
            (false, age) if age > WEEK_MS + 2 * NEAR => false,
            _ => return Ok(()),
        };
        if is_weekly == google.is_weekly {
            return Ok(());
        }
        self.change_connection(&google.subject, |connection| connection.is_weekly = is_weekly).await
    }

    /// Google said when the connection ends (ms).
    pub async fn note_end(&self, google: &GoogleAccount, ends: i64) -> Result<(), StoreError> {
        // Said in seconds from now with every token: it moves a little each time.
        if google.ends_at.is_some_and(|known| (known - ends).abs() < NEAR) {
            return Ok(());
        }
        self.change_connection(&google.subject, |connection| connection.ends = Some(ends)).await
    }
}
