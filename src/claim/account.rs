//! A Google account in a worker's hands: every call is paid for, inside the lease, with a token; what Google answers teaches
//! the budget. Mutating calls are sequential because only the holder makes any.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use redis::AsyncCommands;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    google::{
        budget::{Budget, Limits},
        call::Call,
        failure::{Class, Failure},
        people::{ListCursor, ListPage},
    },
    store::{
        StoreError,
        current::GoogleAccount,
        decode, encode,
        keys::GoogleKeys,
        lease::Lease,
        pool::Pool,
        runs::{Lane, Runs},
    },
};

use super::{AccessFailure, Tools};

/// The longest a worker sits and waits for the budget; beyond it the account is let go and taken again later, so that
/// accounts that must wait do not keep the workers from others.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why work on the account stops here.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The call failed; see its class.
    #[error("{0}")]
    Failure(Failure),
    /// The budget wants a longer wait than a worker sits out.
    #[error("Google's quota: next call in {} s", .0.as_secs())]
    NotNow(Duration),
    /// The sync was paused, or its run cancelled, in the middle of the work.
    #[error("what it was done for was paused or cancelled")]
    HeldUp,
    /// Redis, or the lease is lost.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No access token.
    #[error(transparent)]
    Access(#[from] AccessFailure),
}

/// Why an account is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseWhy {
    /// Google no longer lets us in.
    Access,
    /// The account holds as many contacts as Google allows.
    Full,
}

/// A pause of a Google account; it keeps collecting dirty contacts meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub why: PauseWhy,
    /// In words, with what to do.
    pub sentence: String,
    /// Try again by itself then (ms).
    pub until: i64,
    /// Digest of the refused refresh token: a new one ends the pause.
    pub token: String,
}

/// The account, claimed.
pub struct Account {
    /// Which.
    pub google: Arc<GoogleAccount>,
    /// The lease.
    pub lease: Lease,
    /// Tools.
    pub tools: Arc<Tools>,
    budget: Budget,
    /// When the listing was last brought up to date in this slice.
    pub listed: Option<Instant>,
    /// Which contacts are worked on; a pause or a cancellation holds up every call for them.
    pub busy_with: Option<(Runs, Lane)>,
    /// What was spent and noticed since it was last taken down, by counter of a run.
    pub tally: BTreeMap<&'static str, u64>,
}

impl Account {
    /// Claims the account; `None` while another worker has it or it is paused.
    pub async fn claim(tools: &Arc<Tools>, google: &Arc<GoogleAccount>) -> Result<Option<Self>, StoreError> {
        if pause_of(&tools.pool, google).await?.is_some() {
            return Ok(None);
        }
        let keys = GoogleKeys::new(&google.subject);
        let length = tools.settings.tune.lease;
        let Some(lease) = Lease::claim(&tools.pool, keys.lease(), keys.fence(), &tools.holder, length).await? else {
            return Ok(None);
        };
        let limits = Limits::of(&tools.settings.tune);
        let stored: Option<String> = tools.pool.get().await?.hget(keys.state(), "budget").await?;
        let budget = match stored {
            Some(text) => {
                decode::<Budget>("a budget", &text).map_or_else(|_| Budget::new(&limits), |b| b.resumed(&limits))
            }
            None => Budget::new(&limits),
        };
        Ok(Some(Self {
            google: google.clone(),
            lease,
            tools: tools.clone(),
            budget,
            listed: None,
            busy_with: None,
            tally: BTreeMap::new(),
        }))
    }

