//! Writing down what became of a task: link, journal and clean mark in one step.

use crate::{
    claim::Tools,
    google::{
        failure::{Class, Failure},
        person::{Field, Person},
    },
    plan::merge::kept_in_words,
    queue::dead::{self, Attempt, DeadLetter},
    store::{
        StoreError,
        begun::Begun,
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        ledger::{Mark, Step},
    },
};

use super::{Deed, Pen, Task};

/// Where the tasks of one sync are settled.
pub struct Context<'a> {
    /// The sync.
    pub sync: &'a SyncSpec,
    /// Whose marks they are: the sync's own, or those of its undos.
    pub lane: &'a str,
    /// With what it is written down.
    pub pen: Pen<'a>,
    /// Settings and clients.
    pub tools: &'a Tools,
}

impl Context<'_> {
    /// Keys of its CRM account.
    pub fn keys(&self) -> CrmKeys {
        CrmKeys::new(&self.sync.account.key)
    }

    /// A task that Google did: what to write down. `after` is the person as Google answered; `None` for a trashed one.
    pub fn done(&self, task: &Task, after: Option<&Person>) -> Result<Step, StoreError> {
        let mut step = Step::of(&task.contact);
        step.answer(&task.mark);
        step.clean = true;
        step.count = Some(task.count);
        step.also = task.also;
        step.disown.clone_from(&task.disown);
        step.need = Some(None);
        if matches!(task.deed, Deed::Create { .. }) {
            step.intent = Some(None);
        }
        let link = task.link.clone().map(|link| match after {
            Some(after) => link.seen(after),
            None => link,
        });
        let linked = link.as_ref().filter(|link| after.is_some() && link.is_followed());
        step.own = linked.map(|link| link.resource.clone());
        step.link = Some(link.map(|link| encode("a link", &link)).transpose()?);
        step.ended = true;
        step.journal = Some(self.journal_entry(task, after)?);
        metrics::counter!("carnet_contacts_total", "result" => task.count).increment(1);
        Ok(step)
    }

    /// The note of a task that is about to leave: what is to be written down once it is done.
    pub fn begun(&self, task: &Task, op: String, after: Option<&Person>) -> Result<Begun, StoreError> {
        let link = task.link.as_ref().map(|link| encode("a link", link)).transpose()?;
        Ok(Begun { op, entry: self.journal_entry(task, after)?, link, disown: task.disown.clone() })
    }

    /// A task that failed in a way that concerns its contact alone.
    pub fn failed(&self, task: &Task, failure: &Failure) -> Step {
        let may_again = task.mark.tries < self.tools.settings.tune.retry_attempts;
        match failure.class() {
            Class::Validation => self.dead(task, "rejected_by_google", failure),
            // A dead letter when the tries are used up.
            _ if !may_again => self.dead(task, "google_keeps_failing", failure),
            // Somebody else wrote meanwhile: read and merge again, at once at first.
            Class::Etag | Class::Gone => self.again(&task.contact, &task.mark, "changed_meanwhile"),
            // Later, counted as a try.
            _ => self.again(&task.contact, &task.mark, "google_unavailable"),
        }
    }

    /// A step that puts the contact off, longer with each try.
    pub fn again(&self, contact: &str, mark: &Mark, why: &'static str) -> Step {
        let mut step = Step::of(contact);
        step.answer(mark);
        step.tries = Some(mark.tries + 1);
        let wait = crate::claim::backoff(&self.tools.settings.tune, mark.tries);
        step.due = Some(self.tools.pool.clock.now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        step.why = Some(why);
        step
    }

    fn dead(&self, task: &Task, reason: &str, failure: &Failure) -> Step {
        let (answer, path) = (answer(failure), path(failure));
        let why =
            GivenUp { reason, sentence: &failure.to_string(), path: &path, answer: &answer, reading: &task.reading };
        self.dead_letter(&task.contact, &task.mark, why)
    }

    /// A step that gives a contact up until it is replayed or changes.
    pub fn dead_letter(&self, contact: &str, mark: &Mark, why: GivenUp<'_>) -> Step {
        let GivenUp { reason, sentence, path, answer, reading } = why;
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        let now = time(self.tools.pool.clock.now_ms());
        let tried = mark.tried.iter().map(|tried| Attempt { at: time(tried.at), why: tried.why.clone() });
        let last = Attempt { at: now.clone(), why: reason.to_owned() };
        let mut step = Step::of(contact);
        step.answer(mark);
        step.clean = true;
        step.count = Some("dead");
        step.intent = Some(None);
        step.dead = Some(dead::fields(&DeadLetter {
            id: String::new(),
            contact: contact.to_owned(),
            sync: self.sync.id.clone(),
            lane: self.lane.to_owned(),
            reason: reason.to_owned(),
            class: dead::Class::of(reason),
            sentence: sentence.to_owned(),
            path: path.to_owned(),
            rounds: 1,
            attempts: tried.chain([last]).collect(),
            first: time(mark.first),
            last: now,
            payload: reading.to_owned(),
            answer: answer.to_owned(),
        }));
        if !self.is_preview() {
            metrics::counter!("carnet_contacts_total", "result" => "dead").increment(1);
            tracing::warn!(sync = %self.sync.spec.name, contact, reason, "dead letter: {sentence}");
        }
        step
    }
}

