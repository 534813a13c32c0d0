//! What the audit log says of a command: who asked for what, before it is done. Commands that only look are not in it.

use std::sync::OnceLock;

use crate::{
    app::foundation::{Foundation, StartError},
    config::Settings,
    store::{
        StoreError,
        audit::{Deed, note},
        pool::Pool,
    },
};

/// What this process was asked to change; a process is one command.
static ASKED: OnceLock<String> = OnceLock::new();

/// Commands that change something, or show what is masked elsewhere.
const CHANGES: &[(&str, &[&str])] = &[
    ("apply", &[]),
    ("sync", &["apply", "cancel", "leave", "pause", "resume", "run", "undo"]),
    ("dead", &["discard", "replay", "show"]),
    ("needs", &["create", "link", "skip"]),
    ("brake", &["allow", "discard"]),
    ("contact", &["restore"]),
    ("token", &["create", "revoke"]),
    ("keys", &["retire", "rotate"]),
    ("backup", &[]),
    ("restore", &[]),
    ("forget", &[]),
];

/// Of this one nothing else is written down: it names a person.
const NAMES_SOMEBODY: &str = "forget";

/// Options whose values are not written down: they are long, or name persons.
const UNSAID: &[&str] = &["--because", "--config"];

/// Takes note of what is asked for; it is written down once the foundation is open.
pub fn asked(arguments: impl Iterator<Item = String>) {
    if let Some(said) = said(&arguments.collect::<Vec<_>>()) {
        ASKED.set(said).ok();
    }
}

/// Opens the foundation, and writes down what was asked for.
pub async fn open(settings: &Settings) -> Result<Foundation, StartError> {
    let foundation = Foundation::open(settings).await?;
    write_down(&foundation.pool).await?;
    Ok(foundation)
}

/// Writes down what was asked for.
pub async fn write_down(pool: &Pool) -> Result<(), StoreError> {
    if let Some(action) = ASKED.get() {
        let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        let user = user.filter(|user| user.len() <= 60 && user.chars().all(|c| c.is_ascii_graphic()));
        let actor = format!("command line ({})", user.as_deref().unwrap_or("unknown"));
        note(pool, &Deed::new(actor, action, "asked")).await?;
    }
    Ok(())
}

/// The command without what is not to be written down; `None` if it only looks.
fn said(arguments: &[String]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut is_unsaid = false;
    for argument in arguments {
        let argument = argument.as_str();
        if std::mem::take(&mut is_unsaid) || argument == "--json" {
            continue;
        }
        let name = argument.split('=').next().unwrap_or_default();
        if UNSAID.contains(&name) {
            is_unsaid = name == argument;
            continue;
        }
        kept.push(argument);
    }
    let first = kept.first()?;
    if *first == NAMES_SOMEBODY {
        return Some(NAMES_SOMEBODY.to_owned());
    }
    let (_, changes) = CHANGES.iter().find(|(command, _)| command == first)?;
    let second = kept.get(1).copied().unwrap_or_default();
    let is_look = second == "show" && !kept.contains(&"--reveal");
    (changes.is_empty() || (changes.contains(&second) && !is_look)).then(|| kept.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn of(line: &str) -> Option<String> {
        said(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_changes_something_is_written_down_without_what_is_nobodys_business() {
        for (line, expected) in [
            ("sync run phone --json", Some("sync run phone")),
            ("--config /etc/carnet.toml sync pause phone", Some("sync pause phone")),
            ("dead discard --all --because Aimée --yes", Some("dead discard --all --yes")),
            ("dead discard 1-1 --because=Aimée", Some("dead discard 1-1")),
            ("dead show 1-1 --reveal", Some("dead show 1-1 --reveal")),
            ("forget aimee@example.com --yes", Some("forget")),
            ("dead show 1-1", None),
            ("sync list", None),
            ("apply carnet.toml", Some("apply carnet.toml")),
            ("serve", None),
        ] {
            assert_eq!(of(line).as_deref(), expected, "{line}");
        }
    }

    /// Commands that only look, run the service, or touch nothing that is kept.
    const LOOKS: &[&str] = &[
        "serve",
        "demo",
        "export",
        "alive",
        "doctor",
        "sign",
        "sim",
        "alerts list",
        "alerts test",
        "audit",
        "brake list",
        "contact refused",
        "contact show",
        "dead list",
        "needs list",
        "sync list",
        "sync preview",
        "sync report",
        "sync runs",
        "token list",
        "keys list",
    ];

    #[test]
    fn every_command_either_looks_or_is_written_down() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            let inner: Vec<&str> =
                command.get_subcommands().map(clap::Command::get_name).filter(|n| *n != "help").collect();
            let lines = match inner.is_empty() || LOOKS.contains(&command.get_name()) {
                true => vec![command.get_name().to_owned()],
                false => inner.iter().map(|name| format!("{} {name}", command.get_name())).collect(),
            };
            for line in lines {
                let is_change = of(&format!("{line} --reveal")).is_some();
                assert!(is_change != LOOKS.contains(&line.as_str()), "\"{line}\" is in neither list, or in both");
            }
        }
    }
}
