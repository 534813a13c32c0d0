//! `carnet needs`: questions that only a person can decide.

use clap::{Args, Subcommand};

use crate::{
    answers::{Answer, Desk, Question, Refused},
    config::Settings,
};

use super::{
    desk::{desk, opened},
    output,
};

/// Questions that a person must decide.
#[derive(Debug, Args)]
pub struct Needs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All questions with their candidates.
    List,
    /// The CRM contact is this Google contact.
    Link {
        /// The CRM contact's id.
        contact: String,
        /// The Google contact, `people/c…`.
        resource: String,
        /// The sync that asks, when several ask about this contact.
        #[arg(long)]
        sync: Option<String>,
    },
    /// The CRM contact is nobody who is in Google: make a new one.
    Create {
        /// The CRM contact's id.
        contact: String,
        /// The sync that asks, when several ask about this contact.
        #[arg(long)]
        sync: Option<String>,
    },
    /// Leave the CRM contact out of Google, until it is restored.
    Skip {
        /// The CRM contact's id.
        contact: String,
        /// The sync that asks, when several ask about this contact.
        #[arg(long)]
        sync: Option<String>,
    },
}

impl Needs {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        opened(&settings, async |foundation, current| self.command.run(&desk(foundation, current), json).await).await
    }
}

impl Command {
    async fn run(self, desk: &Desk, json: bool) -> anyhow::Result<()> {
        let (contact, sync, answer) = match self {
            Self::List => {
                let questions = desk.questions().await?;
                return output::print(json, &questions, |questions| listed(questions, &desk.refused()));
            }
            Self::Link { contact, resource, sync } => (contact, sync, Answer::Link(resource)),
            Self::Create { contact, sync } => (contact, sync, Answer::Create),
            Self::Skip { contact, sync } => (contact, sync, Answer::Skip),
        };
        let question = desk.answer(&contact, sync.as_deref(), &answer).await?;
        let done = serde_json::json!({ "contact": contact, "sync": question.sync, "answer": answer });
        output::print(json, &done, |_| format!("Decided and remembered for {contact}."))
    }
}

fn listed(questions: &[Question], refused: &[Refused]) -> String {
    let mut lines = Vec::new();
    for question in questions {
        lines.push(format!("{}  ({}): {}", question.contact, question.sync, question.why));
        lines.extend(question.candidates.iter().map(|c| format!("    {}  {}", c.resource, c.evidence)));
    }
    lines.push(match questions {
        [] => "Nothing needs you.".into(),
        _ => "Decide with `carnet needs link CONTACT people/c…`, `create CONTACT` or `skip CONTACT`.".into(),
    });
    lines.extend(left_alone(refused));
    lines.join("\n")
}

/// How many contacts stay as their owners left them.
fn left_alone(refused: &[Refused]) -> Option<String> {
    let of = |code: &str| refused.iter().filter(|r| r.refusal == code).count();
    let parts: Vec<String> =
        [("deleted", "deleted in Google"), ("opted-out", "label taken off"), ("skipped", "left out")]
            .into_iter()
            .filter_map(|(code, words)| Some(of(code)).filter(|n| *n > 0).map(|n| format!("{n} {words}")))
            .collect();
    let told = || format!("Left alone: {}; `carnet contact refused` shows which.", parts.join(", "));
    (!parts.is_empty()).then(told)
}
