//! Contacts that are gone from the CRM without a word: the next reconcile finds out, asks about each by itself, and is not
//! taken in by a list that is not whole.

use std::time::Duration;

use carnet::store::runs::RunState;
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    judge::phone,
    until,
    user::{labels, resource},
};

/// That many contacts in both, long enough ago; every CRM contact was counted.
async fn clients(removal: &str, count: usize) -> (World, Service, Vec<String>) {
    clients_in(World::new().await, removal, count).await
}

async fn clients_in(mut world: World, removal: &str, count: usize) -> (World, Service, Vec<String>) {
    world.sync_lines = format!("every = \"off\"\nremoval = \"{removal}\"");
    world.set("CARNET_TUNE_CRM_PAGE", 5);
    let service = world.start().await;
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(world.crm_create(json!({"firstName": format!("Client{n}"), "phone": phone(n)})).await);
    }
    service.quiet(&world).await;
    service.reconcile().await;
    assert_eq!(world.labelled().await.len(), count);
    service.pool.clock.advance(Duration::from_secs(60));
    (world, service, ids)
}

/// The CRM deletes contacts, and no webhook tells.
async fn delete_untold(world: &World, ids: &[String]) {
    for id in ids {
        world.crm("DELETE", &format!("locations/{}/contacts/{id}?silent=true", world.location), &Value::Null).await;
    }
}

async fn listed(world: &World) -> Vec<Value> {
    world.carnet(&["brake", "list", "--json"]).await.json().as_array().cloned().expect("a list")
}

