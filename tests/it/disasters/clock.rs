//! The clock of Carnet's machine jumps while it runs, as it does when somebody mends it.

use std::{fs, path::PathBuf, process::Command};

use serde_json::json;

use super::Scene;
use crate::world::{World, judge::phone, server::RedisServer, until};

/// A clock for one process (`libfaketime`), as far off as a file says.
struct Clock {
    file: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Clock {
    fn of(world: &World) -> Self {
        let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
        let library = String::from_utf8(library.expect("faketime is installed").stdout).expect("a path");
        let file = world.dir.path().join("clock");
        fs::write(&file, "+0").expect("a file");
        let environment = vec![
            ("LD_PRELOAD", library.trim().to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".into()),
            // What only counts seconds goes on as before, as it does on a real machine.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        Self { file, environment }
    }

    fn is_off_by(&self, seconds: i64) {
        // In one step: the process may look at any moment.
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{seconds:+}")).expect("a file");
        fs::rename(next, &self.file).expect("a file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ten_minutes_either_way_loses_nothing_and_doubles_nobody() {
    let redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let clock = Clock::of(&world);
    let mut scene = Scene::open(world, &redis.url(), &clock.environment).await;
    scene.make(3).await;
    scene.service.quiet(&scene.world).await;
    let (mut was, mut forward) = (0, 0);
    for seconds in [600, 0, -600, 0] {
        // Some are on their way when it jumps, answers that nobody heard among them.
        scene.world.google_fault(json!({"match": "people.", "kind": "drop", "when": "after", "times": 2})).await;
        scene.make(8).await;
        clock.is_off_by(seconds);
        scene.make(3).await;
        let changed = scene.world.crm_dump().await;
        let changed = crate::world::text(&changed[0], "id");
        scene.world.crm_update(&changed, json!({"phone": phone(5_000 + scene.people)})).await;
        until("everything to be done", async || scene.service.left().await == (0, 0)).await;
        scene.service.quiet(&scene.world).await;
        if seconds > was {
            forward += 1;
            until("the clock to be followed", async || scene.log_says("clock is followed") == forward).await;
        }
        was = seconds;
        let wrongs = scene.world.wrongs().await;
        assert!(wrongs.is_empty(), "off by {seconds}: {wrongs:#?}\n{}", scene.world.log("carnet"));
    }
    let log = scene.world.log("carnet");
    for sentence in ["set forward by 600 s", "set back by 600 s"] {
        assert!(log.contains(sentence), "{sentence}: {log}");
    }
    scene.all_is_done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_a_clock_that_is_off() {
    let redis = RedisServer::start().await;
    let mut world = World::new().await;
    world.set("CARNET_REDIS_URL", redis.url());
    let clock = Clock::of(&world);
    let mut scene = Scene::open(world, &redis.url(), &[]).await;
    scene.settings.extend(clock.environment.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    for (seconds, says) in [(600, "ahead"), (-600, "behind")] {
        clock.is_off_by(seconds);
        for whom in ["Redis", "Google", "the CRM"] {
            let (state, said) = scene.doctor(&format!("clock against {whom}"));
            assert!(state == "warning" && said.contains(says), "{whom}, {seconds}: {state}: {said}");
        }
    }
}
