//! Proof for people's own contacts: what of a Google account is not ours is looked at before a run and after it. Asked for by
//! the run, answered by the worker that holds the account; kept in between as a fingerprint for each person.

use std::collections::{BTreeMap, HashMap};

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, keys::GoogleKeys, pool::Pool};

/// What a run's two looks at contacts that are not ours came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// As they were.
    pub unchanged: u64,
    /// Another than before: somebody else's doing, meanwhile.
    pub changed: u64,
    /// Not there any more: somebody else's doing, too.
    pub gone: u64,
    /// The resource names of those, [`Proof::NAMED`] at the most.
    pub names: Vec<String>,
}

impl Proof {
    /// Resource names that are kept.
    pub const NAMED: usize = 20;
}

/// When a look is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before the run writes anything.
    Before,
    /// After its last write.
    After,
}

/// Where a run's proof is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Wanted(Moment),
    Seen,
    /// `None`: Redis has lost the first look.
    Proved(Option<Proof>),
}

/// The proofs of one Google account.
#[derive(Clone)]
pub struct Proofs {
    pool: Pool,
    keys: GoogleKeys,
}

/// In the place of a person: there was a look.
const LOOKED: &str = "";

/// Fingerprints of a run that never ended are kept this long (seconds).
const KEPT: i64 = 40 * 86_400;

impl Proofs {
    /// Of this account.
    pub fn new(pool: Pool, subject: &str) -> Self {
        Self { pool, keys: GoogleKeys::new(subject) }
    }

    /// Asks for a look; answers whether it is still to be taken.
    pub async fn want(&self, run: &str, moment: Moment) -> Result<bool, StoreError> {
        let state = self.state(run).await?;
        let asks = match (&state, moment) {
            (None, _) => true,
            (Some(State::Seen | State::Wanted(Moment::Before)), Moment::After) => true,
            (Some(_), _) => false,
        };
        if asks {
            self.set(run, &State::Wanted(moment)).await?;
        }
        Ok(asks || matches!(state, Some(State::Wanted(wanted)) if wanted == moment))
    }

    /// The looks that are wanted: run and moment.
    pub async fn wanted(&self) -> Result<Vec<(String, Moment)>, StoreError> {
        let held: HashMap<String, String> = self.pool.get().await?.hgetall(self.keys.proofs()).await?;
        let mut wanted = Vec::new();
        for (run, text) in held {
            if let State::Wanted(moment) = decode("a proof", &text)? {
                wanted.push((run, moment));
            }
        }
        Ok(wanted)
    }

    /// Keeps the first look: person → fingerprint.
    pub async fn keep(&self, run: &str, prints: &BTreeMap<String, String>) -> Result<(), StoreError> {
        let key = self.keys.prints(run);
        let mut connection = self.pool.get().await?;
        let _: () = connection.del(&key).await?;
        // An account may be empty; that there was a look is known by this.
        let _: () = connection.hset(&key, LOOKED, "").await?;
        for chunk in prints.iter().collect::<Vec<_>>().chunks(1_000) {
            let _: () = connection.hset_multiple(&key, chunk).await?;
        }
        let _: () = connection.expire(&key, KEPT).await?;
        drop(connection);
        self.set(run, &State::Seen).await
    }

    /// The first look, unless Redis has lost it.
    pub async fn prints(&self, run: &str) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let mut held: BTreeMap<String, String> = self.pool.get().await?.hgetall(self.keys.prints(run)).await?;
        Ok(held.remove(LOOKED).map(|_| held))
    }

    /// Both looks have been compared.
    pub async fn conclude(&self, run: &str, proof: Option<Proof>) -> Result<(), StoreError> {
        self.set(run, &State::Proved(proof)).await
    }

    /// What the comparison came to, once there was one.
    pub async fn proof(&self, run: &str) -> Result<Option<Option<Proof>>, StoreError> {
        Ok(match self.state(run).await? {
            Some(State::Proved(proof)) => Some(proof),
            _ => None,
        })
    }

    /// The run's report has it now.
    pub async fn forget(&self, run: &str) -> Result<(), StoreError> {
        let mut connection = self.pool.get().await?;
        let _: () = connection.del(self.keys.prints(run)).await?;
        let _: () = connection.hdel(self.keys.proofs(), run).await?;
        Ok(())
    }

    async fn state(&self, run: &str) -> Result<Option<State>, StoreError> {
        let held: Option<String> = self.pool.get().await?.hget(self.keys.proofs(), run).await?;
        held.map(|text| decode("a proof", &text)).transpose()
    }

    async fn set(&self, run: &str, state: &State) -> Result<(), StoreError> {
        let _: () = self.pool.get().await?.hset(self.keys.proofs(), run, encode("a proof", state)?).await?;
        Ok(())
    }
}
