//! A sync is left, alone or beside another one.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_left_in_three_ways() {
    for (how, there, labelled) in [("--keep", 80, 60), ("--unlabel", 80, 0), ("--undo", 40, 0)] {
        let world = world("policy = \"merge\"").await;
        let known = seeded(&world).await;
        let before = seen(&world).await;
        let service = world.start().await;
        service.reconcile().await;
        let synced = seen(&world).await;
        let told = world.carnet(&["sync", "leave", "phone", how, "--yes", "--json"]).await.json();
        assert_eq!(told["run"]["state"], "done", "{told:#}");
        let after = seen(&world).await;
        assert_eq!((after.len(), world.labelled().await.len(), held(&world).await), (there, labelled, vec![]), "{how}");
        for name in &known {
            let mut expected = if how == "--undo" { before[name].clone() } else { synced[name].clone() };
            if how == "--unlabel" {
                expected["labels"] = before[name]["labels"].clone();
            }
            assert_eq!(after[name], expected, "{how}");
        }
        assert_eq!(service.runs().paused().await.expect("runs").as_deref(), Some("left"));
        service.nothing_left().await;
        if how == "--unlabel" {
            all_again(&world, &service).await;
        }
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_syncs_on_one_account_the_other_keeps_what_it_holds() {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\n[[sync]]\nname = \"second\"\ncrm = \"centiva/{}\"\ngoogle = \"office\"\nlabel = \"Autre\"\nevery = \"off\"",
        world.location
    );
    let known = seeded(&world).await;
    let before = seen(&world).await;
    let service = world.start().await;
    for sync in ["phone", "second"] {
        world.carnet(&["sync", "run", sync]).await.done();
    }
    let synced = seen(&world).await;
    let told = undo(&world, &[]).await;
    assert_eq!((count(&told, "trashed"), count(&told, "kept")), (0, 60), "{told:#}");
    assert_eq!(stays(&told, &id(40))["why"], "another sync or CRM contact has it too");
    assert_eq!((held(&world).await.len(), world.labelled().await.len()), (CONTACTS, 0));
    let after = seen(&world).await;
    for (name, person) in &synced {
        let mut expected = person.clone();
        expected["labels"] = labels(person).into_iter().filter(|label| label != LABEL).collect();
        assert_eq!(after[name], expected);
    }
    // The second one still keeps them in step.
    world.crm_update(&id(0), json!({"phone": phone(900)})).await;
    until("the new number", async || values(&world.only(&id(0)).await, "phoneNumbers").contains(&phone(900))).await;
    // Once it is left too, nothing is held any more, and what they made is gone.
    let told = world.carnet(&["sync", "leave", "second", "--undo", "--yes", "--json"]).await.json();
    assert_eq!((count(&told, "trashed"), held(&world).await), (40, vec![]), "{told:#}");
    let left = seen(&world).await;
    assert_eq!(left.len(), before.len());
    for name in &known {
        assert_eq!(left[name]["labels"], before[name]["labels"]);
    }
    service.stop().await;
}
