//! What a plan costs: calls to Google, units of its quotas, minutes at the configured rate, and room in the account.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::entry::Write;
use crate::{
    config::Tune,
    google::{
        budget::BATCH_FROM,
        call::{Call, MAX_BATCH, MAX_DELETES},
        person::Field,
    },
};

/// Contacts that Google holds in one account, those in its trash included.
pub const ACCOUNT_HOLDS: u64 = 25_000;

/// What one slice writes.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    creates: u64,
    /// One mask holds for a whole batch.
    updates: BTreeMap<Vec<Field>, u64>,
    deletes: u64,
}

/// What calls take from Google's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// Calls.
    pub calls: u64,
    /// Reads of contacts, which every write does too.
    pub critical_reads: u64,
    /// Creates and updates of contacts.
    pub critical_writes: u64,
    /// Deletes.
    pub other_writes: u64,
    /// Contact writes of the day.
    pub daily: u64,
    /// Contacts that are there afterwards and were not before.
    pub creates: u64,
}

/// What is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Calls to Google.
    pub calls: u64,
    /// Units of Google's quota of critical writes: a batch of 200 takes 6.
    pub write_units: u64,
    /// Whole minutes that the quotas as they are configured make it wait for.
    pub minutes: u64,
    /// Contacts that the account holds now, as far as they are listed.
    pub contacts_now: u64,
    /// And afterwards. The trash counts too, and Google does not tell how much is in it.
    pub contacts_after: u64,
    /// As many as Google holds.
    pub account_holds: u64,
}

impl Writes {
    /// One more.
    pub fn add(&mut self, write: &Write) {
        match write {
            Write::Create => self.creates += 1,
            Write::Update(mask) => *self.updates.entry(mask.iter().copied().collect()).or_default() += 1,
            Write::Delete => self.deletes += 1,
        }
    }

    /// What the slice takes, with a look at what changed in Google and one reading of each contact that is there.
    pub fn spend(&self) -> Spend {
        let mut spend = Spend { creates: self.creates, ..Spend::default() };
        let updates = self.updates.values().sum::<u64>();
        if self.creates + updates + self.deletes > 0 {
            spend.pay(Call::ListChanges, 1);
        }
        spend.pay(Call::BatchGet, (updates + self.deletes).div_ceil(MAX_BATCH as u64));
        spend.written(Call::Create, Call::BatchCreate, self.creates, BATCH_FROM as u64, MAX_BATCH as u64);
        for count in self.updates.values() {
            spend.written(Call::Update, Call::BatchUpdate, *count, BATCH_FROM as u64, MAX_BATCH as u64);
        }
        // Each is read once more right before.
        spend.pay(Call::BatchGet, self.deletes.div_ceil(MAX_BATCH as u64));
        let from = u64::from(Call::BatchDelete.cost().other_writes) + 1;
        spend.written(Call::Delete, Call::BatchDelete, self.deletes, from, MAX_DELETES as u64);
        spend
    }
}

impl Spend {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.critical_reads += other.critical_reads;
        self.critical_writes += other.critical_writes;
        self.other_writes += other.other_writes;
        self.daily += other.daily;
        self.creates += other.creates;
    }

    fn pay(&mut self, call: Call, times: u64) {
        let cost = call.cost();
        self.calls += times;
        self.critical_reads += times * u64::from(cost.critical_reads);
        self.critical_writes += times * u64::from(cost.critical_writes);
        self.other_writes += times * u64::from(cost.other_writes);
        self.daily += times * u64::from(cost.daily);
    }

    /// Full batches, and a rest that is a batch where that is cheaper.
    fn written(&mut self, single: Call, batch: Call, count: u64, from: u64, most: u64) {
        let rest = count % most;
        self.pay(batch, count / most + u64::from(rest >= from));
        if rest < from {
            self.pay(single, rest);
        }
    }
}

impl Forecast {
    /// Of a plan that takes this, in an account that holds so many contacts now.
    pub fn of(spend: &Spend, contacts_now: u64, tune: &Tune) -> Self {
        let minutes = |units: u64, rate: u64| units.saturating_sub(1) / rate.max(1);
        let waits = [
            minutes(spend.critical_reads, tune.quota_reads),
            minutes(spend.critical_writes, tune.quota_writes),
            minutes(spend.other_writes, tune.quota_other),
            minutes(spend.daily, tune.quota_daily) * 24 * 60,
        ];
        Self {
            calls: spend.calls,
            write_units: spend.critical_writes,
            minutes: waits.into_iter().max().unwrap_or(0),
            contacts_now,
            contacts_after: contacts_now + spend.creates,
            account_holds: ACCOUNT_HOLDS,
        }
    }

