//! A slice decided and not done: what would become of each contact, for previews. It is the decision of [`super::batch`], in
//! pencil.

use std::collections::BTreeMap;

use crate::{
    claim::{Account, Halt},
    contact::Contact,
    google::person::Person,
    plan::{
        create::create,
        difference::{Difference, Reader},
        entry::{Action, Entry, Write, called},
        filter::{Place, place},
        identity::Question,
        merge::kept_in_words,
    },
    push::{Deed, Pen, Pencil, Task},
    store::{
        StoreError,
        current::{Current, SyncSpec},
        decode,
        ledger::{Mark, Step},
    },
};

use super::{
    batch::{Work, wanted},
    brake::kept,
    gather::State,
    settle::Need,
};

/// What would become of one contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The CRM's id of it.
    pub contact: String,
    /// `None`: it is as it should be.
    pub entry: Option<Entry>,
    /// The one write that it takes, if any.
    pub write: Option<Write>,
}

/// Decides about these contacts as a run would, and writes nothing. What was read of a contact a moment ago comes with it;
/// others are read. Contacts that there was no time for are left out of the answer.
pub async fn draft(
    account: &mut Account,
    sync: &SyncSpec,
    current: &Current,
    pencil: &mut Pencil,
    contacts: Vec<(String, Option<Contact>)>,
) -> Result<Vec<Decided>, Halt> {
    pencil.steps.clear();
    pencil.read = contacts.iter().filter_map(|(id, contact)| Some((id.clone(), contact.clone()?))).collect();
    let tools = account.tools.clone();
    let now = tools.pool.clock.now_ms();
    let due = contacts.iter().map(|(id, _)| (id.clone(), Mark { first: now, bulk: true, ..Mark::default() })).collect();
    let known = contacts.into_iter().filter_map(|(id, contact)| Some((id, State::There(Box::new(contact?)))));
    let tasks = Work::new(&tools, sync, current, Pen::Pencil(pencil)).decide(account, due, known.collect()).await?;
    let kept = kept(&tools, sync, &tasks).await?;
    let sketch = Sketch { sync, pencil };
    let mut decided = BTreeMap::new();
    // One that does not answer the mark decides nothing: it tells how an earlier write ended.
    for step in pencil.steps.iter().filter(|step| step.generation.is_some()) {
        decided.insert(step.contact.clone(), sketch.of_step(step)?);
    }
    for task in &tasks {
        let decision = if kept.contains(&task.contact) { sketch.kept(task) } else { sketch.of_task(task) };
        decided.insert(task.contact.clone(), decision);
    }
    Ok(decided.into_values().collect())
}

struct Sketch<'a> {
    sync: &'a SyncSpec,
    pencil: &'a Pencil,
}

