//! Connections to one server that are lent again without being asked first whether they live, as long as they have just
//! answered: `deadpool-redis` sends a PING before each loan, and most loans are for a single command.

use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleResult};
use redis::{
    Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

/// For how long an answer vouches for a connection.
const VOUCHED: Duration = Duration::from_secs(1);

/// Makes and checks the connections of a pool.
pub struct Manager(pub deadpool_redis::Manager);

/// A connection, and when it last answered.
pub struct Answering {
    /// To the server.
    pub redis: MultiplexedConnection,
    /// `None` after an error: the next loan begins with a PING, and a dead connection ends there.
    answered: Option<Instant>,
}

impl managed::Manager for Manager {
    type Type = Answering;
    type Error = RedisError;

    async fn create(&self) -> Result<Answering, RedisError> {
        Ok(Answering { redis: self.0.create().await?, answered: None })
    }

    async fn recycle(&self, connection: &mut Answering, metrics: &Metrics) -> RecycleResult<RedisError> {
        if connection.answered.is_some_and(|at| at.elapsed() < VOUCHED) {
            return Ok(());
        }
        self.0.recycle(&mut connection.redis, metrics).await
    }
}

impl Answering {
    fn note<T>(&mut self, answer: RedisResult<T>) -> RedisResult<T> {
        self.answered = answer.is_ok().then(Instant::now);
        answer
    }
}

impl ConnectionLike for Answering {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let answer = self.redis.req_packed_command(cmd).await;
            self.note(answer)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let answer = self.redis.req_packed_commands(pipeline, offset, count).await;
            self.note(answer)
        })
    }

    fn get_db(&self) -> i64 {
        self.redis.get_db()
    }
}
