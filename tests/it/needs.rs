//! Matches that nobody may guess wait for a person, are asked with the program, and once decided are never asked again.

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    google::values,
    until,
    user::{labels, resource},
};

const PHONE: &str = "+15145550123";

/// A couple that shares a phone, and a namesake without anything to tell him by.
async fn asked() -> (World, Service, [String; 3], [String; 2]) {
    let world = World::new().await;
    let person = |given: &str, family: &str| json!({"names": [{"givenName": given, "familyName": family}]});
    let mut couple = [person("Luc", "Gagnon"), person("L.", "Gagnon")];
    for one in &mut couple {
        one["phoneNumbers"] = json!([{"value": "514-555-0123", "type": "home"}]);
    }
    let [luc, other] = couple;
    let names = world.google_seed(&[luc, other, person("Aimée", "Roy")]).await;
    let service = world.start().await;
    let shared = world.crm_create(json!({"firstName": "Luc", "lastName": "Gagnon", "phone": PHONE})).await;
    let alike = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy", "email": "aimee@exemple.ca"})).await;
    service.quiet(&world).await;
    // Nobody is asked before every CRM contact was counted once.
    until("the first count to end", async || {
        let run = service.runs().current().await.expect("runs");
        run.is_some_and(|run| run.is_over()) && service.needs().await.len() == 2
    })
    .await;
    service.quiet(&world).await;
    (world, service, names.try_into().expect("three"), [shared, alike])
}

