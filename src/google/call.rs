//! The calls we make and what each costs against Google's quotas, so that a caller can pay before it calls.

use serde::{Deserialize, Serialize};

use super::person::Field;

/// Most contacts in one [`Call::BatchCreate`], [`Call::BatchUpdate`] or [`Call::BatchGet`].
pub const MAX_BATCH: usize = 200;

/// Most contacts in one [`Call::BatchDelete`].
pub const MAX_DELETES: usize = 500;

/// Most contacts added and removed together in one [`Call::ModifyMembers`].
pub const MAX_MEMBERS: usize = 1_000;

/// A call to the People API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// First page of a full listing; it has a small quota of its own besides the cost below.
    ListStart,
    /// Any later page of a full listing.
    ListPage,
    /// A page of a listing of changes: it carries a sync token.
    ListChanges,
    /// One contact.
    Get,
    /// Up to [`MAX_BATCH`] contacts.
    BatchGet,
    /// One new contact.
    Create,
    /// Up to [`MAX_BATCH`] new contacts.
    BatchCreate,
    /// One changed contact.
    Update,
    /// Up to [`MAX_BATCH`] changed contacts.
    BatchUpdate,
    /// One contact to the trash.
    Delete,
    /// Up to [`MAX_DELETES`] contacts to the trash.
    BatchDelete,
    /// All labels (one page: it holds 1,000).
    Groups,
    /// A new label.
    CreateGroup,
    /// Up to [`MAX_MEMBERS`] contacts into or out of a label.
    ModifyMembers,
}

/// A quota that Google counts per minute, project and user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Reads of contacts, which every write does too.
    CriticalReads,
    /// Creates and updates of contacts.
    CriticalWrites,
    /// Deletes of contacts and writes of labels.
    OtherWrites,
    /// Reads of labels.
    GroupReads,
}

/// Units that one call takes from each quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Of [`Metric::CriticalReads`].
    pub critical_reads: u32,
    /// Of [`Metric::CriticalWrites`].
    pub critical_writes: u32,
    /// Of [`Metric::OtherWrites`].
    pub other_writes: u32,
    /// Of [`Metric::GroupReads`].
    pub group_reads: u32,
    /// Contact writes of the day. A batch takes 200 however few contacts it holds.
    pub daily: u32,
    /// Whether it starts a full listing, which Google counts apart.
    pub starts_listing: bool,
}

impl Call {
    /// What the call takes from the quotas.
    pub const fn cost(self) -> Cost {
        match self {
            Self::ListStart => Cost { starts_listing: true, ..Cost::reads(1) },
            Self::ListPage | Self::ListChanges | Self::Get | Self::BatchGet => Cost::reads(1),
            Self::Create | Self::Update => Cost { critical_writes: 1, daily: 1, ..Cost::reads(1) },
            Self::BatchCreate | Self::BatchUpdate => Cost { critical_writes: 6, daily: 200, ..Cost::reads(6) },
            Self::Groups => Cost { group_reads: 1, ..Cost::reads(0) },
            Self::BatchDelete => Cost { other_writes: 10, ..Cost::reads(0) },
            Self::Delete | Self::CreateGroup | Self::ModifyMembers => Cost { other_writes: 1, ..Cost::reads(0) },
        }
    }

    /// Whether it changes something in Google.
    pub const fn writes(self) -> bool {
        let cost = self.cost();
        cost.critical_writes > 0 || cost.other_writes > 0
    }
}

impl Metric {
    /// All four.
    pub const ALL: [Self; 4] = [Self::CriticalReads, Self::CriticalWrites, Self::OtherWrites, Self::GroupReads];
}

impl Cost {
    const fn reads(critical_reads: u32) -> Self {
        Self { critical_reads, critical_writes: 0, other_writes: 0, group_reads: 0, daily: 0, starts_listing: false }
    }

    /// Units of one per-minute quota.
    pub const fn of(&self, metric: Metric) -> u32 {
        match metric {
            Metric::CriticalReads => self.critical_reads,
            Metric::CriticalWrites => self.critical_writes,
            Metric::OtherWrites => self.other_writes,
            Metric::GroupReads => self.group_reads,
        }
    }
}

/// What every read of a contact asks for: [`Field::ALL`] and `metadata`. One mask for all, so that a contact is whole
/// wherever it was read, and a field that was not asked for can never be taken for an empty one.
pub(super) fn read_mask() -> String {
    format!("{},metadata", update_mask(&Field::ALL))
}

/// A mask as Google wants it: `names,emailAddresses`.
pub(super) fn update_mask(fields: &[Field]) -> String {
    fields.iter().map(|f| f.mask()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_costs_six_and_two_hundred_however_small() {
        let cost = Call::BatchUpdate.cost();
        assert_eq!((cost.critical_reads, cost.critical_writes, cost.daily), (6, 6, 200));
        let single = Call::Update.cost();
        assert_eq!((single.critical_reads, single.critical_writes, single.daily), (1, 1, 1));
    }

    #[test]
    fn deletes_and_label_writes_are_paid_from_the_other_writes_alone() {
        for call in [Call::Delete, Call::CreateGroup, Call::ModifyMembers] {
            assert_eq!(call.cost(), Cost { other_writes: 1, ..Cost::default() }, "{call:?}");
            assert!(call.writes());
        }
        assert_eq!(Call::BatchDelete.cost(), Cost { other_writes: 10, ..Cost::default() });
        assert!(!Call::ListStart.writes() && !Call::Groups.writes());
    }
}