/// Why a contact is given up.
#[derive(Clone, Copy, Default)]
pub struct GivenUp<'a> {
    /// As a code.
    pub reason: &'a str,
    /// In words.
    pub sentence: &'a str,
    /// Where in its data the trouble is, if that is known.
    pub path: &'a str,
    /// What Google answered.
    pub answer: &'a str,
    /// What the CRM had said of it, as JSON.
    pub reading: &'a str,
}

/// The fields that Google complains about.
fn path(failure: &Failure) -> String {
    match failure {
        Failure::Invalid { fields, .. } => fields.join(", "),
        _ => String::new(),
    }
}

/// Google's own words, for the dead letter only.
fn answer(failure: &Failure) -> String {
    match failure {
        Failure::Invalid { message, per_contact, .. } => {
            let said: Vec<&str> = std::iter::once(message).chain(per_contact.values()).map(String::as_str).collect();
            said.join("\n")
        }
        Failure::Unreadable { body, .. } => body.text().to_owned(),
        Failure::ApiDisabled { message } | Failure::Forbidden { message } => message.clone(),
        _ => String::new(),
    }
}

impl Context<'_> {
    /// The journal's entry of a write: before and after are the masked fields only.
    pub fn journal_entry(&self, task: &Task, after: Option<&Person>) -> Result<Vec<String>, StoreError> {
        let (mask, before): (Vec<Field>, Option<&Person>) = match &task.deed {
            Deed::Create { .. } => (Field::ALL.to_vec(), None),
            Deed::Update { change, before } => (change.mask.iter().copied().collect(), Some(before)),
            Deed::Trash { before, .. } => (Field::ALL.to_vec(), Some(before)),
        };
        let resource = after.map_or_else(|| task.resource().to_owned(), |p| p.resource_name.clone());
        let op = task.link.as_ref().map(|l| l.op.clone()).unwrap_or_default();
        let wrote = match &task.deed {
            Deed::Update { change, .. } => change.in_words(),
            Deed::Create { .. } | Deed::Trash { .. } => String::new(),
        };
        let fields = [
            ("at", self.tools.pool.clock.now_ms().to_string()),
            ("sync", self.sync.id.clone()),
            ("run", task.mark.run.clone().unwrap_or_default()),
            ("contact", task.contact.clone()),
            ("action", task.action.to_owned()),
            ("reason", task.reason.clone()),
            ("resource", resource),
            ("op", op),
            ("mask", mask.iter().map(|f| f.mask()).collect::<Vec<_>>().join(",")),
            ("wrote", wrote),
            ("kept", kept_in_words(&task.kept)),
            ("before", masked(before, &mask)?),
            ("after", masked(after, &mask)?),
        ];
        Ok(fields.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect())
    }
}

fn masked(person: Option<&Person>, mask: &[Field]) -> Result<String, StoreError> {
    let Some(person) = person else { return Ok(String::new()) };
    let mut kept = Person { resource_name: person.resource_name.clone(), ..Person::default() };
    mask.iter().for_each(|field| kept.take(*field, person));
    encode("a journal entry", &kept)
}