    /// Claims the account for somebody who only looks: waits as long as this, because a worker lets go after each slice.
    pub async fn claim_within(
        tools: &Arc<Tools>,
        google: &Arc<GoogleAccount>,
        patience: Duration,
    ) -> Result<Option<Self>, StoreError> {
        let asked = Instant::now();
        while asked.elapsed() < patience {
            if let Some(account) = Self::claim(tools, google).await? {
                return Ok(Some(account));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(None)
    }

    /// Gives the account back, with its budget for the next worker.
    pub async fn release(self) -> Result<(), StoreError> {
        let budget = encode("a budget", &self.budget)?;
        let key = GoogleKeys::new(&self.google.subject).state();
        let _: () = self.tools.pool.get().await?.hset(key, "budget", budget).await?;
        self.lease.release().await
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.google.subject
    }

    /// Whether `contacts` are better written as a batch now.
    pub fn prefers_batches(&self, contacts: usize) -> bool {
        self.budget.prefers_batches(contacts, self.tools.pool.clock.now())
    }

    /// Whether `contacts` are better moved to the trash together.
    pub fn prefers_batch_deletes(&self, contacts: usize) -> bool {
        self.budget.prefers_batch_deletes(contacts)
    }

    /// How long the budget wants to wait before a call.
    pub fn delay(&self, call: Call) -> Duration {
        self.budget.delay_for(&call.cost(), self.tools.pool.clock.now())
    }

    /// Waits for the budget and makes sure of the lease, then answers the token to call with. A call must follow at once:
    /// it leaves while the remaining lease is longer than its timeout.
    pub async fn pay(&mut self, call: Call) -> Result<SecretString, Halt> {
        let need = self.tools.settings.tune.google_timeout + Duration::from_millis(500);
        let delay = self.delay(call);
        if self.tools.stop.is_cancelled() {
            return Err(Halt::NotNow(Duration::ZERO));
        }
        if delay > PATIENCE {
            return Err(Halt::NotNow(delay));
        }
        if !delay.is_zero() {
            self.lease.ensure(delay + need).await?;
            tokio::time::sleep(delay).await;
        }
        let token = Box::pin(self.tools.google_token(&self.google)).await?;
        self.lease.ensure(need).await?;
        if Box::pin(self.is_held_up()).await? {
            return Err(Halt::HeldUp);
        }
        self.spend(call);
        metrics::counter!("carnet_google_calls_total", "call" => format!("{call:?}")).increment(1);
        Ok(token)
    }

    async fn is_held_up(&self) -> Result<bool, StoreError> {
        let Some((runs, lane)) = &self.busy_with else { return Ok(false) };
        Ok(runs.held_up().await?.concerns(*lane))
    }

    fn spend(&mut self, call: Call) {
        let cost = call.cost();
        self.budget.spend(&cost, self.tools.pool.clock.now());
        self.count("calls", 1);
        self.count("units-read", cost.critical_reads.into());
        self.count("units-write", cost.critical_writes.into());
    }

    /// Adds to what is taken down for the run that it is done for.
    pub fn count(&mut self, counter: &'static str, count: u64) {
        *self.tally.entry(counter).or_default() += count;
    }

    /// Takes down for a run what was spent and noticed; without one it was not for any.
    pub async fn take_down(&mut self, run: Option<(&Runs, &str)>) -> Result<(), StoreError> {
        let counts: Vec<_> = std::mem::take(&mut self.tally).into_iter().filter(|(_, count)| *count > 0).collect();
        match run {
            Some((runs, id)) => runs.add(id, &counts).await,
            None => Ok(()),
        }
    }

    /// Takes note of how a call ended.
    pub async fn heard<T>(
        &mut self,
        call: Call,
        token: &SecretString,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match &result {
            Ok(_) => self.budget.on_success(&call.cost(), self.tools.pool.clock.now()),
            Err(Failure::Quota { kind, retry_after }) => {
                self.budget.on_quota(*kind, *retry_after, self.tools.pool.clock.now())
            }
            Err(Failure::Unauthorised) => self.tools.access_tokens.invalidate(&self.google.subject, token).await,
            Err(_) => {}
        }
        if let Err(failure) = &result {
            metrics::counter!("carnet_google_failures_total", "class" => format!("{:?}", failure.class())).increment(1);
        }
        result
    }

    /// One page of a listing.
    pub async fn list(&mut self, cursor: &ListCursor) -> Result<ListPage, Halt> {
        let call = cursor.call();
        let token = self.pay(call).await?;
        let result = self.tools.people.list(&token, cursor).await;
        self.heard(call, &token, result).await.map_err(Halt::Failure)
    }

    /// Pauses the account if this halt is one that waiting does not mend. Answers how long to leave the account alone.
    pub async fn pause_for(&self, halt: &Halt) -> Result<Option<Pause>, StoreError> {
        let why = match halt {
            Halt::Failure(failure) => match failure.class() {
                // A 401 is answered by one refresh; the next call shows whether that helped.
                Class::Authorisation if *failure != Failure::Unauthorised => PauseWhy::Access,
                Class::Full => PauseWhy::Full,
                _ => return Ok(None),
            },
            Halt::Access(AccessFailure::Oauth(crate::google::OauthFailure::Unavailable)) => return Ok(None),
            Halt::Access(_) => PauseWhy::Access,
            Halt::NotNow(_) | Halt::HeldUp | Halt::Store(_) => return Ok(None),
        };
        let pause = Pause {
            why,
            sentence: halt.to_string(),
            until: self.tools.pool.clock.now_ms() + PAUSES_MS,
            token: digest(&self.google),
        };
        let key = GoogleKeys::new(&self.google.subject).state();
        let _: () = self.tools.pool.get().await?.hset(key, "pause", encode("a pause", &pause)?).await?;
        tracing::error!(google = %self.google.name, reason = %pause.sentence, "Google account paused; its contacts wait");
        Ok(Some(pause))
    }
}

/// A paused account is tried once an hour all the same: somebody may have mended it on Google's side.
const PAUSES_MS: i64 = 3_600_000;

/// The pause that holds for this account now, if any. A new connection ends it.
pub async fn pause_of(pool: &Pool, google: &GoogleAccount) -> Result<Option<Pause>, StoreError> {
    let held: Option<String> = pool.get().await?.hget(GoogleKeys::new(&google.subject).state(), "pause").await?;
    let Some(pause) = held.map(|text| decode::<Pause>("a pause", &text)).transpose()? else { return Ok(None) };
    Ok((pause.token == digest(google) && pause.until > pool.clock.now_ms()).then_some(pause))
}

/// Ends a pause; answers whether there was one.
pub async fn resume(pool: &Pool, subject: &str) -> Result<bool, StoreError> {
    let ended: u64 = pool.get().await?.hdel(GoogleKeys::new(subject).state(), "pause").await?;
    Ok(ended > 0)
}

fn digest(google: &GoogleAccount) -> String {
    hex::encode(&Sha256::digest(google.refresh.expose_secret().as_bytes())[..8])
}
