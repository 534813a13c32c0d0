//! What an error answer of Google means: one function for a whole answer, one for a contact's part of a batch.

use std::collections::BTreeMap;

use super::{
    answer::{ErrorAnswer, RpcStatus},
    call::{Call, Metric},
    failure::{Failure, QuotaKind},
};

/// What an error answer to `call` means.
///
/// The order matters: words that name one cause win over the HTTP status, which several causes share and which has
/// changed over the years (a stale etag came as 412 and 403, an expired sync token as 410).
pub(super) fn failure(call: Call, answer: ErrorAnswer) -> Failure {
    if names_full_account(&answer) {
        return Failure::AccountFull;
    }
    if matches!(answer.http, 400 | 410) && is_sync_token(call, &answer) {
        return Failure::SyncTokenExpired;
    }
    if is_stale_etag(call, &answer) {
        return Failure::EtagStale;
    }
    let status = answer.http;
    match status {
        400 => invalid(call, answer),
        401 => Failure::Unauthorised,
        403 => forbidden(answer),
        // A page of a proxy or a wrong address is no proof that a contact is gone.
        404 if answer.from_api => Failure::NotFound,
        409 if answer.status == "ALREADY_EXISTS" || (call == Call::CreateGroup && answer.status != "ABORTED") => {
            Failure::AlreadyExists
        }
        409 => Failure::Aborted,
        429 => Failure::Quota { kind: exhausted(call, &answer), retry_after: answer.retry_after },
        503 if answer.says("quota exceeded") => {
            Failure::Quota { kind: QuotaKind::Unnamed, retry_after: answer.retry_after }
        }
        // 404 is here when it is not the API's; 408 is a proxy's impatience.
        404 | 408 => Failure::Server { status },
        405..500 | 402 => Failure::Rejected { status },
        // 5xx; and 3xx, which we do not follow: something stands between us and the API.
        _ => Failure::Server { status },
    }
}

/// What the `status` of one contact in an answer to a batch means.
pub(super) fn item_failure(call: Call, status: &RpcStatus) -> Failure {
    failure(call, ErrorAnswer::of_item(status))
}

fn names_full_account(answer: &ErrorAnswer) -> bool {
    const NAME: &str = "MY_CONTACTS_OVERFLOW_COUNT";
    answer.says(NAME)
        || answer.has_reason(&[NAME])
        || answer.exhausted.iter().any(|e| e.contains(NAME))
        || answer.contacts.values().any(|c| c.message.contains(NAME))
}

/// Any 400 or 410 on a call with a sync token counts: a garbled token is a plain `INVALID_ARGUMENT`.
fn is_sync_token(call: Call, answer: &ErrorAnswer) -> bool {
    call == Call::ListChanges || answer.has_reason(&["EXPIRED_SYNC_TOKEN"]) || answer.says("sync token is expired")
}

/// In a batch the complaint may stand with the contacts only; a mixed batch is `Invalid`, which leaves the stale ones out.
fn is_stale_etag(call: Call, answer: &ErrorAnswer) -> bool {
    if !answer.contacts.is_empty() {
        return answer.contacts.values().all(|c| is_stale_contact(call, c));
    }
    let updates = matches!(call, Call::Update | Call::BatchUpdate);
    (matches!(answer.http, 400 | 403 | 412) && answer.says("etag is different"))
        || (updates && answer.http == 412)
        || (updates && answer.http == 400 && answer.status == "FAILED_PRECONDITION")
}

fn is_stale_contact(call: Call, contact: &RpcStatus) -> bool {
    is_stale_etag(call, &ErrorAnswer::of_item(contact))
}

fn invalid(call: Call, answer: ErrorAnswer) -> Failure {
    let mut fields = answer.fields;
    let mut per_contact = BTreeMap::new();
    for (contact, status) in answer.contacts {
        if is_stale_contact(call, &status) {
            continue;
        }
        fields.extend(ErrorAnswer::of_item(&status).fields);
        per_contact.insert(contact, status.message);
    }
    Failure::Invalid { message: answer.message, fields, per_contact }
}

fn forbidden(answer: ErrorAnswer) -> Failure {
    let retry_after = answer.retry_after;
    if answer.has_reason(&["ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"])
        || answer.says("insufficient authentication scopes")
    {
        Failure::ScopeMissing
    } else if answer.has_reason(&["SERVICE_DISABLED", "accessNotConfigured"]) {
        Failure::ApiDisabled { message: answer.message }
    } else if answer.has_reason(&["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"])
        || answer.says("request rate higher than configured")
    {
        Failure::Quota { kind: QuotaKind::PerMinute { metric: metric(&answer) }, retry_after }
    } else if answer.has_reason(&["quotaExceeded", "dailyLimitExceeded"]) {
        Failure::Quota { kind: QuotaKind::Daily, retry_after }
    } else if answer.from_api {
        Failure::Forbidden { message: answer.message }
    } else {
        Failure::Server { status: 403 }
    }
}

/// Which quota a 429 is about. The first page of a full listing has one that no document names.
fn exhausted(call: Call, answer: &ErrorAnswer) -> QuotaKind {
    let metric = metric(answer);
    if answer.exhausted.iter().any(|e| e.contains("FBS")) {
        QuotaKind::Backend
    } else if is_daily(answer) {
        QuotaKind::Daily
    } else if metric.is_some() {
        QuotaKind::PerMinute { metric }
    } else if call == Call::ListStart {
        QuotaKind::FirstPage
    } else if answer.has_reason(&["RATE_LIMIT_EXCEEDED"]) || answer.says("per minute") {
        QuotaKind::PerMinute { metric: None }
    } else if !answer.exhausted.is_empty() || answer.says("resource has been exhausted") {
        QuotaKind::Backend
    } else {
        QuotaKind::Unnamed
    }
}

fn is_daily(answer: &ErrorAnswer) -> bool {
    let quota = answer.quota.to_ascii_lowercase();
    quota.contains("daily") || quota.contains("perday") || answer.says("daily") || answer.says("per day")
}

/// The per-minute quota by the metric of an `ErrorInfo` (`…/critical_read_requests`), or by its title in the message.
fn metric(answer: &ErrorAnswer) -> Option<Metric> {
    const NAMES: [(&str, Metric); 4] = [
        ("critical read", Metric::CriticalReads),
        ("critical write", Metric::CriticalWrites),
        // After the critical ones, whose names hold these.
        ("read requests", Metric::GroupReads),
        ("write requests", Metric::OtherWrites),
    ];
    let told = format!("{} {}", answer.quota, answer.message).to_ascii_lowercase().replace('_', " ");
    NAMES.into_iter().find(|(name, _)| told.contains(name)).map(|(_, metric)| metric)
}

#[cfg(test)]
mod tests;
