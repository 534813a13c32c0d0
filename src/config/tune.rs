//! Timings and limits, one table: key, default, meaning. All under `CARNET_TUNE_*`, whole numbers.

use std::time::Duration;

macro_rules! tune {
    ($($(#[doc = $doc:literal])+ $field:ident : $kind:ident = $key:literal, $default:literal;)+) => {
        /// Timings and limits, from `CARNET_TUNE_*`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Tune { $($(#[doc = $doc])+ pub $field: tune!(@type $kind),)+ }

        /// `(key, default, meaning)` of every `CARNET_TUNE_*` setting.
        pub const TUNE_TABLE: &[(&str, u64, &str)] = &[$((concat!("CARNET_TUNE_", $key), $default, concat!($($doc),+)),)+];

        impl Tune {
            /// Takes each value from `get` (key → text), or its default; `Err` names the key whose value is no whole number.
            pub fn from_texts(mut get: impl FnMut(&str) -> Option<String>) -> Result<Self, &'static str> {
                Ok(Self { $($field: {
                    let key = concat!("CARNET_TUNE_", $key);
                    let number: u64 = match get(key) { Some(text) => text.trim().parse().map_err(|_| key)?, None => $default };
                    tune!(@read $kind, number)
                },)+ })
            }
        }

        impl Default for Tune {
            fn default() -> Self { Self { $($field: tune!(@read $kind, $default),)+ } }
        }
    };
    (@type millis) => { Duration };
    (@type count) => { u64 };
    (@read millis, $number:expr) => { Duration::from_millis($number) };
    (@read count, $number:expr) => { $number };
}

tune! {
    /// Milliseconds a contact stays quiet before it is processed (several events become one write).
    coalesce: millis = "COALESCE_MS", 1_000;
    /// Milliseconds after which a contact that never falls quiet is processed all the same.
    coalesce_max: millis = "COALESCE_MAX_MS", 5_000;
    /// Milliseconds until a write to Google is surely visible in its listings.
    propagation: millis = "PROPAGATION_MS", 300_000;
    /// Milliseconds a worker may hold a Google account without renewing.
    lease: millis = "LEASE_MS", 60_000;
    /// Milliseconds after which a call to Google is given up.
    google_timeout: millis = "GOOGLE_TIMEOUT_MS", 30_000;
    /// Milliseconds after which a call to a CRM is given up.
    crm_timeout: millis = "CRM_TIMEOUT_MS", 20_000;
    /// Milliseconds before the first retry; doubles with each, plus jitter.
    retry_base: millis = "RETRY_BASE_MS", 2_000;
    /// Milliseconds between retries at the most.
    retry_max: millis = "RETRY_MAX_MS", 900_000;
    /// Retries of a contact before it becomes a dead letter.
    retry_attempts: count = "RETRY_ATTEMPTS", 12;
    /// Contacts of a sync that may be removed or overwritten within 24 hours, however few it has, before its brake stops the rest.
    brake_least: count = "BRAKE_LEAST", 5;
    /// The same in percent of the contacts that it holds.
    brake_percent: count = "BRAKE_PERCENT", 10;
    /// The same at the most, however many it holds.
    brake_most: count = "BRAKE_MOST", 50;
    /// Milliseconds between two looks at everything that may be due.
    sweep: millis = "SWEEP_MS", 1_000;
    /// Milliseconds by which a reading from the CRM may be older than the event before it is read again.
    stale_read: millis = "STALE_READ_MS", 5_000;
    /// Contacts taken from one Google account's backlog before another account has its turn.
    slice: count = "SLICE", 200;
    /// Google accounts worked on at the same time by one process.
    workers: count = "WORKERS", 8;
    /// Google's critical reads a minute and account, to start with; adapts to what Google answers.
    quota_reads: count = "QUOTA_READS_PER_MINUTE", 60;
    /// Google's critical writes a minute and account.
    quota_writes: count = "QUOTA_WRITES_PER_MINUTE", 30;
    /// Google's deletes and label writes a minute and account.
    quota_other: count = "QUOTA_OTHER_PER_MINUTE", 30;
    /// Google's contact writes a day and account.
    quota_daily: count = "QUOTA_DAILY_WRITES", 100_000;
    /// Requests in 10 seconds to one CRM account.
    crm_rate: count = "CRM_REQUESTS_PER_10S", 80;
    /// Events kept in the stream of a CRM account; the oldest go first.
    stream_max: count = "STREAM_MAX", 100_000;
    /// Bytes of webhook bodies of a CRM account in limited mode that may wait for a sync that stands still.
    bodies_max: count = "BODIES_MAX", 67_108_864;
    /// Milliseconds that events are kept in the stream.
    stream_age: millis = "STREAM_AGE_MS", 604_800_000;
    /// Milliseconds that a dead letter is kept.
    dead_age: millis = "DEAD_AGE_MS", 7_776_000_000;
    /// Milliseconds between two looks whether anything is wrong that people should be told.
    alert_look: millis = "ALERT_LOOK_MS", 60_000;
    /// Milliseconds after which an alert that lasts is said again.
    alert_again: millis = "ALERT_AGAIN_MS", 86_400_000;
    /// Milliseconds without a webhook that are unusual at the least; more, where longer pauses are usual.
    alert_silence: millis = "ALERT_SILENCE_MS", 86_400_000;
    /// Webhooks of a CRM refused for their signature in a row that make an alert.
    alert_signatures: count = "ALERT_SIGNATURES", 20;
    /// Bytes of a webhook body.
    body_limit: count = "BODY_LIMIT", 1_048_576;
    /// Milliseconds in which a webhook must have arrived whole.
    body_timeout: millis = "BODY_TIMEOUT_MS", 10_000;
    /// Milliseconds in which a request's headers must have arrived; also how long an idle connection is kept, and how long one
    /// whose client does not read its answer.
    headers_timeout: millis = "HEADERS_TIMEOUT_MS", 15_000;
    /// Connections at a time from one address that is no trusted proxy.
    connections_per_address: count = "CONNECTIONS_PER_ADDRESS", 1_024;
    /// Failures (signature of a CRM's webhook, API token, password) after which an address is answered 429 there for a while.
    failures: count = "FAILURES", 20;
    /// Milliseconds within which so many failures are too many.
    failures_within: millis = "FAILURES_WITHIN_MS", 60_000;
    /// Milliseconds for which it is answered 429.
    shut_out: millis = "SHUT_OUT_MS", 60_000;
    /// Contacts on a page of the CRM's list.
    crm_page: count = "CRM_PAGE", 100;
    /// Contacts of a reconcile waiting to be written at which it stops reading ahead.
    backlog_max: count = "BACKLOG_MAX", 5_000;
}
