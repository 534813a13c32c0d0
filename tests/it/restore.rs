//! What the owner deletes or lets go stays so, is shown, and comes back by one command.

use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    text, until,
    user::{labels, resource},
};

fn jean() -> Value {
    json!({"firstName": "Jean", "lastName": "Tremblay", "email": "jean@exemple.ca", "phone": "+15145550101"})
}

/// A service with one contact in Google; answers its ids on both sides.
async fn begun() -> (World, Service, String, String) {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    (world, service, id, name)
}

/// Three changes in the CRM and a reconcile.
async fn time_goes_by(world: &World, service: &Service, id: &str) {
    for change in
        [json!({"phone": "+15145550155"}), json!({"companyName": "Courtage"}), json!({"lastName": "Tremblay-Roy"})]
    {
        world.crm_update(id, change).await;
        service.quiet(world).await;
    }
    service.reconcile().await;
    service.quiet(world).await;
}

async fn shown(world: &World, id: &str) -> Value {
    world.carnet(&["contact", "show", id, "--json"]).await.json()
}

async fn said(world: &World, args: &[&str]) -> String {
    world.carnet(args).await.done()
}

/// The newest state is in Google, once, and goes on following the CRM.
async fn is_followed(world: &World, service: &Service, id: &str) {
    service.quiet(world).await;
    let person = world.only(id).await;
    assert_eq!(person["names"][0]["familyName"], "Tremblay-Roy");
    assert_eq!(values(&person, "phoneNumbers"), ["+15145550155"]);
    assert_eq!(labels(&world.contact(&resource(&person)).await), [LABEL, "myContacts"]);
    world.crm_update(id, json!({"companyName": "Courtage Nord"})).await;
    service.quiet(world).await;
    service.reconcile().await;
    service.quiet(world).await;
    assert_eq!(world.only(id).await["organizations"][0]["name"], "Courtage Nord");
    assert_eq!(world.people().await.len(), 1);
    let view = shown(world, id).await;
    let standing = (&view["syncs"][0]["state"], &view["syncs"][0]["link"], &view["syncs"][0]["refusal"]);
    assert_eq!(standing, (&json!("up to date"), &json!("managed"), &Value::Null));
    assert_eq!(world.carnet(&["contact", "refused", "--json"]).await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_contact_stays_deleted_is_shown_and_comes_back_by_one_command() {
    let (world, service, id, name) = begun().await;
    let before = shown(&world, &id).await;
    assert_eq!((&before["syncs"][0]["resource"], &before["syncs"][0]["origin"]), (&json!(name), &json!("created")));
    assert_eq!(before["journal"][0]["action"], "created");
    world.user_deletes(&name).await;
    time_goes_by(&world, &service, &id).await;
    assert_eq!(world.people().await, Vec::<Value>::new());

    let view = shown(&world, &id).await;
    let standing = &view["syncs"][0];
    assert_eq!(standing["refusal"], "deleted");
    assert_eq!(standing["link"], "deleted-in-google");
    assert_eq!(standing["state"], "up to date");
    assert_eq!(view["journal"][0]["action"], "deleted-in-google");
    let told = said(&world, &["contact", "show", &id]).await;
    let sentence = format!("its owner deleted it in Google, and it stays deleted until `carnet contact restore {id}`");
    assert!(told.contains(&sentence), "{told}");
    assert!(!told.contains("Tremblay") && !told.contains("5550155"), "no value is shown: {told}");
    assert!(said(&world, &["needs", "list"]).await.contains("Left alone: 1 deleted in Google;"));
    assert_eq!(world.carnet(&["sync", "list", "--json"]).await.json()[0]["refused"], 1);
    let refused = world.carnet(&["contact", "refused", "--json"]).await.json();
    let crm = format!("centiva/{}", world.location);
    assert_eq!(refused, json!([{"crm": crm, "contact": id, "refusal": "deleted", "syncs": ["phone"]}]));
    let plan = world.carnet(&["sync", "preview", "phone", "--json"]).await.json();
    assert_eq!((&plan["refused"], &plan["create"]), (&json!(1), &json!(0)), "{plan}");

    let told = said(&world, &["contact", "restore", &id]).await;
    assert!(told.contains(&format!("{id} is wanted again")) && told.contains("(phone)"), "{told}");
    is_followed(&world, &service, &id).await;
    let view = shown(&world, &id).await;
    let actions: Vec<String> = view["journal"].as_array().expect("entries").iter().map(|e| text(e, "action")).collect();
    assert_eq!(actions, ["updated", "created", "restored", "deleted-in-google", "created"]);

    world.user_deletes(&resource(&world.only(&id).await)).await;
    time_goes_by(&world, &service, &id).await;
    assert_eq!(world.people().await, Vec::<Value>::new(), "deleted again it stays deleted again");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_taken_off_is_given_again_with_what_the_crm_says_now() {
    let (world, service, id, name) = begun().await;
    world.user_labels(&name, &[], &[LABEL]).await;
    time_goes_by(&world, &service, &id).await;
    let left = world.contact(&name).await;
    assert_eq!(
        (labels(&left), values(&left["person"], "phoneNumbers")),
        (vec!["myContacts".into()], vec!["+15145550101".into()])
    );

    let view = shown(&world, &id).await;
    assert_eq!((&view["syncs"][0]["refusal"], &view["syncs"][0]["link"]), (&json!("opted-out"), &json!("let-go")));
    let told = said(&world, &["contact", "show", &id]).await;
    assert!(
        told.contains("its owner took the label off, and it is left alone until `carnet contact restore"),
        "{told}"
    );
    assert!(said(&world, &["needs", "list"]).await.contains("Left alone: 1 label taken off;"));
    assert_eq!(world.contact(&name).await, left, "looking changes nothing");

    said(&world, &["contact", "restore", &id]).await;
    is_followed(&world, &service, &id).await;
    assert_eq!(resource(&world.only(&id).await), name, "the same contact");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_let_go_and_then_deleted_is_made_anew() {
    let (world, service, id, name) = begun().await;
    world.user_labels(&name, &[], &[LABEL]).await;
    time_goes_by(&world, &service, &id).await;
    world.user_deletes(&name).await;
    said(&world, &["contact", "restore", &id]).await;
    is_followed(&world, &service, &id).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_the_crm_has_no_more_is_not_made_again() {
    let (world, service, id, name) = begun().await;
    world.user_deletes(&name).await;
    time_goes_by(&world, &service, &id).await;
    world.crm_delete(&id).await;
    service.quiet(&world).await;
    assert_eq!(shown(&world, &id).await["syncs"][0]["refusal"], "deleted", "still remembered");

    said(&world, &["contact", "restore", &id]).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new());
    let view = shown(&world, &id).await;
    assert_eq!((&view["syncs"][0]["link"], &view["syncs"][0]["refusal"]), (&json!("deleted-in-crm"), &Value::Null));
    assert!(said(&world, &["contact", "show", &id]).await.contains("up to date: the CRM has deleted it"));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_was_refused_there_is_nothing_to_restore() {
    let (world, service, id, name) = begun().await;
    world.carnet(&["contact", "restore", &id]).await.refused("there is nothing to restore");
    world.carnet(&["contact", "show", "nobody"]).await.refused("nothing is known of a contact \"nobody\"");
    world.carnet(&["contact", "show", &id, "--crm", "centiva/other"]).await.refused("there is no CRM account");
    assert_eq!(said(&world, &["contact", "refused"]).await.trim(), "No contact was refused.");
    assert!(said(&world, &["contact", "show", &id]).await.contains("up to date: it is in Google and kept in step"));

    // One of two: the other is restored all the same.
    world.user_deletes(&name).await;
    world.crm_update(&id, json!({"lastName": "Tremblay-Roy", "phone": "+15145550155"})).await;
    service.quiet(&world).await;
    let mixed = world.carnet(&["contact", "restore", "nobody", &id]).await;
    assert!(mixed.out.contains("is wanted again"), "{mixed:?}");
    mixed.refused("there is nothing to restore: \"nobody\"");
    is_followed(&world, &service, &id).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_of_one_id_in_two_crm_accounts_are_told_apart() {
    let world = World::new().await;
    let declared = format!(
        "{}\n[[crm]]\nname = \"forms\"\nkind = \"generic\"\n[crm.signature]\nscheme = \"bearer\"\nsecrets = [\"s\"]\n\
         [crm.map]\naccount = \"main\"\ncontact = \"/id\"\nfields = {{ given = \"/name\", phones = \"/phone\" }}\n\
         [[crm.account]]\nid = \"main\"\n\
         [[sync]]\nname = \"other\"\ncrm = \"forms/main\"\ngoogle = \"office\"\nlabel = \"Autres\"\nevery = \"off\"",
        world.declared()
    );
    let service = world.start_bare(&declared).await;
    world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", service.url)})).await;
    let id = &world.crm_create(jean()).await;
    let form = world.http.post(format!("{}/webhooks/forms", service.url)).bearer_auth("s");
    let answer = form.json(&json!({"id": id, "name": "Luc", "phone": "+15145550188"})).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    world.delivered().await;
    until("both to be in Google", async || world.people().await.len() == 2).await;
    let mine = format!("centiva/{}", world.location);
    world.carnet(&["contact", "show", id]).await.refused("say which, with --crm");
    let view = world.carnet(&["contact", "show", id, "--crm", &mine, "--json"]).await.json();
    assert_eq!((&view["crm"], view["syncs"].as_array().map(Vec::len)), (&json!(mine), Some(1)));
    world.user_deletes(&text(&view["syncs"][0], "resource")).await;
    world.crm_update(id, json!({"companyName": "Courtage"})).await;
    until("the deletion to be noticed", async || {
        world.carnet(&["contact", "refused", "--json"]).await.json().as_array().map(Vec::len) == Some(1)
    })
    .await;
    world.carnet(&["contact", "restore", id]).await.refused("say which, with --crm");
    world.carnet(&["contact", "restore", id, "--crm", &mine]).await.done();
    until("both to be there again", async || world.people().await.len() == 2).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_what_failed_is_shown_with_its_reason() {
    let world = World::new().await;
    let service = world.start().await;
    world.google_knows_no("CA").await;
    let refused = world.crm_create(json!({"firstName": "Zoé", "city": "Laval", "country": "CA"})).await;
    service.quiet(&world).await;
    let view = shown(&world, &refused).await;
    assert_eq!((&view["syncs"][0]["state"], &view["syncs"][0]["link"]), (&json!("failed"), &json!("none")));
    let letter = text(&view["syncs"][0]["dead_letters"][0], "id");
    let told = said(&world, &["contact", "show", &refused]).await;
    assert!(told.contains(&format!("`carnet dead replay {letter}` tries again")) && !told.contains("Laval"), "{told}");
    world.carnet(&["dead", "discard", &letter, "--because", "a test"]).await.done();

    world.carnet(&["sync", "pause", "phone"]).await.done();
    let id = world.crm_create(jean()).await;
    world.delivered().await;
    until("the contact to be marked", async || service.left().await == (0, 1)).await;
    let view = shown(&world, &id).await;
    assert_eq!(view["syncs"][0]["state"], "paused");
    assert_eq!(view["syncs"][0]["waiting"]["tries"], 0);
    assert!(said(&world, &["contact", "show", &id]).await.contains("paused: it waits: its turn comes"));
    world.carnet(&["sync", "resume", "phone"]).await.done();
    service.quiet(&world).await;
    world.only(&id).await;
    service.nothing_left().await;
    service.stop().await;
}