    /// Whether it cannot be, even with an empty trash.
    pub fn is_too_much(&self) -> bool {
        self.contacts_after > self.account_holds
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, write_units, minutes, contacts_now, contacts_after, account_holds } = self;
        let time = match minutes {
            0 => "less than a minute".to_owned(),
            1 => "about a minute".to_owned(),
            minutes => format!("about {minutes} minutes"),
        };
        writeln!(
            f,
            "Forecast: about {calls} calls to Google, {write_units} write {}, {time} at the configured rate.",
            if *write_units == 1 { "unit" } else { "units" }
        )?;
        write!(
            f,
            "The Google account holds {contacts_now} contacts now and {contacts_after} of {account_holds} afterwards; its trash \
             counts too, and Google does not tell how much is in it."
        )?;
        if self.is_too_much() {
            write!(f, "\nThat is more than Google takes: narrow the filter, or delete contacts and empty the trash.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend(creates: u64, updates: &[u64], deletes: u64) -> Spend {
        let masks = [vec![Field::Names], vec![Field::PhoneNumbers], vec![Field::Names, Field::PhoneNumbers]];
        Writes { creates, updates: masks.into_iter().zip(updates.iter().copied()).collect(), deletes }.spend()
    }

    #[test]
    fn a_batch_takes_six_units_and_below_seven_contacts_go_singly() {
        // creates, updates by mask, deletes: calls, critical writes, other writes, daily
        for (creates, updates, deletes, expected) in [
            (0, &[][..], 0, (0, 0, 0, 0)),
            (1, &[], 0, (2, 1, 0, 1)),
            (6, &[], 0, (7, 6, 0, 6)),
            (7, &[], 0, (2, 6, 0, 200)),
            (200, &[], 0, (2, 6, 0, 200)),
            (206, &[], 0, (8, 12, 0, 206)),
            (207, &[], 0, (3, 12, 0, 400)),
            (0, &[6, 7], 0, (9, 12, 0, 206)),
            (0, &[1, 1, 1], 0, (5, 3, 0, 3)),
            (0, &[], 10, (13, 0, 10, 0)),
            (0, &[], 11, (4, 0, 10, 0)),
        ] {
            let spend = spend(creates, updates, deletes);
            let told = (spend.calls, spend.critical_writes, spend.other_writes, spend.daily);
            assert_eq!(told, expected, "{creates} {updates:?} {deletes}");
        }
    }

    #[test]
    fn a_first_sync_of_25_000_takes_750_units() {
        let mut whole = Spend::default();
        (0..125).for_each(|_| whole.add(&spend(200, &[], 0)));
        let forecast = Forecast::of(&whole, 0, &Tune::default());
        assert_eq!((forecast.write_units, forecast.minutes, forecast.contacts_after), (750, 24, 25_000));
        assert!(!forecast.is_too_much());
    }

    #[test]
    fn the_slowest_quota_says_how_long() {
        let tune = Tune::default();
        for (reads, writes, other, daily, minutes) in [
            (0, 0, 0, 0, 0),
            (60, 30, 30, 0, 0),
            (61, 0, 0, 0, 1),
            (0, 31, 0, 0, 1),
            (0, 0, 91, 0, 3),
            (0, 0, 0, 100_001, 1440),
        ] {
            let (critical_reads, critical_writes, other_writes) = (reads, writes, other);
            let spend = Spend { critical_reads, critical_writes, other_writes, daily, ..Spend::default() };
            assert_eq!(Forecast::of(&spend, 0, &tune).minutes, minutes, "{spend:?}");
        }
    }

    #[test]
    fn an_account_that_would_be_too_full_is_told_in_words() {
        let spend = Spend { creates: 2, ..Spend::default() };
        let fits = Forecast::of(&spend, 24_998, &Tune::default());
        assert!(!fits.is_too_much() && fits.to_string().contains("25000 of 25000 afterwards"), "{fits}");
        let full = Forecast::of(&spend, 24_999, &Tune::default());
        assert!(full.to_string().ends_with("narrow the filter, or delete contacts and empty the trash."), "{full}");
    }
}
