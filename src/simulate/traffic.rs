//! Live traffic: people working in the pretend CRM at a steady pace, with the accidents that webhooks have, and faults
//! on the other side at random moments.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::people::{Supply, change, newcomer};

/// What to play.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Decides what happens and when.
    pub seed: u64,
    /// Base URL of the pretend CRM, without a slash at the end.
    pub crm_url: String,
    /// The location whose people work.
    pub location: String,
    /// Virtual time to play for.
    pub duration: Duration,
    /// Virtual seconds per real second.
    pub speed: f64,
    /// Actions per virtual minute.
    pub per_minute: f64,
    /// Sent once each, spread over the time at random.
    pub faults: Vec<FaultRequest>,
}

/// A request to a control API, such as the pretend Google's.
#[derive(Clone, Debug)]
pub struct FaultRequest {
    /// Posted to.
    pub url: String,
    /// Posted as JSON.
    pub body: Value,
}

/// What was played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Played {
    /// Contacts created.
    pub created: usize,
    /// Contacts changed.
    pub updated: usize,
    /// Contacts deleted.
    pub deleted: usize,
    /// Events sent several times.
    pub duplicated: usize,
    /// Pairs of changes whose events arrive in the wrong order.
    pub disordered: usize,
    /// Events with a signature that does not verify.
    pub forged: usize,
    /// Fault requests accepted.
    pub faults: usize,
    /// Requests that a control API refused or did not answer.
    pub refused: usize,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Create,
    Update,
    Delete,
    Duplicate,
    Disorder,
    Forge,
}

/// The middle of newcomers' phone numbers; a town's is another.
const EXCHANGE: u32 = 557;

/// Plays until the time is over or `shutdown`. Nothing is drawn from a clock, so the same seed plays the same actions.
pub async fn play(options: Traffic, shutdown: CancellationToken) -> Played {
    let mut player = Player {
        supply: Supply::new(options.seed, EXCHANGE),
        // Simulators are near: a proxy of the environment is not for them.
        http: reqwest::Client::builder().no_proxy().build().unwrap_or_default(),
        base: format!("{}/control/locations/{}/contacts", options.crm_url, options.location),
        contacts: Vec::new(),
        played: Played::default(),
    };
    player.read_contacts().await;
    let actions = (options.duration.as_secs_f64() / 60.0 * options.per_minute).round().max(0.0);
    let pause = options.duration.as_secs_f64() / actions.max(1.0) / options.speed;
    // A speed of nothing waits for the shutdown.
    let pause = Duration::try_from_secs_f64(pause).unwrap_or(Duration::MAX);
    let actions = actions as usize;
    let mut due = schedule(options.faults, actions, &mut player.supply.rng);
    for n in 0..actions {
        let rest = shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
        if rest.is_none() {
            break;
        }
        while let Some((_, fault)) = due.pop_if(|(at, _)| *at <= n) {
            player.fault(&fault).await;
        }
        player.act().await;
    }
    player.played
}

/// Faults with the number of the action they come before, the last one first.
fn schedule(faults: Vec<FaultRequest>, actions: usize, rng: &mut StdRng) -> Vec<(usize, FaultRequest)> {
    let mut due: Vec<_> = faults.into_iter().map(|fault| (rng.random_range(0..actions.max(1)), fault)).collect();
    due.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    due
}

fn next_act(rng: &mut StdRng) -> Act {
    match rng.random_range(0..100) {
        0..20 => Act::Create,
        20..70 => Act::Update,
        70..78 => Act::Delete,
        78..86 => Act::Duplicate,
        86..94 => Act::Disorder,
        _ => Act::Forge,
    }
}

struct Player {
    supply: Supply,
    http: reqwest::Client,
    base: String,
    /// Ids of the contacts there are.
    contacts: Vec<String>,
    played: Played,
}

impl Player {
    async fn read_contacts(&mut self) {
        let Some(dump) = self.call(reqwest::Method::GET, "", None).await else { return };
        let ids = dump["contacts"].as_array().into_iter().flatten().filter_map(|contact| contact["id"].as_str());
        self.contacts = ids.map(str::to_owned).collect();
    }

    async fn act(&mut self) {
        let act = if self.contacts.is_empty() { Act::Create } else { next_act(&mut self.supply.rng) };
        match act {
            Act::Create => self.create().await,
            Act::Delete => self.delete().await,
            Act::Update => {
                let done = self.update("").await;
                self.played.updated += usize::from(done);
            }
            Act::Duplicate => {
                let done = self.update("?copies=2&delayMs=20").await;
                self.played.duplicated += usize::from(done);
            }
            Act::Disorder => self.disorder().await,
            Act::Forge => self.forge().await,
        }
    }

    async fn create(&mut self) {
        let body = newcomer(&mut self.supply);
        if let Some(answer) = self.call(reqwest::Method::POST, "", Some(body)).await {
            self.contacts.extend(answer["contact"]["id"].as_str().map(str::to_owned));
            self.played.created += 1;
        }
    }

    async fn update(&mut self, manner: &str) -> bool {
        let (path, body) = (format!("/{}{manner}", self.someone()), change(&mut self.supply));
        self.call(reqwest::Method::PUT, &path, Some(body)).await.is_some()
    }

    async fn delete(&mut self) {
        let at = self.supply.rng.random_range(0..self.contacts.len());
        let id = self.contacts.swap_remove(at);
        let done = self.call(reqwest::Method::DELETE, &format!("/{id}"), None).await;
        self.played.deleted += usize::from(done.is_some());
    }

    /// Two changes of one contact; the event of the first comes after that of the second.
    async fn disorder(&mut self) {
        let id = self.someone();
        let (first, second) = (change(&mut self.supply), change(&mut self.supply));
        let late = self.call(reqwest::Method::PUT, &format!("/{id}?delayMs=200"), Some(first)).await;
        let early = self.call(reqwest::Method::PUT, &format!("/{id}"), Some(second)).await;
        self.played.disordered += usize::from(late.is_some() && early.is_some());
    }

    /// A stranger's deletion of a contact that exists: it must not be believed.
    async fn forge(&mut self) {
        let path = format!("/{}/send?wrongSignature=true", self.someone());
        let done = self.call(reqwest::Method::POST, &path, Some(json!({"type": "ContactDelete"}))).await;
        self.played.forged += usize::from(done.is_some());
    }

    /// Any contact; the caller has seen that there is one.
    fn someone(&mut self) -> String {
        let at = self.supply.rng.random_range(0..self.contacts.len().max(1));
        self.contacts.get(at).cloned().unwrap_or_default()
    }

    async fn fault(&mut self, fault: &FaultRequest) {
        let answer = self.http.post(&fault.url).json(&fault.body).send().await;
        let taken = answer.is_ok_and(|answer| answer.status().is_success());
        self.played.faults += usize::from(taken);
        self.played.refused += usize::from(!taken);
    }

    /// The answer of the CRM's control API; `None` is counted as refused.
    async fn call(&mut self, method: reqwest::Method, path: &str, body: Option<Value>) -> Option<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let answer = match answer {
            Ok(answer) => answer.json().await.ok(),
            Err(_) => None,
        };
        self.played.refused += usize::from(answer.is_none());
        answer
    }
}
