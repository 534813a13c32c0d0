//! The People API: one method is one HTTP call for one account, with the access token the caller brings. Reads are here,
//! writes of contacts in `writes`, labels in `groups`.
//!
//! Nothing is retried. Google wants all writes for one account one after the other: the caller sees to that.

use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::{
    answer::ErrorAnswer,
    call::{Call, read_mask},
    classify::{failure, item_failure},
    failure::{Failure, Withheld},
    http::{NoAnswer, exchange},
    person::Person,
    wire::{BatchGetAnswer, CONTACT_SOURCE, ListAnswer, PersonResponse},
};

/// The People API for all accounts.
#[derive(Clone, Debug)]
pub struct People {
    client: Client,
    base: Url,
}

/// The fields that we never read or write otherwise.
const OTHERS: &str = "calendarUrls,externalIds,genders,imClients,interests,locations,miscKeywords,occupations,photos,sipAddresses,skills";

/// Whether a person, read with [`OTHERS`], holds anything there. The photo that Google draws itself, of an initial, is marked as
/// default.
fn holds_more(person: &Value) -> bool {
    let is_own = |entry: &Value| entry["default"] != true;
    OTHERS.split(',').any(|field| person[field].as_array().is_some_and(|list| list.iter().any(is_own)))
}

/// Where a listing stands. The default starts a full one; a page's [`ListPage::next`] goes on with it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListCursor {
    /// Lists only what changed since the listing that ended with this token. Good for 7 days.
    pub sync_token: Option<String>,
    /// The next page.
    pub page_token: Option<String>,
    /// Only to look: there will be no listing of changes after it, and it is not counted as a full one.
    pub plain: bool,
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct ListPage {
    /// Contacts, and tombstones in a listing of changes. A page may repeat a contact of an earlier one. Of each contact
    /// Google lists at most 100 e-mail addresses and 100 phone numbers: [`People::get`] one that reaches that before
    /// writing those fields.
    pub people: Vec<Person>,
    /// The rest; `None` after the last page.
    pub next: Option<ListCursor>,
    /// For the next listing of changes; on the last page only.
    pub sync_token: Option<String>,
    /// Contacts in the whole listing, if Google says so.
    pub total: Option<u64>,
}

/// What became of one contact of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonResult {
    /// The resource name that was asked for; empty in a create. The contact may by now have another.
    pub requested: String,
    /// The contact, or why not.
    pub outcome: Result<Person, Failure>,
}

impl ListCursor {
    /// Starts a listing of what changed since `sync_token` was given.
    pub fn changes_since(sync_token: impl Into<String>) -> Self {
        Self { sync_token: Some(sync_token.into()), ..Self::default() }
    }

    /// Starts a listing that only looks.
    pub fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// The call that [`People::list`] makes with it.
    pub fn call(&self) -> Call {
        match self {
            Self { sync_token: Some(_), .. } => Call::ListChanges,
            Self { page_token: Some(_), .. } | Self { plain: true, .. } => Call::ListPage,
            _ => Call::ListStart,
        }
    }
}

impl People {
    /// Uses a client of [`super::http::client`] against `base` (`https://people.googleapis.com/`).
    pub fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    /// A page of the account's contacts ([`ListCursor::call`]).
    pub async fn list(&self, token: &SecretString, cursor: &ListCursor) -> Result<ListPage, Failure> {
        // Everything but the tokens must be the same on every page and in every later listing of changes.
        let mut query = vec![
            ("personFields", read_mask()),
            ("sources", CONTACT_SOURCE.to_owned()),
            ("pageSize", "1000".to_owned()),
        ];
        if !cursor.plain {
            query.push(("requestSyncToken", "true".to_owned()));
        }
        query.extend(cursor.sync_token.iter().map(|t| ("syncToken", t.clone())));
        query.extend(cursor.page_token.iter().map(|t| ("pageToken", t.clone())));
        let request = self.request(Method::GET, "people/me/connections", token).query(&query);
        let mut answer: ListAnswer = send(cursor.call(), request).await?;
        answer.connections.retain(is_contact);
        Ok(ListPage {
            people: answer.connections,
            next: answer
                .next_page_token
                .filter(|t| !t.is_empty())
                .map(|page_token| ListCursor { page_token: Some(page_token), ..cursor.clone() }),
            sync_token: answer.next_sync_token.filter(|t| !t.is_empty()),
            total: answer.total_items,
        })
    }

