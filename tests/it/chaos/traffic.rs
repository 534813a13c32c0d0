//! People at work in the CRM, so many webhooks a second.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use super::stage::Stage;

/// Contacts that are there before anybody is deleted.
const TOWN: usize = 300;
/// Who act at the same time, at the most.
const PEOPLE: usize = 64;

/// Traffic that goes on by itself.
pub struct Traffic {
    task: JoinHandle<BTreeMap<&'static str, u64>>,
    late: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

/// Who works.
#[derive(Clone)]
struct Office {
    http: reqwest::Client,
    base: String,
    contacts: Arc<Mutex<Vec<String>>>,
}

enum Act {
    Create(Value),
    Update(String, Value),
    Delete(String),
}

impl Traffic {
    /// Begins, and ends by itself after this time; a machine that is too slow takes longer for the same events.
    pub fn begin(stage: &Stage, seed: u64, rate: u32, length: Duration) -> Self {
        let world = &stage.world;
        let office = Office {
            http: world.http.clone(),
            base: format!("{}/control/locations/{}/contacts", world.crm_url, world.location),
            contacts: Arc::default(),
        };
        let (late, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let acts = u64::from(rate) * length.as_secs();
        let (third, ended) = (late.clone(), over.clone());
        let task = tokio::spawn(async move {
            let tally = office.work(StdRng::seed_from_u64(seed), rate, acts, &third).await;
            ended.store(true, Ordering::Release);
            tally
        });
        Self { task, late, over }
    }

    /// Whether the last third has begun.
    pub fn is_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// What was done, counted.
    pub async fn end(self) -> BTreeMap<&'static str, u64> {
        self.task.await.expect("the traffic ends")
    }
}

impl Office {
    async fn work(self, mut rng: StdRng, rate: u32, acts: u64, late: &AtomicBool) -> BTreeMap<&'static str, u64> {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
        let (mut doing, mut tally) = (JoinSet::new(), BTreeMap::new());
        let began = Instant::now();
        for number in 0..acts {
            pace.tick().await;
            late.store(number >= acts / 3 * 2, Ordering::Release);
            let act = self.choose(&mut rng, number);
            *tally.entry(act.name()).or_default() += 1;
            let office = self.clone();
            doing.spawn(async move { office.carry_out(act).await });
            while doing.len() >= PEOPLE {
                doing.join_next().await;
            }
            while doing.try_join_next().is_some() {}
        }
        doing.join_all().await;
        println!("{acts} acts in {:.1} s", began.elapsed().as_secs_f64());
        tally
    }

    fn contacts(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choose(&self, rng: &mut StdRng, number: u64) -> Act {
        let mut contacts = self.contacts();
        let there = contacts.len();
        match rng.random_range(0..100) {
            _ if there < 20 => Act::Create(newcomer(number)),
            0..10 => Act::Create(newcomer(number)),
            10..18 if there > TOWN => Act::Delete(contacts.swap_remove(rng.random_range(0..there))),
            _ => {
                let phone = json!({"phone": phone(number)});
                Act::Update(contacts[rng.random_range(0..there)].clone(), phone)
            }
        }
    }

    async fn carry_out(self, act: Act) {
        match act {
            Act::Create(contact) => {
                let made = self.call(Method::POST, "", Some(contact)).await;
                self.contacts().push(crate::world::text(&made["contact"], "id"));
            }
            Act::Update(id, fields) => drop(self.call(Method::PUT, &format!("/{id}"), Some(fields)).await),
            Act::Delete(id) => drop(self.call(Method::DELETE, &format!("/{id}"), None).await),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the CRM answers");
        // Somebody else deleted the contact a moment ago.
        assert!(answer.status().is_success() || answer.status() == 404, "{}", answer.status());
        answer.json().await.unwrap_or(Value::Null)
    }
}

impl Act {
    fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "created",
            Self::Update(..) => "changed",
            Self::Delete(_) => "deleted",
        }
    }
}

fn newcomer(number: u64) -> Value {
    json!({
        "firstName": "Aimée", "lastName": format!("Tremblay{number}"), "email": format!("c{number}@example.com"),
        "phone": phone(number),
    })
}

/// A number of nobody else's.
fn phone(number: u64) -> String {
    format!("+1514{:07}", 2_000_000 + number)
}
