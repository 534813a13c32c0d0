//! The JSON API over the socket: who may call it, what it answers, and that it does what the command line does.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    text, until,
    user::{labels, resource},
};

const TOKEN: &str = "the api token";

/// A service with a question about one contact; answers what a call needs to know.
struct Api {
    world: World,
    service: Service,
}

impl Api {
    async fn open() -> Self {
        let mut world = World::new().await;
        world.set("CARNET_API_TOKEN", TOKEN);
        let service = world.start().await;
        Self { world, service }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.world.http.request(method, format!("{}/api/v1{path}", self.service.url))
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).bearer_auth(TOKEN).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, path).bearer_auth(TOKEN).json(body);
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// The code of a refusal; it has a sentence too.
    async fn refused(&self, path: &str, body: &Value) -> (StatusCode, String) {
        let (status, answer) = self.post(path, body).await;
        assert!(!text(&answer["error"], "sentence").is_empty(), "{answer}");
        (status, text(&answer["error"], "code"))
    }

    /// A question about a CRM contact that has no more than its name in common with somebody in Google.
    async fn question(&self, given: &str, number: usize) -> (String, String) {
        let person = json!({"names": [{"givenName": given, "familyName": "Roy"}]});
        let name = self.world.google_seed(&[person]).await.remove(0);
        let phone = format!("+151455501{number:02}");
        let id = self.world.crm_create(json!({"firstName": given, "lastName": "Roy", "phone": phone})).await;
        self.service.quiet(&self.world).await;
        until("the question", async || self.service.needs().await.contains(&id)).await;
        (id, name)
    }
}

