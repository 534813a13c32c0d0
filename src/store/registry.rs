//! The registry: everything small and precious (declared state, connections, rotated tokens, the owner's refusals) as one
//! document with a revision. It stands in Redis and, sealed, in the data directory; the file is written first, so a
//! single-use token is on disk before it is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use redis::AsyncCommands;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::config::declared::Declared;

use super::{
    StoreError, decode, encode,
    keys::DECLARED,
    pool::Pool,
    seal::{SealError, Sealer, random_text},
    snapshot::{Snapshot, SnapshotError, SnapshotFile},
    tokens::ApiToken,
};

mod secrets;

pub use secrets::{each_secret, exported_secret, open_secret, seal_secret};

/// Everything small and precious. Secrets inside are sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registry {
    /// Grows with every change.
    pub revision: u64,
    /// Id of the key that everything inside is sealed with; empty in one that was written before keys had ids.
    pub key: String,
    /// Declared state; secrets as `sealed:…` or `env:NAME sealed:…`.
    pub declared: Declared,
    /// Sync name → stable id, used in keys and links.
    pub sync_ids: BTreeMap<String, String>,
    /// Sync id → epoch in which it was declared; a later epoch is made up for by a reconcile.
    pub sync_epochs: BTreeMap<String, u64>,
    /// Google account name → connection.
    pub google: BTreeMap<String, GoogleConnection>,
    /// CRM account → sealed OAuth tokens.
    pub crm_tokens: BTreeMap<String, String>,
    /// What the service made up for itself, sealed: `admin_password`, `api_token`.
    pub generated: BTreeMap<String, String>,
    /// Name → token of the API.
    pub api_tokens: BTreeMap<String, ApiToken>,
    /// `subject|account|contact` → what the owner refused.
    pub refusals: BTreeMap<String, Refusal>,
    /// `account|sync id` → why a sync is paused, see [`super::pauses`].
    pub paused: BTreeMap<String, String>,
    /// Persons who were erased: keyed hashes, see [`super::forgotten`].
    pub forgotten: BTreeSet<String>,
}

/// A connected Google account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoogleConnection {
    /// Google's stable id of the person.
    pub subject: String,
    /// Sealed refresh token.
    pub refresh: String,
    /// Where the token came from: a digest of the declared one, so that a new one is noticed; empty for the browser.
    #[serde(default)]
    pub declared_digest: String,
    /// When it was made (ms); 0 if that is not known.
    #[serde(default)]
    pub made: i64,
    /// When Google ends it (ms), if Google has said so.
    #[serde(default)]
    pub ends: Option<i64>,
    /// One before it ended after a week: the OAuth app is in Google's testing mode.
    #[serde(default)]
    pub is_weekly: bool,
}

/// How long a connection lasts that was made in Google's testing mode (ms).
pub const WEEK_MS: i64 = 7 * 86_400_000;

impl GoogleConnection {
    /// When it ends (ms), if that is known.
    pub fn ends_at(&self) -> Option<i64> {
        self.ends.or_else(|| (self.is_weekly && self.made > 0).then(|| self.made + WEEK_MS))
    }
}

/// Something the owner does not want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The contact was deleted in Google and stays deleted.
    Deleted,
    /// The label was taken off, for these syncs.
    OptedOut(Vec<String>),
    /// A person said that no contact is to be made or touched.
    Skipped,
}

impl Refusal {
    /// A short stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::OptedOut(_) => "opted-out",
            Self::Skipped => "skipped",
        }
    }

    /// Whether it keeps this sync from the contact.
    pub fn concerns(&self, sync: &str) -> bool {
        match self {
            Self::Deleted | Self::Skipped => true,
            Self::OptedOut(syncs) => syncs.iter().any(|id| id == sync),
        }
    }
}

/// Why the registry could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Redis.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A secret does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why a secret cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum SecretProblem {
    /// Its reference leads nowhere.
    #[error(transparent)]
    Reference(#[from] crate::config::secret::SecretError),
    /// It was sealed with another key.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Reads and changes the registry.
#[derive(Clone)]
pub struct RegistryStore {
    pool: Pool,
    sealer: Arc<Sealer>,
    file: SnapshotFile,
    /// One change at a time in this process; against other processes the revision decides.
    changing: Arc<tokio::sync::Mutex<()>>,
}

const SWAP: &str = "
local held = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
if held ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'body', ARGV[3])
return 1";

impl RegistryStore {
    /// Over this pool and snapshot file.
    pub fn new(pool: Pool, sealer: Arc<Sealer>, file: SnapshotFile) -> Self {
        Self { pool, sealer, file, changing: Arc::default() }
    }

    /// The key that opens what is sealed inside.
    pub fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Id of the key that the snapshot file is sealed with; empty when there is none, or it does not say.
    pub fn key_of_file(&self) -> String {
        self.file.key()
    }

