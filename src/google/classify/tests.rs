//! Raw answers, as Google and what stands before it send them, and what each means.

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
    let words = "Request must set person.etag or person.metadata.sources.etag for the source that is being updated.";
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
    let bad = r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"person.names"}]}"#;
    let errors =
        format!(r#""3":{{"code":3,"message":"Too many names.","details":[{bad}]}},"7":{{"code":3,"message":"n"}}"#);
    let got = of(Call::BatchCreate, 400, &api("INVALID_ARGUMENT", "m", &contacts("Create", &errors)));
    let per_contact = [("3", "Too many names."), ("7", "n")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(got, Failure::Invalid { message: "m".into(), fields: vec!["person.names".into()], per_contact });

    let mixed =
        format!(r#""people/c1":{{"code":9,"message":"{STALE}"}},"people/c2":{{"code":3,"message":"Too many names."}}"#);
    match of(Call::BatchUpdate, 400, &api("INVALID_ARGUMENT", "m", &contacts("Update", &mixed))) {
        Failure::Invalid { per_contact, .. } => {
            assert_eq!(per_contact.into_keys().collect::<Vec<_>>(), ["people/c2"])
        }
        other => panic!("{other:?}"),
    }
}
