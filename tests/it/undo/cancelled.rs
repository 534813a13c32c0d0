//! A run is cancelled while the answer of a call is lost, and then undone: nothing of it stays, and nothing of it comes later.

use carnet::store::runs::{Runs, undo_lane};

use super::*;

/// A run whose next call of this kind gets no answer, cancelled before anybody can find out what became of it.
async fn cut_short(method: &str, when: &str) -> (World, Service, BTreeMap<String, Value>, String) {
    let mut world = world("policy = \"overwrite\"").await;
    // Time enough to cancel before it is looked for.
    world.set("CARNET_TUNE_RETRY_BASE_MS", 2_000).set("CARNET_TUNE_PROPAGATION_MS", 1_000);
    seeded(&world).await;
    let before = seen(&world).await;
    let service = world.start().await;
    world.google_fault(json!({"match": method, "kind": "drop", "when": when})).await;
    service.runs().want("asked").await.expect("asked");
    until("the call", async || world.calls(method, 0).await == 1).await;
    let report = world.carnet(&["sync", "cancel", "phone", "--json"]).await.json();
    assert_eq!(report["state"], "cancelled", "{report:#}");
    let run = report["run"].as_str().expect("a run").to_owned();
    (world, service, before, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_were_made_without_an_answer_are_found_by_the_undo() {
    let (world, service, before, run) = cut_short("people.batchCreateContacts", "after").await;
    assert_eq!(held(&world).await.iter().filter(|p| p["clientData"].to_string().contains(";created;")).count(), 40);
    world.carnet(&["sync", "undo", "phone", &run, "--yes"]).await.refused("it is not known yet whether Google made");
    world.carnet(&["sync", "leave", "phone", "--undo", "--yes"]).await.refused("it is not known yet whether");
    service.quiet(&world).await;
    let told = undo(&world, &[&run]).await;
    assert_eq!((count(&told, "trashed"), trashed(&world).await), (40, 40), "{told:#}");
    assert_eq!((seen(&world).await, held(&world).await), (before, vec![]));
    service.nothing_left().await;
    all_again(&world, &service).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_were_not_made_are_not_made_after_the_cancel() {
    let (world, service, _, _) = cut_short("people.batchCreateContacts", "before").await;
    service.quiet(&world).await;
    assert_eq!((world.people().await.len(), world.calls("people.batchCreateContacts", 0).await), (2 * KNOWN, 1));
    service.nothing_left().await;
    let run = service.reconcile().await;
    assert_eq!(run.counts["created"], 40);
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), CONTACTS + KNOWN, "no twins");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_were_changed_without_an_answer_are_found_by_the_undo() {
    for when in ["after", "before"] {
        let (world, service, before, run) = cut_short("people.batchUpdateContacts", when).await;
        let reverted = held(&world).await.len() as u64;
        assert_eq!(reverted > 5, when == "after", "{reverted}");
        let shown = world.carnet(&["sync", "undo", "phone", &run, "--json"]).await.json();
        // Whether one that Google does not show yet may still come, only time tells.
        assert!(when == "before" || shown["plan"]["back"] == json!(reverted), "{when} {shown:#}");
        let told = undo(&world, &[&run]).await;
        assert_eq!((count(&told, "reverted"), count(&told, "kept")), (reverted, 0), "{when} {told:#}");
        let after = seen(&world).await;
        for (name, person) in &before {
            assert_eq!(after.get(name), Some(person), "{when} {name}");
        }
        assert_eq!(after.len(), before.len(), "{when}");
        service.nothing_left().await;
        all_again(&world, &service).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_being_left_is_not_taken_out_of_the_file() {
    let world = world("policy = \"merge\"").await;
    seeded(&world).await;
    let service = world.start().await;
    service.reconcile().await;
    world.google_fault(json!({"match": "people.batch", "kind": "delay", "ms": 700, "p": 1.0})).await;
    let declared = world.declared();
    let without = declared.split("[[sync]]").next().expect("the rest");
    let undos = Runs::new(service.pool.clone(), service.keys(), &undo_lane(&service.current.syncs[0].id));
    let leaving = world.carnet(&["sync", "leave", "phone", "--unlabel", "--yes", "--json"]);
    let meanwhile = async {
        until("it to begin", async || undos.current().await.expect("runs").is_some()).await;
        world.apply(without).await.refused("the sync \"phone\" is being left or undone at the moment");
    };
    let (left, ()) = tokio::join!(leaving, meanwhile);
    assert_eq!(left.json()["run"]["state"], "done");
    assert_eq!((world.labelled().await.len(), held(&world).await), (0, vec![]));
    service.nothing_left().await;
    world.apply(without).await.done();
    service.stop().await;
}