impl Sketch<'_> {
    fn of_task(&self, task: &Task) -> Decided {
        let (action, why) = match task.count {
            "created" => (Action::Create, "nobody in Google is this contact".to_owned()),
            "adopted" => (Action::Adopt, task.reason.clone()),
            "removed" => (Action::Remove, format!("{}; {}", task.reason, left_behind(task.action))),
            _ => (Action::Update, "the CRM says something else".to_owned()),
        };
        let why = match task.kept.as_slice() {
            [] => why,
            kept => format!("{why}; stays as it is in Google: {}", kept_in_words(kept)),
        };
        let nobody = Person::default();
        let (before, after, write) = match &task.deed {
            Deed::Create { person } => (&nobody, (**person).clone(), Write::Create),
            Deed::Update { change, before } => {
                (&**before, change.applied_to(before), Write::Update(change.mask.clone()))
            }
            Deed::Trash { before, .. } => (&**before, nobody.clone(), Write::Delete),
        };
        let mut entry = self.entry(&task.contact, action, why);
        if entry.name.is_empty() {
            entry.name = shown_name(before);
        }
        task.resource().clone_into(&mut entry.resource);
        entry.fields = self.differences(&task.contact, before, &after);
        entry.agrees = task.brake.as_ref().map(|held| held.about.clone());
        Decided { contact: task.contact.clone(), entry: Some(entry), write: Some(write) }
    }

    /// A person has said that it stays.
    fn kept(&self, task: &Task) -> Decided {
        let why = "it stays as it is in Google: that was said when the brake asked".to_owned();
        let mut entry = self.entry(&task.contact, Action::Refused, why);
        task.resource().clone_into(&mut entry.resource);
        Decided { contact: task.contact.clone(), entry: Some(entry), write: None }
    }

    fn of_step(&self, step: &Step) -> Result<Decided, StoreError> {
        let (contact, read) = (step.contact.as_str(), self.pencil.read.get(&step.contact));
        let mut entry = match step.count {
            Some("unchanged" | "updated" | "adopted") => {
                return Ok(Decided { contact: contact.to_owned(), entry: None, write: None });
            }
            Some("removed") => {
                self.entry(contact, Action::Remove, "nothing of Carnet's is left of it in Google".into())
            }
            Some("refused") => self.entry(contact, Action::Refused, refused(step)),
            Some("skipped") => self.entry(contact, Action::Skip, self.left_out(read)),
            Some("needs-you") => self.asked(step, read)?,
            _ => self.entry(contact, Action::Wait, waits(step)),
        };
        entry.resource = step.disown.clone().unwrap_or_default();
        Ok(Decided { contact: contact.to_owned(), entry: Some(entry), write: None })
    }

    fn entry(&self, contact: &str, action: Action, why: String) -> Entry {
        Entry {
            contact: contact.to_owned(),
            name: self.pencil.read.get(contact).map(called).unwrap_or_default(),
            action,
            resource: String::new(),
            why,
            fields: Vec::new(),
            candidates: Vec::new(),
            agrees: None,
        }
    }

    /// A question, with what a contact made for it would hold.
    fn asked(&self, step: &Step, read: Option<&Contact>) -> Result<Entry, StoreError> {
        let need = step.need.iter().flatten().map(|text| decode::<Need>("a question", text)).next().transpose()?;
        let Question { why, candidates } =
            need.map_or_else(|| Question { why: String::new(), candidates: Vec::new() }, |need| need.question);
        let fields = read.map_or_else(Vec::new, |contact| {
            let account = &self.sync.account.key;
            let (person, _) = create(&wanted(self.sync, contact), account, &contact.id, "", "", &[]);
            let values = Person { memberships: Vec::new(), client_data: Vec::new(), ..person };
            self.differences(&contact.id, &Person::default(), &values)
        });
        Ok(Entry { candidates, fields, ..self.entry(&step.contact, Action::NeedsYou, why) })
    }

    fn differences(&self, contact: &str, before: &Person, after: &Person) -> Vec<Difference> {
        let label = |resource: &str| self.pencil.label_name(resource).to_owned();
        Reader { account: &self.sync.account.key, contact, label: &label }.differences(before, after)
    }

    fn left_out(&self, read: Option<&Contact>) -> String {
        match read.map(|contact| place(&self.sync.spec, contact)) {
            Some(Place::Outside(why) | Place::Untold(why)) => why.to_string(),
            Some(Place::Inside) | None => "it is not in the CRM any more".to_owned(),
        }
    }
}

/// What is left of a contact that goes.
fn left_behind(action: &str) -> &'static str {
    match action {
        "trashed" => "it goes to Google's trash",
        "unlabelled" => "the label is taken off",
        _ => "Carnet lets go of it",
    }
}

fn refused(step: &Step) -> String {
    let noticed = step.journal.iter().flat_map(|fields| fields.chunks_exact(2)).find(|pair| pair[0] == "reason");
    let known = "it was refused before; `carnet contact refused` shows why";
    noticed.map_or_else(|| known.to_owned(), |pair| pair[1].clone())
}

fn waits(step: &Step) -> String {
    let dead = step.dead.iter().flat_map(|fields| fields.chunks_exact(2)).find(|pair| pair[0] == "sentence");
    let later = || format!("it cannot be told now ({})", step.why.unwrap_or("later").replace('_', " "));
    dead.map_or_else(later, |pair| pair[1].clone())
}

fn shown_name(person: &Person) -> String {
    let company = person.organizations.first().map(|o| o.value.name.clone());
    let name = person.names.first().map(|n| {
        let parts = [&n.value.given_name, &n.value.middle_name, &n.value.family_name];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    });
    [name, company].into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" / ")
}
