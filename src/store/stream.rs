//! Reading a stream from one end to the other.

use redis::{
    AsyncCommands as _,
    streams::{StreamId, StreamRangeReply},
};

use super::{StoreError, pool::Connection};

/// From the first entry to the last.
pub const WHOLE: (&str, &str) = ("-", "+");

/// Goes through the entries between two ids, oldest first, so many at a time.
pub async fn each_entry<E: From<StoreError>>(
    connection: &mut Connection,
    key: &str,
    (from, until): (&str, &str),
    at_a_time: usize,
    mut look: impl FnMut(&StreamId) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = from.to_owned();
    loop {
        let page: StreamRangeReply =
            connection.xrange_count(key, &from, until, at_a_time).await.map_err(StoreError::from)?;
        let Some(last) = page.ids.last() else { return Ok(()) };
        from = format!("({}", last.id);
        page.ids.iter().try_for_each(&mut look)?;
    }
}
