//! What every command stands on: Redis (private or the operator's), the secret key, the registry.

use std::{os::unix::fs::MetadataExt as _, path::PathBuf, sync::Arc};

use redis::AsyncCommands as _;
use secrecy::ExposeSecret as _;

use crate::{
    config::Settings,
    store::{
        StoreError,
        current::Current,
        highwater::Highwater,
        installation::{Found, Guard, Installation, InstallationError},
        key_file::KeyFile,
        keys::INSTALLATION,
        local::{LocalError, LocalRedis},
        pool::{Pool, PoolError},
        registry::{RegistryError, RegistryStore},
        seal::{SealError, Sealer},
        snapshot::SnapshotFile,
    },
};

/// Redis, registry and key, opened.
pub struct Foundation {
    /// Connections.
    pub pool: Pool,
    /// Configuration and credentials.
    pub registry: RegistryStore,
    /// Watches that Redis is ours.
    pub guard: Guard,
    /// How far Redis has come.
    pub highwater: Arc<Highwater>,
    /// What the last check found.
    pub found: Found,
    /// The private Redis, if there is one.
    pub local: Option<LocalRedis>,
}

/// Why Carnet cannot start. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each is the error of the part it names")]
pub enum StartError {
    #[error("the data directory {0} cannot be used: {1}")]
    DataDir(std::path::PathBuf, String),
    #[error(
        "the data directory {0} is of user {1}, and what root writes there the service cannot read: run this as that user, for example \
         with `setpriv --reuid={1} --regid={1} --clear-groups`"
    )]
    AsRoot(std::path::PathBuf, u32),
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(
        "the secret key is missing: CARNET_SECRET_KEY is not set and there is no {0}, but what is stored was sealed with one; put the \
         key of this installation back (without it: start with an empty data directory and an empty Redis, and connect all anew)"
    )]
    NoKey(PathBuf),
    #[error(
        "the secret key {0} is too short: {1} characters, but it takes at least {LEAST}; make one with `openssl rand -hex 32`"
    )]
    ShortKey(&'static str, usize),
    #[error(transparent)]
    Installation(#[from] InstallationError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the declared state cannot be used: {0}")]
    Declared(String),
    #[error(transparent)]
    Client(#[from] crate::claim::NoClient),
    #[error(transparent)]
    Alerts(#[from] crate::alerts::BadChannel),
    #[error("HTTP cannot be served: {0}")]
    Http(#[from] std::io::Error),
}

impl StartError {
    /// Whether it may be otherwise in a moment: Redis does not answer, or takes nothing now.
    pub fn may_pass(&self) -> bool {
        let store = match self {
            Self::Store(store) => store,
            Self::Registry(RegistryError::Store(store)) => store,
            Self::Installation(InstallationError::Registry(RegistryError::Store(store))) => store,
            Self::Pool(PoolError::Unreachable(_)) | Self::Installation(InstallationError::NotBegun) => return true,
            _ => return false,
        };
        matches!(store, StoreError::Unavailable(_))
    }
}

impl Foundation {
    /// Opens everything, starting the private Redis when none is configured.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        Self::begin_or_join(settings, true).await
    }

    /// The same for a process that takes events and does nothing else. Its data directory need not last, so it may not know an
    /// installation whose Redis was lost from a new one: over a Redis of the operator's it waits for one that does.
    pub async fn join(settings: &Settings) -> Result<Self, StartError> {
        Self::begin_or_join(settings, settings.redis_url.is_none()).await
    }

    async fn begin_or_join(settings: &Settings, begins: bool) -> Result<Self, StartError> {
        let Opened { pool, registry, highwater, local } = Opened::open(settings, true).await?;
        // A wrong key must be noticed before anything is written with it.
        registry.load().await?.opens(registry.sealer())?;
        let guard = Guard::new(pool.clone(), registry.clone(), highwater.clone(), begins);
        let found = guard.check().await?;
        Ok(Self { pool, registry, guard, highwater, found, local })
    }

    /// The configuration as it is now.
    pub async fn current(&self, installation: Installation) -> Result<Current, StartError> {
        Ok(Current::open(&self.registry.load().await?, installation, self.registry.sealer())?)
    }

    /// Another guard over the same parts, for a command's own tools.
    pub fn new_guard(&self) -> Guard {
        Guard::new(self.pool.clone(), self.registry.clone(), self.highwater.clone(), true)
    }

    /// The installation.
    pub fn installation(&self) -> &Installation {
        self.found.installation()
    }
}

/// What is there before it is known whether Redis is ours.
pub struct Opened {
    /// Connections.
    pub pool: Pool,
    /// Configuration and credentials.
    pub registry: RegistryStore,
    /// How far Redis has come.
    pub highwater: Arc<Highwater>,
    /// The private Redis, if there is one.
    pub local: Option<LocalRedis>,
}

impl Opened {
    /// Opens Redis, starting the private one when none is configured, and the secret key, which a `first` start may make.
    pub async fn open(settings: &Settings, first: bool) -> Result<Self, StartError> {
        let dir = &settings.data_dir;
        let unusable = |error: std::io::Error| StartError::DataDir(dir.clone(), error.to_string());
        std::fs::create_dir_all(dir).map_err(unusable)?;
        let owner = std::fs::metadata(dir).map_err(unusable)?.uid();
        if rustix::process::geteuid().is_root() && owner != 0 {
            return Err(StartError::AsRoot(dir.clone(), owner));
        }
        let (pool, local) = match &settings.redis_url {
            Some(address) => (Pool::open(address.expose_secret())?, None),
            None => {
                let local = LocalRedis::start(dir).await?;
                (Pool::open(&local.address)?, Some(local))
            }
        };
        let file = SnapshotFile::in_dir(dir);
        let sealer = Arc::new(sealer(settings, &pool, &file, first).await?);
        let highwater = Arc::new(Highwater::open(dir));
        let registry = RegistryStore::new(pool.clone(), sealer, file);
        Ok(Self { pool, registry, highwater, local })
    }
}

/// Characters of a secret key at the least.
const LEAST: usize = 16;

/// The configured keys, or those in the data directory; made on the first start.
async fn sealer(settings: &Settings, pool: &Pool, snapshot: &SnapshotFile, first: bool) -> Result<Sealer, StartError> {
    if let Some(key) = &settings.secret_key {
        long_enough("in CARNET_SECRET_KEY", key.expose_secret())?;
        let keys: Vec<_> = std::iter::once(key).chain(&settings.secret_keys_previous).cloned().collect();
        return Ok(Sealer::of(&keys)?);
    }
    let file = KeyFile::in_dir(&settings.data_dir);
    if file.read()?.is_empty() {
        let is_known: bool = pool.get().await?.exists(INSTALLATION).await.map_err(StoreError::from)?;
        if is_known || snapshot.is_there() || !first {
            return Err(StartError::NoKey(file.path().to_owned()));
        }
        file.add()?;
        tracing::warn!(path = %file.path().display(), "a secret key was made; back it up: without it the stored credentials cannot be opened");
    }
    let newest = file.read()?;
    long_enough("in the data directory", newest.first().map_or("", |key| key.expose_secret()))?;
    Ok(Sealer::in_file(file)?)
}

fn long_enough(place: &'static str, key: &str) -> Result<(), StartError> {
    let length = key.chars().count();
    if length < LEAST { Err(StartError::ShortKey(place, length)) } else { Ok(()) }
}