async fn state(world: &World) -> (String, String) {
    let sync = world.carnet(&["sync", "list", "--json"]).await.json()[0].clone();
    (crate::world::text(&sync, "state"), sync["why"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_without_a_word_is_removed_by_the_next_reconcile() {
    for removal in ["unlabel", "keep", "trash"] {
        let (world, service, ids) = clients(removal, 3).await;
        let name = resource(&world.only(&ids[0]).await);
        delete_untold(&world, &ids[..1]).await;
        service.quiet(&world).await;
        let run = service.reconcile().await;
        assert_eq!((run.listed.absent, run.counts.get("removed")), (1, Some(&1)), "{removal}: {run:?}");
        let there = world.people().await.iter().any(|person| resource(person) == name);
        assert_eq!(there, removal != "trash");
        if there {
            let person = world.contact(&name).await;
            assert_eq!(labels(&person).contains(&LABEL.to_owned()), removal == "keep");
            assert!(person["person"]["clientData"].to_string().contains(";released;"), "{person:#}");
            assert_eq!(values(&person["person"], "phoneNumbers"), [phone(0)]);
        }
        for id in &ids[1..] {
            world.only(id).await;
        }
        let again = service.reconcile().await;
        assert_eq!((again.listed.absent, again.marked), (0, 0), "{again:?}");
        service.nothing_left().await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_crm_is_a_matter_for_a_person_and_passes_by_itself() {
    let (world, service, _) = clients("trash", 7).await;
    world.crm_fault(json!({"page": "empty"})).await;
    let run = service.reconcile().await;
    assert_eq!((run.listed.held, run.marked), (7, 0), "{run:?}");
    assert!(carnet::reconcile::report(&run).contains("7 wait behind the brake"));
    assert_eq!(world.labelled().await.len(), 7, "nobody left");
    assert_eq!(listed(&world).await.len(), 7);
    let (state_now, why) = state(&world).await;
    assert_eq!(state_now, "needs you");
    assert!(why.contains("stopped 7 contacts") && why.contains("carnet brake list"), "{why}");
    service.reconcile().await;
    assert_eq!(listed(&world).await.len(), 7);

    world.fair_weather().await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(listed(&world).await, Vec::<Value>::new());
    assert_eq!(world.labelled().await.len(), 7);
    assert_eq!(state(&world).await.0, "up to date");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_crm_is_asked_about_and_goes_only_when_somebody_says_so() {
    let (world, service, ids) = clients("trash", 12).await;
    delete_untold(&world, &ids[..6]).await;
    let run = service.reconcile().await;
    assert_eq!((run.listed.absent, run.listed.held, run.marked), (6, 6, 0), "{run:?}");
    assert_eq!(world.labelled().await.len(), 12);
    // Now that it has engaged, whoever else leaves waits too.
    world.crm_delete(&ids[6]).await;
    service.quiet(&world).await;
    assert_eq!((world.labelled().await.len(), listed(&world).await.len()), (12, 7));
    world.carnet(&["brake", "allow", "nobody"]).await.refused("no brake has stopped \"nobody\"");
    let told = world.carnet(&["brake", "allow", "--all", "--sync", "phone"]).await.done();
    assert!(told.contains("Allowed for 7"), "{told}");
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 5);
    assert_eq!(listed(&world).await, Vec::<Value>::new());
    assert_eq!(state(&world).await.0, "up to date");
    assert_eq!(service.reconcile().await.listed.absent, 0);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_stays_and_is_not_asked_again_until_the_contact_was_back() {
    let (world, service, ids) = clients("unlabel", 8).await;
    let before = world.crm_dump().await;
    delete_untold(&world, &ids[..6]).await;
    service.reconcile().await;
    world.carnet(&["brake", "discard", "--all"]).await.done();
    for _ in 0..2 {
        let run = service.reconcile().await;
        assert_eq!((run.listed.held, run.marked), (0, 0), "{run:?}");
        assert_eq!((listed(&world).await.len(), world.labelled().await.len()), (0, 8));
    }
    let gone: Vec<Value> = before.into_iter().filter(|c| ids[..6].iter().any(|id| c["id"] == id.as_str())).collect();
    world.crm_seed(&gone).await;
    service.reconcile().await;
    service.quiet(&world).await;
    delete_untold(&world, &ids[..6]).await;
    let run = service.reconcile().await;
    assert_eq!((run.listed.held, listed(&world).await.len()), (6, 6), "what was said was of another time");
    assert_eq!(world.labelled().await.len(), 8);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_not_whole_removes_nobody() {
    let (world, service, ids) = clients("trash", 12).await;
    for (fault, doubted) in [
        (json!({"page": "lose", "times": 1}), true),
        (json!({"page": "lose", "times": 1, "after": 1}), true),
        (json!({"page": "repeat", "times": 1, "after": 1}), false),
        (json!({"page": "empty", "times": 1, "after": 1}), true),
        (json!({"status": 429, "retryAfter": 1, "times": 4}), false),
        (json!({"status": 503, "times": 2}), false),
    ] {
        world.crm_fault(fault.clone()).await;
        let run = service.reconcile().await;
        world.fair_weather().await;
        service.quiet(&world).await;
        assert_eq!(run.listed.doubt.is_some(), doubted, "{fault}: {run:?}");
        assert_eq!(run.listed.absent, 0, "{fault}");
        // A list that goes in circles is given up.
        assert!(run.state == RunState::Done || fault["page"] == "repeat", "{fault}: {run:?}");
        if doubted {
            assert!(carnet::reconcile::report(&run).contains("Nothing was concluded about absent contacts"));
        }
        assert_eq!((world.labelled().await.len(), listed(&world).await.len()), (12, 0), "{fault}");
    }
    // A lost page hides who is really gone until the next time.
    delete_untold(&world, &ids[..1]).await;
    world.crm_fault(json!({"page": "lose", "times": 1})).await;
    assert!(service.reconcile().await.listed.doubt.is_some());
    assert_eq!(world.labelled().await.len(), 12);
    assert_eq!(service.reconcile().await.listed.absent, 1);
    assert_eq!(world.labelled().await.len(), 11);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_is_broken_off_remembers_who_came() {
    let (world, service, ids) = clients("unlabel", 12).await;
    delete_untold(&world, &ids[..1]).await;
    world.crm_fault(json!({"path": "/contacts/search", "delayMs": 300})).await;
    let before = service.runs().last_run().await.expect("runs");
    service.runs().want("asked").await.expect("asked");
    let runs = service.runs();
    let current = async || runs.current().await.expect("runs").filter(|run| !run.is_over());
    until("the first page", async || current().await.is_some_and(|run| run.seen >= 5)).await;
    let begun = current().await.expect("a run that goes on");
    service.stop().await;
    world.fair_weather().await;

    let service = world.start().await;
    let runs = service.runs();
    until("the end of the run", async || runs.last_run().await.expect("runs") != before).await;
    let run = runs.current().await.expect("runs").expect("a run");
    assert_eq!((run.id, run.seen, run.listed.absent, run.listed.doubt), (begun.id, 11, 1, None));
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 11);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_absent_from_the_list_and_answers_by_itself_stays() {
    let (world, service, ids) = clients("trash", 4).await;
    world.crm_fault(json!({"page": "empty"})).await;
    let run = service.reconcile().await;
    assert_eq!((run.listed.absent, run.listed.held), (4, 0), "few enough to be asked about: {run:?}");
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 4);
    world.fair_weather().await;
    for id in &ids {
        world.only(id).await;
    }
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_names_who_is_absent_and_whoever_applies_it_has_agreed() {
    let mut world = World::new().await;
    // The command is a process of its own, and for it no minute has passed.
    world.set("CARNET_TUNE_STALE_READ_MS", 1);
    let (world, service, ids) = clients_in(world, "unlabel", 30).await;
    delete_untold(&world, &ids[..3]).await;
    let preview = world.carnet(&["sync", "preview", "phone", "--json"]).await.json();
    assert_eq!((&preview["remove"], &preview["stopped"]), (&json!(3), &json!(0)), "{preview:#}");
    let entries = preview["entries"].as_array().expect("entries");
    let named: Vec<&str> = entries.iter().filter_map(|entry| entry["contact"].as_str()).collect();
    assert!(ids[..3].iter().all(|id| named.contains(&id.as_str())), "{preview:#}");
    world.carnet(&["sync", "apply", "phone"]).await.done();
    assert_eq!(world.labelled().await.len(), 27);

    // What was agreed to used up nothing of the brake's room: five more go, and six are too many.
    delete_untold(&world, &ids[3..9]).await;
    let said = world.carnet(&["sync", "preview", "phone"]).await.done();
    assert!(said.contains("6 are not in the CRM's list any more, which is more than the brake lets through"), "{said}");
    let run = service.reconcile().await;
    assert_eq!((run.listed.absent, run.listed.held), (6, 6), "{run:?}");
    assert_eq!(world.labelled().await.len(), 27);
    world.carnet(&["brake", "allow", "--all"]).await.done();
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 21);
    service.nothing_left().await;
    service.stop().await;
}
