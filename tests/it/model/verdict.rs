//! Whether a day ended well, told from both sides' state and the day's memory alone.

use std::collections::{BTreeMap, BTreeSet};

use carnet::{
    queue::dead,
    store::{ledger::LedgerView, registry::Refusal},
    work::Need,
};
use redis::AsyncCommands as _;
use serde_json::Value;

use super::{
    days::Day,
    ground::Ground,
    memory::{Fact, facts, holds, is_stamped, said},
};
use crate::world::{google::has_label, text};

impl<G: Ground> Day<'_, G> {
    /// Everything that is wrong.
    pub(super) async fn verdict(&mut self) -> Vec<String> {
        let look = self.look().await;
        self.say(format!("questions about {:?}, refused {:?}", look.waiting, look.refused));
        let mut wrongs = self.left_over(&look.waiting).await;
        wrongs.extend(self.memory_of_strangers(&look));
        wrongs.extend(self.one_of_each(&look));
        wrongs.extend(look.strays(self.rules.removal));
        wrongs.extend(self.values(&look));
        wrongs.extend(self.one_label(&look));
        self.reckon(!wrongs.is_empty(), &look).await;
        wrongs
    }

    async fn look(&self) -> Look {
        let world = self.ground.world();
        let sync = self.ground.sync();
        let dump = world.google_dump().await;
        let view = LedgerView::new(self.ground.pool().clone(), &sync.account.key, &world.subject);
        let waiting = view.needs::<Need>().await.expect("needs").into_iter().map(|(contact, _)| contact).collect();
        let refusals = self.ground.refusals().await;
        let prefix = format!("{}|{}|", world.subject, sync.account.key);
        let refused =
            refusals.into_iter().filter_map(|(key, refusal)| Some((key.strip_prefix(&prefix)?.to_owned(), refusal)));
        let mut redis = self.ground.pool().get().await.expect("redis");
        let keys = carnet::store::keys::CrmKeys::new(&sync.account.key);
        let links = redis.hgetall(keys.links(&world.subject)).await.expect("links");
        let groups = dump["groups"].as_array().cloned().unwrap_or_default();
        let label = groups.iter().find(|g| g["name"] == self.memory.label.as_str()).map(|g| text(g, "resourceName"));
        Look {
            crm: self.crm().await.into_iter().map(|c| (text(&c, "id"), c)).collect(),
            people: carnet::simulate::truth::people(&dump),
            groups,
            label: label.unwrap_or_default(),
            waiting,
            refused: refused.collect(),
            links,
        }
    }

    /// Nothing is left in the queue.
    async fn left_over(&self, waiting: &BTreeSet<String>) -> Vec<String> {
        let (sync, runs) = (self.ground.sync(), self.ground.runs());
        let keys = carnet::store::keys::CrmKeys::new(&sync.account.key);
        let mut wrongs = Vec::new();
        let dirty = runs.waiting().await.expect("marks");
        if dirty != (0, 0) {
            wrongs.push(format!("dirty contacts are left: {dirty:?}"));
        }
        let mut redis = self.ground.pool().get().await.expect("redis");
        for key in [keys.marks(&sync.id), keys.readings(&sync.id), keys.intents(&self.ground.world().subject)] {
            let left: BTreeMap<String, String> = redis.hgetall(&key).await.expect("a hash");
            if !left.is_empty() {
                wrongs.push(format!("left in {key}: {left:?}"));
            }
        }
        for letter in dead::list(self.ground.pool(), &keys, &dead::Filter::default()).await.expect("dead letters") {
            wrongs.push(format!("a dead letter: {letter:?}"));
        }
        let unknown = waiting.iter().filter(|id| !self.memory.said.contains_key(*id));
        wrongs.extend(unknown.map(|id| format!("a question about {id}, which never was")));
        wrongs
    }

    /// What Carnet never managed is as its owner left it.
    fn memory_of_strangers(&self, look: &Look) -> Vec<String> {
        let now: BTreeMap<&str, &Value> =
            look.people.iter().filter_map(|p| Some((p["resourceName"].as_str()?, p))).collect();
        let mut wrongs = Vec::new();
        for (resource, left) in &self.memory.left {
            match now.get(resource.as_str()) {
                None if is_stamped(left) => {}
                None => wrongs.push(format!("{resource} of the owner's own is gone: {left}")),
                Some(person) if !is_stamped(person) && *person != left => {
                    wrongs.push(format!("{resource} was never ours and is another: {left} {person}"));
                }
                Some(_) => {}
            }
        }
        let known = &self.memory.left;
        let made = look.people.iter().filter(|p| !is_stamped(p) && !known.contains_key(&text(p, "resourceName")));
        wrongs.extend(made.map(|p| format!("nobody made {p}")));
        wrongs
    }

    /// One Google contact per CRM contact in the filter, with the label.
    fn one_of_each(&self, look: &Look) -> Vec<String> {
        let mut wrongs = Vec::new();
        for (id, contact) in &look.crm {
            let holders = look.holders(id);
            if holders.len() > 1 {
                wrongs.push(format!("{id} has twins: {holders:?}"));
            }
            let refused = look.refused.contains_key(id);
            if refused && !self.memory.excused.contains(id) {
                wrongs.push(format!("{id} is refused, and nobody did"));
            }
            if !is_client(contact) || refused || look.waiting.contains(id) {
                continue;
            }
            match holders.first() {
                None if self.memory.unnoticed.contains(id) => {}
                None => wrongs.push(format!("{id} is not in Google: {contact}; linked as {:?}", look.links.get(id))),
                // Whoever took it off may go unnoticed until something is to be written.
                Some(_) if self.memory.excused.contains(id) => {}
                Some(person) if !has_label(person, &look.label) => wrongs.push(format!("{id} has no label: {person}")),
                Some(_) => {}
            }
        }
        wrongs
    }

    /// What the CRM says is there, what it no longer says is gone, what the owner typed stays.
    fn values(&self, look: &Look) -> Vec<String> {
        let mut wrongs = Vec::new();
        let none = BTreeSet::new();
        for person in look.people.iter().filter(|p| is_stamped(p)) {
            let resource = text(person, "resourceName");
            let there = facts(person);
            let typed = self.memory.typed.get(&resource).unwrap_or(&none);
            let taken = self.memory.taken.get(&resource).unwrap_or(&none);
            let single = |(field, _): &Fact| matches!(*field, "given" | "family");
            let lost = typed.iter().filter(|fact| !there.contains(*fact));
            // Under `overwrite` the CRM wins where there is one value.
            let lost = lost.filter(|fact| !(self.rules.policy == "overwrite" && single(fact)));
            wrongs.extend(lost.map(|fact| format!("{resource} lost what its owner typed: {fact:?} {person}")));
            let held: Vec<&String> =
                holds(person).into_iter().filter_map(|id| look.crm.get_key_value(&id).map(|(id, _)| id)).collect();
            let followed: Vec<&String> = held.iter().copied().filter(|id| look.is_followed(id)).collect();
            for id in &followed {
                let wanted = said(&look.crm[*id]);
                let missing = wanted.iter().filter(|fact| {
                    !there.contains(*fact) && !taken.contains(*fact) && !single(fact) && fact.0 != "organizations"
                });
                wrongs.extend(missing.map(|fact| format!("{resource} lacks {fact:?} of {id}: {person}")));
            }
            if followed.len() == held.len() && !held.is_empty() {
                wrongs.extend(
                    self.stale(look, person, &held)
                        .into_iter()
                        .map(|fact| format!("{resource} still has {fact:?}, which the CRM no longer says: {person}")),
                );
            }
        }
        wrongs
    }

    /// Values that the CRM said once, says no more (and says others), and nobody else stands for.
    fn stale(&self, look: &Look, person: &Value, held: &[&String]) -> Vec<Fact> {
        let resource = text(person, "resourceName");
        let none = BTreeSet::new();
        let of = |facts: &'_ BTreeMap<String, BTreeSet<Fact>>| facts.get(&resource).unwrap_or(&none).clone();
        let (typed, shared) = (of(&self.memory.typed), of(&self.memory.shared));
        let says: BTreeSet<Fact> = held.iter().flat_map(|id| said(&look.crm[*id])).collect();
        // Contacts that were let go of leave their values behind, and so do those that the CRM says nothing of any more.
        let alone = stamps(person) == held.len();
        let silent = |id: &String, field: &str| !said(&look.crm[id]).iter().any(|(other, _)| *other == field);
        let once = |id: &&&String, fact: &Fact| self.memory.said.get(**id).is_some_and(|said| said.contains(fact));
        let is_stale = |fact: &Fact| {
            let (field, _) = fact;
            let follows = matches!(*field, "phoneNumbers" | "emailAddresses");
            let mut sayers = held.iter().filter(|id| once(id, fact)).peekable();
            let was_said = sayers.peek().is_some();
            let dropped = was_said && sayers.all(|id| !silent(id, field));
            alone && follows && dropped && !says.contains(fact) && !typed.contains(fact) && !shared.contains(fact)
        };
        facts(person).into_iter().filter(is_stale).collect()
    }

    /// The label was renamed, not doubled.
    fn one_label(&self, look: &Look) -> Vec<String> {
        let ours = |name: &str| name == crate::world::LABEL || name.starts_with("Clients ");
        let labels: Vec<&str> = look.groups.iter().filter_map(|g| g["name"].as_str()).filter(|n| ours(n)).collect();
        if labels.len() > 1 { vec![format!("several labels: {labels:?}")] } else { Vec::new() }
    }

    /// Counts what was done; of a day that went wrong the journal is told too.
    async fn reckon(&mut self, tells: bool, look: &Look) {
        for _ in &look.waiting {
            self.count("questions");
        }
        for _ in &look.refused {
            self.count("refused");
        }
        let keys = carnet::store::keys::CrmKeys::new(&self.ground.sync().account.key);
        let mut redis = self.ground.pool().get().await.expect("redis");
        let journal: redis::streams::StreamRangeReply =
            redis.xrange_all(keys.journal(&self.ground.world().subject)).await.expect("the journal");
        for entry in journal.ids {
            let field = |name: &str| entry.get::<String>(name).unwrap_or_default();
            if tells {
                self.say(format!(
                    "journal: {} {} {} {} ({})",
                    field("at"),
                    field("contact"),
                    field("action"),
                    field("resource"),
                    field("reason")
                ));
            }
            match entry.get::<String>("action").as_deref() {
                Some("created") => self.count("created"),
                Some("adopted") => self.count("adopted"),
                Some("updated") => self.count("updated"),
                Some("removed" | "unlabelled" | "trashed" | "released") => self.count("removed"),
                _ => self.count("other"),
            }
        }
    }
}

