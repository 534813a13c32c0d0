//! Redis: its version, what an acknowledged event is worth, whether it may throw things away, its clock.

use jiff::Timestamp;

use super::{Check, State, clock};
use crate::store::{
    durability::{self, Finding, Worth},
    pool::Pool,
};

pub(super) async fn checks(pool: &Pool) -> Vec<Check> {
    let mut connection = match pool.get().await {
        Ok(connection) => connection,
        Err(error) => return vec![Check::failed("Redis", &error)],
    };
    let mut checks: Vec<Check> = durability::look(&mut connection).await.into_iter().map(Check::from).collect();
    let asked = Timestamp::now();
    if let Ok((seconds, _)) = redis::cmd("TIME").query_async::<(i64, i64)>(&mut connection).await
        && let Ok(there) = Timestamp::from_second(seconds)
    {
        checks.push(clock::compare("Redis", asked, there));
    }
    checks
}

impl From<Finding> for Check {
    fn from(found: Finding) -> Self {
        let state = match found.worth {
            Worth::Good => State::Ok,
            Worth::Doubtful => State::Warning,
            Worth::Bad => State::Problem,
        };
        let todo = Some(found.todo.to_owned()).filter(|todo| !todo.is_empty());
        Self { name: found.about.to_owned(), state, says: found.says, todo }
    }
}
