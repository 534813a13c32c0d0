//! What an undo would do, without doing it.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{super::drafts::sit_out, UndoError, What, collect::collect};
use crate::{
    claim::{Account, Tools},
    plan::undo::{Left, Reversal},
    store::current::SyncSpec,
    work::{Asked, How, Looked, look},
};

/// Contacts looked at while the Google account is held.
const CHUNK: usize = 200;
/// The id of an operation that is none.
const PREVIEW: &str = "preview";
/// How long the account is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an undo would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndoPlan {
    /// The sync.
    pub sync: String,
    /// The run that is undone; none when the sync leaves.
    pub run: Option<String>,
    /// How its contacts are dealt with.
    pub how: How,
    /// Made by it, and as it left them: to Google's trash.
    pub trash: u64,
    /// Back to what they were.
    pub back: u64,
    /// Nothing to do: gone from Google, or as they were already.
    pub nothing: u64,
    /// Contacts of which something stays as it is.
    pub stays: Vec<Stays>,
    /// Whether the journal still holds everything that it wrote.
    pub whole: bool,
}

/// A contact of which something stays, by ids; never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stays {
    /// The CRM contact.
    pub contact: String,
    /// The Google contact.
    pub resource: String,
    /// The fields that stay, as Google calls them; none named means all of it.
    pub fields: Vec<&'static str>,
    /// Why, in words.
    pub why: String,
    /// The rest of it goes back.
    pub partly: bool,
}

/// Reads the journal and the persons as they are, and decides as the run itself would.
pub async fn plan(tools: &Arc<Tools>, sync: &Arc<SyncSpec>, what: &What) -> Result<UndoPlan, UndoError> {
    let google = sync.google.as_ref().ok_or_else(|| UndoError::NotConnected(sync.spec.google.clone()))?;
    let collected = collect(tools, sync, what).await?;
    let mut plan = UndoPlan {
        sync: sync.spec.name.clone(),
        run: what.of().map(str::to_owned),
        how: what.how(),
        trash: 0,
        back: 0,
        nothing: 0,
        stays: Vec::new(),
        whole: collected.is_whole,
    };
    let current = tools.now();
    let contacts: Vec<(String, Asked)> = collected.contacts.into_iter().collect();
    let (mut chunks, mut failures) = (contacts.chunks(CHUNK).peekable(), 0);
    while let Some(chunk) = chunks.peek() {
        let mut account = Account::claim_within(tools, google, PATIENCE).await?.ok_or(UndoError::Busy)?;
        let looked = look(&mut account, sync, &current, PREVIEW, chunk).await;
        account.release().await?;
        match looked {
            Ok(looked) => {
                looked.into_iter().for_each(|looked| plan.count(looked));
                chunks.next();
                failures = 0;
            }
            // Whoever works is let in meanwhile.
            Err(halt) => sit_out(tools, halt, &mut failures).await?,
        }
    }
    Ok(plan)
}

impl UndoPlan {
    fn count(&mut self, looked: Looked) {
        match looked.reversal.clone() {
            Some(Reversal::Trash { .. }) => self.trash += 1,
            Some(Reversal::Update { left: None, .. } | Reversal::Done) => self.back += 1,
            Some(Reversal::Update { left: Some(left), .. }) => self.keep(looked, left, true),
            Some(Reversal::Stays(left)) => self.keep(looked, left, false),
            Some(Reversal::Nothing) if self.how.leaves() && looked.person.is_some() => self.back += 1,
            Some(Reversal::Nothing) => self.nothing += 1,
            // It is read again when its turn comes.
            None => self.back += 1,
        }
    }

    fn keep(&mut self, looked: Looked, left: Left, partly: bool) {
        let Looked { contact, resource, .. } = looked;
        let fields = left.fields.iter().map(|field| field.mask()).collect();
        self.stays.push(Stays { contact, resource, fields, why: left.why.to_string(), partly });
    }
}

impl std::fmt::Display for UndoPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sync, run, how, trash, back, nothing, stays, whole } = self;
        let all = match how {
            How::Undo => "go back to what they were",
            How::LeaveKeep => "stay and are let go of",
            How::LeaveUnlabel => "lose the label and are let go of",
            How::LeaveUndo => "go back to what they were, and are let go of",
        };
        match run {
            Some(run) => write!(f, "Undo of run {run} of {sync}: ")?,
            None => write!(f, "Leaving {sync}: ")?,
        }
        write!(
            f,
            "{trash} contacts that it made go to Google's trash, {back} {all}, of {} something stays as it is, for {nothing} \
             there is nothing to do.",
            stays.len()
        )?;
        if !whole {
            write!(f, "\nThe journal no longer holds everything that it wrote: what it wrote first stays as it is.")?;
        }
        Ok(())
    }
}
