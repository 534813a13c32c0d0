//! The owner merges contacts by hand in Google Contacts: links follow, and nobody is made a second time.

use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    judge::{person, phone},
    text, until,
    user::labels,
};

/// Two clients in Google, each with its own contact; answers their ids and resource names.
async fn two_clients() -> (World, Service, [String; 2], [String; 2]) {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_PROPAGATION_MS", 100);
    let service = world.start().await;
    let mut ids = Vec::new();
    for (first, email, phone) in
        [("Aimée", "aimee@example.com", "+15145550101"), ("Bruno", "bruno@example.com", "+15145550102")]
    {
        let contact = json!({"firstName": first, "lastName": "Roy", "email": email, "phone": phone});
        ids.push(world.crm_create(contact).await);
    }
    service.quiet(&world).await;
    let (a, b) = (world.only(&ids[0]).await, world.only(&ids[1]).await);
    let names = [text(&a, "resourceName"), text(&b, "resourceName")];
    (world, service, [ids[0].clone(), ids[1].clone()], names)
}

async fn noticed(service: &Service, world: &World) {
    service.reconcile().await;
    service.quiet(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_merged_in_google_are_one_contact_that_both_are_written_to() {
    let (world, service, [aimee, bruno], [a, b]) = two_clients().await;
    world.user("POST", "merge", json!({"keep": b, "absorb": a})).await;
    noticed(&service, &world).await;
    world.crm_update(&aimee, json!({"phone": "+15145550199"})).await;
    service.quiet(&world).await;
    let people = world.labelled().await;
    assert_eq!(people.len(), 1, "{people:#?}");
    let mut phones = values(&people[0], "phoneNumbers");
    phones.sort();
    assert_eq!(phones, ["+15145550102", "+15145550199"], "each has its own number there");
    assert_eq!(people[0]["names"][0]["givenName"], "Bruno", "the name is that of the contact that was kept");

    world.crm_delete(&aimee).await;
    service.quiet(&world).await;
    let merged = world.contact(&b).await;
    assert_eq!(labels(&merged), [LABEL, "myContacts"], "the label stays for the other");
    world.crm_delete(&bruno).await;
    service.quiet(&world).await;
    assert_eq!(labels(&world.contact(&b).await), ["myContacts"], "and goes with the last");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_are_one_contact_and_change_together_are_both_written_to() {
    let (world, service, [aimee, bruno], [a, b]) = two_clients().await;
    let others: Vec<Value> = (10..20).map(|n| person("Other", n)).collect();
    world.crm_seed(&others).await;
    world.user("POST", "merge", json!({"keep": b, "absorb": a})).await;
    noticed(&service, &world).await;
    assert_eq!(world.people().await.len(), 11);
    // So that they go in one batch.
    service.runs().set_paused(Some("asked")).await.expect("paused");
    let mut changed = vec![(aimee, "+15145550198".to_owned()), (bruno, "+15145550199".to_owned())];
    let crm = world.crm_dump().await;
    let seeded = crm.iter().filter(|contact| contact["firstName"] == "Other").map(|contact| text(contact, "id"));
    changed.extend(seeded.zip((30..).map(phone)));
    for (id, phone) in &changed {
        world.crm_update(id, json!({ "phone": phone })).await;
    }
    world.delivered().await;
    service.due(changed.len()).await;
    service.runs().set_paused(None).await.expect("goes on");
    service.quiet(&world).await;
    assert!(world.calls("people.batchUpdateContacts", 200).await > 0, "they went in a batch");
    for (id, phone) in &changed {
        assert!(values(&world.only(id).await, "phoneNumbers").contains(phone), "{id} lacks {phone}");
    }
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_loses_our_mark_is_followed_by_what_only_this_client_has() {
    let (world, service, [aimee, _], [a, b]) = two_clients().await;
    // Whoever merges chooses the name as well.
    world.user_edits(&b, json!({"names": [{"givenName": "Aimée", "familyName": "Roy"}]})).await;
    world.user("POST", "merge", json!({"keep": b, "absorb": a, "lose": ["clientData"]})).await;
    noticed(&service, &world).await;
    world.crm_update(&aimee, json!({"companyName": "Courtage du Lac"})).await;
    service.quiet(&world).await;
    let people = world.people().await;
    assert_eq!(people.len(), 1, "nobody is made anew: {people:#?}");
    assert_eq!(people[0]["organizations"][0]["name"], "Courtage du Lac", "it goes on where its number is now");
    service.nothing_left().await;
    service.stop().await;
}

/// The listings tell of the second merge later than of the first: for a while, nobody seems to be where this client went.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_merged_twice_in_a_row_is_looked_for_until_the_listings_have_told_of_both() {
    let mut world = World::new().await;
    world.set("CARNET_TUNE_PROPAGATION_MS", 4_000);
    let own = |n: usize| json!({"names": [{"givenName": format!("Amie{n}")}], "phoneNumbers": [{"value": phone(n)}]});
    let [first, second] = world.google_seed(&[own(70), own(71)]).await.try_into().expect("two");
    let service = world.start().await;
    let id = world.crm_create(person("Aimée", 1)).await;
    service.quiet(&world).await;
    service.reconcile().await;
    let mine = text(&world.only(&id).await, "resourceName");
    world.google("PATCH", "limits", &json!({"sync_delay_ms": 2_000, "list_delay_ms": 2_000})).await;
    world.user("POST", "merge", json!({"keep": first, "absorb": mine})).await;
    world.google("POST", "clock/advance", &json!({"seconds": 1})).await;
    world.user("POST", "merge", json!({"keep": second, "absorb": first})).await;
    world.google("POST", "clock/advance", &json!({"seconds": 1})).await;
    world.crm_update(&id, json!({"companyName": "Courtage du Lac"})).await;
    service.quiet(&world).await;
    let people = world.people().await;
    assert_eq!(people.len(), 1, "nobody is made anew: {people:#?}");
    assert_eq!(people[0]["organizations"][0]["name"], "Courtage du Lac");
    assert_eq!(world.carnet(&["contact", "refused", "--json"]).await.json(), json!([]), "nobody deleted it");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_merged_into_a_contact_of_the_owners_own_leaves_it_whole_when_it_goes() {
    let (world, service, [aimee, _], [a, _]) = two_clients().await;
    let own = json!({"names": [{"givenName": "Maman"}], "phoneNumbers": [{"value": "+15145550177", "type": "home"}]});
    let own = world.google_seed(&[own]).await.remove(0);
    world.user("POST", "merge", json!({"keep": own, "absorb": a})).await;
    world.crm_delete(&aimee).await;
    service.quiet(&world).await;
    noticed(&service, &world).await;
    let left = world.contact(&own).await;
    assert_eq!(left["person"]["names"][0]["givenName"], "Maman");
    assert!(values(&left["person"], "phoneNumbers").contains(&"+15145550177".to_owned()));
    assert_eq!(labels(&left), ["myContacts"]);
    assert!(left["person"]["clientData"].to_string().contains(";released;"), "let go of: {left}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_merged_contact_that_its_owner_deletes_neither_client_comes_back() {
    let (world, service, [aimee, bruno], [a, b]) = two_clients().await;
    world.user("POST", "merge", json!({"keep": b, "absorb": a})).await;
    noticed(&service, &world).await;
    world.user_deletes(&b).await;
    noticed(&service, &world).await;
    for client in [&aimee, &bruno] {
        world.crm_update(client, json!({"companyName": "Acme"})).await;
    }
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 0);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_older_than_our_own_write_is_no_opt_out() {
    let world = World::new().await;
    let known = json!({
        "names": [{"givenName": "Zoé", "familyName": "Roy"}], "emailAddresses": [{"value": "zoe@example.com"}],
    });
    let known = world.google_seed(&[known]).await.remove(0);
    let service = world.start().await;
    service.reconcile().await;
    // For two seconds Google answers with the version from before the label.
    let limits = format!("accounts/{}/limits", world.subject);
    world.google("PATCH", &limits, &json!({"stale_read_ms": 2_000})).await;
    let id = world.crm_create(json!({"firstName": "Zoé", "lastName": "Roy", "email": "zoe@example.com"})).await;
    until("the label", async || labels(&world.contact(&known).await).contains(&LABEL.to_owned())).await;
    world.crm_update(&id, json!({"phone": "+15145550188"})).await;
    service.quiet(&world).await;
    assert_eq!(values(&world.only(&id).await, "phoneNumbers"), ["+15145550188"], "still followed");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_merge_left_behind_is_written_to_the_contact_that_is_left() {
    let (world, service, [aimee, bruno], [a, b]) = two_clients().await;
    // Bruno's contact has Aimée's number too; hers is deleted, and her address with it.
    let phones = json!([{"value": "+15145550102"}, {"value": "+15145550101"}]);
    world.user_edits(&b, json!({"names": [{"givenName": "Aimée", "familyName": "Roy"}], "phoneNumbers": phones})).await;
    world.user_deletes(&a).await;
    noticed(&service, &world).await;
    world.crm_update(&aimee, json!({"companyName": "Courtage du Lac"})).await;
    service.quiet(&world).await;
    let person = world.only(&bruno).await;
    assert_eq!(person["resourceName"], b.as_str());
    let mut emails = values(&person, "emailAddresses");
    emails.sort();
    assert_eq!(emails, ["aimee@example.com", "bruno@example.com"], "nobody took hers off this contact");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contacts_of_the_owners_own_that_are_one_now_are_one_candidate() {
    let world = World::new().await;
    let own =
        json!({"names": [{"givenName": "Aimée", "familyName": "Roy"}], "emailAddresses": [{"value": "a@example.com"}]});
    let names = world.google_seed(&[own.clone(), own]).await;
    let service = world.start().await;
    service.reconcile().await;
    // The listing does not show it for a long time.
    world.google("PATCH", "limits", &json!({"sync_delay_ms": 3_600_000})).await;
    world.user("POST", "merge", json!({"keep": names[0], "absorb": names[1]})).await;
    let contact = json!({"firstName": "Aimée", "lastName": "Roy", "email": "a@example.com", "phone": "+15145550101"});
    let id = world.crm_create(contact).await;
    service.quiet(&world).await;
    assert_eq!(world.only(&id).await["resourceName"], names[0].as_str(), "adopted, and nobody had to be asked");
    assert!(service.needs().await.is_empty());
    service.nothing_left().await;
    service.stop().await;
}
