//! How the simulator is set up: numbers (`Limits`) and hostile choices (`Modes`). Control can change both while it runs.

use serde::{Deserialize, Serialize};

/// What `serve` needs.
#[derive(Clone)]
pub struct Options {
    /// The OAuth client that Carnet is configured with.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Makes ids, shuffles and random faults repeatable.
    pub seed: u64,
    /// Quotas, sizes and delays of every account.
    pub limits: Limits,
}

/// Quotas, sizes and delays. The defaults are what consoles show and Google documents; delays are off.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Contact and profile reads, per minute and user; a create or update takes 1, a batch 6. Default 90.
    pub critical_reads_per_minute: u32,
    /// Contact creates and updates, per minute and user; a batch takes 6. Default 90.
    pub critical_writes_per_minute: u32,
    /// Contact group reads, per minute and user. Default 120.
    pub reads_per_minute: u32,
    /// Deletes (a batch takes 10) and contact group writes, per minute and user. Default 90.
    pub writes_per_minute: u32,
    /// Creates and updates per day; a batch takes 200 however full. Default 100,000.
    pub contact_writes_per_day: u32,
    /// First pages of full syncs, per minute and user. Default 30.
    pub full_syncs_per_minute: u32,
    /// Contacts an account can hold, trash included. Default 25,000.
    pub contacts: usize,
    /// How long the trash keeps a contact. Default 30.
    pub trash_days: u32,
    /// Life of an access token. Default 3,600.
    pub access_token_seconds: u32,
    /// Life of a sync token, from the full sync. Default 7.
    pub sync_token_days: u32,
    /// A write is missing from sync-token listings for this long (at most an hour). Default 0.
    pub sync_delay_ms: u32,
    /// A create or delete is missing from plain listings for this long. Default 0.
    pub list_delay_ms: u32,
    /// Reads answer with the version before an update for this long. Default 0.
    pub stale_read_ms: u32,
    /// Real time a write takes, in which a second one of the same user is refused. Default 1.
    pub write_ms: u32,
    /// Search knows only what existed at the last warm-up, and forgets it after this. Default 10.
    pub search_warm_minutes: u32,
    /// Requests kept in the log. Default 10,000.
    pub log_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            critical_reads_per_minute: 90,
            critical_writes_per_minute: 90,
            reads_per_minute: 120,
            writes_per_minute: 90,
            contact_writes_per_day: 100_000,
            full_syncs_per_minute: 30,
            contacts: 25_000,
            trash_days: 30,
            access_token_seconds: 3600,
            sync_token_days: 7,
            sync_delay_ms: 0,
            list_delay_ms: 0,
            stale_read_ms: 0,
            write_ms: 1,
            search_warm_minutes: 10,
            log_entries: 10_000,
        }
    }
}

/// What happens to the other contacts of a `batchUpdateContacts` when one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchUpdateErrors {
    /// Nothing is written, as the documentation reads.
    FailAll,
    /// The call fails all the same, but the others were written.
    ApplyRest,
    /// The call answers 200 with a status for each contact.
    PerItem,
}

/// Choices where Google's behaviour is uncertain or varies. A correct client passes with any of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modes {
    /// Lists of values and of created people come in random order. Default on.
    pub shuffle: bool,
    /// Answers carry a field that no documentation knows. Default on.
    pub extra_field: bool,
    /// A second write of the same user during a write gets 409 ABORTED. Default on.
    pub refuse_concurrent_writes: bool,
    /// Etags read from listings are refused by updates.
    pub refuse_list_etags: bool,
    /// An update cannot remove `clientData` entries, and an empty value comes back as the key.
    pub sticky_client_data: bool,
    /// A person that does not exist is a 500, not a 404.
    pub missing_is_500: bool,
    /// `batchDeleteContacts` passes over unknown names instead of failing whole.
    pub batch_delete_skips_unknown: bool,
    /// See [`BatchUpdateErrors`]. Default `fail_all`.
    pub batch_update_errors: BatchUpdateErrors,
    /// An expired sync token is a 410, not a 400.
    pub sync_expiry_is_410: bool,
    /// Pages are cut from a moving list: a contact changed meanwhile comes twice and another is passed over.
    pub moving_pages: bool,
    /// 429 answers carry a random `Retry-After`.
    pub retry_after: bool,
    /// The account is full with 429, not 400.
    pub full_is_429: bool,
    /// `memberCount` may be up to a minute old.
    pub late_member_count: bool,
    /// The OAuth app is in testing: refresh tokens live 7 days.
    pub testing_app: bool,
    /// Country codes that are refused although they are well formed: nobody knows which ones Google takes.
    pub unknown_countries: Vec<String>,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            shuffle: true,
            extra_field: true,
            refuse_concurrent_writes: true,
            refuse_list_etags: false,
            sticky_client_data: false,
            missing_is_500: false,
            batch_delete_skips_unknown: false,
            batch_update_errors: BatchUpdateErrors::FailAll,
            sync_expiry_is_410: false,
            moving_pages: false,
            retry_after: false,
            full_is_429: false,
            late_member_count: false,
            testing_app: false,
            unknown_countries: vec!["ZZ".into()],
        }
    }
}
