//! What large accounts cost: the first sync in whole batches, a second look without a write.

use std::time::Instant;

use serde_json::{Value, json};

use crate::world::{
    World,
    process::{Process, free_address},
    server::RedisServer,
};

/// Contacts in the short form; with `LONG_TESTS=1` as many as a Google account holds.
const CONTACTS: usize = 1_500;
const LONG: usize = 25_000;
/// Critical writes that a batch costs, and how many contacts it holds.
const BATCH: (u64, usize) = (6, 200);

fn contact(number: usize) -> Value {
    json!({
        "firstName": "Aimée", "lastName": format!("Tremblay{number}"), "email": format!("c{number}@example.com"),
        "phone": format!("+1514{:07}", 2_000_000 + number), "companyName": "Courtage du Lac", "city": "Granby",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_goes_in_whole_batches_and_a_second_look_writes_nothing() {
    let contacts = if std::env::var_os("LONG_TESTS").is_some() { LONG } else { CONTACTS };
    let mut world = World::new().await;
    for quota in ["READS", "WRITES", "OTHER"] {
        world.set(&format!("CARNET_TUNE_QUOTA_{quota}_PER_MINUTE"), 1_000_000);
    }
    let most = json!({"critical_reads_per_minute": 1_000_000, "critical_writes_per_minute": 1_000_000});
    world.google("PATCH", "limits", &most).await;
    for chunk in (0..contacts).collect::<Vec<_>>().chunks(1_000) {
        world.crm_seed(&chunk.iter().copied().map(contact).collect::<Vec<_>>()).await;
    }
    let service = world.start().await;
    let began = Instant::now();
    let run = service.reconcile().await;
    let first = began.elapsed().as_secs_f64();
    assert_eq!(run.counts["created"], i64::try_from(contacts).expect("a count"), "{run:#?}");
    let dump = world.google_dump().await;
    assert_eq!(dump["contacts"].as_array().map(Vec::len), Some(contacts));
    let spent = dump["units"]["critical_write"].as_u64().expect("units");
    let least = BATCH.0 * contacts.div_ceil(BATCH.1) as u64;
    assert!(spent * 100 <= least * 102, "{spent} critical writes for {contacts} contacts, and {least} would do");

    world.google("DELETE", "log", &Value::Null).await;
    let began = Instant::now();
    let again = service.reconcile().await;
    let second = began.elapsed().as_secs_f64();
    assert_eq!((again.marked, again.unchanged), (0, contacts as u64), "{again:#?}");
    let log = world.google("GET", "log", &Value::Null).await;
    let calls = log["counters"].as_object().expect("counters").clone();
    let lists = calls.get("people.connections.list").map_or(0, |by_status| by_status["200"].as_u64().unwrap_or(0));
    assert!(lists <= 1, "{calls:?}");
    assert!(calls.keys().all(|call| call.starts_with("oauth.") || call == "people.connections.list"), "{calls:?}");
    println!(
        "{contacts} contacts: first sync {first:.1} s, {spent} critical writes (least {least}); a reconcile without \
         changes {second:.1} s, {lists} list calls"
    );
    service.nothing_left().await;
    service.stop().await;
}

/// Most memory that the process may ever take (bytes).
const MEMORY: u64 = 150 << 20;

/// The CRM is large, the filter lets few through: what the process takes does not grow with the CRM.
#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_crm() {
    let (contacts, wanted) = if std::env::var_os("LONG_TESTS").is_some() { (250_000, 20_000) } else { (6_000, 480) };
    let mut world = World::new().await;
    let redis = RedisServer::start_in_memory().await;
    world.set("CARNET_REDIS_URL", redis.url());
    for quota in ["READS", "WRITES", "OTHER"] {
        world.set(&format!("CARNET_TUNE_QUOTA_{quota}_PER_MINUTE"), 1_000_000);
    }
    world.sync_lines = "every = \"off\"\ntags = [\"client\"]".into();
    let most = json!({"critical_reads_per_minute": 1_000_000, "critical_writes_per_minute": 1_000_000});
    world.google("PATCH", "limits", &most).await;
    let every = contacts / wanted;
    for chunk in (0..contacts).collect::<Vec<usize>>().chunks(1_000) {
        let tagged = |number: usize| {
            let mut contact = contact(number);
            contact["tags"] = if number.is_multiple_of(every) { json!(["client"]) } else { json!(["other"]) };
            contact
        };
        world.crm_seed(&chunk.iter().copied().map(tagged).collect::<Vec<_>>()).await;
    }
    let settings = world.settings(&free_address().await);
    world.apply(&world.declared()).await.done();
    let process = world.spawn("carnet", &settings, &["serve"]);
    let service = world.watch_when_ready(&redis.url(), &settings).await;
    let began = Instant::now();
    let first = service.reconcile().await;
    let (first_took, after_first) = (began.elapsed().as_secs_f64(), peak(&process));
    assert_eq!(
        (first.seen, first.counts["created"]),
        (contacts as u64, i64::try_from(contacts.div_ceil(every)).expect("a count"))
    );
    let began = Instant::now();
    service.reconcile().await;
    println!(
        "{contacts} contacts, {} of them wanted: first sync {first_took:.0} s, at most {} MB; a reconcile without changes {:.0} s, at most {} MB",
        contacts.div_ceil(every),
        after_first >> 20,
        began.elapsed().as_secs_f64(),
        peak(&process) >> 20,
    );
    assert!(peak(&process) <= MEMORY, "{} MB", peak(&process) >> 20);
    service.nothing_left().await;
}

/// The most that a process ever had in memory (bytes).
fn peak(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a Linux process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}
