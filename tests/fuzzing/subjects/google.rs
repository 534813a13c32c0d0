//! Answers of Google: through the client, as they come over a socket. Whatever is answered, a call ends in something that has
//! a meaning, and the pace and the token that follow from it are finite.
//!
//! Input: a letter for the call, the HTTP status, a blank, and `Retry-After`, to the end of the line; then the body.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use carnet::{
    config::Settings,
    google::{
        OauthFailure,
        budget::{Budget, Limits},
        call::Call,
        failure::Failure,
        http,
        oauth::{Oauth, OauthApp, Pkce, Refreshed},
        people::{ListCursor, People, PersonResult},
        person::{ClientDataValue, Field, Person},
        tokens::AccessTokens,
    },
    plan::{canonical::keys_of, stamp::stamps_of},
};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    lines::{chosen, first_line},
    room::Room,
};

/// No call is put off longer than this, whatever Google asks for.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Clone, Default)]
struct Said {
    status: u16,
    retry_after: Vec<u8>,
    body: Vec<u8>,
}

struct Google {
    room: Room,
    says: Arc<Mutex<Said>>,
    people: People,
    oauth: Oauth,
    token: SecretString,
}

thread_local! {
    static GOOGLE: Google = Google::open();
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    List,
    Get,
    BatchGet,
    Create,
    BatchCreate,
    Update,
    BatchUpdate,
    Delete,
    BatchDelete,
    Groups,
    CreateGroup,
    Members,
    Refresh,
    Exchange,
    Subject,
    More,
}

const ALL: [Asked; 16] = [
    Asked::List,
    Asked::Get,
    Asked::BatchGet,
    Asked::Create,
    Asked::BatchCreate,
    Asked::Update,
    Asked::BatchUpdate,
    Asked::Delete,
    Asked::BatchDelete,
    Asked::Groups,
    Asked::CreateGroup,
    Asked::Members,
    Asked::Refresh,
    Asked::Exchange,
    Asked::Subject,
    Asked::More,
];

/// Makes the call, is answered so, and acts on it.
pub fn look(data: &[u8]) {
    let (line, body) = first_line(data);
    let asked = ALL[chosen(&ALL, line)];
    let words = String::from_utf8_lossy(line.get(1..).unwrap_or_default()).into_owned();
    let (status, retry_after) = words.split_once(' ').unwrap_or((&words, ""));
    // Below 200 it is no answer yet.
    let status = status.parse().ok().filter(|status| (200..1000).contains(status)).unwrap_or(200);
    let said = Said { status, retry_after: retry_after.as_bytes().to_vec(), body: body.to_vec() };
    GOOGLE.with(|google| {
        *google.says.lock().unwrap_or_else(PoisonError::into_inner) = said;
        google.room.runtime.block_on(google.ask(asked));
    });
}

impl Google {
    fn open() -> Self {
        let says: Arc<Mutex<Said>> = Arc::default();
        let answering = says.clone();
        let room = Room::with(move || {
            Router::new().fallback(move || {
                let said = answering.lock().unwrap_or_else(PoisonError::into_inner).clone();
                std::future::ready(answer(said))
            })
        });
        let client = http::client(Duration::from_secs(5)).expect("a client");
        let at = |path: &str| format!("{}{path}", room.url).parse().expect("an address");
        let people = People::new(client.clone(), at(""));
        let oauth = Oauth::new(client, at("auth"), at("token"), at("userinfo"));
        Self { room, says, people, oauth, token: "access".into() }
    }

    async fn ask(&self, asked: Asked) {
        let (people, token) = (&self.people, &self.token);
        let person = Person { resource_name: "people/c1".into(), ..Person::default() };
        let (both, mask) = ([person.clone(), person.clone()], [Field::Names, Field::PhoneNumbers]);
        let names = ["people/c1", "people/c2"];
        let failed = match asked {
            Asked::List => people.list(token, &ListCursor::default()).await.map(|page| each(&page.people)).err(),
            Asked::Get => people.get(token, "people/c1").await.map(|person| each(&[person])).err(),
            Asked::BatchGet => people.batch_get(token, &names).await.map(results).err(),
            Asked::Create => people.create(token, &person).await.map(|person| each(&[person])).err(),
            Asked::BatchCreate => people.batch_create(token, &both).await.map(results).err(),
            Asked::Update => people.update(token, &person, &mask).await.map(|person| each(&[person])).err(),
            Asked::BatchUpdate => people.batch_update(token, &both, &mask).await.map(results).err(),
            Asked::Delete => people.delete(token, "people/c1").await.err(),
            Asked::BatchDelete => people.batch_delete(token, &names).await.err(),
            Asked::Groups => people.groups(token).await.err(),
            Asked::CreateGroup => people.create_group(token, "Label", &ClientDataValue::default()).await.err(),
            Asked::Members => people.modify_members(token, "contactGroups/1", &names, &[]).await.err(),
            Asked::More => people.have_more(token, &names).await.err(),
            Asked::Refresh | Asked::Exchange | Asked::Subject => return self.consent(asked).await,
        };
        failed.iter().for_each(react);
    }

    async fn consent(&self, asked: Asked) {
        let app = OauthApp { client_id: "id".into(), client_secret: "secret".into() };
        let failed: Option<OauthFailure> = match asked {
            Asked::Refresh => match self.oauth.refresh(&app, &self.token).await {
                Ok(fresh) => return keep(fresh).await,
                Err(why) => Some(why),
            },
            Asked::Exchange => self.oauth.exchange(&app, "code", &Pkce::random().verifier, "http://x/").await.err(),
            _ => self.oauth.subject(&self.token).await.err(),
        };
        failed.iter().for_each(|why| assert!(!why.to_string().is_empty(), "{:?}", why.class()));
    }
}

fn answer(said: Said) -> Response<Body> {
    let mut response = Response::new(Body::from(said.body));
    *response.status_mut() = StatusCode::from_u16(said.status).expect("a status");
    if let Ok(value) = HeaderValue::from_bytes(&said.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// Everything that is read of a person before a decision.
fn each(people: &[Person]) {
    for person in people {
        keys_of(person, "CA");
        stamps_of(person);
        let (_, _, _) = (person.labels().count(), person.entries(), person.is_deleted());
        let text = serde_json::to_string(person).expect("a person is kept as it is");
        assert_eq!(serde_json::from_str::<Person>(&text).ok().as_ref(), Some(person), "{text}");
    }
}

fn results(results: Vec<PersonResult>) {
    for result in results {
        match result.outcome {
            Ok(person) => each(&[person]),
            Err(failure) => react(&failure),
        }
    }
}

/// What follows from a failure.
fn react(failure: &Failure) {
    assert!(!failure.to_string().is_empty());
    failure.class();
    for call in [Call::Create, Call::BatchCreate, Call::Update] {
        failure.certainly_not_executed(call);
    }
    if let Failure::Quota { kind, retry_after } = failure {
        let settings = Settings::from_texts(std::collections::BTreeMap::new()).expect("settings");
        let mut budget = Budget::new(&Limits::of(&settings.tune));
        for second in 0..3 {
            let now = Timestamp::from_second(1_789_000_000 + second).expect("a time");
            budget.on_quota(*kind, *retry_after, now);
            let delay = budget.delay_for(&Call::BatchCreate.cost(), now);
            assert!(delay < LONGEST, "{delay:?}");
        }
    }
}

async fn keep(fresh: Refreshed) {
    let tokens = AccessTokens::<()>::new();
    let refresh = || std::future::ready(Ok(fresh));
    tokens.get("subject", refresh).await.expect("a token");
}
