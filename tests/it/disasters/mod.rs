//! What an operator's machine does to the service: a full disk, a Redis that is full or set up so that it forgets, a clock that
//! jumps. Each is said in a sentence, nothing that was acknowledged is lost, and it goes on by itself once it is mended.

mod clock;
mod disk;
mod memory;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{
    Service, World,
    front::Front,
    judge::person,
    process::{Process, free_address},
    until,
};

/// A service as a process of its own, behind a reverse proxy.
struct Scene {
    world: World,
    settings: BTreeMap<String, String>,
    service: Service,
    _process: Process,
    _front: Front,
    people: usize,
}

impl Scene {
    /// Over this Redis; `more` are variables of the process that are no settings.
    async fn open(world: World, redis: &str, more: &[(&str, String)]) -> Self {
        let settings = world.settings(&free_address().await);
        let mut environment = settings.clone();
        environment.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let _process = world.spawn("carnet", &environment, &["serve"]);
        // Of a private Redis there is nothing to apply to before.
        until("the service to be there", async || {
            world.http.get(format!("{}/readyz", settings["CARNET_PUBLIC_URL"])).send().await.is_ok()
        })
        .await;
        world.apply_with(&settings);
        let service = world.watch_when_ready(redis, &settings).await;
        until("the running service to know the CRM", async || world.knock(&service.url, "nobody").await.0 == 202).await;
        let front = Front::open(&service.url).await;
        world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", front.url)})).await;
        Self { world, settings, service, _process, _front: front, people: 0 }
    }

    /// New contacts, whose webhooks are under way when this returns.
    async fn make(&mut self, contacts: usize) {
        for _ in 0..contacts {
            self.people += 1;
            self.world.crm_create(person("New", self.people)).await;
        }
    }

    /// Everybody is in Google once, and nothing is left; without a reconcile, and then with one.
    async fn all_is_done(&self) {
        self.service.quiet(&self.world).await;
        for round in 0..2 {
            let wrongs = self.world.wrongs().await;
            assert!(wrongs.is_empty(), "round {round}: {wrongs:#?}\n{}", self.world.log("carnet"));
            assert_eq!(self.world.people().await.len(), self.people, "round {round}");
            self.service.reconcile().await;
            self.service.quiet(&self.world).await;
        }
        self.service.nothing_left().await;
    }

    /// Senders are asked to come again.
    async fn refuses(&self) {
        until("a webhook to be refused", async || {
            let (status, after) = self.world.knock(&self.service.url, "nobody").await;
            assert!([202, 429].contains(&status), "{status}");
            status == 429 && after.is_some()
        })
        .await;
    }

    /// How often the service has logged these words.
    fn log_says(&self, words: &str) -> usize {
        self.world.log("carnet").matches(words).count()
    }

    /// What `carnet doctor` says of something, and how bad it finds it.
    fn doctor(&self, about: &str) -> (String, String) {
        let said = self.world.command_any(&self.settings, &["doctor", "--json"]);
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {said}"));
        let found = report["checks"].as_array().into_iter().flatten().find(|check| check["name"] == about);
        let found = found.unwrap_or_else(|| panic!("nothing about {about} in {report:#}"));
        (crate::world::text(found, "state"), format!("{} {}", found["says"], found["todo"]))
    }
}
