//! A plan is read before it is done: a preview writes nothing, says what would become of each contact, and is applied as it
//! stands or not at all.

use std::collections::BTreeMap;

use carnet::store::ledger::LedgerView;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    judge::phone,
    text, until,
    user::{labels, resource},
};

/// A one-time sync: no schedule, no live changes. Tags become labels; who has the tag *partie* is not wanted.
const ONE_TIME: &str = "every = \"off\"\nlive = false\ntags_none = [\"partie\"]\n[sync.map]\ntags = \"labels\"";

/// Aimée is new, Benoît is in Google by his e-mail, Chantal has a namesake there, and somebody has nothing to be told by.
async fn town() -> (World, Service, BTreeMap<&'static str, String>) {
    let mut world = World::new().await;
    world.sync_lines = ONE_TIME.into();
    world.set("CARNET_API_TOKEN", "the api token");
    let name = |given: &str| json!([{"givenName": given, "familyName": "Roy"}]);
    let benoit = json!({"names": name("Benoît"), "emailAddresses": [{"value": "benoit@exemple.ca", "type": "home"}]});
    world.google_seed(&[benoit, json!({"names": name("Chantal")})]).await;
    let service = world.start().await;
    let mut ids = BTreeMap::new();
    for (given, more) in [
        ("Aimée", json!({"email": "aimee@exemple.ca", "phone": phone(1), "tags": ["vip"]})),
        ("Benoît", json!({"email": "benoit@exemple.ca", "phone": phone(2)})),
        ("Chantal", json!({"phone": phone(3)})),
    ] {
        let mut contact = json!({"firstName": given, "lastName": "Roy"});
        contact.as_object_mut().expect("an object").extend(more.as_object().expect("fields").clone());
        ids.insert(given, world.crm_create(contact).await);
    }
    world.crm_create(json!({"tags": ["sans nom"]})).await;
    world.delivered().await;
    (world, service, ids)
}

async fn previewed(world: &World, more: &[&str]) -> Value {
    world.carnet(&[&["sync", "preview", "phone", "--json"], more].concat()).await.json()
}

async fn applied(world: &World, more: &[&str]) -> Value {
    world.carnet(&[&["sync", "apply", "phone", "--json"], more].concat()).await.json()
}

/// The entry of a contact.
fn entry<'p>(preview: &'p Value, id: &str) -> &'p Value {
    let entries = preview["entries"].as_array().expect("entries");
    entries.iter().find(|entry| entry["contact"] == id).unwrap_or_else(|| panic!("no {id} in {preview:#}"))
}

/// What an entry changes: field, what goes, what comes.
fn changes(entry: &Value) -> Vec<(String, Vec<String>, Vec<String>)> {
    let list =
        |value: &Value| value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a text").into()).collect();
    let fields = entry["fields"].as_array().expect("fields").iter();
    fields.map(|field| (text(field, "field"), list(&field["before"]), list(&field["after"]))).collect()
}

fn change(field: &str, before: &[&str], after: &[&str]) -> (String, Vec<String>, Vec<String>) {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    (field.into(), texts(before), texts(after))
}

/// Calls to Google that are no readings.
async fn writing_calls(world: &World) -> Vec<String> {
    let log = world.google("GET", "log", &Value::Null).await;
    let entries = log["entries"].as_array().expect("entries").iter();
    let writes = entries.filter(|e| e["method"] != "GET" && text(e, "path").starts_with("/v1/"));
    writes.map(|entry| text(entry, "op")).collect()
}

/// What is in the Google account, with times and etags, but for what readings cost.
async fn account(world: &World) -> Value {
    let dump = world.google_dump().await;
    json!([dump["contacts"], dump["groups"], dump["trash"]])
}

