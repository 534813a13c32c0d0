//! A first sync, a reconcile after many changes, a preview that is applied, and all of them killed over and over: each ends complete, without twins.

use std::{collections::BTreeMap, time::Duration};

use carnet::reconcile::{begin, preview};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    ground::Ground as _,
    memory::{holds, is_stamped},
    stage::Stage,
};

const CONTACTS: usize = 300;
/// Kills of each kind of run.
const KILLS: usize = 25;

fn contact(number: usize) -> Value {
    json!({
        "firstName": "Aimée", "lastName": format!("Tremblay{number}"), "email": format!("c{number}@example.com"),
        "phone": format!("+1514{:07}", 2_000_000 + number),
    })
}

/// A contact of the owner's own; every second is somebody whom the CRM knows too.
fn own(number: usize) -> Value {
    let (family, email) = match number % 2 {
        0 => (format!("Tremblay{number}"), format!("c{number}@example.com")),
        _ => (format!("Ami{number}"), format!("ami{number}@example.net")),
    };
    json!({"names": [{"givenName": "Aimée", "familyName": family}], "emailAddresses": [{"value": email}]})
}

/// Runs until it was killed so often, then to its end.
async fn run_killed(stage: &mut Stage, rng: &mut StdRng) {
    let mut kills = 0;
    while kills < KILLS {
        if stage.runs().current().await.expect("runs").is_none_or(|run| run.is_over()) {
            stage.runs().want("asked").await.expect("asked");
        }
        let polls = rng.random_range(1..250);
        kills += usize::from(stage.reconcile_for(Some(polls)).await);
    }
    stage.quiet().await.expect("quiet");
    stage.reconcile().await;
    stage.quiet().await.expect("quiet");
}

/// Some contacts change and some come, and no webhook tells of it.
async fn change(stage: &Stage, time: usize) {
    let known = stage.world.crm_dump().await;
    for (number, contact) in known.iter().take(80).enumerate() {
        let path = format!("locations/{}/contacts/{}", stage.world.location, crate::world::text(contact, "id"));
        let change = json!({"phone": format!("+1438{:07}", 3_000_000 + 1_000 * time + number)});
        stage.world.crm("PUT", &format!("{path}?silent=true"), &change).await;
    }
    let first = CONTACTS + 60 * time;
    stage.world.crm_seed(&(first..first + 60).map(contact).collect::<Vec<_>>()).await;
}

/// Applies a preview, kills whoever does it some times, and lets it end; answers how often.
async fn applied_killed(stage: &mut Stage, rng: &mut StdRng) -> usize {
    // Until the CRM's list shows what has changed.
    stage.pass(Duration::from_secs(60)).await;
    let (tools, sync) = (stage.tools.clone(), stage.sync());
    let shown = preview(&tools, &sync, None).await.expect("a preview");
    assert_eq!(shown.acted_on(), 140);
    let run = begin(&tools, &sync, &shown).await.expect("begun");
    let mut kills = 0;
    let is_over = async |stage: &Stage| stage.runs().current().await.expect("runs").is_none_or(|run| run.is_over());
    while kills < KILLS / 3 && !is_over(stage).await {
        kills += usize::from(stage.reconcile_for(Some(rng.random_range(1..250))).await);
    }
    stage.quiet().await.expect("quiet");
    let done = stage.runs().current().await.expect("runs").expect("a run");
    let counted = ["created", "updated"].map(|what| done.counts.get(what).copied().unwrap_or(0));
    assert_eq!((done.id, counted.iter().sum::<i64>()), (run.id, 140), "{:?}", done.counts);
    kills
}

/// One person for each contact of the CRM, and what was never ours as it was.
async fn one_each(stage: &Stage, strangers: &BTreeMap<String, Value>) {
    let (crm, people) = (stage.world.crm_dump().await, stage.world.people().await);
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    people.iter().flat_map(holds).for_each(|id| *held.entry(id).or_default() += 1);
    for contact in &crm {
        let id = crate::world::text(contact, "id");
        assert_eq!(held.remove(&id), Some(1), "{contact}");
    }
    assert_eq!(held, BTreeMap::new(), "held, and not in the CRM");
    for person in people.iter().filter(|person| !is_stamped(person)) {
        assert_eq!(strangers.get(&crate::world::text(person, "resourceName")), Some(person));
    }
    assert_eq!(stage.runs().waiting().await.expect("marks"), (0, 0));
}

#[test]
fn runs_that_are_killed_over_and_over_end_complete_and_without_twins() {
    super::on_a_tall_stack(|| async {
        let mut rng = StdRng::seed_from_u64(50);
        let mut stage = Stage::open().await;
        stage.renew("", &json!({})).await;
        stage.world.crm_seed(&(0..CONTACTS).map(contact).collect::<Vec<_>>()).await;
        stage.world.google_seed(&(0..40).map(own).collect::<Vec<_>>()).await;
        let name = |person: Value| (crate::world::text(&person, "resourceName"), person);
        let strangers: BTreeMap<String, Value> = stage.world.people().await.into_iter().map(name).collect();
        run_killed(&mut stage, &mut rng).await;
        one_each(&stage, &strangers).await;

        change(&stage, 0).await;
        run_killed(&mut stage, &mut rng).await;
        one_each(&stage, &strangers).await;

        let mut kills = 0;
        for time in 1.. {
            change(&stage, time).await;
            kills += applied_killed(&mut stage, &mut rng).await;
            one_each(&stage, &strangers).await;
            if kills >= KILLS {
                break;
            }
        }
    });
}
