//! The HighLevel API client: one contact by id, and the paced call that lists and lookups share.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    adapt,
    directory::Directories,
    failure::CrmFailure,
    http::{self, Answer},
    rate::Pace,
    wire::{Record, Single},
};
use crate::{
    config::{Tune, mapping::Wants},
    contact::AccountKey,
    contact::Contact,
    crm::decode::{Unreadable, decode},
};

/// What every contact call needs.
pub(super) const CONTACTS: &str = "contacts.readonly";

/// The longest a call waits for its turn; beyond it the caller hears [`CrmFailure::RateLimited`] and does something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client; one for the process. Calls are paced by CRM account, whoever makes them.
pub struct HighLevel {
    http: Client,
    base: Url,
    /// Requests in 10 s to one CRM account.
    rate: u64,
    paces: Mutex<HashMap<AccountKey, Pace>>,
    pub(super) directories: Directories,
}

/// On whose behalf a call is made.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The CRM account; its id is the HighLevel location.
    pub account: &'a AccountKey,
    /// Private Integration Token or OAuth access token.
    pub token: &'a SecretString,
    /// ISO 3166-1 alpha-2; how phone numbers without `+` are read.
    pub region: &'a str,
    /// What is looked up beside the records; custom fields that are not named here stay in the CRM.
    pub wants: &'a Wants,
}

/// A direct reading of one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Its current state.
    Found(Box<Contact>),
    /// The CRM says that there is no such contact: this is the deletion.
    Gone,
}

impl HighLevel {
    /// `base` is HighLevel's address (`https://services.leadconnectorhq.com/`). Fails only if TLS cannot be set up.
    pub fn new(base: Url, tune: &Tune) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: http::client(tune)?,
            base,
            rate: tune.crm_rate,
            paces: Mutex::default(),
            directories: Directories::default(),
        })
    }

    /// Reads one contact (`GET /contacts/{id}`).
    pub async fn contact(&self, access: Access<'_>, id: &str) -> Result<Reading, CrmFailure> {
        let answer = self.paced(access, self.http.get(self.url(&["contacts", id]))).await?;
        if answer.is_gone() {
            return Ok(Reading::Gone);
        }
        let record = decode::<Single>(&answer.accept(CONTACTS)?)?.contact;
        check(&record, access).map_err(|e| Unreadable::at(format!("contact.{}", e.path)))?;
        let mut found = [adapt::contact(&record, access.region)];
        self.look_up(access, &mut found).await?;
        let [contact] = found;
        Ok(Reading::Found(Box::new(contact)))
    }

    pub(super) fn get(&self, path: &[&str]) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    pub(super) fn post(&self, path: &[&str]) -> RequestBuilder {
        self.http.post(self.url(path))
    }

    fn url(&self, path: &[&str]) -> Url {
        at(&self.base, path)
    }

    /// Waits for the account's turn, sends, and takes note of what the answer says about the pace.
    pub(super) async fn paced(&self, access: Access<'_>, request: RequestBuilder) -> Result<Answer, CrmFailure> {
        let wait = self.pace(access.account, |pace| {
            let wait = pace.delay(Instant::now());
            if wait <= PATIENCE {
                pace.take(Instant::now());
            }
            wait
        });
        if wait > PATIENCE {
            return Err(CrmFailure::RateLimited { retry_after: wait });
        }
        tokio::time::sleep(wait).await;
        let answer = http::exchange(request.bearer_auth(access.token.expose_secret())).await?;
        if answer.status == 429 {
            let retry_after = self.pace(access.account, |pace| pace.refused(&answer.headers, Instant::now()));
            return Err(CrmFailure::RateLimited { retry_after });
        }
        self.pace(access.account, |pace| pace.observe(&answer.headers, Instant::now()));
        Ok(answer)
    }

    /// The map holds one entry for each configured account.
    fn pace<T>(&self, account: &AccountKey, act: impl FnOnce(&mut Pace) -> T) -> T {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        act(paces.entry(account.clone()).or_insert_with(|| Pace::new(self.rate)))
    }
}

