//! What every command stands on: Redis (private or the operator's), the secret key, the registry.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::Settings,
    store::{
        StoreError,
        current::Current,
        highwater::Highwater,
        installation::{Found, Guard, Installation, InstallationError},
        local::{LocalError, LocalRedis},
        pool::{Pool, PoolError},
        registry::{RegistryError, RegistryStore},
        seal::{SealError, Sealer, random_text},
        snapshot::{SnapshotFile, write_durably},
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
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Seal(#[from] SealError),
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

impl Foundation {
    /// Opens everything, starting the private Redis when none is configured.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let dir = &settings.data_dir;
        std::fs::create_dir_all(dir).map_err(|e| StartError::DataDir(dir.clone(), e.to_string()))?;
        let sealer = Arc::new(Sealer::new(&secret_key(settings)?)?);
        let (pool, local) = match &settings.redis_url {
            Some(address) => (Pool::open(address.expose_secret())?, None),
            None => {
                let local = LocalRedis::start(dir).await?;
                (Pool::open(&local.address)?, Some(local))
            }
        };
        let highwater = Arc::new(Highwater::open(dir));
        let registry = RegistryStore::new(pool.clone(), sealer, SnapshotFile::in_dir(dir));
        let guard = Guard::new(pool.clone(), registry.clone(), highwater.clone());
        let found = guard.check().await?;
        Ok(Self { pool, registry, guard, highwater, found, local })
    }

    /// The configuration as it is now.
    pub async fn current(&self, installation: Installation) -> Result<Current, StartError> {
        Ok(Current::open(&self.registry.load().await?, installation, self.registry.sealer())?)
    }

    /// Another guard over the same parts, for a command's own tools.
    pub fn new_guard(&self) -> Guard {
        Guard::new(self.pool.clone(), self.registry.clone(), self.highwater.clone())
    }

    /// The installation.
    pub fn installation(&self) -> &Installation {
        self.found.installation()
    }
}

/// The configured key, or the one in the data directory, made on the first start.
fn secret_key(settings: &Settings) -> Result<SecretString, StartError> {
    if let Some(key) = &settings.secret_key {
        return Ok(key.clone());
    }
    let path = settings.data_dir.join("secret.key");
    let wrong = |e: std::io::Error| StartError::DataDir(path.clone(), e.to_string());
    if let Some(key) = read_key(&path).map_err(wrong)? {
        return Ok(key);
    }
    let key = random_text(32)?;
    write_durably(&path, key.as_bytes()).map_err(wrong)?;
    tracing::warn!(path = %path.display(), "a secret key was made; back it up: without it the stored credentials cannot be opened");
    Ok(key.into())
}

fn read_key(path: &Path) -> std::io::Result<Option<SecretString>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty()).map(SecretString::from)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
