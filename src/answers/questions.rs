//! Questions that only a person can decide, and their answers.

use redis::AsyncCommands as _;
use serde::Serialize;

use super::{Declined, Desk, Pair, name_of};
use crate::{
    plan::identity::Suggestion,
    store::{
        StoreError,
        current::SyncSpec,
        journal,
        keys::CrmKeys,
        registry::{Refusal, Registry},
    },
    work::{Decision, Need},
};

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The sync that asks.
    pub sync: String,
    /// The CRM account, `{crm name}/{account id}`.
    pub crm: String,
    /// The CRM contact.
    pub contact: String,
    /// Why nobody may guess, in words.
    pub why: String,
    /// Google contacts that it may be.
    pub candidates: Vec<Suggestion>,
}

/// What a person answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is this Google contact, `people/c…`.
    Link(String),
    /// It is nobody who is there: make a new one.
    Create,
    /// Leave it out for good.
    Skip,
}

impl Desk {
    /// Every question, by contact.
    pub async fn questions(&self) -> Result<Vec<Question>, StoreError> {
        let mut all: Vec<Question> = self.asked().await?.into_iter().map(|(_, _, question)| question).collect();
        all.sort_by(|a, b| (&a.contact, &a.sync).cmp(&(&b.contact, &b.sync)));
        Ok(all)
    }

    /// Answers the question about a contact; `sync` says whose, when several syncs ask. The answer is remembered.
    pub async fn answer(&self, contact: &str, sync: Option<&str>, answer: &Answer) -> Result<Question, Declined> {
        if matches!(answer, Answer::Link(resource) if !resource.starts_with("people/")) {
            return Err(Declined::NoResource);
        }
        let asked = self.asked().await?;
        let mut its = asked.into_iter().filter(|(_, _, q)| q.contact == contact && sync.is_none_or(|s| q.sync == s));
        let (pair, asking, question) = its.next().ok_or_else(|| Declined::NoQuestion(contact.to_owned()))?;
        let others: Vec<String> = its.map(|(_, _, other)| other.sync).collect();
        if !others.is_empty() {
            let syncs = std::iter::once(question.sync).chain(others).collect();
            return Err(Declined::SeveralAsk { contact: contact.to_owned(), syncs });
        }
        let done = match answer {
            Answer::Link(resource) => {
                self.remember(&pair, contact, &Decision::Link(resource.clone())).await?;
                ("decided-link", "somebody decided which Google contact it is")
            }
            Answer::Create => {
                self.remember(&pair, contact, &Decision::Create).await?;
                ("decided-create", "somebody decided that it is nobody who is in Google")
            }
            Answer::Skip => {
                self.skip(&pair, contact).await?;
                ("decided-skip", "somebody decided to leave it out")
            }
        };
        let keys = CrmKeys::new(&pair.account.key);
        journal::note(&self.pool, &keys, pair.subject, contact, done).await?;
        // What is left out needs no look, and a worker that has not read the refusal yet would ask again.
        if *answer != Answer::Skip {
            self.mark(asking, contact).await?;
        }
        let _: () = self.pool.get().await.map_err(StoreError::from)?.hdel(keys.needs(pair.subject), contact).await?;
        Ok(question)
    }

    async fn asked(&self) -> Result<Vec<(Pair<'_>, &SyncSpec, Question)>, StoreError> {
        let mut asked = Vec::new();
        for pair in self.pairs() {
            for (contact, need) in self.view(&pair).needs::<Need>().await? {
                // A question outlives the sync that asked: another one between the same accounts takes it over.
                let Some(sync) = pair.syncs.iter().find(|s| s.id == need.sync).or(pair.syncs.first()) else { continue };
                let question = Question {
                    sync: sync.spec.name.clone(),
                    crm: name_of(pair.account),
                    contact,
                    why: need.question.why,
                    candidates: need.question.candidates,
                };
                asked.push((pair.clone(), &***sync, question));
            }
        }
        Ok(asked)
    }

    async fn skip(&self, pair: &Pair<'_>, contact: &str) -> Result<(), Declined> {
        let key = Registry::refusal_key(pair.subject, &pair.account.key, contact);
        let skip =
            |registry: &mut Registry| registry.refusals.insert(key.clone(), Refusal::Skipped) != Some(Refusal::Skipped);
        self.registry.change(&self.current.installation.id, skip).await?;
        Ok(())
    }
}