/// Nothing was written, there or here.
async fn nothing_happened(world: &World, service: &Service, before: &Value) {
    assert_eq!(account(world).await, *before);
    assert_eq!(writing_calls(world).await, Vec::<String>::new());
    let sync = &service.current.syncs[0];
    let view = LedgerView::new(service.pool.clone(), &sync.account.key, &service.subject());
    assert_eq!((view.link_count().await.expect("links"), service.needs().await), (0, [].into()));
    assert_eq!(world.carnet(&["contact", "refused", "--json"]).await.json(), json!([]));
    assert!(service.runs().current().await.expect("runs").is_none(), "no run");
    assert!(service.runs().wanted().await.expect("runs").is_none(), "and none wanted");
    service.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_the_run_does_what_it_says() {
    let (world, service, ids) = town().await;
    let before = account(&world).await;
    let plan = previewed(&world, &[]).await;
    nothing_happened(&world, &service, &before).await;
    let counts =
        ["seen", "create", "adopt", "update", "remove", "needs_you", "outside"].map(|name| plan[name].as_u64());
    assert_eq!(counts, [4, 1, 1, 0, 0, 1, 1].map(Some), "{plan:#}");
    assert_eq!(plan["outside_because"], json!({"unrecognisable": 1}));

    let aimee = entry(&plan, &ids["Aimée"]);
    assert_eq!((&aimee["action"], &aimee["name"]), (&json!("create"), &json!("Aimée Roy")));
    let expected = [
        change("given name", &[], &["Aimée"]),
        change("family name", &[], &["Roy"]),
        change("phone", &[], &[&phone(1)]),
        change("e-mail", &[], &["aimee@exemple.ca"]),
        change("label", &[], &[LABEL, "myContacts", "vip"]),
        change("CRM", &[], &["linked"]),
    ];
    assert_eq!(changes(aimee), expected);
    let benoit = entry(&plan, &ids["Benoît"]);
    assert_eq!((&benoit["action"], &benoit["why"]), (&json!("adopt"), &json!("same e-mail; same name")), "{benoit:#}");
    assert!(text(benoit, "resource").starts_with("people/c"));
    let expected =
        [change("phone", &[], &[&phone(2)]), change("label", &[], &[LABEL]), change("CRM", &[], &["linked"])];
    assert_eq!(changes(benoit), expected);
    let chantal = entry(&plan, &ids["Chantal"]);
    assert_eq!(chantal["action"], "needs-you");
    assert_eq!(chantal["candidates"][0]["evidence"], "same name, but no e-mail or phone that settles it");
    assert!(changes(chantal).contains(&change("phone", &[], &[&phone(3)])));
    assert!(!plan.to_string().contains("held"), "no stamp is shown: {plan}");

    let run = applied(&world, &[]).await;
    assert_eq!((&run["kind"], &run["of"], &run["state"]), (&json!("preview"), &plan["id"], &json!("done")), "{run:#}");
    let counts = ["created", "adopted", "updated", "removed", "needs-you"].map(|name| run["counts"][name].as_u64());
    assert_eq!(counts, [Some(1), Some(1), None, None, Some(1)], "{run:#}");
    let made = world.contact(&resource(&world.only(&ids["Aimée"]).await)).await;
    assert_eq!(labels(&made), [LABEL, "myContacts", "vip"]);
    let adopted = world.only(&ids["Benoît"]).await;
    assert_eq!((resource(&adopted), values(&adopted, "phoneNumbers")), (text(benoit, "resource"), vec![phone(2)]));
    assert_eq!(service.needs().await, [ids["Chantal"].clone()].into());
    let plan = previewed(&world, &[]).await;
    let counts = ["create", "adopt", "update", "remove"].map(|name| plan[name].as_u64());
    assert_eq!(counts, [0; 4].map(Some), "nothing is left to do: {plan:#}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_and_who_leaves_is_shown_field_by_field() {
    let (world, service, ids) = town().await;
    previewed(&world, &[]).await;
    applied(&world, &[]).await;
    let name = resource(&world.only(&ids["Benoît"]).await);
    world.crm_update(&ids["Benoît"], json!({"phone": phone(22), "lastName": "Roy-Gagnon"})).await;
    world.crm_update(&ids["Aimée"], json!({"tags": ["partie"]})).await;
    world.delivered().await;
    let before = account(&world).await;
    let plan = previewed(&world, &[]).await;
    assert_eq!(account(&world).await, before);
    let benoit = entry(&plan, &ids["Benoît"]);
    assert_eq!((&benoit["action"], &benoit["resource"]), (&json!("update"), &json!(name)));
    assert!(changes(benoit).contains(&change("phone", &[&phone(2)], &[&phone(22)])), "{benoit:#}");
    let aimee = entry(&plan, &ids["Aimée"]);
    assert_eq!((&aimee["action"], &aimee["name"]), (&json!("remove"), &json!("Aimée Roy")));
    let why = "outside the filter: it has a tag that keeps it out of this sync; the label is taken off";
    assert_eq!(aimee["why"], why);
    let expected = [change("label", &[LABEL, "vip"], &[]), change("CRM", &["linked"], &["released"])];
    assert_eq!(changes(aimee), expected);

    // The table says the same to people, and only what is asked for is shown.
    let told = world.carnet(&["sync", "preview", "phone", "--last", "--only", "remove,update"]).await.done();
    let (_, entries) = told.split_once("\n\n").expect("entries below the sentences");
    assert!(entries.lines().all(|line| line.chars().count() <= 100), "{told}");
    for said in [
        why,
        "phone: - ",
        "Of 4 contacts in the CRM, 0 would be created in Google",
        "Forecast: about ",
        "of 25000 afterwards",
    ] {
        assert!(told.contains(said), "{said} is not in {told}");
    }
    assert!(!told.contains("Chantal"), "{told}");

    let run = applied(&world, &[&text(&plan, "id")]).await;
    assert_eq!((&run["counts"]["updated"], &run["counts"]["removed"]), (&json!(1), &json!(1)), "{run:#}");
    let there = world.only(&ids["Benoît"]).await;
    assert_eq!(values(&there, "phoneNumbers"), [phone(22)]);
    assert_eq!(labels(&world.contact(&resource(&world.only(&ids["Aimée"]).await)).await), ["myContacts"]);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_are_tried_first_and_then_the_rest() {
    let (world, service, ids) = town().await;
    let more: Vec<Value> =
        (10..20).map(|n| json!({"firstName": format!("Client{n}"), "lastName": "Un", "phone": phone(n)})).collect();
    world.crm_seed(&more).await;
    let few = previewed(&world, &["--limit", "5"]).await;
    assert_eq!((&few["create"], &few["adopt"], &few["limit"]), (&json!(11), &json!(1), &json!(5)), "{few:#}");
    assert_eq!(few["holds"], json!({"create": 4, "adopt": 1}), "some of each kind");
    assert_eq!(few["entries"].as_array().map(Vec::len), Some(5));
    assert_eq!(few["forecast"]["contacts_after"], json!(2 + 4));
    let run = applied(&world, &[]).await;
    assert_eq!((&run["marked"], &run["counts"]["created"]), (&json!(5), &json!(4)), "{run:#}");
    assert_eq!(world.labelled().await.len(), 5);
    assert_eq!(resource(&world.only(&ids["Benoît"]).await), text(entry(&few, &ids["Benoît"]), "resource"));
    assert_eq!(world.carnet(&["sync", "preview", "phone", "--limit", "0"]).await.code, Some(2), "not understood");

    let rest = previewed(&world, &[]).await;
    assert_eq!((&rest["create"], &rest["unchanged"]), (&json!(7), &json!(5)), "{rest:#}");
    let run = world.carnet(&["sync", "run", "phone", "--json"]).await.json();
    assert_eq!(run["counts"]["created"], 7, "{run:#}");
    assert_eq!(
        run["proof"]["changed"], 0,
        "trying five was not the first run: this one proves what it left alone: {run:#}"
    );
    assert_eq!(world.labelled().await.len(), 12);
    service.nothing_left().await;
    service.stop().await;
}

/// More than are read one by one; and the CRM leaves a page out just then.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_leaves_out_is_applied_all_the_same() {
    const MANY: usize = 520;
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"".into();
    let contact = |n: usize| json!({"firstName": format!("Client{n}"), "lastName": "Un", "phone": phone(n)});
    world.crm_seed(&(0..MANY).map(contact).collect::<Vec<_>>()).await;
    let service = world.start().await;
    let plan = previewed(&world, &[]).await;
    assert_eq!(plan["create"], MANY, "{plan:#}");
    // The look whether it still fits reads the whole list; then the run does.
    world.crm_fault(json!({"path": "/contacts/search", "page": "lose", "after": 8, "times": 1})).await;
    let run = applied(&world, &[]).await;
    assert_eq!((&run["marked"], &run["counts"]["created"]), (&json!(MANY), &json!(MANY)), "{run:#}");
    assert!(run["seen"].as_u64() < Some(MANY as u64), "a page was left out: {run:#}");
    assert_eq!(world.labelled().await.len(), MANY);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_longer_fits_is_named_and_nothing_is_done() {
    let (world, service, ids) = town().await;
    world.carnet(&["sync", "apply", "phone"]).await.refused("there is no such preview of \"phone\"");
    let plan = previewed(&world, &[]).await;
    let before = account(&world).await;
    world.crm_update(&ids["Benoît"], json!({"phone": phone(44)})).await;
    world.crm_delete(&ids["Aimée"]).await;
    world.delivered().await;
    let said = world.carnet(&["sync", "apply", "phone"]).await;
    let benoit = format!("Benoît Roy ({}): phone: + {}", ids["Benoît"], phone(44));
    assert!(said.out.contains(&benoit), "{}", said.out);
    let aimee = format!("Aimée Roy ({}): create is skip now: it is not in the CRM any more", ids["Aimée"]);
    assert!(said.out.contains(&aimee), "{}", said.out);
    assert!(!said.out.contains("Chantal"), "{}", said.out);
    said.refused(&format!("nothing was done: 2 entries of the preview {} no longer fit", text(&plan, "id")));
    nothing_happened(&world, &service, &before).await;

    service.runs().set_paused(Some("asked")).await.expect("paused");
    world.carnet(&["sync", "apply", "phone", "--anyway"]).await.refused("the sync is paused");
    service.runs().set_paused(None).await.expect("goes on");
    let run = applied(&world, &["--anyway"]).await;
    assert_eq!((&run["counts"]["adopted"], &run["counts"]["skipped"]), (&json!(1), &json!(1)), "{run:#}");
    assert_eq!(values(&world.only(&ids["Benoît"]).await, "phoneNumbers"), [phone(44)], "what is right now");
    assert_eq!(world.stamped(&ids["Aimée"]).await, Vec::<Value>::new());

    // One run at a time: Chantal, whom nobody may guess, is looked at by every run, and this one waits.
    let runs = service.runs();
    let is_over = async || runs.current().await.expect("runs").is_some_and(|run| run.is_over());
    runs.set_paused(Some("asked")).await.expect("paused");
    runs.want("asked").await.expect("asked");
    until("the run to begin", async || !is_over().await).await;
    world.carnet(&["sync", "apply", "phone"]).await.refused("of this sync is going on");
    runs.set_paused(None).await.expect("goes on");
    until("the run to end", is_over).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_a_spreadsheet_too() {
    let (world, service, ids) = town().await;
    let said = world.carnet(&["sync", "preview", "phone", "--format", "csv"]).await.done();
    let mut read = csv::Reader::from_reader(said.as_bytes());
    let heads: Vec<String> = read.headers().expect("headings").iter().map(str::to_owned).collect();
    assert_eq!(heads, ["contact", "name", "action", "resource", "why", "field", "before", "after"]);
    let rows: Vec<Vec<String>> =
        read.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
    let of = |contact: &str, field: &str| {
        rows.iter().find(|row| row[0] == contact && row[5] == field).unwrap_or_else(|| panic!("{field}: {rows:#?}"))
    };
    assert_eq!(of(&ids["Aimée"], "label")[7], format!("{LABEL}\nmyContacts\nvip"));
    assert_eq!(of(&ids["Benoît"], "phone")[1..3], ["Benoît Roy", "adopt"]);
    assert_eq!(of(&ids["Benoît"], "phone")[7], phone(2));
    assert!(of(&ids["Chantal"], "could be")[3].starts_with("people/c"));
    assert!(rows.iter().any(|row| row[2] == "skip" && row[4] == "it has no name, company, e-mail or phone"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_previews_pages_and_applies() {
    let (world, service, ids) = town().await;
    let call = async |method: Method, path: &str, body: Value| {
        let request = world.http.request(method, format!("{}/api/v1{path}", service.url)).bearer_auth("the api token");
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, few) = call(Method::POST, "/syncs/phone/previews", json!({"limit": 1})).await;
    assert_eq!((status, &few["holds"]), (StatusCode::OK, &json!({"create": 1})), "{few:#}");
    let (_, made) = call(Method::POST, "/syncs/phone/previews", Value::Null).await;
    let path = format!("/previews/phone/{}", text(&made, "id"));
    let (_, first) = call(Method::GET, &format!("{path}?count=1&only=create,adopt"), Value::Null).await;
    assert_eq!((&first["preview"], &first["entries"][0]["contact"]), (&made, &json!(ids["Benoît"])), "{first:#}");
    assert_eq!(first["next"], 1);
    let (_, second) = call(Method::GET, &format!("{path}?offset=1&only=create,adopt"), Value::Null).await;
    assert_eq!((&second["entries"][0]["contact"], &second["next"]), (&json!(ids["Aimée"]), &Value::Null));
    let (_, document) = call(Method::GET, "/openapi.json", Value::Null).await;
    for (schema, answer) in [
        ("Preview", &made),
        ("Forecast", &made["forecast"]),
        ("PreviewEntry", &second["entries"][0]),
        ("Difference", &second["entries"][0]["fields"][0]),
    ] {
        let described = document["components"]["schemas"][schema]["properties"].as_object().expect(schema);
        let there = answer.as_object().expect("an object");
        assert_eq!(there.keys().collect::<Vec<_>>(), described.keys().collect::<Vec<_>>(), "{schema}");
    }
    for (method, wrong, code) in [
        (Method::POST, "/syncs/nobody/previews".to_owned(), "no_sync"),
        (Method::GET, "/previews/phone/nothing".to_owned(), "no_preview"),
        (Method::GET, format!("{path}?only=everything"), "bad_query"),
    ] {
        assert_eq!(call(method, &wrong, Value::Null).await.1["error"]["code"], code, "{wrong}");
    }

    world.crm_update(&ids["Aimée"], json!({"companyName": "Courtage Nord"})).await;
    let (status, refused) = call(Method::POST, &format!("{path}/apply"), Value::Null).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::CONFLICT, &json!("does_not_fit")), "{refused:#}");
    assert_eq!(refused["changes"]["changed"][0]["how"], "company: + Courtage Nord");
    call(Method::POST, "/syncs/phone/previews", Value::Null).await;
    let (status, begun) = call(Method::POST, "/previews/phone/last/apply", json!({})).await;
    assert_eq!((status, &begun["changes"]["total"]), (StatusCode::OK, &json!(0)), "{begun:#}");
    until("the run to end", async || service.runs().current().await.expect("runs").is_some_and(|run| run.is_over()))
        .await;
    assert_eq!(world.only(&ids["Aimée"]).await["organizations"][0]["name"], "Courtage Nord");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_plan_is_kept_page_by_page_and_costs_what_was_forecast() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nlive = false".into();
    let people: Vec<Value> =
        (0..2_100).map(|n| json!({"firstName": format!("Client{n}"), "lastName": "Un", "phone": phone(n)})).collect();
    world.crm_seed(&people).await;
    let service = world.start().await;
    let told = world.carnet(&["sync", "preview", "phone"]).await.done();
    assert!(told.contains("Of 2100 contacts in the CRM, 2100 would be created"), "{told}");
    assert!(told.contains("\n2080 more: `carnet sync preview phone --last --all`"), "{told}");
    // Ten full batches and one of a hundred, six units each.
    assert!(told.contains(" 66 write units, "), "{told}");
    let before = world.google("GET", "log", &Value::Null).await;
    let single = world.crm_create(json!({"firstName": "Tard", "lastName": "Venu", "phone": phone(5_000)})).await;
    let run = applied(&world, &[]).await;
    assert_eq!((&run["marked"], &run["counts"]["created"]), (&json!(2_100), &json!(2_100)), "{run:#}");
    assert_eq!(world.stamped(&single).await, Vec::<Value>::new(), "whoever came after the preview is not in it");
    let after = world.google("GET", "log", &Value::Null).await;
    let batches = |log: &Value| log["counters"]["people.batchCreateContacts"]["200"].as_u64().unwrap_or(0);
    assert_eq!(batches(&after) - batches(&before), 11);
    service.nothing_left().await;
    service.stop().await;
}
