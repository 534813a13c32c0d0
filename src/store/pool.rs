//! Connections to Redis, whichever way it is run: one server, behind Sentinel, or a Cluster. Workers and the admin take
//! theirs from `deadpool-redis`; the door shares one multiplexed connection (see `queue::door`).

mod answering;

use std::time::Duration;

use deadpool::managed;
use deadpool_redis::{Runtime, cluster, sentinel};
use redis::{
    Cmd, Pipeline, RedisError, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};

use super::clock::Clock;

/// Redis answers in well under a millisecond; two seconds without an answer is a Redis that cannot be used.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A pool of connections, and the clock of what is stored through them.
#[derive(Clone)]
pub struct Pool {
    connections: Connections,
    /// The time.
    pub clock: Clock,
}

#[derive(Clone)]
enum Connections {
    /// `redis://`, `rediss://`, `unix:`.
    Single(managed::Pool<answering::Manager>),
    /// `redis+sentinel://`.
    Sentinel(sentinel::Pool),
    /// `redis+cluster://`.
    Cluster(cluster::Pool),
}

/// One connection out of the pool.
pub enum Connection {
    /// To one server.
    Single(managed::Object<answering::Manager>),
    /// To the primary that Sentinel named.
    Sentinel(sentinel::Connection),
    /// To all nodes.
    Cluster(cluster::Connection),
}

/// A connection that any number of tasks may clone and use at the same time.
#[derive(Clone)]
pub enum Shared {
    /// To one server.
    Single(MultiplexedConnection),
    /// To all nodes.
    Cluster(ClusterConnection),
}

/// Why there is no connection. Holds no address with a password in it.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The address is not understood.
    #[error(
        "CARNET_REDIS_URL is not understood: {0}; write redis://, rediss://, redis+sentinel:// or redis+cluster://"
    )]
    Address(String),
    /// Redis does not answer.
    #[error("Redis cannot be reached: {0}")]
    Unreachable(String),
}

impl Pool {
    /// A pool for an address of DESIGN's forms. Connects to nothing yet.
    pub fn open(address: &str) -> Result<Self, PoolError> {
        Ok(Self { connections: Connections::open(address)?, clock: Clock::default() })
    }

    /// A connection for one task.
    pub async fn get(&self) -> Result<Connection, PoolError> {
        let lost = |e: &dyn std::fmt::Display| PoolError::Unreachable(e.to_string());
        match &self.connections {
            Connections::Single(pool) => pool.get().await.map(Connection::Single).map_err(|e| lost(&e)),
            Connections::Sentinel(pool) => pool.get().await.map(Connection::Sentinel).map_err(|e| lost(&e)),
            Connections::Cluster(pool) => pool.get().await.map(Connection::Cluster).map_err(|e| lost(&e)),
        }
    }

    /// A connection of its own, outside the pool, for many tasks.
    pub async fn shared(&self) -> Result<Shared, PoolError> {
        Ok(match self.get().await? {
            Connection::Single(connection) => Shared::Single(managed::Object::take(connection).redis),
            Connection::Sentinel(connection) => Shared::Single(sentinel::Connection::take(connection)),
            Connection::Cluster(connection) => Shared::Cluster(cluster::Connection::take(connection)),
        })
    }
}

impl Connections {
    fn open(address: &str) -> Result<Self, PoolError> {
        let wrong = |e: &dyn std::fmt::Display| PoolError::Address(e.to_string());
        if let Some(rest) = address.strip_prefix("redis+cluster://") {
            let (login, hosts, _) = split(rest);
            let urls = hosts.iter().map(|h| format!("redis://{login}{h}")).collect::<Vec<_>>();
            let pool = cluster::Config::from_urls(urls).create_pool(Some(Runtime::Tokio1)).map_err(|e| wrong(&e))?;
            return Ok(Self::Cluster(pool));
        }
        if let Some(rest) = address.strip_prefix("redis+sentinel://") {
            let (login, hosts, name) = split(rest);
            if name.is_empty() {
                return Err(PoolError::Address("redis+sentinel://host:port,…/NAME lacks the primary's name".into()));
            }
            let urls = hosts.iter().map(|h| format!("redis://{login}{h}")).collect::<Vec<_>>();
            let config = sentinel::Config::from_urls(urls, name.to_owned(), sentinel::SentinelServerType::Master);
            return Ok(Self::Sentinel(config.create_pool(Some(Runtime::Tokio1)).map_err(|e| wrong(&e))?));
        }
        let config = redis::AsyncConnectionConfig::new()
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_connection_timeout(Some(ANSWER_WITHIN));
        let manager = deadpool_redis::Manager::new_with_config(address, config).map_err(|e| wrong(&e))?;
        let pool = managed::Pool::builder(answering::Manager(manager))
            .max_size(32)
            .wait_timeout(Some(Duration::from_secs(5)))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| wrong(&e))?;
        Ok(Self::Single(pool))
    }
}

/// `user:pass@a:1,b:2/name` → (`user:pass@`, [`a:1`, `b:2`], `name`).
fn split(rest: &str) -> (&str, Vec<&str>, &str) {
    let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    (login, hosts.split(',').collect(), name)
}

impl From<PoolError> for RedisError {
    fn from(error: PoolError) -> Self {
        Self::from((redis::ErrorKind::Io, "no connection to Redis", error.to_string()))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(c) => c.req_packed_command(cmd),
            Self::Sentinel(c) => c.req_packed_command(cmd),
            Self::Cluster(c) => c.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(c) => c.req_packed_commands(pipeline, offset, count),
            Self::Sentinel(c) => c.req_packed_commands(pipeline, offset, count),
            Self::Cluster(c) => c.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl ConnectionLike for Shared {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(c) => c.req_packed_command(cmd),
            Self::Cluster(c) => c.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(c) => c.req_packed_commands(pipeline, offset, count),
            Self::Cluster(c) => c.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}
