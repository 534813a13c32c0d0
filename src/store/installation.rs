//! The installation mark: which installation this Redis belongs to, and whether it is still the self this process knows.
//! An emptied Redis gets its registry back from the data directory; an older self gets what it lost. Either way a new
//! *epoch* begins, in which nothing is created in Google until a full listing has been matched by stamps.

use std::{collections::BTreeMap, sync::Arc};

use redis::AsyncCommands;

use super::{
    StoreError,
    backup::RESTORING,
    highwater::Highwater,
    keys::INSTALLATION,
    pauses,
    pool::Pool,
    registry::{Registry, RegistryError, RegistryStore},
    seal::random_text,
    snapshot::{Snapshot, SnapshotError},
};

/// The installation as Redis knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Random id, made once.
    pub id: String,
    /// Grows each time Redis was found to be another or an older self.
    pub epoch: u64,
    /// When this epoch began (ms).
    pub epoch_at: i64,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// All as it was.
    Same(Installation),
    /// The first start ever: a mark was made.
    New(Installation),
    /// Redis was empty; registry put back, new epoch.
    Emptied(Installation),
    /// Redis is an older self; registry put back where it was newer, new epoch.
    WentBack(Installation),
}

impl Found {
    /// The installation, whatever was found.
    pub fn installation(&self) -> &Installation {
        match self {
            Self::Same(i) | Self::New(i) | Self::Emptied(i) | Self::WentBack(i) => i,
        }
    }
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// Redis or the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Another installation's Redis.
    #[error(
        "this Redis belongs to another Carnet installation than the data directory; point CARNET_REDIS_URL or CARNET_DATA_DIR at its own"
    )]
    Foreign,
    /// Nothing is in it, and this process is not the one to begin.
    #[error("this Redis is empty; a process of `carnet serve` with work, or `carnet apply`, begins in it first")]
    NotBegun,
    /// Half of a backup is in it.
    #[error("a restore into this Redis was broken off; run `carnet restore FILE` again, to its end")]
    Restoring,
}

impl From<StoreError> for InstallationError {
    fn from(error: StoreError) -> Self {
        Self::Registry(error.into())
    }
}
impl From<redis::RedisError> for InstallationError {
    fn from(error: redis::RedisError) -> Self {
        StoreError::from(error).into()
    }
}
impl From<SnapshotError> for InstallationError {
    fn from(error: SnapshotError) -> Self {
        Self::Registry(error.into())
    }
}

/// Checks the mark, at the start and with every sweep.
pub struct Guard {
    pool: Pool,
    registry: RegistryStore,
    highwater: Arc<Highwater>,
    /// Whether it begins a new installation where there is none.
    begins: bool,
}

/// One of several processes that find the same loss begins the new epoch; the others find it begun.
const BEGIN: &str = "
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'epoch', ARGV[2], 'epoch_at', ARGV[3], 'beat', ARGV[4])
return 1";

const BEAT: &str = "
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return -1 end
return redis.call('HINCRBY', KEYS[1], 'beat', 1)";

impl Guard {
    /// Over these.
    pub fn new(pool: Pool, registry: RegistryStore, highwater: Arc<Highwater>, begins: bool) -> Self {
        Self { pool, registry, highwater, begins }
    }

    /// Looks at the mark, and mends what is to be mended.
    pub async fn check(&self) -> Result<Found, InstallationError> {
        let mut connection = self.pool.get().await.map_err(StoreError::from)?;
        let mark: BTreeMap<String, String> = connection.hgetall(INSTALLATION).await?;
        if mark.contains_key(RESTORING) {
            return Err(InstallationError::Restoring);
        }
        let snapshot = self.registry.read_file()?;
        let Some(held) = read_mark(&mark) else {
            return match snapshot {
                None if self.begins => self.begin_first(&mut connection).await,
                None => Err(InstallationError::NotBegun),
                Some(snapshot) => self.begin_again(&mut connection, snapshot, 0).await.map(Found::Emptied),
            };
        };
        let beat: u64 = mark.get("beat").and_then(|b| b.parse().ok()).unwrap_or(0);
        match snapshot {
            Some(snapshot) if snapshot.installation != held.id => Err(InstallationError::Foreign),
            Some(snapshot) if self.highwater.is_behind(held.epoch, beat) => {
                self.begin_again(&mut connection, snapshot, held.epoch).await.map(Found::WentBack)
            }
            snapshot => {
                self.keep_snapshot(&held, snapshot).await?;
                let beat: i64 =
                    redis::Script::new(BEAT).key(INSTALLATION).arg(&held.id).invoke_async(&mut connection).await?;
                // Emptied between the two looks: the next check sees it.
                if let Ok(beat) = u64::try_from(beat) {
                    self.highwater.note_beat(held.epoch, beat);
                }
                Ok(Found::Same(held))
            }
        }
    }

