//! The main job: a webhook comes in, the contact is in Google, once.

use serde_json::json;

use crate::world::{World, google::values};

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_made_in_the_crm_is_in_google_once_and_follows_it() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world
        .crm_create(json!({"firstName": "Aimée", "lastName": "Tremblay", "email": "Aimee@example.com", "phone": "514-555-0123"}))
        .await;
    service.quiet(&world).await;
    let people = world.labelled().await;
    assert_eq!(people.len(), 1, "{people:#?}");
    assert_eq!(people[0]["names"][0]["givenName"], "Aimée");
    assert_eq!(values(&people[0], "phoneNumbers"), ["+15145550123"]);

    world.crm_update(&id, json!({"phone": "+1 438 555 0199", "companyName": "Immobilier Nord"})).await;
    service.quiet(&world).await;
    let people = world.labelled().await;
    assert_eq!(people.len(), 1);
    assert_eq!(values(&people[0], "phoneNumbers"), ["+14385550199"], "the old number was ours and goes");
    assert_eq!(people[0]["organizations"][0]["name"], "Immobilier Nord");

    world.crm_delete(&id).await;
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 0, "unlabelled");
    assert_eq!(world.people().await.len(), 1, "but kept");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sync_adopts_who_is_there_and_makes_the_others() {
    let world = World::new().await;
    let town = carnet::simulate::people::town(7, 300, 60, 30);
    world.crm_seed(&town.crm).await;
    let names = world.google_seed(&town.google).await;
    let before = world.people().await;
    let service = world.start().await;
    let run = service.reconcile().await;
    service.quiet(&world).await;
    // Whoever was asked about because somebody else might be the same person is asked about no more once that one is linked.
    let again = service.reconcile().await;
    let asked = run.counts.get("needs-you").copied().unwrap_or(0);
    assert!(
        i64::try_from(again.marked).is_ok_and(|marked| marked <= asked),
        "only questions are left: {run:#?} {again:#?}"
    );
    let last = service.reconcile().await;
    assert_eq!(last.marked, service.needs().await.len() as u64, "a third pass finds nothing to do: {last:#?}");
    let dump = world.google_dump().await;
    let needs = service.needs().await;
    let crm = world.crm_dump().await;
    let evidence = carnet::simulate::truth::Evidence {
        crm: &crm,
        google: &carnet::simulate::truth::people(&dump),
        groups: dump["groups"].as_array().expect("groups"),
        label: crate::world::LABEL,
        before: &before,
        waiting: &needs,
        edited: &Default::default(),
    };
    let verdict = carnet::simulate::truth::judge(&evidence);
    assert!(verdict.is_clean(), "{verdict}\n{run:#?}\n{names:?}");
    service.nothing_left().await;
    service.stop().await;
}
