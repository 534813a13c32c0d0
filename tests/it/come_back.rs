//! Contacts that leave a sync and come back, and those of two syncs of one CRM account into one Google account.

use carnet::store::journal;
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    judge::person,
    until,
    user::{is_released, labels, resource},
};

/// Of both syncs, or of the one there is.
fn buyer() -> Value {
    let mut buyer = person("Buyer", 1);
    buyer["tags"] = json!(["Acheteur"]);
    buyer
}

/// Two syncs of one CRM account into one Google account; the second wants buyers only.
async fn two_syncs(removal: &str) -> World {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\nremoval = \"{removal}\"\n[[sync]]\nname = \"buyers\"\ncrm = \"centiva/{}\"\ngoogle = \"office\"\n\
         label = \"Acheteurs\"\nevery = \"off\"\ntags = [\"acheteur\"]\nremoval = \"{removal}\"",
        world.location
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_two_syncs_hold_is_one_contact_with_both_labels() {
    let world = two_syncs("trash").await;
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    assert_eq!(labels(&world.contact(&name).await), ["Acheteurs", LABEL, "myContacts"]);

    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    service.quiet(&world).await;
    let held = world.contact(&name).await;
    assert_eq!((labels(&held), is_released(&held)), (vec![LABEL.to_owned(), "myContacts".into()], false));
    world.crm_update(&id, json!({"tags": ["acheteur"], "phone": "+15145550155"})).await;
    service.quiet(&world).await;
    let held = world.contact(&name).await;
    assert_eq!(labels(&held), ["Acheteurs", LABEL, "myContacts"], "back under both");
    assert_eq!(values(&held["person"], "phoneNumbers"), ["+15145550155"]);

    world.crm_delete(&id).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new(), "to the trash once no sync holds it");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_that_unlabel_let_go_of_a_contact_together() {
    let world = two_syncs("unlabel").await;
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    world.crm_delete(&id).await;
    service.quiet(&world).await;
    let left = world.contact(&name).await;
    assert_eq!((labels(&left), is_released(&left)), (vec!["myContacts".to_owned()], true));
    service.nothing_left().await;
    service.stop().await;
}

/// Somebody leaves the filter, the answer to the taking off of the label is lost, and they are back before it is looked at again.
async fn back_before_it_was_heard(world: &mut World, stays: &[&str]) -> (Service, String) {
    world.set("CARNET_TUNE_RETRY_BASE_MS", 3_000);
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(world).await;
    let name = resource(&world.only(&id).await);
    let before = labels(&world.contact(&name).await);
    world.google_fault(json!({"match": "people.updateContact", "kind": "drop", "when": "after"})).await;
    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    until("the label to be off", async || labels(&world.contact(&name).await) == stays).await;
    world.crm_update(&id, json!({"tags": ["acheteur"], "phone": "+15145550155"})).await;
    service.quiet(world).await;
    let back = world.contact(&name).await;
    assert_eq!(labels(&back), before, "we took it off, not the user");
    assert_eq!(values(&back["person"], "phoneNumbers"), ["+15145550155"]);
    (service, id)
}

/// What the journal says was done with a contact, oldest first.
async fn told(service: &Service, id: &str) -> Vec<String> {
    let entries = journal::of_contact(&service.pool, &service.keys(), &service.subject(), id, 100).await;
    entries.expect("the journal").into_iter().rev().map(|entry| entry.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_back_before_the_taking_off_of_the_label_was_heard_of_is_taken_back() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nremoval = \"unlabel\"\ntags = [\"acheteur\"]".into();
    let (service, id) = back_before_it_was_heard(&mut world, &["myContacts"]).await;
    assert_eq!(told(&service, &id).await, ["created", "unlabelled", "updated"]);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_back_with_one_of_two_syncs_before_that_was_heard_of_is_taken_back() {
    let mut world = two_syncs("unlabel").await;
    let (service, id) = back_before_it_was_heard(&mut world, &[LABEL, "myContacts"]).await;
    let told = told(&service, &id).await;
    assert_eq!(told.iter().filter(|action| *action == "unlabelled").count(), 1, "{told:?}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taking_off_of_the_label_that_google_refused_first_is_told_once() {
    let mut world = two_syncs("unlabel").await;
    world.set("CARNET_TUNE_RETRY_BASE_MS", 100);
    let service = world.start().await;
    let id = world.crm_create(buyer()).await;
    service.quiet(&world).await;
    world.google_fault(json!({"match": "people.updateContact", "kind": "status", "status": 503})).await;
    world.crm_update(&id, json!({"tags": ["vendeur"]})).await;
    service.quiet(&world).await;
    let held = world.only(&id).await;
    assert_eq!(labels(&world.contact(&resource(&held)).await), [LABEL, "myContacts"]);
    let told = told(&service, &id).await;
    assert_eq!(told.iter().filter(|action| *action == "unlabelled").count(), 1, "{told:?}");
    service.nothing_left().await;
    service.stop().await;
}
