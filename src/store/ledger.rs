//! The ledger of one CRM account and one Google account: links, intents, questions, journal. Written in steps by the one
//! worker that holds the Google account; read by anybody.

use std::{collections::HashMap, sync::Arc};

use redis::AsyncCommands;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::contact::AccountKey;

use super::{
    StoreError, decode, encode,
    highwater::Highwater,
    keys::{CrmKeys, GoogleKeys},
    pool::Pool,
    seal::random_text,
};

/// Entries that a journal holds at the most; by age it is trimmed by [`super::journal::trim`].
pub(super) const JOURNAL_LENGTH: usize = 1_000_000;
const DEAD_LENGTH: u64 = 100_000;
/// Links read in one step of a scan.
const SCANNED: usize = 500;

/// A contact's mark: that it is dirty, since when and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// Generation: clean only if it has not moved.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// When it became dirty (ms).
    pub first: i64,
    /// Newest event time (ms), 0 when unknown.
    pub at: i64,
    /// An event said that it was deleted.
    pub deleted: bool,
    /// Retries so far.
    pub tries: u64,
    /// The last of them.
    pub tried: Vec<Tried>,
    /// Readings that were older than the event.
    pub stale: u64,
    /// The run that wants it.
    pub run: Option<String>,
    /// Waits behind live contacts.
    pub bulk: bool,
    /// Is compared with Google even if the CRM's state is the one last written.
    pub look: bool,
    /// Why it still waits, as a code.
    pub why: Option<String>,
    /// Its run was cancelled in the middle of a call: the call is followed to its end, and that is all.
    pub dropped: bool,
}

/// A try that did not succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// When (ms).
    pub at: i64,
    /// Why the contact was put off, as a code.
    pub why: String,
}

/// What became of one contact. `None` leaves things as they are; `Some(None)` removes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Step {
    /// The CRM contact.
    pub contact: String,
    /// The mark's generation that this step answers.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The run that the mark belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// New link.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "put")]
    pub link: Option<Option<String>>,
    /// Google resource that now belongs to the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Google resource that no longer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disown: Option<String>,
    /// New intent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "put")]
    pub intent: Option<Option<String>>,
    /// New question.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "put")]
    pub need: Option<Option<String>>,
    /// Journal entry as flat fields and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<Vec<String>>,
    /// Dead letter as flat fields and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<Vec<String>>,
    /// The contact is clean, unless its generation has moved.
    pub clean: bool,
    /// Counter of the run that this adds to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<&'static str>,
    /// A second counter, which tells more of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<&'static str>,
    /// Look again then (ms).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// New number of retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<u64>,
    /// New number of stale readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<u64>,
    /// Why it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Forget the reading that a reconcile left.
    pub reread: bool,
    /// The brake stops it: an entry of [`super::brake::Held`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// It is taken out or written over, at this time (ms), and uses the brake up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend: Option<i64>,
    /// What a person said of it to the brake goes on to hold.
    pub keep_word: bool,
    /// Its dead letter stays: nothing was found out about it.
    pub keep_letter: bool,
    /// It is known how its updates ended ([`super::begun`]).
    pub ended: bool,
}

/// `Some(None)` is written as `false`, which the script reads as "remove".
fn put<S: serde::Serializer>(value: &Option<Option<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(Some(text)) => serializer.serialize_str(text),
        _ => serializer.serialize_bool(false),
    }
}

impl Step {
    /// A step of this contact that changes nothing yet.
    pub fn of(contact: &str) -> Self {
        Self { contact: contact.to_owned(), ..Self::default() }
    }

    /// It answers this mark.
    pub fn answer(&mut self, mark: &Mark) {
        self.generation = Some(mark.generation);
        self.run.clone_from(&mark.run);
    }
}

/// Installs a fencing token in the CRM account's slot: whoever shows an older one writes nothing more. Answers the sequence.
pub async fn fence(pool: &Pool, account: &AccountKey, subject: &str, token: &str) -> Result<u64, StoreError> {
    let keys = CrmKeys::new(account);
    let (held, sequence): (i64, u64) = redis::Script::new(include_str!("fence.lua"))
        .key(keys.fence(subject))
        .key(keys.sequence(subject))
        .arg(token)
        .invoke_async(&mut pool.get().await?)
        .await?;
    if held == 0 { Err(StoreError::Fenced) } else { Ok(sequence) }
}

