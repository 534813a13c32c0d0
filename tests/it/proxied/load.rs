//! Many senders at once, while the proxy is reloaded and the service is restarted, killed and gone for a while.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Client;
use serde_json::json;

use super::{Kind, Stage};
use crate::world::{judge::person, until};

const SENDERS: usize = 6;
const CONTACTS: usize = 30;

/// What senders heard.
#[derive(Default)]
struct Heard {
    /// Deliveries acknowledged, in all.
    taken: AtomicUsize,
    /// Deliveries put off, in all.
    put_off: AtomicUsize,
    enough: AtomicBool,
}

/// A sender as CRMs are: on 429, or on no answer, the same event comes again.
async fn sender(
    client: Client,
    url: String,
    events: Vec<(String, String, String)>,
    heard: Arc<Heard>,
) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for (contact, body, signature) in events.into_iter().cycle() {
        loop {
            let request = client.post(&url).header("content-type", "application/json");
            let answer = request.header("X-GHL-Signature", &signature).body(body.clone()).send().await;
            match answer.map(|answer| (answer.status().as_u16(), answer.headers().contains_key("retry-after"))) {
                Ok((202, _)) => break,
                Ok((429, true)) => drop(heard.put_off.fetch_add(1, Ordering::Relaxed)),
                Ok(other) => panic!("a sender was answered {other:?}"),
                // A connection that the proxy was just closing: nothing was acknowledged.
                Err(error) => assert!(!error.is_timeout(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        *taken.entry(contact).or_insert(0) += 1;
        heard.taken.fetch_add(1, Ordering::Relaxed);
        if heard.enough.load(Ordering::Relaxed) {
            return taken;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    taken
}

impl Heard {
    /// Waits until so many more were taken.
    async fn more(&self, deliveries: usize) {
        let wanted = self.taken.load(Ordering::Relaxed) + deliveries;
        until("deliveries to be taken", async || self.taken.load(Ordering::Relaxed) >= wanted).await;
    }
}

pub async fn story(kind: Kind) {
    let mut stage = Stage::open(kind).await;
    let mut contacts = Vec::new();
    for number in 0..CONTACTS {
        contacts.push(stage.post.world.crm_create(person("Load", number)).await);
    }
    let (heard, url) = (Arc::new(Heard::default()), stage.url("/webhooks/centiva"));
    let events = |number: usize| {
        let own = contacts.iter().skip(number).step_by(SENDERS);
        own.map(|contact| {
            let (body, signature) = stage.post.world.told_of(contact);
            (contact.clone(), body, signature)
        })
        .collect::<Vec<_>>()
    };
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let client = stage.proxy.client("127.0.0.1");
            tokio::spawn(sender(client, url.clone(), events(number), heard.clone()))
        })
        .collect();

    for _ in 0..3 {
        heard.more(50).await;
        stage.proxy.reload();
    }
    heard.more(50).await;
    let before = heard.put_off.load(Ordering::Relaxed);
    assert_eq!(before, 0, "a reload of the proxy puts nobody off");

    stage.post.end().await;
    stage.post.start().await;
    heard.more(50).await;
    stage.post.process.as_ref().expect("it runs").victim().kill();
    // Gone for as long as it takes everybody to notice, and the proxy is reloaded meanwhile.
    let now = heard.put_off.load(Ordering::Relaxed);
    until("senders to be put off", async || heard.put_off.load(Ordering::Relaxed) > now + SENDERS).await;
    stage.proxy.reload();
    let now = heard.put_off.load(Ordering::Relaxed);
    until("senders to be put off", async || heard.put_off.load(Ordering::Relaxed) > now + SENDERS).await;
    stage.post.start().await;
    heard.more(100).await;
    heard.enough.store(true, Ordering::Relaxed);

    let mut stored = BTreeMap::new();
    let mut taken = BTreeMap::new();
    for sender in senders {
        taken.extend(sender.await.expect("no sender was answered anything but 202 or 429"));
    }
    for contact in stage.post.stored().await {
        *stored.entry(contact).or_insert(0_usize) += 1;
    }
    for (contact, times) in &taken {
        let stored = stored.get(contact).copied().unwrap_or_default();
        assert!(stored >= *times, "{contact} was acknowledged {times} times and is stored {stored} times");
    }
    until("everything to be worked off", async || stage.post.service.left().await == (0, 0)).await;
    assert_eq!(stage.post.world.wrongs().await, [""; 0]);
    stage.post.service.nothing_left().await;
    let figures =
        json!({"acknowledged": taken.values().sum::<usize>(), "put off": heard.put_off.load(Ordering::Relaxed)});
    println!("{kind:?}: {figures}");
}