    /// A worker of epoch `known` found a sequence lower than it was left: Redis went back by less than a heartbeat. Begins
    /// a new epoch, unless that has been done already.
    pub async fn went_back(&self, known: u64) -> Result<Found, InstallationError> {
        let mut connection = self.pool.get().await.map_err(StoreError::from)?;
        let mark: BTreeMap<String, String> = connection.hgetall(INSTALLATION).await?;
        match (read_mark(&mark), self.registry.read_file()?) {
            (Some(held), _) if held.epoch > known => Ok(Found::Same(held)),
            (Some(held), Some(snapshot)) => {
                self.begin_again(&mut connection, snapshot, held.epoch).await.map(Found::WentBack)
            }
            _ => self.check().await,
        }
    }

    async fn begin_first(&self, connection: &mut super::pool::Connection) -> Result<Found, InstallationError> {
        let id = random_text(8).map_err(RegistryError::from)?;
        // In Redis first: of several processes that begin together, each with a data directory of its own, one gives the name.
        let begun = self.begin(connection, &id, 1, 1).await?;
        self.keep_snapshot(&begun, None).await?;
        Ok(if begun.id == id { Found::New(begun) } else { Found::Same(begun) })
    }

    /// A new epoch, with the registry of the file where it is newer than what Redis has.
    async fn begin_again(
        &self,
        connection: &mut super::pool::Connection,
        snapshot: Snapshot,
        epoch: u64,
    ) -> Result<Installation, InstallationError> {
        self.restore(&snapshot.registry).await?;
        // Past any epoch that this process may have seen in the Redis that is gone.
        let seen = self.highwater.beat();
        let next =
            epoch.max(self.highwater.epoch()).max(u64::try_from(self.pool.clock.now_ms()).unwrap_or(0) / 1000) + 1;
        self.begin(connection, &snapshot.installation, next, seen + 1).await
    }

    async fn begin(
        &self,
        connection: &mut super::pool::Connection,
        id: &str,
        epoch: u64,
        beat: u64,
    ) -> Result<Installation, InstallationError> {
        let _: i64 = redis::Script::new(BEGIN)
            .key(INSTALLATION)
            .arg(id)
            .arg(epoch)
            .arg(self.pool.clock.now_ms())
            .arg(beat)
            .invoke_async(connection)
            .await?;
        let mark: BTreeMap<String, String> = connection.hgetall(INSTALLATION).await?;
        let beat = mark.get("beat").and_then(|b| b.parse().ok()).unwrap_or(0);
        let begun = read_mark(&mark).ok_or(InstallationError::Foreign)?;
        self.highwater.note_beat(begun.epoch, beat);
        Ok(begun)
    }

    /// In a Redis that is new or older, what the file keeps holds, and what follows from it.
    async fn restore(&self, kept: &Registry) -> Result<(), StoreError> {
        loop {
            let held = self.registry.revision().await?;
            if held >= kept.revision || self.registry.swap(held, kept).await? {
                return pauses::hold_again(&self.pool, &self.registry.load().await?).await;
            }
        }
    }

    /// The file follows Redis; or Redis follows the file, when a change was written there and the process died before
    /// Redis had it.
    async fn keep_snapshot(&self, held: &Installation, snapshot: Option<Snapshot>) -> Result<(), InstallationError> {
        let revision = self.registry.revision().await?;
        let in_file = snapshot.as_ref().map(|s| s.registry.revision);
        let key = self.registry.sealer().seals_with();
        match (in_file, snapshot) {
            // Also sealed as everything else is: a key that was rotated out is not needed for it.
            (Some(file), Some(snapshot)) if file == revision && snapshot.key == key => {}
            (Some(file), Some(snapshot)) if file > revision => self.restore(&snapshot.registry).await?,
            _ => self.registry.write_file(&held.id, &self.registry.load().await?)?,
        }
        Ok(())
    }
}

fn read_mark(mark: &BTreeMap<String, String>) -> Option<Installation> {
    Some(Installation {
        id: mark.get("id")?.clone(),
        epoch: mark.get("epoch")?.parse().ok()?,
        epoch_at: mark.get("epoch_at")?.parse().ok()?,
    })
}
