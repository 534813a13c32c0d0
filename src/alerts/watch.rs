//! Looks once a minute what is wrong, and tells what people do not know yet. One process at a time does it; each writes down
//! what its own door has refused.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    Channels,
    book::{Book, Pace},
    problems::{by_kind, problems},
};
use crate::{
    claim::Tools,
    queue::streaks::Streaks,
    store::{
        StoreError,
        doors::note,
        keys::{ALERTS_FENCE, ALERTS_LEASE},
        lease::Lease,
    },
};

/// Looks and tells, until stopped.
pub struct Watch {
    /// What it looks with.
    pub tools: Arc<Tools>,
    /// Where it tells.
    pub channels: Channels,
    /// What the door of this process has refused.
    pub streaks: Arc<Streaks>,
}

/// Looks without a problem after which it is over.
const LOOKS_UNTIL_OVER: i64 = 2;

impl Watch {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(self.tools.settings.tune.alert_look);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "could not look whether anything is wrong");
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let (pool, tune) = (&self.tools.pool, &self.tools.settings.tune);
        note(pool, &self.tools.holder, &self.streaks.read()).await?;
        let (key, fence) = (ALERTS_LEASE.to_owned(), ALERTS_FENCE.to_owned());
        let Some(lease) = Lease::claim(pool, key, fence, &self.tools.holder, tune.lease).await? else { return Ok(()) };
        let looked = self.look_and_tell().await;
        lease.release().await?;
        looked
    }

    async fn look_and_tell(&self) -> Result<(), StoreError> {
        let pool = &self.tools.pool;
        let current = self.tools.fresh().await?;
        let before = Book::load(&mut pool.get().await?).await?;
        let (mut book, now, pace) = (before.clone(), pool.clock.now_ms(), self.pace());
        book.note(problems(&self.tools, &current).await?, now, pace);
        for (kind, count) in by_kind(book.0.values().filter(|alert| alert.over.is_none()).map(|alert| alert.kind)) {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("carnet_alerts", "kind" => kind.code()).set(count as f64);
        }
        let channels = self.channels.names();
        book.forget_channels_except(&channels);
        // Written before and after: whoever is killed in between says again what it said, and forgets nothing.
        book.save(&before, &mut pool.get().await?).await?;
        let noted = book.clone();
        for channel in channels {
            let due = book.due(channel, now, pace);
            let (told, trouble) = self.channels.tell(channel, &due, pool.clock.now()).await;
            for notice in told {
                book.was_told(notice, channel, now);
            }
            if let Some(why) = trouble {
                metrics::counter!("carnet_alerts_not_sent_total", "channel" => channel.name()).increment(1);
                tracing::warn!(channel = channel.name(), reason = %why, "alerts could not be sent; they are sent later");
            }
        }
        book.save(&noted, &mut pool.get().await?).await
    }

    fn pace(&self) -> Pace {
        let tune = &self.tools.settings.tune;
        let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Pace { over_after: ms(tune.alert_look).saturating_mul(LOOKS_UNTIL_OVER), again_after: ms(tune.alert_again) }
    }
}
