//! Contacts that a brake has stopped, and what people say about them: they go, or they stay as they are in Google.

use jiff::Timestamp;
use serde::Serialize;

use super::{Declined, Desk, Pair, name_of};
use crate::store::{
    StoreError,
    brake::{Answer as BrakeAnswer, Brake, Held, Kind},
    current::SyncSpec,
    journal,
    keys::CrmKeys,
};

/// A contact that a brake has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Braked {
    /// The sync.
    pub sync: String,
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact.
    pub contact: String,
    /// What would be done: `removal` or `overwrite`.
    pub what: Kind,
    /// Why, in words.
    pub why: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// What was answered, and about how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `allow` or `discard`.
    pub answer: BrakeAnswer,
    /// The syncs whose contacts they are.
    pub syncs: Vec<String>,
    /// The contacts.
    pub contacts: Vec<String>,
}

/// Contacts marked in one step.
const CHUNK: usize = 500;

type OfSync<'a> = (Pair<'a>, &'a SyncSpec, Vec<(String, Held)>);

impl Desk {
    /// Every contact that was stopped, of all syncs or of this one, by sync and contact.
    pub async fn braked(&self, sync: Option<&str>) -> Result<Vec<Braked>, Declined> {
        let mut all = Vec::new();
        for (pair, sync, held) in self.stopped(sync).await? {
            let crm = name_of(pair.account);
            all.extend(held.into_iter().map(|(contact, held)| Braked {
                sync: sync.spec.name.clone(),
                crm: crm.clone(),
                contact,
                what: held.kind,
                why: held.why,
                since: Timestamp::from_millisecond(held.since).unwrap_or_default(),
            }));
        }
        all.sort_by(|a, b| (&a.sync, &a.contact).cmp(&(&b.sync, &b.contact)));
        Ok(all)
    }

    /// Answers about these contacts, or about all that were stopped when none is named; of one sync, or of all.
    ///
    /// Those that are allowed are looked at now, and done although the brake is full. Those that are discarded stay as they are
    /// in Google until something else would be done to them.
    pub async fn answer_brake(
        &self,
        sync: Option<&str>,
        contacts: &[String],
        answer: BrakeAnswer,
    ) -> Result<Said, Declined> {
        let mut stopped = self.stopped(sync).await?;
        if !contacts.is_empty() {
            stopped.iter_mut().for_each(|(_, _, held)| held.retain(|(contact, _)| contacts.contains(contact)));
            stopped.retain(|(_, _, held)| !held.is_empty());
            only_one_each(&stopped, contacts)?;
        }
        let mut said = Said { answer, syncs: Vec::new(), contacts: Vec::new() };
        for (pair, sync, held) in stopped {
            self.say(&pair, sync, &held, answer).await?;
            said.syncs.push(sync.spec.name.clone());
            said.contacts.extend(held.into_iter().map(|(contact, _)| contact));
        }
        Ok(said)
    }

    /// In this order it may be broken off anywhere and done again.
    async fn say(
        &self,
        pair: &Pair<'_>,
        sync: &SyncSpec,
        held: &[(String, Held)],
        answer: BrakeAnswer,
    ) -> Result<(), StoreError> {
        let keys = CrmKeys::new(&pair.account.key);
        let brake = Brake::new(self.pool.clone(), keys.clone(), &sync.id);
        let done = match answer {
            BrakeAnswer::Allow => ("brake-allowed", "somebody let it go on that the brake had stopped"),
            BrakeAnswer::Discard => ("brake-discarded", "somebody decided that it stays as it is in Google"),
        };
        for chunk in held.chunks(CHUNK) {
            let about: Vec<(String, String)> =
                chunk.iter().map(|(id, held)| (id.clone(), held.about.clone())).collect();
            brake.say(&about, answer).await?;
            for (contact, _) in chunk {
                journal::note(&self.pool, &keys, pair.subject, contact, done).await?;
            }
            if answer == BrakeAnswer::Allow {
                let contacts: Vec<String> = about.iter().map(|(contact, _)| contact.clone()).collect();
                self.mark_all(sync, &contacts).await?;
            }
            brake.let_go(&about).await?;
        }
        Ok(())
    }

    async fn stopped(&self, name: Option<&str>) -> Result<Vec<OfSync<'_>>, Declined> {
        if let Some(name) = name {
            self.sync(name)?;
        }
        let mut stopped = Vec::new();
        for pair in self.pairs() {
            for sync in pair.syncs.clone().into_iter().filter(|sync| name.is_none_or(|name| sync.spec.name == name)) {
                let held = Brake::new(self.pool.clone(), CrmKeys::new(&pair.account.key), &sync.id).held().await?;
                if !held.is_empty() {
                    stopped.push((pair.clone(), &**sync, held));
                }
            }
        }
        Ok(stopped)
    }
}

/// Each of the named contacts was stopped, and by one sync.
fn only_one_each(stopped: &[OfSync<'_>], contacts: &[String]) -> Result<(), Declined> {
    for contact in contacts {
        let its = stopped.iter().filter(|(_, _, held)| held.iter().any(|(id, _)| id == contact));
        let syncs: Vec<String> = its.map(|(_, sync, _)| sync.spec.name.clone()).collect();
        match syncs.len() {
            0 => return Err(Declined::NotBraked(contact.clone())),
            1 => {}
            _ => return Err(Declined::SeveralBrakes { contact: contact.clone(), syncs }),
        }
    }
    Ok(())
}
