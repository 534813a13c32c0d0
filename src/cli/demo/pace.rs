//! How fast everything in a demonstration goes: the timings of the service and of the pretend Google, scaled together.

use std::{str::FromStr, time::Duration};

use crate::{
    config::Tune,
    simulate::{crm, google},
};

/// Requests a minute, on both sides: nobody wants to watch a quota. Also requests in 10 seconds to the CRM.
const GENEROUS: u32 = 6_000;

/// Virtual time that a write to Google takes to show in its listings.
const VISIBLE_AFTER: Duration = Duration::from_secs(1);

/// Virtual seconds per real second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The factor.
    pub speed: f64,
}

/// A speed at which something happens and can be seen.
impl FromStr for Pace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let speed = text.parse().ok().filter(|speed| (0.1..=100.0).contains(speed));
        Ok(Self { speed: speed.ok_or("a number between 0.1 and 100 is wanted")? })
    }
}

impl Pace {
    /// The real time of a virtual one, but not less than `least` milliseconds: scheduling takes time at any speed.
    fn real(&self, virtual_time: Duration, least: u64) -> Duration {
        virtual_time.div_f64(self.speed).max(Duration::from_millis(least))
    }

    /// The service's timings and limits.
    pub fn tune(&self) -> Tune {
        let default = Tune::default();
        let visible = self.visible_after();
        Tune {
            coalesce: self.real(default.coalesce, 100),
            coalesce_max: self.real(default.coalesce_max, 500),
            propagation: visible * 3,
            // A create whose answer was lost is looked for when the lease and a timeout are over.
            lease: self.real(Duration::from_secs(30), 8_000),
            google_timeout: self.real(Duration::from_secs(10), 3_000),
            retry_base: self.real(default.retry_base, 200),
            retry_max: self.real(Duration::from_secs(60), 5_000),
            sweep: self.real(default.sweep, 100),
            stale_read: self.real(default.stale_read, 500),
            quota_reads: GENEROUS.into(),
            quota_writes: GENEROUS.into(),
            quota_other: GENEROUS.into(),
            crm_rate: GENEROUS.into(),
            ..default
        }
    }

    /// The pretend Google's limits.
    pub fn google(&self) -> google::Limits {
        let delay = u32::try_from(self.visible_after().as_millis()).unwrap_or(u32::MAX);
        google::Limits {
            critical_reads_per_minute: GENEROUS,
            critical_writes_per_minute: GENEROUS,
            reads_per_minute: GENEROUS,
            writes_per_minute: GENEROUS,
            full_syncs_per_minute: GENEROUS,
            sync_delay_ms: delay,
            list_delay_ms: delay,
            ..google::Limits::default()
        }
    }

    /// The pretend CRM's.
    pub fn crm(&self, seed: u64) -> crm::Options {
        let standard = crm::Options::default();
        crm::Options {
            seed,
            rate_limit: GENEROUS,
            index_lag: self.real(standard.index_lag, 100),
            retry_spacing: self.real(Duration::from_secs(10), 500),
            ..standard
        }
    }

    /// How long the pretend Google takes to show a change in its listings.
    pub fn visible_after(&self) -> Duration {
        self.real(VISIBLE_AFTER, 200)
    }
}
