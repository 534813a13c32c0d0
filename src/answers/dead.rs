//! Dead letters, as people look at them: by names instead of ids, and without what the contact holds unless it is asked for. To see
//! that, and to discard a letter, leaves a line in the journal.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;
use serde_json::Value;

use super::{Declined, Desk, name_of};
use crate::{
    queue::dead::{self, Attempt, Class, DeadLetter, Filter},
    store::{
        current::{CrmAccount, SyncSpec},
        journal,
        keys::CrmKeys,
    },
};

/// One dead letter as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// For `carnet dead show`, `replay` and `discard`.
    pub id: String,
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The sync; its id in brackets if there is none of it any more.
    pub sync: String,
    /// The CRM contact.
    pub contact: String,
    /// Reason as a code.
    pub reason: String,
    /// Whose matter it is.
    pub class: Class,
    /// Reason in words.
    pub sentence: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Where in its data the trouble is, if that is known.
    pub path: String,
    /// How often it was given up.
    pub rounds: u64,
    /// The tries before it was given up last.
    pub attempts: Vec<Attempt>,
    /// When it became dirty first (RFC 3339).
    pub first: String,
    /// When it was given up last (RFC 3339).
    pub last: String,
    /// What the CRM had said of it; in a list left out, and shown with every value masked unless it is revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// What Google answered; the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Which letters, as people say it.
#[derive(Clone, Debug, Default, serde::Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct Which {
    /// Only with this reason, as the list names it.
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// Only of this sync.
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Only of this CRM contact.
    #[arg(long, value_name = "ID")]
    pub contact: Option<String>,
    /// Only those given up since: a time (2026-11-28T09:00:00Z), a day (2026-11-28, UTC) or an age (36h, 7d).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those given up before; written like --since.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// A letter with the sync and the account that it belongs to.
#[derive(Clone)]
pub struct Found {
    /// The letter.
    pub letter: DeadLetter,
    /// Its CRM account.
    pub account: Arc<CrmAccount>,
    /// Its sync, if there still is one.
    pub sync: Option<Arc<SyncSpec>>,
}

/// In the place of a value that is not shown.
const MASK: &str = "•••";

impl Desk {
    /// The letters that are meant, oldest first.
    pub async fn dead_letters(&self, which: &Which) -> Result<Vec<Found>, Declined> {
        let filter = self.filter(which)?;
        let mut all = Vec::new();
        for account in self.current.accounts.values() {
            let letters = dead::list(&self.pool, &CrmKeys::new(&account.key), &filter).await?;
            all.extend(letters.into_iter().map(|letter| self.found(letter, account)));
        }
        all.sort_by(|a, b| a.letter.last.cmp(&b.letter.last));
        Ok(all)
    }

    /// These letters.
    pub async fn dead_letters_of(&self, ids: &[String]) -> Result<Vec<Found>, Declined> {
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.push(self.dead_letter(id).await?);
        }
        Ok(all)
    }

    /// One letter.
    pub async fn dead_letter(&self, id: &str) -> Result<Found, Declined> {
        // Redis would call any other text an invalid stream id.
        let is_id = id.split_once('-').is_some_and(|(a, b)| [a, b].iter().all(|p| p.parse::<u64>().is_ok()));
        if !is_id {
            return Err(Declined::NoLetterId(id.to_owned()));
        }
        for account in self.current.accounts.values() {
            if let Some(letter) = dead::get(&self.pool, &CrmKeys::new(&account.key), id).await? {
                return Ok(self.found(letter, account));
            }
        }
        Err(Declined::NoLetter(id.to_owned()))
    }

    /// A letter with all that it holds. The journal says that it was looked at.
    pub async fn reveal(&self, found: &Found) -> Result<Letter, Declined> {
        self.note(found, "revealed", "a dead letter was shown unmasked").await?;
        let DeadLetter { payload, answer, .. } = &found.letter;
        let value = serde_json::from_str(payload).unwrap_or_else(|_| Value::String(payload.clone()));
        Ok(Letter { payload: Some(value), answer: Some(answer.clone()), ..found.listed() })
    }

    /// Takes letters away for good; the journal keeps why. Answers those that were still there.
    pub async fn discard_letters(&self, letters: &[Found], because: &str) -> Result<Vec<String>, Declined> {
        let mut gone = Vec::new();
        for found in letters {
            let keys = CrmKeys::new(&found.account.key);
            if dead::discard(&self.pool, &keys, &found.letter).await? {
                self.note(found, "discarded", &format!("dead letter: {because}")).await?;
                gone.push(found.letter.id.clone());
            }
        }
        Ok(gone)
    }

    async fn note(&self, found: &Found, action: &str, why: &str) -> Result<(), Declined> {
        let google = found.sync.as_ref().and_then(|sync| sync.google.as_ref());
        // Of a sync that is gone nobody reads the journal any more.
        if let Some(google) = google {
            let keys = CrmKeys::new(&found.account.key);
            journal::note(&self.pool, &keys, &google.subject, &found.letter.contact, (action, why)).await?;
        }
        Ok(())
    }

    fn found(&self, letter: DeadLetter, account: &Arc<CrmAccount>) -> Found {
        let sync = self.current.sync_with_id(&letter.sync).cloned();
        Found { letter, account: account.clone(), sync }
    }

    fn filter(&self, which: &Which) -> Result<Filter, Declined> {
        let sync = which.sync.as_ref().map(|name| self.sync(name).map(|sync| sync.id.clone())).transpose()?;
        let time = |text: &Option<String>| text.as_ref().map(|text| time(text, self.pool.clock.now())).transpose();
        Ok(Filter {
            reason: which.reason.clone(),
            sync,
            contact: which.contact.clone(),
            since: time(&which.since)?,
            until: time(&which.until)?,
        })
    }
}

