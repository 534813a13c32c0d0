//! What the account's owner does between a run and its undo is never lost.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_changed_in_between_stays_and_is_named() {
    let world = world("policy = \"merge\"").await;
    let known = seeded(&world).await;
    let before = seen(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    // One who was there before: a number that came from the CRM is corrected, the rest goes back.
    world
        .user_edits(
            &known[1],
            json!({"phoneNumbers": [{"value": "418 555-0001", "type": "mobile"}, {"value": "+15145559999"}]}),
        )
        .await;
    // Two that were made: one gets a nickname, the other loses the label.
    let (named, unlabelled) = (resource(&world.only(&id(50)).await), resource(&world.only(&id(51)).await));
    world.user_edits(&named, json!({"nicknames": [{"value": "Nana"}]})).await;
    world.user_labels(&unlabelled, &[], &[LABEL]).await;
    // And two that are gone.
    world.user_deletes(&known[2]).await;
    world.user_deletes(&resource(&world.only(&id(52)).await)).await;
    let edited = seen(&world).await;

    let told = undo(&world, &[]).await;
    assert_eq!((count(&told, "trashed"), count(&told, "kept"), count(&told, "nothing")), (37, 3, 2), "{told:#}");
    assert_eq!(stays(&told, &id(1))["fields"], json!(["phoneNumbers"]));
    assert_eq!(
        (&stays(&told, &id(1))["partly"], &stays(&told, &id(1))["why"]),
        (&json!(true), &json!("changed since"))
    );
    assert_eq!(stays(&told, &id(50))["fields"], json!(["nicknames"]));
    assert_eq!(stays(&told, &id(51))["why"], "let go of since", "its owner does not want it: that holds");
    let after = seen(&world).await;
    for (name, person) in before.iter().filter(|(name, _)| **name != known[1] && **name != known[2]) {
        assert_eq!(after.get(name), Some(person), "{name}");
    }
    let mut expected = before[&known[1]].clone();
    expected["phoneNumbers"] = edited[&known[1]]["phoneNumbers"].clone();
    assert_eq!(after[&known[1]], expected);
    assert_eq!((&after[&named], &after[&unlabelled]), (&edited[&named], &edited[&unlabelled]));
    assert_eq!(after.len(), 2 * KNOWN - 1 + 2);
    let shown = world.carnet(&["contact", "show", &id(50), "--json"]).await.json();
    assert_eq!(shown["journal"][0]["reason"], "undo; stays: changed since (nicknames)", "{shown:#}");
    // Whom the owner deleted or merged has been noticed, and waits: the sync is paused.
    world.carnet(&["sync", "resume", "phone"]).await.done();
    service.reconcile().await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_wrote_before_a_later_write_of_ours_is_not_thrown_away() {
    let world = world("policy = \"merge\"").await;
    seeded(&world).await;
    let service = world.start().await;
    let first = service.reconcile().await;
    let (named, opted_out) = (resource(&world.only(&id(50)).await), resource(&world.only(&id(3)).await));
    world.user_edits(&named, json!({"nicknames": [{"value": "Nana"}]})).await;
    world.crm_update(&id(50), json!({"phone": phone(150)})).await;
    // One was looked at since, and found as it should be.
    let looked_at = resource(&world.only(&id(51)).await);
    world.user_edits(&looked_at, json!({"biographies": [{"value": "Aime le café."}]})).await;
    world.crm_update(&id(51), json!({"companyName": "Érablière"})).await;
    service.quiet(&world).await;
    world.user_labels(&opted_out, &[], &[LABEL]).await;

    let told = undo(&world, &[&first.id]).await;
    assert_eq!(stays(&told, &id(50))["fields"], json!(["nicknames"]));
    assert_eq!(stays(&told, &id(51))["fields"], json!(["biographies"]));
    assert_eq!(stays(&told, &id(3))["why"], "let go of since");
    let after = seen(&world).await;
    assert!(after.contains_key(&named) && after.contains_key(&looked_at), "{told:#}");
    world.carnet(&["sync", "resume", "phone"]).await.done();
    service.reconcile().await;
    service.quiet(&world).await;
    let person = world.contact(&opted_out).await;
    assert!(!labels(&person).contains(&LABEL.to_owned()), "the label stays off: {person:#}");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_undo_of_an_update_leaves_what_earlier_and_later_runs_wrote() {
    let world = world("policy = \"merge\"\nlive = false").await;
    seeded(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    let first = seen(&world).await;
    for number in 0..10 {
        world.crm_update(&id(number), json!({"phone": phone(100 + number), "companyName": "Sucrerie"})).await;
    }
    let second = service.reconcile().await;
    assert_eq!(second.counts["updated"], 10);
    world.crm_update(&id(3), json!({"phone": phone(203)})).await;
    service.reconcile().await;

    let told = undo(&world, &[&second.id]).await;
    assert_eq!((count(&told, "reverted"), count(&told, "kept")), (9, 1), "{told:#}");
    assert_eq!(stays(&told, &id(3))["fields"], json!(["phoneNumbers"]));
    let later = resource(&world.only(&id(3)).await);
    let after = seen(&world).await;
    for (name, person) in first.iter().filter(|(name, _)| **name != later) {
        assert_eq!(after.get(name), Some(person), "{name}");
    }
    assert!(after[&later]["phoneNumbers"].to_string().contains(&phone(203)), "{:#}", after[&later]);
    assert_eq!(after[&later]["organizations"], first[&later]["organizations"]);
    assert_eq!(held(&world).await.len(), CONTACTS, "all of them are ours as before");
    // What the CRM says is compared anew, and written again.
    world.carnet(&["sync", "resume", "phone"]).await.done();
    service.reconcile().await;
    for number in [4, 9] {
        let person = world.only(&id(number)).await;
        assert!(values(&person, "phoneNumbers").contains(&phone(100 + number)), "{person:#}");
    }
    service.nothing_left().await;
    service.stop().await;
}