    /// One contact ([`Call::Get`]). Shortly after an update it may still be the old one, old etag included.
    pub async fn get(&self, token: &SecretString, resource: &str) -> Result<Person, Failure> {
        let request = self.request(Method::GET, resource, token).query(&reading());
        send_for_person(Call::Get, request).await
    }

    /// Whether a contact ([`Call::Get`]) holds anything in the fields that we never read or write otherwise: a photo,
    /// chat addresses and the like. Asked before a twin is folded.
    pub async fn has_more(&self, token: &SecretString, resource: &str) -> Result<bool, Failure> {
        let query = [("personFields", OTHERS), ("sources", CONTACT_SOURCE)];
        let request = self.request(Method::GET, resource, token).query(&query);
        let person: Value = send(Call::Get, request).await?;
        Ok(holds_more(&person))
    }

    /// The same of up to [`super::call::MAX_BATCH`] contacts ([`Call::BatchGet`]): those that hold anything there, or of which Google
    /// does not say.
    pub async fn have_more(&self, token: &SecretString, resources: &[&str]) -> Result<Vec<String>, Failure> {
        let names: Vec<_> = resources.iter().map(|r| ("resourceNames", *r)).collect();
        let query = [("personFields", OTHERS), ("sources", CONTACT_SOURCE)];
        let request = self.request(Method::GET, "people:batchGet", token).query(&names).query(&query);
        let answer: Value = send(Call::BatchGet, request).await?;
        let responses = answer["responses"].as_array().cloned().unwrap_or_default();
        let has_none = |name: &str| {
            let found = responses.iter().find(|response| response["requestedResourceName"] == name);
            found.is_some_and(|response| response["person"].is_object() && !holds_more(&response["person"]))
        };
        Ok(resources.iter().filter(|name| !has_none(name)).map(|name| (*name).to_owned()).collect())
    }

    /// Up to [`super::call::MAX_BATCH`] contacts ([`Call::BatchGet`]), each with its own outcome.
    pub async fn batch_get(&self, token: &SecretString, resources: &[&str]) -> Result<Vec<PersonResult>, Failure> {
        let names: Vec<_> = resources.iter().map(|r| ("resourceNames", *r)).collect();
        let request = self.request(Method::GET, "people:batchGet", token).query(&names).query(&reading());
        let answer: BatchGetAnswer = send(Call::BatchGet, request).await?;
        Ok(answer.responses.into_iter().map(|r| r.into_result(Call::BatchGet)).collect())
    }

    /// A request for `v1/{path}`. Whatever a resource name holds, it stays inside the path.
    pub(super) fn request(&self, method: Method, path: &str, token: &SecretString) -> RequestBuilder {
        let mut url = self.base.clone();
        // Only addresses such as `mailto:` have no segments, and the settings take http and https alone.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        self.client.request(method, url).bearer_auth(token.expose_secret())
    }
}

/// The parameters of every call that returns one contact.
pub(super) fn reading() -> [(&'static str, String); 2] {
    [("personFields", read_mask()), ("sources", CONTACT_SOURCE.to_owned())]
}

/// Makes the call and reads its answer.
pub(super) async fn send<T: DeserializeOwned>(call: Call, request: RequestBuilder) -> Result<T, Failure> {
    let answer = exchange(request).await.map_err(|no_answer| match no_answer {
        NoAnswer::NotSent => Failure::NotSent,
        NoAnswer::Lost => Failure::Lost,
    })?;
    if !answer.status.is_success() {
        let retry_after = answer.retry_after.as_deref();
        return Err(failure(call, ErrorAnswer::read(answer.status.as_u16(), retry_after, &answer.body)));
    }
    let mut json = serde_json::Deserializer::from_slice(&answer.body);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|e| Failure::Unreadable { path: e.path().to_string(), body: Withheld::from_bytes(&answer.body) })
}

