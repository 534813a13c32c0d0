//! What people and machines do on a day.

use std::collections::BTreeSet;

use carnet::queue::event::{Event, Says};
use rand::{Rng as _, RngExt, seq::IndexedRandom as _};
use serde_json::{Value, json};

use super::{
    days::Day,
    ground::Ground,
    memory::{facts, holds, is_stamped, said},
};
use crate::world::text;

const GIVEN: [&str; 10] =
    ["Aimée", "Jean-François", "Marie", "Robert", "Luc", "Hélène", "Zoé", "William", "Noah", "Océane"];
const FAMILY: [&str; 8] = ["Tremblay", "Côté", "Gagnon", "O'Brien", "Roy", "St-Pierre", "Bélanger", "Nguyen"];
const COMPANIES: [&str; 4] = ["Courtage du Lac", "Toitures Roy", "Clinique Nord", "Acme"];

/// What becomes of a webhook.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Once,
    Twice,
    Late,
    Lost,
}

impl<G: Ground> Day<'_, G> {
    fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        all.choose(&mut self.rng).cloned()
    }

    fn name(&mut self) -> (String, String) {
        let pick = |all: &[&str], rng: &mut _| all.choose(rng).copied().unwrap_or_default().to_owned();
        (pick(&GIVEN, &mut self.rng), pick(&FAMILY, &mut self.rng))
    }

    /// Few enough numbers that some are shared.
    fn phone(&mut self) -> String {
        let most = if self.rng.random_bool(0.2) { 6 } else { 9_000 };
        format!("+1514555{:04}", self.rng.random_range(100..100 + most))
    }

    fn email(&mut self) -> String {
        match self.rng.random_range(0..10) {
            0 => "info@courtage.example".into(),
            1 | 2 => format!("famille{}@example.com", self.rng.random_range(0..4)),
            _ => format!("c{}@example.com", self.rng.random_range(0..9_000)),
        }
    }

    pub(super) async fn crm(&self) -> Vec<Value> {
        self.ground.world().crm_dump().await
    }

    /// The Google contacts as they are.
    pub(super) async fn people(&self) -> Vec<Value> {
        self.ground.world().people().await
    }

    // In the CRM.

    fn fate(&mut self) -> Fate {
        match self.rng.random_range(0..20) {
            0..12 => Fate::Once,
            12 | 13 => Fate::Twice,
            14..17 => Fate::Late,
            _ => Fate::Lost,
        }
    }

    /// What comes of a change's webhook, unless the CRM sends it itself.
    async fn tell(&mut self, contact: &str, says: Says, fate: Fate) {
        if fate == Fate::Lost {
            self.say("  its webhook is lost".into());
        }
        if !self.ground.is_told_by_us() {
            return;
        }
        let event = Event {
            account: self.ground.sync().account.key.clone(),
            contact: contact.to_owned(),
            says,
            kind: if says == Says::Deleted { "ContactDelete" } else { "ContactUpdate" }.into(),
            id: None,
            at: Some(self.ground.pool().clock.now()),
            body: json!({"type": "ContactUpdate", "id": contact}).to_string().into_bytes(),
        };
        match fate {
            Fate::Once => self.ground.receive(&[event]).await,
            Fate::Twice => self.ground.receive(&[event.clone(), event]).await,
            Fate::Late => self.memory.later.push(event),
            Fate::Lost => {}
        }
    }

    fn learn(&mut self, contact: &Value) {
        let id = text(contact, "id");
        self.memory.said.entry(id).or_default().extend(said(contact));
    }

    async fn in_crm(&mut self, method: &str, path: &str, body: &Value, fate: Fate) -> Value {
        let manner = match fate {
            _ if self.ground.is_told_by_us() => "silent=true",
            Fate::Once => "",
            Fate::Twice => "copies=1",
            Fate::Late => "delayMs=1500",
            Fate::Lost => "silent=true",
        };
        let path = format!("locations/{}/contacts{path}?{manner}", self.ground.world().location);
        self.ground.world().crm(method, &path, body).await
    }

    pub(super) async fn crm_creates(&mut self) {
        let (given, family) = self.name();
        let mut contact = json!({"firstName": given, "lastName": family, "tags": ["client"]});
        let (email, phone) = (self.email(), self.phone());
        if self.rng.random_bool(0.75) {
            contact["email"] = email.into();
        }
        if self.rng.random_bool(0.75) {
            contact["phone"] = phone.into();
        }
        if self.rng.random_bool(0.2) {
            contact["companyName"] = self.pick(&COMPANIES).unwrap_or_default().into();
        }
        if self.rng.random_bool(0.15) {
            contact["tags"] = json!([]);
        }
        // Sometimes it is somebody whom the owner knows already.
        let people = self.people().await;
        let known: Vec<Value> = people.into_iter().filter(|p| !is_stamped(p)).collect();
        if self.rng.random_bool(0.4)
            && let Some(person) = self.pick(&known)
        {
            for (key, value) in [
                ("firstName", &person["names"][0]["givenName"]),
                ("lastName", &person["names"][0]["familyName"]),
                ("email", &person["emailAddresses"][0]["value"]),
            ] {
                if value.is_string() {
                    contact[key] = value.clone();
                }
            }
        }
        let fate = self.fate();
        let made = self.in_crm("POST", "", &contact, fate).await;
        let id = text(&made["contact"], "id");
        self.say(format!("the CRM gets {id}: {contact}"));
        self.learn(&made["contact"]);
        self.tell(&id, Says::Changed, fate).await;
    }

    pub(super) async fn crm_updates(&mut self) {
        let all = self.crm().await;
        let Some(contact) = self.pick(&all) else { return };
        let id = text(&contact, "id");
        let ((given, family), email, phone) = (self.name(), self.email(), self.phone());
        let change = match self.rng.random_range(0..12) {
            0 => json!({"firstName": given}),
            1 => json!({"lastName": family}),
            2..4 => json!({"email": email}),
            4..7 => json!({"phone": phone}),
            7 => json!({"companyName": self.pick(&COMPANIES)}),
            8 => json!({"phone": null}),
            9 => json!({"email": null}),
            10 => json!({"tags": []}),
            _ => json!({"tags": ["client"]}),
        };
        self.say(format!("in the CRM {id} changes: {change}"));
        let fate = self.fate();
        let made = self.in_crm("PUT", &format!("/{id}"), &change, fate).await;
        self.learn(&made["contact"]);
        self.tell(&id, Says::Changed, fate).await;
    }

    pub(super) async fn crm_deletes(&mut self) {
        let all = self.crm().await;
        let Some(contact) = self.pick(&all) else { return };
        let id = text(&contact, "id");
        self.say(format!("the CRM deletes {id}"));
        let fate = self.fate();
        self.in_crm("DELETE", &format!("/{id}"), &Value::Null, fate).await;
        self.tell(&id, Says::Deleted, fate).await;
    }

    pub(super) async fn crm_merges(&mut self) {
        let all = self.crm().await;
        let (Some(gone), Some(kept)) = (self.pick(&all), self.pick(&all)) else { return };
        let (gone, kept) = (text(&gone, "id"), text(&kept, "id"));
        if gone == kept {
            return;
        }
        self.say(format!("the CRM merges {gone} into {kept}"));
        let fate = self.fate();
        let made = self.in_crm("POST", &format!("/{gone}/merge"), &json!({ "into": kept }), fate).await;
        self.learn(&made["contact"]);
        self.tell(&gone, Says::Deleted, fate).await;
        // One call outdoors, with one fate for both.
        let fate = if self.ground.is_told_by_us() { self.fate() } else { fate };
        self.tell(&kept, Says::Changed, fate).await;
    }

    pub(super) async fn late_webhooks(&mut self) {
        let mut late = std::mem::take(&mut self.memory.later);
        // In another order than they were sent.
        late.sort_by_key(|_| self.rng.next_u32());
        if !late.is_empty() {
            self.say(format!("{} late webhooks arrive", late.len()));
            self.ground.receive(&late).await;
        }
    }

    // In Google.

    /// Remembers a contact as its owner has just left it.
    async fn leave(&mut self, resource: &str) {
        let people = self.people().await;
        if let Some(person) = people.into_iter().find(|p| p["resourceName"] == resource) {
            self.memory.left.insert(resource.to_owned(), person);
        }
    }

    pub(super) async fn owner_creates(&mut self) {
        let crm = self.crm().await;
        let ((given, family), email, phone) = (self.name(), self.email(), self.phone());
        let mut person = json!({
            "names": [{"givenName": given, "familyName": family}],
            "phoneNumbers": [{"value": phone}],
            "memberships": [{"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}}],
        });
        if self.rng.random_bool(0.4) {
            person["emailAddresses"] = json!([{ "value": email }]);
        }
        // Sometimes it is a client: typed by hand, with what the owner knew.
        if self.rng.random_bool(0.5)
            && let Some(contact) = self.pick(&crm)
        {
            if self.rng.random_bool(0.7) {
                person["names"] = json!([{"givenName": contact["firstName"], "familyName": contact["lastName"]}]);
            }
            if contact["email"].is_string() && self.rng.random_bool(0.7) {
                person["emailAddresses"] = json!([{"value": contact["email"]}]);
            }
            if contact["phone"].is_string() && self.rng.random_bool(0.7) {
                person["phoneNumbers"] = json!([{"value": contact["phone"]}]);
            }
            for part in ["givenName", "familyName"] {
                if person["names"][0][part].is_null() {
                    person["names"][0][part] = "Inconnue".into();
                }
            }
        }
        let names = self.ground.world().google_seed(std::slice::from_ref(&person)).await;
        let Some(resource) = names.first() else { return };
        self.say(format!("the owner makes {resource}: {person}"));
        for fact in facts(&person) {
            self.memory.types(resource, fact);
        }
        self.leave(resource).await;
    }

    pub(super) async fn owner_edits(&mut self) {
        let people = self.people().await;
        let Some(person) = self.pick(&people) else { return };
        let resource = text(&person, "resourceName");
        let before = facts(&person);
        let mut edit = json!({});
        match self.rng.random_range(0..5) {
            0 | 1 => {
                let mut phones = person["phoneNumbers"].as_array().cloned().unwrap_or_default();
                phones.push(json!({"value": self.phone(), "type": "home"}));
                edit["phoneNumbers"] = phones.into();
            }
            2 => {
                let (given, _) = self.name();
                let family = person["names"][0]["familyName"].as_str().unwrap_or_default();
                edit["names"] = json!([{"givenName": given, "familyName": family}]);
            }
            3 => edit["biographies"] = json!([{"value": format!("note {}", self.rng.random_range(0..999))}]),
            _ => {
                let phones = person["phoneNumbers"].as_array().cloned().unwrap_or_default();
                edit["phoneNumbers"] = phones.into_iter().skip(1).collect::<Vec<_>>().into();
            }
        }
        self.say(format!("the owner edits {resource}: {edit}"));
        self.ground.world().user_edits(&resource, edit).await;
        let people = self.people().await;
        let Some(person) = people.into_iter().find(|p| p["resourceName"] == resource) else { return };
        let after = facts(&person);
        for fact in after.difference(&before) {
            self.memory.types(&resource, fact.clone());
        }
        for fact in before.difference(&after) {
            self.memory.takes_away(&resource, fact.clone());
        }
        self.leave(&resource).await;
        self.count("edited by the user");
    }

    pub(super) async fn owner_deletes(&mut self) {
        let people = self.people().await;
        let Some(person) = self.pick(&people) else { return };
        let resource = text(&person, "resourceName");
        self.say(format!("the owner deletes {resource} {:?}", holds(&person)));
        self.ground.world().user_deletes(&resource).await;
        self.memory.excused.extend(holds(&person));
        if self.memory.renamed.contains(&resource) {
            self.memory.unnoticed.extend(holds(&person));
        }
        self.memory.forgets(&resource);
    }

    pub(super) async fn owner_merges(&mut self) {
        let people = self.people().await;
        let (Some(keep), Some(absorb)) = (self.pick(&people), self.pick(&people)) else { return };
        let (kept, gone) = (text(&keep, "resourceName"), text(&absorb, "resourceName"));
        if kept == gone {
            return;
        }
        self.say(format!("the owner merges {gone} {:?} into {kept} {:?}", holds(&absorb), holds(&keep)));
        // Whoever is known under a name before the last is not found again by the one that is gone.
        if self.memory.renamed.contains(&gone) {
            self.memory.renamed.insert(kept.clone());
        }
        self.ground.world().user("POST", "merge", json!({"keep": kept, "absorb": gone})).await;
        self.memory.moves(&gone, &kept);
        self.memory.excused.extend(holds(&absorb));
        // Of what can be there once, the kept contact's stays.
        let people = self.people().await;
        let Some(person) = people.into_iter().find(|p| p["resourceName"] == kept) else { return };
        let there = facts(&person);
        // A value that both had, or that the owner typed into the one and the CRM once had for the other, is one value now.
        let held: BTreeSet<String> = holds(&keep).union(&holds(&absorb)).cloned().collect();
        let told = held.iter().filter_map(|id| self.memory.said.get(id)).flatten().cloned();
        let both = facts(&keep).intersection(&facts(&absorb)).cloned().collect::<BTreeSet<_>>();
        let shared: BTreeSet<_> = told.chain(both).collect();
        let typed = self.memory.typed.entry(kept.clone()).or_default();
        typed.retain(|fact| there.contains(fact) && !shared.contains(fact));
        self.memory.shared.entry(kept.clone()).or_default().extend(shared);
        self.leave(&kept).await;
        self.count("merged by the user");
    }

    pub(super) async fn owner_unlabels(&mut self) {
        let labelled = self.labelled().await;
        let Some(person) = self.pick(&labelled) else { return };
        let resource = text(&person, "resourceName");
        self.say(format!("the owner takes the label off {resource} {:?}", holds(&person)));
        let label = self.memory.label.clone();
        self.ground.world().user_labels(&resource, &["Mes amis"], &[&label]).await;
        self.memory.excused.extend(holds(&person));
        self.leave(&resource).await;
    }

    pub(super) async fn labelled(&self) -> Vec<Value> {
        let dump = self.ground.world().google_dump().await;
        let groups = dump["groups"].as_array().cloned().unwrap_or_default();
        let label = groups.iter().find(|g| g["name"] == self.memory.label.as_str()).map(|g| text(g, "resourceName"));
        let Some(label) = label else { return Vec::new() };
        let people = carnet::simulate::truth::people(&dump);
        people.into_iter().filter(|p| crate::world::google::has_label(p, &label)).collect()
    }

    pub(super) async fn owner_renames_label(&mut self) {
        let old = self.memory.label.clone();
        if !self.ground.world().label_names().await.contains(&old) {
            return;
        }
        let new = format!("Clients {}", self.rng.random_range(0..999));
        self.say(format!("the owner renames the label {old} to {new}"));
        self.ground.world().user("PATCH", &format!("groups/{}", old.replace(' ', "%20")), json!({ "name": new })).await;
        self.memory.label = new;
    }

    pub(super) async fn google_renames(&mut self) {
        let people = self.people().await;
        let Some(person) = self.pick(&people) else { return };
        let old = text(&person, "resourceName");
        let path = format!("contacts/{}/rename", old.trim_start_matches("people/"));
        let new = text(&self.ground.world().user("POST", &path, json!({})).await, "resourceName");
        self.say(format!("Google renames {old} to {new} {:?}", holds(&person)));
        self.memory.moves(&old, &new);
        self.memory.renamed.insert(new.clone());
        self.leave(&new).await;
    }

    // The weather.

    pub(super) async fn google_fails(&mut self) {
        let patterns = [
            "*",
            "people.createContact",
            "people.batchCreateContacts",
            "people.updateContact",
            "people.",
            "contactGroups.",
        ];
        let pattern = patterns.choose(&mut self.rng).copied().unwrap_or("*");
        let (times, skip) = (self.rng.random_range(1..3), self.rng.random_range(0..4));
        let when = if self.rng.random::<bool>() { "before" } else { "after" };
        let status = self.ground.refusals_of_google().choose(&mut self.rng);
        let mut rule = match self.rng.random_range(0..4) {
            0 => json!({"kind": "status", "status": status}),
            1 => json!({"kind": "status", "status": 503, "body": "html", "when": when}),
            2 => json!({"kind": "drop", "when": when}),
            _ => json!({"kind": "commit_prefix", "items": self.rng.random_range(0..4)}),
        };
        if rule["kind"] == "commit_prefix" {
            rule["match"] = "people.batchCreateContacts".into();
        } else {
            rule["match"] = pattern.into();
        }
        (rule["times"], rule["skip"]) = (times.into(), skip.into());
        rule["subject"] = self.ground.world().subject.clone().into();
        self.say(format!("Google's weather: {rule}"));
        self.ground.world().google_fault(rule).await;
    }

    pub(super) async fn crm_fails(&mut self) {
        let page = ["lose", "repeat"].choose(&mut self.rng);
        let mut fault = match self.rng.random_range(0..4) {
            0 => json!({"status": 429, "retryAfter": 0}),
            1 => json!({"status": 503}),
            2 => json!({"drop": true}),
            _ => json!({"page": page}),
        };
        fault["times"] = self.rng.random_range(1..3).into();
        self.say(format!("the CRM's weather: {fault}"));
        self.ground.world().crm_fault(fault).await;
    }

    pub(super) async fn tokens_end(&mut self) {
        self.say("access tokens end".into());
        self.ground.world().user("POST", "expire-access", json!({})).await;
    }
}