    /// The revision in Redis; 0 when there is none.
    pub async fn revision(&self) -> Result<u64, StoreError> {
        let revision: Option<u64> = self.pool.get().await?.hget(DECLARED, "revision").await?;
        Ok(revision.unwrap_or(0))
    }

    /// The whole registry from Redis. From then on everything is sealed with the key that it names.
    pub async fn load(&self) -> Result<Registry, StoreError> {
        let body: Option<String> = self.pool.get().await?.hget(DECLARED, "body").await?;
        let Some(text) = body else { return Ok(Registry::default()) };
        let registry: Registry = decode("the registry", &text)?;
        if let Err(error) = self.sealer.seal_with(&registry.key) {
            // Nothing in it opens either; whoever needs a secret says so.
            tracing::debug!(%error, "the registry's key is not here");
        }
        Ok(registry)
    }

    /// Changes it: loads, applies `change`, writes the file, then Redis; again if somebody else was faster.
    /// `change` answering `false` leaves everything as it is.
    pub async fn change(
        &self,
        installation: &str,
        mut change: impl FnMut(&mut Registry) -> bool,
    ) -> Result<Registry, RegistryError> {
        let _alone = self.changing.lock().await;
        loop {
            let mut registry = self.load().await?;
            let before = registry.revision;
            if !change(&mut registry) {
                return Ok(registry);
            }
            if self.replace(installation, before, &mut registry).await? {
                return Ok(registry);
            }
        }
    }

    /// Seals everything with the key of this id from now on. May be broken off anywhere and done again.
    pub async fn rotate(&self, installation: &str, key: &str) -> Result<Registry, RegistryError> {
        let _alone = self.changing.lock().await;
        loop {
            let mut registry = self.load().await?;
            let before = registry.revision;
            self.sealer.seal_with(key)?;
            if registry.key == key && registry.sealed_with().keys().all(|id| id == key) {
                return Ok(registry);
            }
            if self.replace(installation, before, &mut registry).await? {
                return Ok(registry);
            }
        }
    }

    /// Takes every key but the newest out of the key file, if nothing needs them any more; answers whether it did.
    pub async fn retire(&self) -> Result<bool, RegistryError> {
        let Some(file) = self.sealer.file() else { return Ok(false) };
        let held = file.lock()?;
        let registry = self.load().await?;
        let newest = self.sealer.ids().into_iter().next().unwrap_or_default();
        let in_file = self.read_file()?.map(|snapshot| snapshot.key);
        let needed = registry.key != newest
            || registry.sealed_with().keys().any(|id| *id != newest)
            || in_file.is_some_and(|id| id != newest);
        if needed {
            return Ok(false);
        }
        file.keep_newest(&held)?;
        self.sealer.refresh()?;
        Ok(true)
    }

    /// Writes a changed registry over the one of revision `before`; `false` when somebody else was faster.
    async fn replace(&self, installation: &str, before: u64, registry: &mut Registry) -> Result<bool, RegistryError> {
        // A value may have been sealed just before the key changed.
        registry.reseal(&self.sealer)?;
        registry.revision = before + 1;
        match self.write_file(installation, registry) {
            Err(SnapshotError::Sealed(SealError::Rotated)) => return Ok(false),
            written => written?,
        }
        Ok(self.swap(before, registry).await?)
    }

    /// Writes the snapshot file.
    pub fn write_file(&self, installation: &str, registry: &Registry) -> Result<(), SnapshotError> {
        self.file.write(
            &self.sealer,
            &Snapshot { installation: installation.into(), registry: registry.clone(), key: String::new() },
        )
    }

    /// Reads the snapshot file.
    pub fn read_file(&self) -> Result<Option<Snapshot>, SnapshotError> {
        self.file.read(&self.sealer)
    }

    /// Puts a registry into Redis over one of revision `before`; `false` when another revision stands there.
    pub async fn swap(&self, before: u64, registry: &Registry) -> Result<bool, StoreError> {
        let body = encode("the registry", registry)?;
        let mut connection = self.pool.get().await?;
        let done: i64 = redis::Script::new(SWAP)
            .key(DECLARED)
            .arg(before)
            .arg(registry.revision)
            .arg(body)
            .invoke_async(&mut connection)
            .await?;
        Ok(done == 1)
    }
}

impl Registry {
    /// A generated secret, made on first use. Answers the value and whether it is new.
    pub fn generated(&mut self, sealer: &Sealer, name: &str) -> Result<(SecretString, bool), SealError> {
        if let Some(sealed) = self.generated.get(name) {
            return Ok((sealer.open(name, sealed)?, false));
        }
        let value = random_text(16)?;
        self.generated.insert(name.to_owned(), sealer.seal(name, &value)?);
        Ok((value.into(), true))
    }

    /// The field under which a refusal stands.
    pub fn refusal_key(subject: &str, account: &crate::contact::AccountKey, contact: &str) -> String {
        format!("{subject}|{account}|{contact}")
    }
}
