//! The brake of one sync: which contacts it took out or wrote over within 24 hours, which ones it was stopped from, and what a
//! person said of these. What a worker notes here goes through `ledger`, in the step that also settles the contact.

use std::collections::{BTreeSet, HashMap};

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, keys::CrmKeys, pool::Pool};

/// The window over which the brake counts (ms). `hold.lua` and `settle.lua` know it too.
pub const WINDOW_MS: i64 = 24 * 3_600 * 1_000;

/// What the brake watches over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The sync takes the contact out: to the trash, or its label off, or it is let go of.
    Removal,
    /// A value of the contact's owner is replaced.
    Overwrite,
}

impl Kind {
    /// What becomes of the contact.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Removal => "taken out",
            Self::Overwrite => "written over",
        }
    }
}

/// A contact that the brake has stopped, or what it would note of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What would be done.
    pub kind: Kind,
    /// Why, in words.
    pub why: String,
    /// Since when (ms).
    pub since: i64,
    /// What exactly would be done, as a code: an answer holds for this and for nothing else.
    pub about: String,
}

/// What a person said of a contact that was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It may be done, once.
    Allow,
    /// It stays as it is in Google.
    Discard,
}

/// An answer, and what it was given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// As in [`Held::about`].
    pub about: String,
    /// The answer.
    pub answer: Answer,
    /// It was given with a preview: it holds for the run that applies it alone.
    #[serde(default)]
    pub run: Option<String>,
}

/// How one contact stands with the brake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It was stopped and waits for an answer.
    pub held: Option<Held>,
    /// What was said of it.
    pub word: Option<Word>,
}

impl Standing {
    /// What was said of just this, for good or for this run.
    pub fn answer(&self, about: &str, run: Option<&str>) -> Option<Answer> {
        let holds = |word: &&Word| word.about == about && (word.run.is_none() || word.run.as_deref() == run);
        self.word.as_ref().filter(holds).map(|word| word.answer)
    }
}

/// How far the brake is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Contacts that were taken out or written over within the window.
    pub spent: BTreeSet<String>,
    /// Kinds for which it has engaged within the window and was not answered yet.
    pub engaged: BTreeSet<Kind>,
}

/// The brake of one sync.
#[derive(Clone)]
pub struct Brake {
    pool: Pool,
    keys: CrmKeys,
    sync: String,
}

/// Contacts in one script.
const CHUNK: usize = 1_000;

const HOLD: &str = concat!(
    include_str!("hold.lua"),
    "for _, item in ipairs(cjson.decode(ARGV[1])) do hold(KEYS[1], KEYS[2], item[1], item[2]) end"
);

const SAY: &str = "
for _, item in ipairs(cjson.decode(ARGV[1])) do redis.call('HSET', KEYS[1], item[1], item[2]) end";

/// What a person said of the same holds longer than a run.
const CONSENT: &str = "
for _, item in ipairs(cjson.decode(ARGV[1])) do
  local said = redis.call('HGET', KEYS[1], item[1])
  said = said and cjson.decode(said)
  local of_a_run = said and said.run and said.run ~= cjson.null
  if not said or of_a_run or said.about ~= cjson.decode(item[2]).about then redis.call('HSET', KEYS[1], item[1], item[2]) end
end";

/// An entry that is about something else by now stays. With the last one the brake is free again.
const LET_GO: &str = "
for _, item in ipairs(cjson.decode(ARGV[1])) do
  local held = redis.call('HGET', KEYS[1], item[1])
  if held and cjson.decode(held).about == item[2] then redis.call('HDEL', KEYS[1], item[1]) end
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('HDEL', KEYS[2], 'braked:removal', 'braked:overwrite') end";

impl Brake {
    /// Of the sync with this id.
    pub fn new(pool: Pool, keys: CrmKeys, sync: &str) -> Self {
        Self { pool, keys, sync: sync.to_owned() }
    }

