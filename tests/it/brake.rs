//! The brake: more removals or overwritings than a sync has room for within a day wait for a person, wherever they come from.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    judge::phone,
    process::{Apart, Process},
    server::RedisServer,
    tap::{Moment, Tap, Upstream},
    text, until,
};

const TOKEN: &str = "the api token";

/// A sync of clients with this removal rule, and that many of them.
async fn clients(removal: &str, count: usize) -> (World, Service, Vec<String>) {
    let mut world = World::new().await;
    world.sync_lines = format!("every = \"off\"\nremoval = \"{removal}\"\ntags = [\"client\"]");
    world.set("CARNET_API_TOKEN", TOKEN);
    let service = world.start().await;
    let ids = make(&world, &service, count).await;
    (world, service, ids)
}

async fn make(world: &World, service: &Service, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let name = format!("Client{n}");
        ids.push(world.crm_create(json!({"firstName": name, "phone": phone(n), "tags": ["client"]})).await);
    }
    service.quiet(world).await;
    assert_eq!(world.labelled().await.len(), count);
    ids
}

async fn leaves(world: &World, service: &Service, id: &str) {
    world.crm_update(id, json!({"tags": []})).await;
    service.quiet(world).await;
}

/// Ids of the contacts behind the brake.
async fn stopped(world: &World) -> Vec<String> {
    let listed = world.carnet(&["brake", "list", "--json"]).await.json();
    listed.as_array().expect("a list").iter().map(|braked| text(braked, "contact")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_of_a_day_waits_however_the_others_went() {
    let (world, service, ids) = clients("unlabel", 12).await;
    service.pool.clock.advance(Duration::from_secs(60));
    // Two leave the filter, one is deleted, two are gone without a word.
    leaves(&world, &service, &ids[0]).await;
    leaves(&world, &service, &ids[1]).await;
    world.crm_delete(&ids[2]).await;
    service.quiet(&world).await;
    for id in &ids[3..5] {
        world.crm("DELETE", &format!("locations/{}/contacts/{id}?silent=true", world.location), &Value::Null).await;
    }
    service.reconcile().await;
    assert_eq!((world.labelled().await.len(), stopped(&world).await.len()), (7, 0));
    // Who came back and leaves again is still one contact.
    world.crm_update(&ids[0], json!({"tags": ["client"]})).await;
    service.quiet(&world).await;
    leaves(&world, &service, &ids[0]).await;
    assert_eq!((world.labelled().await.len(), stopped(&world).await.len()), (7, 0));

    leaves(&world, &service, &ids[5]).await;
    world.crm_delete(&ids[6]).await;
    service.quiet(&world).await;
    let mut waiting = vec![ids[5].clone(), ids[6].clone()];
    waiting.sort();
    assert_eq!((world.labelled().await.len(), stopped(&world).await), (7, waiting.clone()));
    let shown = world.carnet(&["contact", "show", &ids[5], "--json"]).await.json();
    assert_eq!(shown["syncs"][0]["state"], "needs you");
    let said = text(&shown["syncs"][0], "sentence");
    assert!(said.contains("it would be taken out (outside the filter") && said.contains("carnet brake list"), "{said}");
    let list = world.carnet(&["brake", "list"]).await.done();
    assert!(list.contains("deleted in the CRM") && !list.contains("Client"), "{list}");

    // It comes back into the filter: nothing is asked any more.
    world.crm_update(&ids[5], json!({"tags": ["client"]})).await;
    service.quiet(&world).await;
    assert_eq!(stopped(&world).await, [ids[6].clone()]);

    // A day later there is room for others; what was stopped waits for its answer.
    service.pool.clock.advance(Duration::from_secs(25 * 3600));
    leaves(&world, &service, &ids[7]).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!((world.labelled().await.len(), stopped(&world).await), (6, vec![ids[6].clone()]));
    let told = world.carnet(&["brake", "allow", &ids[6]]).await.done();
    assert!(told.contains("Allowed for 1"), "{told}");
    service.quiet(&world).await;
    assert_eq!((world.labelled().await.len(), stopped(&world).await.len()), (5, 0));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_changes_hands_between_two_syncs_is_not_counted() {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\ntags = [\"client\"]\n[[sync]]\nname = \"sellers\"\ncrm = \"centiva/{}\"\n\
         google = \"office\"\nlabel = \"Vendeurs\"\nevery = \"off\"\ntags = [\"vendeur\"]",
        world.location
    );
    let service = world.start().await;
    let ids = make(&world, &service, 7).await;
    for id in &ids {
        world.crm_update(id, json!({"tags": ["vendeur"]})).await;
    }
    service.quiet(&world).await;
    assert_eq!((world.labelled().await.len(), world.people().await.len()), (0, 7));
    for id in &ids {
        world.crm_update(id, json!({"tags": []})).await;
    }
    service.quiet(&world).await;
    let listed = world.carnet(&["brake", "list", "--sync", "sellers", "--json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "they leave for good now: {listed:#}");
    assert_eq!(stopped(&world).await.len(), 2);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_is_changed_by_mistake_empties_no_phone() {
    let (world, service, ids) = clients("trash", 8).await;
    let declared = world.declared().replace("tags = [\"client\"]", "tags = [\"clients\"]");
    world.apply(&declared).await.done();
    let run = service.reconcile().await;
    assert_eq!((run.counts.get("removed"), run.counts.get("braked")), (Some(&5), Some(&3)), "{run:?}");
    assert!(carnet::reconcile::report(&run).contains("3 wait behind the brake"));
    assert_eq!(world.labelled().await.len(), 3);
    world.apply(&world.declared()).await.done();
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(stopped(&world).await, Vec::<String>::new());
    for id in &ids {
        world.only(id).await;
    }
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_the_command_line_does() {
    let (world, service, ids) = clients("trash", 8).await;
    for id in &ids {
        world.crm_delete(id).await;
    }
    service.quiet(&world).await;
    let call = async |method: reqwest::Method, path: &str, body: Value| {
        let request = world.http.request(method, format!("{}/api/v1{path}", service.url)).bearer_auth(TOKEN);
        let answer = request.json(&body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (get, post) = (reqwest::Method::GET, reqwest::Method::POST);
    let (status, listed) = call(get.clone(), "/brake", Value::Null).await;
    let braked = listed["braked"].as_array().expect("a list").clone();
    assert_eq!((status, braked.len()), (200, 3), "{listed:#}");
    assert_eq!((&braked[0]["what"], &braked[0]["sync"]), (&json!("removal"), &json!("phone")));
    let names: Vec<String> = braked.iter().map(|b| text(b, "contact")).collect();
    for (path, body, refused) in [
        ("/brake/phone/allow", json!({}), (400, "bad_body")),
        ("/brake/phone/allow", json!({"contacts": []}), (400, "bad_body")),
        ("/brake/other/allow", json!({"all": true}), (404, "no_sync")),
        ("/brake/phone/discard", json!({"contacts": ["nobody"]}), (404, "not_braked")),
    ] {
        let (status, answer) = call(post.clone(), path, body).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (refused.0, Some(refused.1)));
    }
    let (status, said) = call(post.clone(), "/brake/phone/discard", json!({"contacts": [names[0]]})).await;
    assert_eq!((status, said), (200, json!({"answer": "discard", "syncs": ["phone"], "contacts": [names[0]]})));
    let (status, said) = call(post, "/brake/phone/allow", json!({"all": true})).await;
    assert_eq!((status, said["contacts"].as_array().map(Vec::len)), (200, Some(2)));
    service.quiet(&world).await;
    assert_eq!((world.labelled().await.len(), stopped(&world).await.len()), (1, 0));
    world.only(&names[0]).await;
    let shown = world.carnet(&["contact", "show", &names[0]]).await.done();
    assert!(shown.contains("somebody decided that it stays as it is in Google"), "{shown}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_writes_over_many_stops_and_asks() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\npolicy = \"overwrite\"".into();
    let families = ["Roy", "Gagnon", "Tremblay", "Nguyen", "Bélanger", "Côté", "Lavoie"];
    let email = |n: usize| format!("client{n}@exemple.ca");
    let person = |(n, family): (usize, &&str)| json!({"names": [{"givenName": "Robert", "familyName": family}], "emailAddresses": [{"value": email(n)}]});
    world.google_seed(&families.iter().enumerate().map(person).collect::<Vec<_>>()).await;
    let contact = |(n, family): (usize, &&str)| json!({"firstName": "Bob", "lastName": family, "email": email(n)});
    world.crm_seed(&families.iter().enumerate().map(contact).collect::<Vec<_>>()).await;
    let service = world.start().await;
    let run = service.reconcile().await;
    assert_eq!((run.counts.get("adopted"), run.counts.get("braked")), (Some(&5), Some(&2)), "{run:?}");
    assert_eq!(world.strangers().await.len(), 2);
    let waiting = stopped(&world).await;
    world.carnet(&["brake", "allow", &waiting[0]]).await.done();
    world.carnet(&["brake", "discard", &waiting[1]]).await.done();
    service.quiet(&world).await;
    assert_eq!(world.only(&waiting[0]).await["names"][0]["givenName"], "Bob");
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!((world.strangers().await.len(), stopped(&world).await.len()), (1, 0), "it is not asked again");
    // Nor does a preview that is applied agree to it.
    let plan = world.carnet(&["sync", "preview", "phone", "--json"]).await.json();
    let entry = plan["entries"].as_array().expect("entries").iter().find(|entry| entry["contact"] == waiting[1]);
    assert_eq!(entry.map(|entry| &entry["action"]), Some(&json!("refused")), "{plan:#}");
    world.carnet(&["sync", "apply", "phone"]).await.done();
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!((world.strangers().await.len(), stopped(&world).await.len()), (1, 0), "it stays as its owner has it");
    // Something else would be written now.
    world.crm_update(&waiting[1], json!({"companyName": "Courtage Nord"})).await;
    service.quiet(&world).await;
    assert_eq!((world.strangers().await.len(), stopped(&world).await), (1, vec![waiting[1].clone()]));
    // Whoever applies a preview agrees to what is asked now, whatever was said of something else.
    world.carnet(&["sync", "preview", "phone"]).await.done();
    world.carnet(&["sync", "apply", "phone"]).await.done();
    service.quiet(&world).await;
    assert_eq!((world.strangers().await.len(), stopped(&world).await.len()), (0, 0));
    // What we wrote ourselves is no longer the owner's: it changes as often as the CRM does.
    for name in ["Robert-Guy", "Guy", "Rob"] {
        world.crm_update(&waiting[0], json!({"firstName": name})).await;
        service.quiet(&world).await;
        assert_eq!(world.only(&waiting[0]).await["names"][0]["givenName"], name);
    }
    service.nothing_left().await;
    service.stop().await;
}

/// The service in a process of its own, killed around its first write to Google after the brake has counted.
struct Killed {
    world: World,
    _redis: RedisServer,
    tap: Tap,
    settings: BTreeMap<String, String>,
    process: Process,
    service: Service,
}

impl Killed {
    async fn open() -> Self {
        let mut world = World::new().await;
        world.sync_lines = "every = \"off\"\ntags = [\"client\"]".into();
        let redis = RedisServer::start().await;
        let google = world.google_url.trim_start_matches("http://").to_owned();
        let tap = Tap::open(Upstream::Tcp(google), |sent| sent.starts_with("PATCH /v1/people/")).await;
        world
            .set("CARNET_REDIS_URL", redis.url())
            .set("CARNET_GOOGLE_API_URL", format!("http://{}", tap.address))
            .set("CARNET_TUNE_LEASE_MS", 1500)
            .set("CARNET_TUNE_GOOGLE_TIMEOUT_MS", 500);
        let Apart { settings, service, process, .. } = world.start_apart(&redis.url()).await;
        Self { world, _redis: redis, tap, settings, process, service }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_count_and_the_write_lets_nobody_more_through() {
    for moment in [Moment::Before, Moment::After] {
        let mut killed = Killed::open().await;
        let ids = make(&killed.world, &killed.service, 9).await;
        killed.service.runs().set_paused(Some("asked")).await.expect("paused");
        for id in &ids {
            killed.world.crm_update(id, json!({"tags": []})).await;
        }
        killed.world.delivered().await;
        killed.service.due(9).await;
        killed.tap.arm(1, moment, killed.process.victim());
        killed.service.runs().set_paused(None).await.expect("goes on");
        until("the end of the process", async || killed.tap.fired()).await;
        killed.tap.disarm();
        killed.process = killed.world.spawn("carnet", &killed.settings, &["serve"]);
        killed.service.ready().await;
        killed.service.quiet(&killed.world).await;
        assert_eq!(killed.world.labelled().await.len(), 4, "{moment:?}");
        assert_eq!(stopped(&killed.world).await.len(), 4, "{moment:?}");
        killed.service.nothing_left().await;
    }
}