/// The ledger, opened by the worker that holds the Google account.
pub struct Ledger {
    pool: Pool,
    keys: CrmKeys,
    subject: String,
    token: String,
    sequence: u64,
    highwater: Arc<Highwater>,
    mark: String,
    told_as: String,
}

impl Ledger {
    /// Installs the fencing token in the CRM account's slot. [`StoreError::WentBack`] when Redis shows less than this
    /// process has seen, [`StoreError::Fenced`] when a newer worker was here.
    pub async fn open(
        pool: &Pool,
        highwater: Arc<Highwater>,
        account: &AccountKey,
        subject: &str,
        token: &str,
        epoch: u64,
    ) -> Result<Self, StoreError> {
        let keys = CrmKeys::new(account);
        let sequence = fence(pool, account, subject, token).await?;
        let mark = format!("{account}|{subject}");
        // Of this epoch only: in a new one everything begins anew.
        let told_as = format!("{epoch}|{account}");
        let told: Option<u64> = pool.get().await?.hget(GoogleKeys::new(subject).sequences(), &told_as).await?;
        if !highwater.accepts(&mark, sequence) || told.is_some_and(|told| sequence < told) {
            return Err(StoreError::WentBack);
        }
        Ok(Self {
            pool: pool.clone(),
            keys,
            subject: subject.to_owned(),
            token: token.to_owned(),
            sequence,
            highwater,
            mark,
            told_as,
        })
    }

    /// Writes what became of some contacts of `sync`, all or nothing.
    pub async fn settle(&mut self, sync: &str, steps: &[Step]) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        let nonce = random_text(6).map_err(|e| StoreError::Unreadable("a nonce", e.to_string()))?;
        let keys = &self.keys;
        const SETTLE: &str = concat!(include_str!("named.lua"), include_str!("hold.lua"), include_str!("settle.lua"));
        let answer: Vec<i64> = redis::Script::new(SETTLE)
            .key(keys.fence(&self.subject))
            .key(keys.sequence(&self.subject))
            .key(keys.links(&self.subject))
            .key(keys.owners(&self.subject))
            .key(keys.intents(&self.subject))
            .key(keys.needs(&self.subject))
            .key(keys.journal(&self.subject))
            .key(keys.marks(sync))
            .key(keys.due(sync))
            .key(keys.bulk(sync))
            .key(keys.readings(sync))
            .key(keys.run_counts())
            .key(keys.dead())
            .key(keys.nonce(&self.subject))
            .key(keys.decisions(&self.subject))
            .key(keys.brake_held(sync))
            .key(keys.brake_spent(sync))
            .key(keys.brake_words(sync))
            .key(keys.sync(sync))
            .key(keys.dead_of(sync))
            .key(keys.dead_lost())
            .key(keys.begun(&self.subject))
            .arg(&self.token)
            .arg(self.sequence)
            .arg(encode("steps", &steps)?)
            .arg(JOURNAL_LENGTH)
            .arg(DEAD_LENGTH)
            .arg(nonce)
            .arg(self.pool.clock.now_ms())
            .invoke_async(&mut self.pool.get().await?)
            .await?;
        match answer.first() {
            Some(-1) | None => Err(StoreError::Fenced),
            Some(-2) => Err(StoreError::WentBack),
            Some(sequence) => {
                self.sequence = u64::try_from(*sequence).unwrap_or(0);
                self.highwater.note(&self.mark, self.sequence);
                // An intent is told to the Google account's slot too: on a Cluster another shard, which does not go back
                // together with this one.
                if steps.iter().any(|s| matches!(s.intent, Some(Some(_)))) {
                    self.tell().await?;
                }
                Ok(())
            }
        }
    }
}

impl Ledger {
    async fn tell(&self) -> Result<(), StoreError> {
        let key = GoogleKeys::new(&self.subject).sequences();
        let _: () = self.pool.get().await?.hset(key, &self.told_as, self.sequence).await?;
        Ok(())
    }
}

