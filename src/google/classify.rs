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
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(call: Call, status: u16, body: &str) -> Failure {
        failure(call, ErrorAnswer::read(status, None, body.as_bytes()))
    }

    /// An answer of the API with these details.
    fn api(status: &str, message: &str, details: &str) -> String {
        format!(r#"{{"error":{{"code":1,"message":"{message}","status":"{status}","details":[{details}]}}}}"#)
    }

    fn info(reason: &str, metadata: &str) -> String {
        format!(
            r#"{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"d","metadata":{{{metadata}}}}}"#
        )
    }

    fn contacts(kind: &str, errors: &str) -> String {
        format!(
            r#"{{"@type":"type.googleapis.com/google.people.v1.Batch{kind}ContactsErrorDetails","contactErrors":{{{errors}}}}}"#
        )
    }

    fn quota(kind: QuotaKind) -> Failure {
        Failure::Quota { kind, retry_after: None }
    }

    const STALE: &str = "Request person.etag is different than the current person.etag. Clear local cache and get the \
                         latest person.";
    const STALE_SOURCE: &str = "Request person.metadata.sources.etag is different than the current \
                                person.metadata.sources.etag.";
    const EXPIRED: &str = "Sync token is expired. Clear local cache and retry call without the sync token.";

    #[test]
    fn stale_etags_come_in_many_shapes() {
        for (call, status, body) in [
            (Call::Update, 400, api("FAILED_PRECONDITION", STALE, "")),
            (Call::Update, 400, api("FAILED_PRECONDITION", STALE_SOURCE, "")),
            (Call::Update, 400, api("INVALID_ARGUMENT", STALE, "")),
            (Call::Update, 403, api("", STALE, "")),
            (Call::Update, 412, api("", "Precondition Failed", "")),
            (Call::Update, 400, api("FAILED_PRECONDITION", "Other words.", "")),
            (
                Call::BatchUpdate,
                400,
                api(
                    "INVALID_ARGUMENT",
                    "m",
                    &contacts("Update", &format!(r#""people/c1":{{"code":9,"message":"{STALE}"}}"#)),
                ),
            ),
        ] {
            assert_eq!(of(call, status, &body), Failure::EtagStale, "{status} {body}");
        }
    }

    #[test]
    fn a_missing_etag_is_our_mistake() {
        let words =
            "Request must set person.etag or person.metadata.sources.etag for the source that is being updated.";
        let got = of(Call::Update, 400, &api("INVALID_ARGUMENT", words, ""));
        assert!(matches!(got, Failure::Invalid { message, .. } if message == words));
    }

    #[test]
    fn expired_sync_tokens_come_in_many_shapes() {
        for (call, status, body) in [
            (Call::ListChanges, 400, api("FAILED_PRECONDITION", EXPIRED, &info("EXPIRED_SYNC_TOKEN", ""))),
            (Call::ListChanges, 400, api("INVALID_ARGUMENT", "", &info("EXPIRED_SYNC_TOKEN", ""))),
            (Call::ListChanges, 400, api("INVALID_ARGUMENT", "Request contains an invalid argument.", "")),
            (Call::ListChanges, 410, api("", EXPIRED, "")),
            (Call::ListChanges, 410, "gone".to_owned()),
            (Call::ListPage, 400, api("FAILED_PRECONDITION", EXPIRED, "")),
        ] {
            assert_eq!(of(call, status, &body), Failure::SyncTokenExpired, "{status} {body}");
        }
    }

    #[test]
    fn quotas_are_told_apart() {
        let minute = |metric| QuotaKind::PerMinute { metric };
        let named = |metric: &str| {
            let metadata = format!(r#""quota_limit":"X","quota_metric":"people.googleapis.com/{metric}""#);
            api("RESOURCE_EXHAUSTED", "Quota exceeded.", &info("RATE_LIMIT_EXCEEDED", &metadata))
        };
        let titled = "Quota exceeded for quota metric 'Critical write requests (Contact Creates and Updates)' and limit \
                      'Critical write requests (Contact Creates and Updates) per minute per user' of service \
                      'people.googleapis.com' for consumer 'project_number:1'.";
        let spent = "Resource has been exhausted (e.g. check quota).";
        let fbs = r#"{"@type":"type.googleapis.com/google.rpc.QuotaFailure",
            "violations":[{"subject":"QUOTA_EXCEEDED","description":"FBS quota limit exceeded"}]}"#;
        let older =
            |reason: &str| format!(r#"{{"error":{{"code":403,"message":"m","errors":[{{"reason":"{reason}"}}]}}}}"#);
        for (call, status, body, kind) in [
            (Call::ListStart, 429, named("critical_read_requests"), minute(Some(Metric::CriticalReads))),
            (Call::Create, 429, named("critical_write_requests"), minute(Some(Metric::CriticalWrites))),
            (Call::Groups, 429, named("read_requests"), minute(Some(Metric::GroupReads))),
            (Call::Delete, 429, named("write_requests"), minute(Some(Metric::OtherWrites))),
            (Call::Create, 429, api("RESOURCE_EXHAUSTED", titled, ""), minute(Some(Metric::CriticalWrites))),
            (Call::Create, 429, named("daily_contact_writes"), QuotaKind::Daily),
            (Call::Create, 429, api("RESOURCE_EXHAUSTED", spent, fbs), QuotaKind::Backend),
            (Call::ListStart, 429, api("RESOURCE_EXHAUSTED", spent, fbs), QuotaKind::Backend),
            (Call::Create, 429, api("RESOURCE_EXHAUSTED", spent, ""), QuotaKind::Backend),
            (Call::ListStart, 429, api("RESOURCE_EXHAUSTED", "Too many.", ""), QuotaKind::FirstPage),
            (Call::ListPage, 429, api("RESOURCE_EXHAUSTED", "Too many.", ""), QuotaKind::Unnamed),
            (Call::Create, 429, "<html>429</html>".to_owned(), QuotaKind::Unnamed),
            (Call::Create, 403, "Request rate higher than configured.".to_owned(), minute(None)),
            (Call::Create, 403, older("rateLimitExceeded"), minute(None)),
            (Call::Create, 403, older("userRateLimitExceeded"), minute(None)),
            (Call::Create, 403, older("quotaExceeded"), QuotaKind::Daily),
            (Call::Get, 503, api("UNAVAILABLE", "Quota exceeded for the current request", ""), QuotaKind::Unnamed),
        ] {
            assert_eq!(of(call, status, &body), quota(kind), "{status} {body}");
        }
        let told = failure(Call::Get, ErrorAnswer::read(429, Some("7"), b""));
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(told, Failure::Quota { kind: QuotaKind::Unnamed, retry_after });
    }

    #[test]
    fn a_refused_account_is_told_what_is_missing() {
        let denied = |details: &str| api("PERMISSION_DENIED", "m", details);
        let words = "Request had insufficient authentication scopes.";
        let off = Failure::ApiDisabled { message: "m".into() };
        for (status, body, meaning) in [
            (401, api("UNAUTHENTICATED", "m", ""), Failure::Unauthorised),
            (401, "<html>401</html>".to_owned(), Failure::Unauthorised),
            (403, denied(&info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "")), Failure::ScopeMissing),
            (403, api("PERMISSION_DENIED", words, ""), Failure::ScopeMissing),
            (403, denied(&info("SERVICE_DISABLED", r#""consumer":"projects/1""#)), off.clone()),
            (403, r#"{"error":{"message":"m","errors":[{"reason":"accessNotConfigured"}]}}"#.to_owned(), off),
            (403, denied(""), Failure::Forbidden { message: "m".into() }),
            (403, "<html>403</html>".to_owned(), Failure::Server { status: 403 }),
        ] {
            assert_eq!(of(Call::Update, status, &body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn what_is_gone_taken_busy_broken_or_full_is_told_apart() {
        let overflow = |status: &str| api(status, "Limit MY_CONTACTS_OVERFLOW_COUNT reached", "");
        for (call, status, body, meaning) in [
            (Call::Get, 404, api("NOT_FOUND", "Requested entity was not found.", ""), Failure::NotFound),
            (Call::Get, 404, "<html>404</html>".to_owned(), Failure::Server { status: 404 }),
            (Call::Get, 500, api("INTERNAL", "Internal error encountered.", ""), Failure::Server { status: 500 }),
            (Call::Get, 502, "<html>Error 502</html>".to_owned(), Failure::Server { status: 502 }),
            (Call::Get, 503, String::new(), Failure::Server { status: 503 }),
            (Call::Get, 302, String::new(), Failure::Server { status: 302 }),
            (Call::CreateGroup, 409, api("ALREADY_EXISTS", "m", ""), Failure::AlreadyExists),
            (Call::CreateGroup, 409, "conflict".to_owned(), Failure::AlreadyExists),
            (Call::Update, 409, api("ABORTED", "m", ""), Failure::Aborted),
            (Call::CreateGroup, 409, api("ABORTED", "m", ""), Failure::Aborted),
            (Call::BatchUpdate, 413, "<html>413</html>".to_owned(), Failure::Rejected { status: 413 }),
            (Call::Create, 400, overflow("FAILED_PRECONDITION"), Failure::AccountFull),
            (Call::BatchCreate, 429, overflow("RESOURCE_EXHAUSTED"), Failure::AccountFull),
            (Call::Create, 403, overflow("PERMISSION_DENIED"), Failure::AccountFull),
        ] {
            assert_eq!(of(call, status, &body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn a_refused_batch_names_its_contacts_and_fields() {
        let bad =
            r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"person.names"}]}"#;
        let errors =
            format!(r#""3":{{"code":3,"message":"Too many names.","details":[{bad}]}},"7":{{"code":3,"message":"n"}}"#);
        let got = of(Call::BatchCreate, 400, &api("INVALID_ARGUMENT", "m", &contacts("Create", &errors)));
        let per_contact = [("3", "Too many names."), ("7", "n")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(got, Failure::Invalid { message: "m".into(), fields: vec!["person.names".into()], per_contact });

        let mixed = format!(
            r#""people/c1":{{"code":9,"message":"{STALE}"}},"people/c2":{{"code":3,"message":"Too many names."}}"#
        );
        match of(Call::BatchUpdate, 400, &api("INVALID_ARGUMENT", "m", &contacts("Update", &mixed))) {
            Failure::Invalid { per_contact, .. } => {
                assert_eq!(per_contact.into_keys().collect::<Vec<_>>(), ["people/c2"])
            }
            other => panic!("{other:?}"),
        }
    }
}
