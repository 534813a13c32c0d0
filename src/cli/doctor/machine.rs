//! This machine: the secret key, the data directory, the workers.

use super::Check;
use crate::{admin::health::worker_alive, app::foundation::Foundation, config::Settings};

pub(super) async fn checks(foundation: &Foundation, settings: &Settings) -> Vec<Check> {
    let worker = match worker_alive(&foundation.pool).await {
        Ok(true) => Check::ok("workers", "A worker is running."),
        Ok(false) => {
            Check::problem("workers", "No worker is running: nothing is written to Google.", "Start `carnet serve`.")
        }
        Err(error) => Check::failed("workers", &error),
    };
    vec![secret_key(settings), data_dir(settings), snapshot(foundation), worker]
}

/// The key has opened the snapshot by now, or nothing had been sealed yet: opening the foundation reads it.
fn secret_key(settings: &Settings) -> Check {
    let backup = "Without it the stored credentials cannot be opened.";
    match &settings.secret_key {
        Some(_) => Check::ok("secret key", format!("CARNET_SECRET_KEY is set; keep a copy of it elsewhere. {backup}")),
        None => {
            let path = settings.data_dir.join("secret.key");
            Check::ok("secret key", format!("It is in {}; keep a copy of it elsewhere. {backup}", path.display()))
        }
    }
}

fn data_dir(settings: &Settings) -> Check {
    let dir = &settings.data_dir;
    let probe = dir.join(format!("doctor-{}", std::process::id()));
    let tried = std::fs::write(&probe, b"can this be written?").and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => Check::ok("data directory", format!("{} can be written.", dir.display())),
        Err(error) => Check::problem(
            "data directory",
            format!("{} cannot be written: {error}.", dir.display()),
            "Give Carnet's user the right to write there, and see that the disk is not full.",
        ),
    }
}

fn snapshot(foundation: &Foundation) -> Check {
    match foundation.registry.read_file() {
        Ok(Some(snapshot)) => {
            let revision = snapshot.registry.revision;
            Check::ok("snapshot", format!("The sealed copy of the configuration can be read (revision {revision})."))
        }
        Ok(None) => Check::problem(
            "snapshot",
            "There is no sealed copy of the configuration: a lost Redis could not be made up for.",
            "Start `carnet serve`, which writes it.",
        ),
        Err(error) => Check::failed("snapshot", &error),
    }
}