/// What an answer holds is what the document says.
fn is_as_described(document: &Value, schema: &str, answer: &Value) {
    let described = document["components"]["schemas"][schema]["properties"].as_object().expect(schema);
    let there = answer.as_object().expect("an object");
    assert_eq!(there.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>(), "{schema}: {answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_is_there_and_opens_with_the_token_only() {
    let api = Api::open().await;
    let open = api.request(Method::GET, "/openapi.json").send().await.expect("an answer");
    assert_eq!(open.status(), StatusCode::OK);
    assert_eq!(open.headers()["content-type"], "application/json");
    let document: Value = open.json().await.expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 5);
    for (path, operations) in paths {
        let path = path.replace(['{', '}'], "");
        for method in operations.as_object().expect("operations").keys() {
            if path == "/openapi.json" {
                continue;
            }
            let method: Method = method.to_uppercase().parse().expect("a method");
            for wrong in [None, Some("another token"), Some("")] {
                let request = api.request(method.clone(), &path);
                let request = wrong.map_or(request.try_clone().expect("a request"), |token| request.bearer_auth(token));
                let answer = request.send().await.expect("an answer");
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} {wrong:?}");
                assert_eq!(answer.headers()["www-authenticate"], "Bearer");
                let said: Value = answer.json().await.expect("JSON");
                assert_eq!(said["error"]["code"], "no_token");
            }
            let answer = api.request(method.clone(), &path).bearer_auth(TOKEN).send().await.expect("an answer");
            assert_ne!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let said: Value = answer.json().await.expect("JSON");
            assert_ne!(said["error"]["code"], "no_such_path", "{method} {path}");
        }
    }
    assert_eq!(api.refused("/nothing", &Value::Null).await, (StatusCode::NOT_FOUND, "no_such_path".into()));
    assert_eq!(api.refused("/needs", &Value::Null).await, (StatusCode::METHOD_NOT_ALLOWED, "wrong_method".into()));
    api.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_listed_and_answered_as_on_the_command_line() {
    let api = Api::open().await;
    let document = api.get("/openapi.json").await;
    let (linked, person) = api.question("Aimée", 1).await;
    let (made, namesake) = api.question("Benoît", 2).await;
    let (skipped, _) = api.question("Chantal", 3).await;
    let needs = api.get("/needs").await;
    assert_eq!(needs["needs"], api.world.carnet(&["needs", "list", "--json"]).await.json());
    assert_eq!(needs["needs"].as_array().map(Vec::len), Some(3));
    is_as_described(&document, "Question", &needs["needs"][0]);
    assert!(!needs.to_string().contains("Roy"), "no personal data: {needs}");

    let link = format!("/needs/phone/{linked}/link");
    assert_eq!(api.refused(&link, &json!({})).await, (StatusCode::BAD_REQUEST, "bad_body".into()));
    assert_eq!(api.refused(&link, &json!({"resource": "12"})).await, (StatusCode::BAD_REQUEST, "no_resource".into()));
    for unknown in ["/needs/phone/nobody/create", &format!("/needs/other/{linked}/create")] {
        assert_eq!(api.refused(unknown, &Value::Null).await, (StatusCode::NOT_FOUND, "no_question".into()));
    }
    assert_eq!(api.service.needs().await.len(), 3, "nothing was decided yet");

    let (status, answer) = api.post(&link, &json!({"resource": person})).await;
    assert_eq!((status, &answer["answer"]), (StatusCode::OK, &json!({"link": person})));
    is_as_described(&document, "Answered", &answer);
    assert_eq!(api.post(&format!("/needs/phone/{made}/create"), &Value::Null).await.0, StatusCode::OK);
    assert_eq!(api.post(&format!("/needs/phone/{skipped}/skip"), &Value::Null).await.0, StatusCode::OK);
    api.service.quiet(&api.world).await;
    assert_eq!(resource(&api.world.only(&linked).await), person);
    assert_eq!(values(&api.world.only(&linked).await, "phoneNumbers"), ["+15145550101"]);
    assert_ne!(resource(&api.world.only(&made).await), namesake);
    assert_eq!(api.world.stamped(&skipped).await, Vec::<Value>::new());
    assert_eq!(api.get("/needs").await, json!({"needs": []}));
    let refused = api.get("/refused").await;
    assert_eq!(refused["refused"], api.world.carnet(&["contact", "refused", "--json"]).await.json());
    is_as_described(&document, "Refused", &refused["refused"][0]);
    assert_eq!(refused["refused"][0]["contact"], json!(skipped));
    api.service.nothing_left().await;
    api.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_shown_and_restored_as_on_the_command_line() {
    let api = Api::open().await;
    let document = api.get("/openapi.json").await;
    let world = &api.world;
    let id = world.crm_create(json!({"firstName": "Jean", "phone": "+15145550101"})).await;
    api.service.quiet(world).await;
    let path = format!("/contacts/centiva/{}/{id}", world.location);
    let view = api.get(&path).await;
    assert_eq!(view, world.carnet(&["contact", "show", &id, "--json"]).await.json());
    is_as_described(&document, "Contact", &view);
    is_as_described(&document, "Standing", &view["syncs"][0]);
    is_as_described(&document, "Entry", &view["journal"][0]);
    let restore = format!("{path}/restore");
    assert_eq!(api.refused(&restore, &Value::Null).await, (StatusCode::CONFLICT, "nothing_to_restore".into()));
    for (unknown, code) in [("nobody", "no_contact"), ("%FF", "bad_path")] {
        let request = api.request(Method::GET, &format!("/contacts/centiva/{}/{unknown}", world.location));
        let said: Value = request.bearer_auth(TOKEN).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(said["error"]["code"], code, "{said}");
    }
    assert_eq!(api.refused("/contacts/centiva/other/c/restore", &Value::Null).await.1, "no_account");

    world.user_deletes(&resource(&world.only(&id).await)).await;
    world.crm_update(&id, json!({"lastName": "Roy"})).await;
    api.service.quiet(world).await;
    assert_eq!(api.get(&path).await["syncs"][0]["refusal"], "deleted");
    let (status, restored) = api.post(&restore, &Value::Null).await;
    assert_eq!((status, &restored["was"]), (StatusCode::OK, &json!(["deleted"])));
    is_as_described(&document, "Restored", &restored);
    api.service.quiet(world).await;
    let back = world.only(&id).await;
    assert_eq!(labels(&world.contact(&resource(&back)).await), [LABEL, "myContacts"]);
    assert_eq!(api.get("/refused").await, json!({"refused": []}));
    api.service.nothing_left().await;
    api.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_and_their_runs_are_as_the_document_says() {
    let api = Api::open().await;
    let document = api.get("/openapi.json").await;
    assert_eq!(api.refused("/syncs/phone/cancel", &Value::Null).await, (StatusCode::CONFLICT, "nothing_runs".into()));
    assert_eq!(api.refused("/syncs/other/run", &Value::Null).await, (StatusCode::NOT_FOUND, "no_sync".into()));
    api.world.crm_seed(&[json!({"firstName": "Jean", "phone": "+15145550101"})]).await;
    api.world.crm("POST", "faults", &json!({"path": "/contacts/search", "delayMs": 300})).await;

    let (status, asked) = api.post("/syncs/phone/run", &Value::Null).await;
    assert_eq!((status, &asked["joined"]), (StatusCode::OK, &json!(false)));
    is_as_described(&document, "AskedRun", &asked);
    until("the run to begin", async || !api.get("/syncs/phone").await["running"].is_null()).await;
    let (_, stands) = api.post("/syncs/phone/pause", &Value::Null).await;
    is_as_described(&document, "Stands", &stands);
    assert_eq!(api.refused("/syncs/phone/run", &Value::Null).await, (StatusCode::CONFLICT, "paused".into()));
    let shown = api.get("/syncs/phone").await;
    is_as_described(&document, "ShownSync", &shown);
    is_as_described(&document, "Running", &shown["running"]);
    let listed = api.get("/syncs").await;
    is_as_described(&document, "Sync", &listed["syncs"][0]);
    assert_eq!(listed["syncs"], api.world.carnet(&["sync", "list", "--json"]).await.json());
    let current = api.get("/syncs/phone/runs/current").await;
    is_as_described(&document, "Report", &current);

    // So many may watch, and no more; who goes makes room.
    let watch = async || {
        let request = api.request(Method::GET, "/syncs/phone/runs/current/events").bearer_auth(TOKEN);
        request.send().await.expect("an answer")
    };
    let mut watching = Vec::new();
    while watching.len() < 100 {
        watching.push(watch().await);
    }
    assert!(watching.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(watch().await.status(), StatusCode::TOO_MANY_REQUESTS);
    watching.clear();
    until("room for another", async || watch().await.status() == StatusCode::OK).await;

    let (_, cancelling) = api.post("/syncs/phone/cancel", &Value::Null).await;
    is_as_described(&document, "Cancelling", &cancelling);
    assert_eq!(cancelling["run"], current["run"]);
    until("its end", async || api.get("/syncs/phone/runs/current").await["state"] == "cancelled").await;
    assert_eq!(api.get("/syncs/phone/runs").await["runs"].as_array().map(Vec::len), Some(1));
    let (_, stands) = api.post("/syncs/phone/resume", &Value::Null).await;
    assert_eq!(stands["paused"], false);
    api.service.nothing_left().await;
    api.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_listener_of_its_own_the_api_is_there_and_nowhere_else() {
    let mut world = World::new().await;
    world.set("CARNET_API_TOKEN", TOKEN);
    let admin = crate::world::process::free_address().await;
    let public = crate::world::process::free_address().await;
    world.set("CARNET_ADMIN_LISTEN", &admin);
    world.apply(&world.declared()).await.done();
    let settings = world.settings(&public);
    let _process = world.spawn("carnet", &settings, &["serve"]);
    let status = async |address: &str| {
        let answer = world.http.get(format!("http://{address}/api/v1/needs")).bearer_auth(TOKEN).send().await;
        answer.ok().map(|answer| answer.status())
    };
    until("the admin listener", async || status(&admin).await == Some(StatusCode::OK)).await;
    assert_eq!(status(&public).await, Some(StatusCode::NOT_FOUND));
    // Probes of the port that everybody reaches are answered, and nothing else of the admin side is there.
    for (path, there) in
        [("healthz", StatusCode::OK), ("readyz", StatusCode::NOT_FOUND), ("metrics", StatusCode::NOT_FOUND)]
    {
        let answer = world.http.get(format!("http://{public}/{path}")).send().await.expect("an answer");
        assert_eq!(answer.status(), there, "{path}");
    }
}