/// Reads of a ledger, open to anybody.
#[derive(Clone)]
pub struct LedgerView {
    pool: Pool,
    /// Keys of the CRM account.
    pub keys: CrmKeys,
    subject: String,
}

impl LedgerView {
    /// Of this CRM account and Google subject.
    pub fn new(pool: Pool, account: &AccountKey, subject: &str) -> Self {
        Self { pool, keys: CrmKeys::new(account), subject: subject.to_owned() }
    }

    /// Links of these contacts, in their order.
    pub async fn links<T: DeserializeOwned>(&self, contacts: &[String]) -> Result<Vec<Option<T>>, StoreError> {
        self.many("a link", self.keys.links(&self.subject), contacts).await
    }

    /// Intents of these contacts.
    pub async fn intents<T: DeserializeOwned>(&self, contacts: &[String]) -> Result<Vec<Option<T>>, StoreError> {
        self.many("an intent", self.keys.intents(&self.subject), contacts).await
    }

    /// Every create that is not known to have ended: contact → intent.
    pub async fn open_intents<T: DeserializeOwned>(&self) -> Result<Vec<(String, T)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.intents(&self.subject)).await?;
        held.into_iter().map(|(contact, text)| Ok((contact, decode("an intent", &text)?))).collect()
    }

    /// Decisions about these contacts.
    pub async fn decisions<T: DeserializeOwned>(&self, contacts: &[String]) -> Result<Vec<Option<T>>, StoreError> {
        self.many("a decision", self.keys.decisions(&self.subject), contacts).await
    }

    /// Which contacts own these Google resources.
    pub async fn owners(&self, resources: &[String]) -> Result<Vec<Option<String>>, StoreError> {
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.pool.get().await?.hmget(self.keys.owners(&self.subject), resources).await?)
    }

    /// Every question that waits: contact → question.
    pub async fn needs<T: DeserializeOwned>(&self) -> Result<Vec<(String, T)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.needs(&self.subject)).await?;
        held.into_iter().map(|(contact, text)| Ok((contact, decode("a question", &text)?))).collect()
    }

    /// About which of these contacts a question waits.
    pub async fn asked(&self, contacts: &[String]) -> Result<Vec<bool>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(self.keys.needs(&self.subject), contacts).await?;
        Ok(held.iter().map(Option::is_some).collect())
    }

    /// How many Google contacts are linked. (Links of contacts that are gone are kept for a while; they own nothing.)
    pub async fn link_count(&self) -> Result<u64, StoreError> {
        Ok(self.pool.get().await?.hlen(self.keys.owners(&self.subject)).await?)
    }

    /// Every link, some at a time; one may come twice.
    pub async fn each<T: DeserializeOwned>(&self, mut look: impl FnMut(String, T)) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let (next, links) = self.scan(from).await?;
            links.into_iter().for_each(|(contact, link)| look(contact, link));
            if next == 0 {
                return Ok(());
            }
            from = next;
        }
    }

    /// Some links at a time, with where to go on; 0 begins, and 0 is the end. One may come twice.
    pub async fn scan<T: DeserializeOwned>(&self, from: u64) -> Result<(u64, Vec<(String, T)>), StoreError> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(self.keys.links(&self.subject)).arg(from).arg("COUNT").arg(SCANNED);
        let (next, flat): (u64, Vec<(String, String)>) = scan.query_async(&mut self.pool.get().await?).await?;
        let links = flat.into_iter().map(|(contact, text)| Ok((contact, decode("a link", &text)?)));
        Ok((next, links.collect::<Result<_, StoreError>>()?))
    }

    async fn many<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: String,
        fields: &[String],
    ) -> Result<Vec<Option<T>>, StoreError> {
        if fields.is_empty() {
            return Ok(Vec::new());
        }
        let held: Vec<Option<String>> = self.pool.get().await?.hmget(key, fields).await?;
        held.into_iter().map(|text| text.map(|t| decode(what, &t)).transpose()).collect()
    }
}
