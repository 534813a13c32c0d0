//! `carnet demo`: the real service between a pretend CRM and a pretend Google, from nothing to live traffic. With `--exit`
//! it ends by comparing what the two sides hold.

mod home;
mod judged;
mod pace;
mod service;
mod weather;
mod world;

use std::{net::SocketAddr, path::PathBuf, time::Instant};

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    reconcile::{count, report},
    simulate::traffic::Played,
    store::runs::RunState,
};

use super::{progress::follow, serve::stop_on_signal, sync};
use judged::Judged;
use pace::Pace;
use service::Service;
use world::World;

/// A demonstration on this machine: nothing leaves it, and nothing is needed but redis-server.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the traffic, compare both sides field by field, and fail if anything differs.
    #[arg(long)]
    exit: bool,
    /// Contacts in the CRM.
    #[arg(long, value_name = "N", default_value_t = 500)]
    contacts: usize,
    /// Contacts that are in Google already; half of them are people of the CRM.
    #[arg(long, value_name = "N", default_value_t = 120)]
    google: usize,
    /// Decides who lives in the pretend town and what happens there.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many times faster than real time: the minute of traffic, delays, retries.
    #[arg(long, value_name = "X", default_value = "1")]
    speed: Pace,
    /// Where the service listens [default: 127.0.0.1:8080; with --exit any free port].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Keep everything in this directory, which must be new or empty, instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Demo {
    /// Whether all is well: with `--exit`, whether nothing differs.
    pub async fn run(self, log: Option<String>, json: bool) -> anyhow::Result<bool> {
        anyhow::ensure!(!json || self.exit, "--json prints what --exit found; give both");
        let stop = stop_on_signal()?;
        let home = home::Home::open(self.data_dir.clone())?;
        let weather = CancellationToken::new();
        let world = World::open(&self.town(), &self.speed, &weather).await;
        let done = match world {
            Ok(world) => self.with_service(&home, log, world, &stop, json).await,
            Err(error) => Err(error),
        };
        // The simulators go last: the service may still be finishing a call.
        weather.cancel();
        done
    }

    async fn with_service(
        &self,
        home: &home::Home,
        log: Option<String>,
        world: World,
        stop: &CancellationToken,
        json: bool,
    ) -> anyhow::Result<bool> {
        let mut service = Service::start(home.dir(), self.listen(), &self.speed, &world, log).await?;
        let story = Story { demo: self, world: &world, service: &service, json };
        let told = tokio::select! {
            told = story.tell(stop) => Some(told),
            () = stop.cancelled() => None,
            () = service.ended.cancelled() => None,
        };
        let stopped = service.stop().await;
        match told {
            Some(told) => told.and_then(|clean| stopped.map(|()| clean)),
            None => stopped.and_then(|()| {
                anyhow::ensure!(!self.exit, "stopped before anything was compared");
                Ok(true)
            }),
        }
    }

    fn listen(&self) -> SocketAddr {
        let port = if self.exit { 0 } else { 8080 };
        self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn town(&self) -> world::Wish {
        world::Wish { seed: self.seed, contacts: self.contacts, google: self.google }
    }
}

/// What is told, chapter by chapter.
struct Story<'a> {
    demo: &'a Demo,
    world: &'a World,
    service: &'a Service,
    json: bool,
}

impl Story<'_> {
    async fn tell(&self, stop: &CancellationToken) -> anyhow::Result<bool> {
        let began = Instant::now();
        self.say("A town to try it on", &self.world.describe());
        self.service.connect(self.world).await?;
        let current = self.service.current().await?;
        let sync = sync::named(&current, service::SYNC)?;
        let plan = count(&self.service.tools(&current)?, sync).await?;
        self.say("Preview: what would happen, nothing is written yet", &plan.to_string());

        self.head("First sync");
        let runs = sync::runs_of(&self.service.beside, sync);
        runs.want("asked").await?;
        let first = follow(&runs, None, !self.json).await?;
        self.tell_only(&report(&first));
        anyhow::ensure!(first.state == RunState::Done, "the first sync failed");

        self.head("A minute of live traffic");
        let played = weather::play(self.world, self.demo.seed, &self.demo.speed, !self.json).await?;
        self.tell_only(&describe(&played));
        if !self.demo.exit {
            self.service.repair_hourly(self.world).await?;
            self.say("Yours now", &self.service.describe(self.world));
            stop.cancelled().await;
            return Ok(true);
        }

        self.head("Is everything right?");
        let judged = Judged::after_quiet(self.service, self.world, sync, Some(&first.id), !self.json).await?;
        let clean = judged.verdict.is_clean();
        self.tell_only(&judged.describe());
        if self.json {
            let seconds = began.elapsed().as_secs_f64();
            let all = json!({
                "clean": clean, "seconds": seconds, "seed": self.demo.seed, "preview": plan, "first_run": first,
                "traffic": played, "last_run": judged.last_run, "waiting": judged.waiting, "verdict": judged.verdict,
            });
            println!("{}", serde_json::to_string_pretty(&all)?);
        } else {
            println!("\nThis took {:.0} s.", began.elapsed().as_secs_f64());
        }
        Ok(clean)
    }

    fn say(&self, head: &str, text: &str) {
        self.head(head);
        self.tell_only(text);
    }

    fn head(&self, head: &str) {
        if !self.json {
            println!("\n{head}\n");
        }
    }

    fn tell_only(&self, text: &str) {
        if !self.json {
            text.lines().for_each(|line| println!("  {line}"));
        }
    }
}

fn describe(played: &Played) -> String {
    let Played { created, updated, deleted, duplicated, disordered, forged, faults, refused } = played;
    let mut text = format!(
        "{created} contacts were created in the CRM, {updated} changed, {deleted} deleted. {duplicated} webhooks came several \
         times, {disordered} pairs in the wrong order, {forged} with a forged signature. Google had {faults} bad moments \
         (429 and 503)."
    );
    if *refused > 0 {
        text.push_str(&format!(" {refused} requests of the traffic itself were refused."));
    }
    text
}