impl Found {
    /// As it stands in a list.
    pub fn listed(&self) -> Letter {
        let letter = self.letter.clone();
        Letter {
            id: letter.id,
            crm: name_of(&self.account),
            sync: self.sync.as_ref().map_or_else(|| format!("({})", letter.sync), |sync| sync.spec.name.clone()),
            contact: letter.contact,
            reason: letter.reason,
            class: letter.class,
            sentence: letter.sentence,
            advice: letter.class.advice(),
            path: letter.path,
            rounds: letter.rounds,
            attempts: letter.attempts,
            first: letter.first,
            last: letter.last,
            payload: None,
            answer: None,
        }
    }

    /// As it is shown by itself: which fields there were, and none of their values.
    pub fn masked(&self) -> Letter {
        let mut payload = serde_json::from_str(&self.letter.payload).unwrap_or(Value::Null);
        mask(&mut payload);
        let answer = if self.letter.answer.is_empty() { "" } else { MASK };
        Letter { payload: Some(payload), answer: Some(answer.to_owned()), ..self.listed() }
    }
}

/// Letters of one sync.
pub type OfSync = (Arc<SyncSpec>, Vec<DeadLetter>);

/// Letters by what a replay can do with them.
#[derive(Default)]
pub struct Sorted {
    /// Those that can be replayed.
    pub of_syncs: Vec<OfSync>,
    /// Of undos: to undo the same run again tries them again.
    pub of_undos: Vec<String>,
    /// Of syncs that are gone.
    pub orphans: Vec<String>,
}

impl Sorted {
    /// For letters that were named one by one: each of them must be one that can be replayed.
    pub fn whole(self) -> Result<Self, Declined> {
        match (self.of_undos.first(), self.orphans.first()) {
            (Some(id), _) => Err(Declined::LetterOfAnUndo(id.clone())),
            (_, Some(id)) => Err(Declined::OrphanedLetter(id.clone())),
            (None, None) => Ok(self),
        }
    }
}

/// Letters by their sync.
pub fn by_sync(letters: Vec<Found>) -> Sorted {
    let (mut of, mut sorted) = (BTreeMap::new(), Sorted::default());
    for found in letters {
        match found.sync {
            None => sorted.orphans.push(found.letter.id),
            Some(sync) if found.letter.lane != sync.id => sorted.of_undos.push(found.letter.id),
            Some(sync) => of.entry(sync.id.clone()).or_insert_with(|| (sync, Vec::new())).1.push(found.letter),
        }
    }
    sorted.of_syncs = of.into_values().collect();
    sorted
}

fn mask(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => *value = MASK.into(),
        Value::String(text) if text.is_empty() => {}
        Value::String(_) => *value = MASK.into(),
        Value::Array(all) => all.iter_mut().for_each(mask),
        // A field that the CRM's users named may hold anything in its name, too; the names are what helps.
        Value::Object(fields) => fields.values_mut().for_each(mask),
    }
}

/// A time as people write it: a time, a day or an age.
pub fn time(text: &str, now: Timestamp) -> Result<Timestamp, Declined> {
    let day = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let age = |age: Span| now.to_zoned(TimeZone::UTC).checked_sub(age).map(|zoned| zoned.timestamp());
    let parsed = text.parse::<Timestamp>().ok();
    let parsed = parsed.or_else(|| text.parse::<Date>().ok().and_then(|date| day(date).ok()));
    let parsed = parsed.or_else(|| text.parse::<Span>().ok().and_then(|span| age(span).ok()));
    parsed.ok_or_else(|| Declined::NoTime(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_time_a_day_or_an_age() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-11-28T09:30:00Z", "2026-11-28T09:30:00Z"),
            ("2026-11-28", "2026-11-28T00:00:00Z"),
            ("36h", "2026-11-28T00:00:00Z"),
            ("7d", "2026-11-22T12:00:00Z"),
        ] {
            assert_eq!(time(text, now).expect("a time").to_string(), expected, "{text}");
        }
        assert_eq!(time("yesterday", now).expect_err("no time").code(), "no_time");
    }

    #[test]
    fn of_a_masked_payload_only_its_shape_is_seen() {
        let mut value = serde_json::json!({"first": "Aimée", "tags": ["vip"], "version": 7, "dnd": true, "note": ""});
        mask(&mut value);
        let shape = serde_json::json!({"first": MASK, "tags": [MASK], "version": MASK, "dnd": true, "note": ""});
        assert_eq!(value, shape);
    }
}
