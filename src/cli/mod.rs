//! The command line. Exit code 0: done, 1: failed, 2: not understood.

mod alerts;
mod alive;
mod apply;
mod audit;
mod backup;
mod brake;
mod contact;
mod control;
mod dead;
mod declared_file;
mod deed;
mod demo;
mod desk;
mod doctor;
mod forget;
mod keys;
mod needs;
mod output;
mod preview;
mod progress;
mod run;
mod serve;
mod sign;
mod sim;
mod sync;
mod token;
mod tools;
mod undo;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{config::Settings, telemetry};

pub use apply::{Applied, apply_declared};

/// Keeps Google Contacts, and so the phone, in step with a CRM.
#[derive(Debug, Parser)]
#[command(name = "carnet", version, about, max_term_width = 120)]
struct Cli {
    /// TOML file with the CARNET_ settings; the environment wins.
    #[arg(long, global = true, env = "CARNET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of sentences.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: webhooks and workers.
    Serve(serve::Serve),
    /// Try everything on this machine, between a pretend CRM and a pretend Google.
    Demo(demo::Demo),
    /// Make declared state (CRMs, Google accounts, syncs) as a file says.
    Apply(apply::Apply),
    /// Print declared state; secrets stay sealed or references.
    Export,
    /// Look at syncs and run them.
    Sync(sync::Sync),
    /// Dead letters: contacts that cannot succeed as they are.
    Dead(dead::Dead),
    /// Questions that a person must decide.
    Needs(needs::Needs),
    /// What is wrong now, and whether alerts arrive.
    Alerts(alerts::Alerts),
    /// Who asked for what.
    Audit(audit::Audit),
    /// Tokens of the API.
    Token(token::Token),
    /// Contacts that a sync was stopped from removing or overwriting, because they were too many.
    Brake(brake::Brake),
    /// Where a contact is, and back with those that were deleted or whose label was taken off.
    Contact(contact::Contact),
    /// Erase a person from everything that Carnet holds.
    Forget(forget::Forget),
    /// Write everything that Redis holds into one sealed file, while the service runs.
    Backup(backup::Backup),
    /// Put a backup into an empty Redis, while the service is stopped.
    Restore(backup::Restore),
    /// The secret keys that seal credentials: list, rotate, retire.
    Keys(keys::Keys),
    /// Whether the service answers on this machine: for health checks of containers.
    Alive,
    /// Look whether everything is well, and what to do about what is not.
    Doctor(doctor::Doctor),
    /// Sign a sample delivery and print the curl command that posts it.
    Sign(sign::Sign),
    /// A pretend Google or CRM, for trying things out.
    Sim(sim::Sim),
}

impl Command {
    /// What is logged when nothing is configured: people who run a command want its answer.
    fn log(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            // Its key guards nothing but pretend secrets: no need to ask for a backup.
            Self::Demo(_) => "warn,carnet::app::foundation=error",
            _ => "warn",
        }
    }
}

/// Runs the command of this process.
pub async fn run() -> ExitCode {
    // clap prints what it did not understand and ends with 2 by itself.
    let cli = Cli::parse();
    deed::asked(std::env::args().skip(1));
    let settings = match Settings::read(cli.config.as_deref()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("carnet: {error}");
            return ExitCode::from(2);
        }
    };
    telemetry::start_logs(settings.log.as_deref().unwrap_or(cli.command.log()), settings.log_format);
    let json = cli.json;
    let done = match cli.command {
        Command::Serve(command) => command.run(settings).await,
        Command::Demo(command) => match command.run(settings.log, json).await {
            // What differs has been printed.
            Ok(false) => return ExitCode::FAILURE,
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        },
        Command::Apply(command) => command.run(settings, json).await,
        Command::Export => apply::export(settings, json).await,
        Command::Sync(command) => command.run(settings, json).await,
        Command::Dead(command) => command.run(settings, json).await,
        Command::Needs(command) => command.run(settings, json).await,
        Command::Alerts(command) => command.run(settings, json).await,
        Command::Audit(command) => command.run(settings, json).await,
        Command::Token(command) => command.run(settings, json).await,
        Command::Brake(command) => command.run(settings, json).await,
        Command::Contact(command) => command.run(settings, json).await,
        Command::Forget(command) => command.run(settings, json).await,
        Command::Backup(command) => command.run(settings, json).await,
        Command::Restore(command) => command.run(settings, json).await,
        Command::Keys(command) => command.run(settings, json).await,
        Command::Alive => alive::run(settings, json).await,
        Command::Doctor(command) => match command.run(settings, json).await {
            Ok(true) => Ok(()),
            // The report has said why.
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Sign(command) => command.run(settings, json).await,
        Command::Sim(command) => command.run(json).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if json {
                println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            } else {
                eprintln!("carnet: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