async fn listed(world: &World) -> Value {
    world.carnet(&["needs", "list", "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_may_guess_is_asked_and_nothing_is_written() {
    let (world, service, names, [shared, alike]) = asked().await;
    assert_eq!(world.strangers().await.len(), 3, "all as they were");
    assert_eq!(service.needs().await, [shared.clone(), alike.clone()].into());
    let questions = listed(&world).await;
    let of = |contact: &str| {
        let found = questions.as_array().expect("a list").iter().find(|q| q["contact"] == contact);
        found.unwrap_or_else(|| panic!("{contact} is not in {questions:#}")).clone()
    };
    assert_eq!(
        of(&alike)["candidates"],
        json!([
            {"resource": names[2], "evidence": "same name, but no e-mail or phone that settles it"}
        ])
    );
    let candidates = of(&shared)["candidates"].clone();
    assert_eq!(candidates.as_array().map(Vec::len), Some(2), "{candidates:#}");
    for name in &names[..2] {
        assert!(candidates.to_string().contains(name), "{candidates:#}");
    }
    let text = world.carnet(&["needs", "list"]).await.done();
    assert!(text.contains(&format!("{shared}  (phone): 2 Google contacts could be this one")), "{text}");
    assert!(!text.contains("Gagnon") && !text.contains("555"), "it holds no personal data: {text}");
    assert_eq!(world.carnet(&["sync", "list", "--json"]).await.json()[0]["state"], "needs you");

    world.crm_update(&shared, json!({"companyName": "Courtage Nord"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(world.strangers().await.len(), 3, "it still waits");
    assert_eq!(service.needs().await, [shared, alike].into());
    world.carnet(&["needs", "link", "nobody", &names[0]]).await.refused("nothing is asked about \"nobody\"");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn link_makes_the_two_one_and_it_is_followed_from_then_on() {
    let (world, service, names, [shared, alike]) = asked().await;
    world.carnet(&["needs", "link", &shared, "12"]).await.refused("a Google contact is written people/c…");
    let told = world.carnet(&["needs", "link", &shared, &names[0]]).await.done();
    assert!(told.contains("Decided and remembered"), "{told}");
    service.quiet(&world).await;
    assert_eq!(resource(&world.only(&shared).await), names[0]);
    world.crm_update(&shared, json!({"email": "luc@exemple.ca"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    let linked = world.only(&shared).await;
    assert_eq!(
        (resource(&linked), values(&linked, "emailAddresses")),
        (names[0].clone(), vec!["luc@exemple.ca".into()])
    );
    assert_eq!(world.people().await.len(), 3);
    assert_eq!(service.needs().await, [alike].into());
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_makes_a_new_one_beside_those_that_are_there() {
    let (world, service, names, [shared, alike]) = asked().await;
    let before = world.contact(&names[2]).await;
    world.carnet(&["needs", "create", &alike]).await.done();
    service.quiet(&world).await;
    let made = resource(&world.only(&alike).await);
    assert!(!names.contains(&made));
    world.crm_update(&alike, json!({"phone": "+15145550177"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(values(&world.only(&alike).await, "phoneNumbers"), ["+15145550177"]);
    assert_eq!(world.people().await.len(), 4);
    assert_eq!(world.contact(&names[2]).await, before, "the namesake was not touched");
    assert_eq!(service.needs().await, [shared].into());
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_leaves_the_contact_out_for_good() {
    let (world, service, _, [shared, alike]) = asked().await;
    for contact in [&shared, &alike] {
        world.carnet(&["needs", "skip", contact]).await.done();
    }
    service.quiet(&world).await;
    let said = world.carnet(&["needs", "list"]).await.done();
    assert_eq!(said.trim(), "Nothing needs you.\nLeft alone: 2 left out; `carnet contact refused` shows which.");
    world.crm_update(&shared, json!({"email": "luc@exemple.ca"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(world.strangers().await.len(), 3);
    assert_eq!(listed(&world).await, json!([]), "it is not asked again");
    assert_eq!(world.carnet(&["sync", "list", "--json"]).await.json()[0]["state"], "up to date");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_answers_itself_is_not_asked_any_more() {
    let (world, service, names, [_, alike]) = asked().await;
    world.user_edits(&names[2], json!({"emailAddresses": [{"value": "aimee@exemple.ca"}]})).await;
    world.crm_update(&alike, json!({"companyName": "Courtage Nord"})).await;
    service.quiet(&world).await;
    assert_eq!(resource(&world.only(&alike).await), names[2], "the e-mail settles it");
    assert_eq!(labels(&world.contact(&names[2]).await), [crate::world::LABEL, "myContacts"]);
    assert!(!service.needs().await.contains(&alike));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_phones_ask_about_one_contact_each_is_answered_by_itself() {
    let mut world = World::new().await;
    let (bob, token) = world.another_google().await;
    world.sync_lines = format!(
        "every = \"off\"\n[[google]]\nname = \"bob\"\nrefresh_token = \"{token}\"\n[[sync]]\nname = \"bob\"\n\
         crm = \"centiva/{}\"\ngoogle = \"bob\"\nlabel = \"Centiva\"\nevery = \"off\"",
        world.location
    );
    let namesake = json!([{"names": [{"givenName": "Aimée", "familyName": "Roy"}]}]);
    for subject in [&world.subject, &bob] {
        world.google("POST", &format!("accounts/{subject}/contacts"), &namesake).await;
    }
    let service = world.start().await;
    let id = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy", "phone": PHONE})).await;
    until("both to ask", async || listed(&world).await.as_array().map(Vec::len) == Some(2)).await;
    service.quiet(&world).await;
    world.carnet(&["needs", "create", &id]).await.refused("several syncs ask about");
    world.carnet(&["needs", "create", &id, "--sync", "nobody"]).await.refused("nothing is asked about");
    world.carnet(&["needs", "create", &id, "--sync", "bob"]).await.done();
    service.quiet(&world).await;
    let dump = world.google("GET", &format!("accounts/{bob}"), &Value::Null).await;
    assert_eq!(carnet::simulate::truth::people(&dump).len(), 2, "made on Bob's");
    assert_eq!(world.people().await.len(), 1, "and not on the other");
    assert_eq!(listed(&world).await[0]["sync"], "phone");
    world.carnet(&["needs", "skip", &id]).await.done();
    service.quiet(&world).await;
    assert_eq!(listed(&world).await, json!([]));

    // What was left out is asked again once it is restored.
    world.carnet(&["contact", "restore", &id]).await.done();
    until("the question to come back", async || listed(&world).await.as_array().map(Vec::len) == Some(1)).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}