    /// Every contact that was stopped.
    pub async fn held(&self) -> Result<Vec<(String, Held)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.brake_held(&self.sync)).await?;
        held.into_iter().map(|(contact, text)| Ok((contact, decode("a braked contact", &text)?))).collect()
    }

    /// How many were stopped.
    pub async fn held_count(&self) -> Result<u64, StoreError> {
        Ok(self.pool.get().await?.hlen(self.keys.brake_held(&self.sync)).await?)
    }

    /// How these contacts stand, in their order.
    pub async fn standings(&self, contacts: &[String]) -> Result<Vec<Standing>, StoreError> {
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        let (held, words): (Vec<Option<String>>, Vec<Option<String>>) = redis::pipe()
            .hmget(self.keys.brake_held(&self.sync), contacts)
            .hmget(self.keys.brake_words(&self.sync), contacts)
            .query_async(&mut self.pool.get().await?)
            .await?;
        let read = |(held, word): (Option<String>, Option<String>)| {
            let held = held.map(|text| decode("a braked contact", &text)).transpose()?;
            let word = word.map(|text| decode("an answer to the brake", &text)).transpose()?;
            Ok(Standing { held, word })
        };
        held.into_iter().zip(words).map(read).collect()
    }

    /// How far it is used up now.
    pub async fn used(&self) -> Result<Used, StoreError> {
        let from = self.pool.clock.now_ms() - WINDOW_MS;
        let fields = ["braked:removal", "braked:overwrite"];
        let mut connection = self.pool.get().await?;
        let spent = connection.zrangebyscore(self.keys.brake_spent(&self.sync), format!("({from}"), "+inf").await?;
        let engaged: Vec<Option<i64>> = connection.hmget(self.keys.sync(&self.sync), &fields).await?;
        let waits = self.held_count().await? > 0;
        let kinds = [Kind::Removal, Kind::Overwrite].into_iter().zip(engaged);
        let engaged = kinds.filter(|(_, at)| waits && at.is_some_and(|at| at > from)).map(|(kind, _)| kind).collect();
        Ok(Used { spent, engaged })
    }

    /// Stops contacts that no worker has in hand. Those that are stopped for the same already stay as they are.
    pub async fn hold(&self, contacts: &[(String, Held)]) -> Result<(), StoreError> {
        let keys = [self.keys.brake_held(&self.sync), self.keys.sync(&self.sync)];
        let list = contacts.iter().map(|(contact, held)| Ok((contact.as_str(), encode("a braked contact", held)?)));
        self.each(HOLD, &keys, list.collect::<Result<Vec<_>, StoreError>>()?).await
    }

    /// Agrees to what this run would do to these contacts, `(contact, about)`, whether they were stopped yet or not. The
    /// write uses the agreement up; what is agreed to does not use the brake up.
    pub async fn consent(&self, contacts: &[(String, String)], run: &str) -> Result<(), StoreError> {
        self.tell(CONSENT, contacts, Answer::Allow, Some(run)).await
    }

    /// Remembers an answer about these contacts, `(contact, about)`.
    pub async fn say(&self, contacts: &[(String, String)], answer: Answer) -> Result<(), StoreError> {
        self.tell(SAY, contacts, answer, None).await
    }

    async fn tell(
        &self,
        script: &str,
        contacts: &[(String, String)],
        answer: Answer,
        run: Option<&str>,
    ) -> Result<(), StoreError> {
        let run = run.map(str::to_owned);
        let word =
            |about: &String| encode("an answer to the brake", &Word { about: about.clone(), answer, run: run.clone() });
        let list = contacts.iter().map(|(contact, about)| Ok((contact.as_str(), word(about)?)));
        self.each(script, &[self.keys.brake_words(&self.sync)], list.collect::<Result<Vec<_>, StoreError>>()?).await
    }

    /// Takes answered contacts off the list, `(contact, about)`.
    pub async fn let_go(&self, contacts: &[(String, String)]) -> Result<(), StoreError> {
        let keys = [self.keys.brake_held(&self.sync), self.keys.sync(&self.sync)];
        self.each(LET_GO, &keys, contacts.iter().map(|(contact, about)| (contact.as_str(), about.clone())).collect())
            .await
    }

    async fn each(&self, script: &str, keys: &[String], list: Vec<(&str, String)>) -> Result<(), StoreError> {
        let script = redis::Script::new(script);
        let mut connection = self.pool.get().await?;
        for chunk in list.chunks(CHUNK) {
            let mut call = script.prepare_invoke();
            for key in keys {
                call.key(key);
            }
            let _: () = call.arg(encode("a list", &chunk)?).invoke_async(&mut connection).await?;
        }
        Ok(())
    }
}