/// Both sides at the end.
struct Look {
    crm: BTreeMap<String, Value>,
    people: Vec<Value>,
    groups: Vec<Value>,
    label: String,
    waiting: BTreeSet<String>,
    refused: BTreeMap<String, Refusal>,
    /// What the ledger says, for the telling.
    links: BTreeMap<String, String>,
}

impl Look {
    fn holders(&self, id: &str) -> Vec<&Value> {
        self.people.iter().filter(|p| holds(p).contains(id)).collect()
    }

    fn is_followed(&self, id: &str) -> bool {
        is_client(&self.crm[id]) && !self.refused.contains_key(id) && !self.waiting.contains(id)
    }

    /// Stamps of contacts that left, or that the CRM does not have.
    fn strays(&self, removal: &str) -> Vec<String> {
        let mut wrongs = Vec::new();
        for person in &self.people {
            for id in holds(person) {
                let here = self.crm.get(&id).is_some_and(is_client);
                if !here && !self.refused.contains_key(&id) {
                    wrongs
                        .push(format!("{id} left, and is still held (linked as {:?}): {person}", self.links.get(&id)));
                }
            }
            let let_go = is_stamped(person) && holds(person).is_empty();
            if let_go && removal != "keep" && has_label(person, &self.label) {
                wrongs.push(format!("let go of, and still under the label: {person}"));
            }
        }
        wrongs
    }
}

fn is_client(contact: &Value) -> bool {
    contact["tags"].as_array().into_iter().flatten().any(|tag| tag == "client")
}

fn stamps(person: &Value) -> usize {
    person["clientData"].as_array().into_iter().flatten().filter(|e| e["key"] == "carnet").count()
}