/// Makes a call whose answer is one contact.
pub(super) async fn send_for_person(call: Call, request: RequestBuilder) -> Result<Person, Failure> {
    named(send(call, request).await?)
}

/// `{}` is a readable person too, and a link to a contact without a name would lead nowhere.
fn named(person: Person) -> Result<Person, Failure> {
    if person.resource_name.is_empty() {
        return Err(Failure::Unreadable { path: "resourceName".to_owned(), body: Withheld::default() });
    }
    Ok(person)
}

/// Listings may hold linked profiles too. A tombstone has no sources left, and is one of ours.
fn is_contact(person: &Person) -> bool {
    let sources = person.metadata.as_ref().map(|m| m.sources.as_slice()).unwrap_or_default();
    person.is_deleted() || sources.is_empty() || sources.iter().any(|s| s.kind == "CONTACT")
}

impl PersonResponse {
    pub(super) fn into_result(self, call: Call) -> PersonResult {
        let outcome = match self.person {
            _ if self.status.code != 0 => Err(item_failure(call, &self.status)),
            Some(person) => named(person),
            None => Err(Failure::Unreadable { path: "person".to_owned(), body: Withheld::default() }),
        };
        PersonResult { requested: self.requested_resource_name, outcome }
    }
}

impl std::fmt::Debug for ListCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.call())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::recorder::Recorder;

    const MASK: &str = "names%2CemailAddresses%2CphoneNumbers%2Caddresses%2Corganizations%2Cbirthdays%2Curls%2C\
                        nicknames%2Cbiographies%2Crelations%2Cevents%2CuserDefined%2Cmemberships%2CclientData%2Cmetadata";
    const SOURCES: &str = "sources=READ_SOURCE_TYPE_CONTACT";

    fn token() -> SecretString {
        SecretString::from("access")
    }

    #[tokio::test]
    async fn a_listing_goes_page_by_page_with_the_same_parameters() {
        let google = Recorder::answering([
            (200, r#"{"connections":[{"resourceName":"people/c1"}],"nextPageToken":"p 2","totalItems":2}"#),
            (200, r#"{"nextSyncToken":"s1"}"#),
        ])
        .await;
        let people = google.people();
        let first = people.list(&token(), &ListCursor::default()).await.expect("a page");
        assert_eq!((first.people.len(), first.total, &first.sync_token), (1, Some(2), &None));
        let next = first.next.expect("another page");
        let last = people.list(&token(), &next).await.expect("a page");
        assert_eq!((last.next, last.sync_token.as_deref(), last.people.len()), (None, Some("s1"), 0));
        let seen = google.seen();
        let line =
            format!("GET /v1/people/me/connections?personFields={MASK}&{SOURCES}&pageSize=1000&requestSyncToken=true");
        assert_eq!(seen[0].line, line);
        assert_eq!(seen[1].line, format!("{line}&pageToken=p+2"));
        assert_eq!(seen[0].authorization, "Bearer access");
        assert_eq!(seen[0].user_agent, concat!("carnet/", env!("CARGO_PKG_VERSION")));
    }

    #[tokio::test]
    async fn a_listing_of_changes_keeps_its_sync_token_on_every_page_and_its_tombstones() {
        let body = r#"{"nextPageToken":"p2","connections":[
            {"resourceName":"people/c1","metadata":{"deleted":true}},
            {"resourceName":"people/c2","metadata":{"sources":[{"type":"PROFILE","id":"9"}]}},
            {"resourceName":"people/c3","metadata":{"sources":[{"type":"PROFILE"},{"type":"CONTACT","etag":"\u0023a"}]}}]}"#;
        let google = Recorder::answering([(200, body), (200, "{}")]).await;
        let people = google.people();
        let page = people.list(&token(), &ListCursor::changes_since("s1")).await.expect("a page");
        let names: Vec<_> = page.people.iter().map(|p| p.resource_name.as_str()).collect();
        assert_eq!(names, ["people/c1", "people/c3"], "a profile is no contact");
        people.list(&token(), &page.next.expect("another page")).await.expect("a page");
        assert!(google.seen()[0].line.ends_with("&syncToken=s1"));
        assert!(google.seen()[1].line.ends_with("&syncToken=s1&pageToken=p2"));
    }

    #[tokio::test]
    async fn a_400_is_an_expired_token_only_when_a_sync_token_was_sent() {
        let bad = r#"{"error":{"code":400,"message":"Bad request","status":"INVALID_ARGUMENT"}}"#;
        let google = Recorder::answering([(400, bad), (400, bad)]).await;
        let with = google.people().list(&token(), &ListCursor::changes_since("s1")).await;
        assert_eq!(with.err(), Some(Failure::SyncTokenExpired));
        let without = google.people().list(&token(), &ListCursor::default()).await;
        assert!(matches!(without, Err(Failure::Invalid { .. })));
    }

    #[tokio::test]
    async fn a_batch_of_reads_has_an_outcome_for_each() {
        let body = r#"{"responses":[
            {"requestedResourceName":"people/c1","person":{"resourceName":"people/c7"}},
            {"requestedResourceName":"people/c2","status":{"code":5,"message":"Not found."}},
            {"requestedResourceName":"people/c3","status":{"code":13}},
            {"requestedResourceName":"people/c4"}]}"#;
        let google = Recorder::answering([(200, body)]).await;
        let got = google.people().batch_get(&token(), &["people/c1", "people/c2"]).await.expect("an answer");
        assert_eq!(got[0].requested, "people/c1");
        assert_eq!(got[0].outcome.as_ref().map(|p| p.resource_name.as_str()), Ok("people/c7"));
        assert_eq!(got[1].outcome, Err(Failure::NotFound));
        assert_eq!(got[2].outcome, Err(Failure::Server { status: 500 }), "a 500 is not a 404");
        assert!(matches!(got[3].outcome, Err(Failure::Unreadable { .. })));
        assert_eq!(
            google.seen()[0].line,
            format!(
                "GET /v1/people:batchGet?resourceNames=people%2Fc1&resourceNames=people%2Fc2&personFields={MASK}&{SOURCES}"
            )
        );
    }

    #[tokio::test]
    async fn a_resource_name_stays_inside_the_path() {
        let google = Recorder::answering([(200, r#"{"resourceName":"people/c1"}"#)]).await;
        google.people().get(&token(), "people/c1?x=1#y").await.expect("a person");
        let line = format!("GET /v1/people/c1%3Fx=1%23y?personFields={MASK}&{SOURCES}");
        assert_eq!(google.seen()[0].line, line);
    }

    #[tokio::test]
    async fn a_success_that_cannot_be_read_says_where_and_keeps_the_body() {
        let google = Recorder::answering([
            (200, r#"{"resourceName":"people/c1","names":{"givenName":"Gwen"}}"#),
            (200, "<html>sign in to this network</html>"),
            (200, "{}"),
        ])
        .await;
        for (at, kept) in [("names", "Gwen"), (".", "sign in"), ("resourceName", "")] {
            match google.people().get(&token(), "people/c1").await {
                Err(Failure::Unreadable { path, body }) => {
                    assert_eq!(path, at);
                    assert!(body.text().contains(kept));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_call_that_never_left_and_an_answer_that_never_came_are_told_apart() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/", listener.local_addr().expect("an address")).parse().expect("a URL");
        let client = crate::google::http::client(std::time::Duration::from_millis(300)).expect("a client");
        let people = People::new(client, base);
        // The listener's backlog takes the connection and the request; nobody answers.
        assert_eq!(people.create(&token(), &Person::default()).await, Err(Failure::Lost));
        drop(listener);
        assert_eq!(people.create(&token(), &Person::default()).await, Err(Failure::NotSent));
    }
}
