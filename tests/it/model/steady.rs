//! Nothing is written when nothing has changed, however often it is told.

use std::time::Instant;

use carnet::{
    queue::event::{Event, Says},
    work::Slice,
};
use serde_json::{Value, json};

use super::{ground::Ground as _, stage::Stage};
use crate::world::text;

/// Contacts in the short form; with `LONG_TESTS=1` 25 times as many: 10,000.
const CONTACTS: usize = 400;
const ROUNDS: usize = 10;

#[test]
fn contacts_that_are_told_ten_times_without_a_change_are_not_written_once() {
    super::on_a_tall_stack(|| async {
        let contacts = if std::env::var_os("LONG_TESTS").is_some() { CONTACTS * 25 } else { CONTACTS };
        let mut stage = Stage::open().await;
        stage.renew("", &json!({})).await;
        let town: Vec<Value> = (0..contacts).map(contact).collect();
        stage.world.crm_seed(&town).await;
        stage.reconcile().await;
        stage.quiet().await.expect("quiet");
        assert_eq!(stage.world.people().await.len(), contacts);
        stage.world.google("DELETE", "log", &Value::Null).await;

        let began = Instant::now();
        let known = stage.world.crm_dump().await;
        for round in 0..ROUNDS {
            let events: Vec<Event> = known.iter().map(|contact| told(&stage, contact, round)).collect();
            for part in events.chunks(500) {
                stage.receive(part).await;
            }
            stage.pass(std::time::Duration::from_secs(10)).await;
            while !matches!(stage.slice().await, Slice::Done(None)) {}
        }
        println!("{contacts} contacts told {ROUNDS} times: {:.0} s", began.elapsed().as_secs_f64());
        let log = stage.world.google("GET", "log", &Value::Null).await;
        let calls = log["counters"].as_object().expect("counters");
        assert!(calls.keys().all(|call| call.starts_with("oauth.")), "{calls:?}");
        assert_eq!(stage.runs().waiting().await.expect("marks"), (0, 0));
    });
}

fn contact(number: usize) -> Value {
    json!({
        "firstName": "Aimée", "lastName": format!("Tremblay{number}"), "email": format!("c{number}@example.com"),
        "phone": format!("+1514{:07}", 2_000_000 + number), "companyName": "Courtage du Lac", "city": "Granby",
    })
}

/// Its webhook, once more, of one kind or another.
fn told(stage: &Stage, contact: &Value, round: usize) -> Event {
    let kind = ["ContactCreate", "ContactUpdate", "ContactTagUpdate"][round % 3];
    Event {
        account: stage.sync().account.key.clone(),
        contact: text(contact, "id"),
        says: Says::Changed,
        kind: kind.into(),
        id: None,
        at: text(contact, "dateUpdated").parse().ok(),
        body: json!({"type": kind, "id": contact["id"]}).to_string().into_bytes(),
    }
}