/// Ids become path segments, escaped.
pub(super) fn at(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// An agency's token can read every location: a contact of another one must not end up on this account's phones.
pub(super) fn check(record: &Record, access: Access<'_>) -> Result<(), Unreadable> {
    if record.id.0.is_empty() {
        return Err(Unreadable::at("id"));
    }
    let location = &record.location_id.0;
    if location.is_empty() || *location == access.account.id { Ok(()) } else { Err(Unreadable::at("locationId")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crm::highlevel::scripted::{Caller, Scripted, answer};

    #[tokio::test]
    async fn a_contact_is_asked_for_with_version_and_token_and_read_whole() {
        let contact = json!({
            "id": "c 1/2", "locationId": "loc", "firstName": "Ann", "dateUpdated": "2026-07-17T10:19:24.594Z",
            "fullNameLowerCase": "ann", "additionalEmails": [], "additionalPhones": [], "ssn": "x"
        });
        let server = Scripted::serve([answer(200, json!({ "contact": contact, "traceId": "t" }))]).await;
        let caller = Caller::new();
        let reading = server.client().contact(caller.access(), "c 1/2").await.expect("reading");
        let Reading::Found(contact) = reading else { panic!("gone") };
        assert_eq!((contact.id.as_str(), contact.partial), ("c 1/2", false));
        let asked = server.asked();
        assert_eq!(asked[0].line, "GET /contacts/c%201%2F2");
        assert_eq!(asked[0].header("version"), "2021-07-28");
        assert_eq!(asked[0].header("authorization"), "Bearer pit-secret");
    }

    #[tokio::test]
    async fn gone_is_only_what_the_crm_itself_says() {
        let server = Scripted::serve([
            answer(404, json!({ "statusCode": 404, "message": "Contact not found" })),
            answer(404, "<html>not here</html>"),
        ])
        .await;
        let (client, caller) = (server.client(), Caller::new());
        assert_eq!(client.contact(caller.access(), "c1").await, Ok(Reading::Gone));
        let reason = "HTTP 404".to_owned();
        assert_eq!(client.contact(caller.access(), "c1").await, Err(CrmFailure::Transient { reason }));
    }

    #[tokio::test]
    async fn answers_that_are_no_contact_of_this_account_are_refused_by_place() {
        for (body, path) in [
            (json!({ "contact": { "id": "c1", "locationId": "other" } }), "contact.locationId"),
            (json!({ "contact": { "locationId": "loc" } }), "contact.id"),
            (json!({ "contact": { "id": "c1", "phone": {} } }), "contact.phone"),
            (json!("<html>"), "line 1 column 1"),
        ] {
            let server = Scripted::serve([answer(200, body)]).await;
            let said = server.client().contact(Caller::new().access(), "c1").await;
            assert_eq!(said, Err(CrmFailure::Unreadable(Unreadable::at(path))));
        }
    }

    #[tokio::test]
    async fn a_429_stops_the_account_without_another_call_and_no_other_account() {
        let found = answer(200, json!({ "contact": { "id": "c1" } }));
        let server = Scripted::serve([answer(429, "").with("retry-after", "120"), found]).await;
        let (client, caller) = (server.client(), Caller::new());
        let limited = client.contact(caller.access(), "c1").await;
        assert_eq!(limited, Err(CrmFailure::RateLimited { retry_after: Duration::from_secs(120) }));
        let again = client.contact(caller.access(), "c1").await;
        assert!(
            matches!(again, Err(CrmFailure::RateLimited { retry_after }) if retry_after > Duration::from_secs(100))
        );
        assert_eq!(server.asked().len(), 1, "the second call never left");
        let other = AccountKey { vendor: "highlevel".into(), id: "other".into() };
        assert!(client.contact(Access { account: &other, ..caller.access() }, "c1").await.is_ok());
    }

    #[tokio::test]
    async fn a_429_without_retry_after_waits_the_interval() {
        let server = Scripted::serve([answer(429, json!({ "message": "Too many" }))]).await;
        let limited = server.client().contact(Caller::new().access(), "c1").await;
        assert_eq!(limited, Err(CrmFailure::RateLimited { retry_after: Duration::from_secs(10) }));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_or_never_answers_is_transient() {
        let nowhere = HighLevel::new("http://127.0.0.1:9/".parse().expect("url"), &Tune::default()).expect("client");
        let said = nowhere.contact(Caller::new().access(), "c1").await;
        assert_eq!(said, Err(CrmFailure::Transient { reason: "no connection".into() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let base = format!("http://{}/", listener.local_addr().expect("address")).parse().expect("url");
        let tune = Tune { crm_timeout: Duration::from_millis(50), ..Tune::default() };
        let silent = HighLevel::new(base, &tune).expect("client");
        let said = silent.contact(Caller::new().access(), "c1").await;
        assert_eq!(said, Err(CrmFailure::Transient { reason: "no answer in time".into() }));
    }
}
