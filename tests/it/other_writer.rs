//! Another program that writes the same contacts is noticed, and said; nothing else is done about it.

use carnet::reconcile::report;
use serde_json::{Value, json};

use crate::world::{Service, World};

fn contact(number: usize) -> Value {
    json!({
        "firstName": "Aimée", "lastName": format!("Tremblay{number}"), "email": format!("c{number}@example.com"),
        "phone": format!("+1514{:07}", 2_000_000 + number),
    })
}

/// The service with 12 contacts in step.
async fn in_step() -> (World, Service) {
    let world = World::new().await;
    world.crm_seed(&(0..12).map(contact).collect::<Vec<_>>()).await;
    let service = world.start().await;
    service.reconcile().await;
    (world, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn new_contacts_that_are_copies_of_ours_are_noticed() {
    let (world, service) = in_step().await;
    let copy = |number: usize| {
        json!({
            "names": [{"givenName": "Aimée", "familyName": format!("Tremblay{number}")}],
            "phoneNumbers": [{"value": format!("514-{:07}", 2_000_000 + number)}],
        })
    };
    // One or two are a person's.
    world.google_seed(&[copy(0), copy(1)]).await;
    assert_eq!(service.reconcile().await.noticed, None);
    world.google_seed(&(2..6).map(copy).collect::<Vec<_>>()).await;
    let run = service.reconcile().await;
    assert!(report(&run).contains("4 new contacts look like copies of ones that Carnet keeps"), "{}", report(&run));
    assert_eq!(service.reconcile().await.noticed, None, "it is said once");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_of_ours_that_somebody_else_changes_by_the_dozen_are_noticed() {
    let (world, service) = in_step().await;
    assert_eq!(service.reconcile().await.noticed, None, "our own writes come back in Google's list too");
    for person in world.labelled().await {
        let number = json!({"phoneNumbers": [{"value": "+14185550000"}]});
        world.user_edits(&crate::world::text(&person, "resourceName"), number).await;
    }
    let run = service.reconcile().await;
    let said = report(&run);
    assert!(said.contains("12 contacts that Carnet keeps were changed there by somebody else. Turn off"), "{said}");
    service.nothing_left().await;
    service.stop().await;
}
