//! A body into memory, within bounds of size, time, and what all of them may take together.

use axum::body::{Body, HttpBody as _};
use futures_util::TryStreamExt as _;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{Limits, answer::Turned};

/// A whole body, and the room it takes until it is dropped.
pub(super) struct Held<'r> {
    pub bytes: Vec<u8>,
    room: Option<SemaphorePermit<'r>>,
}

/// Reads no further than the limit, and nothing at all of a body that says it is longer.
pub(super) async fn read(body: Body, limits: Limits, room: &Semaphore) -> Result<Held<'_>, Turned> {
    if body.size_hint().lower() > u64::try_from(limits.body).unwrap_or(u64::MAX) {
        return Err(Turned::TooLarge);
    }
    timeout(limits.body_time, collect(body, limits.body, room)).await.unwrap_or(Err(Turned::TooSlow))
}

async fn collect(body: Body, limit: usize, room: &Semaphore) -> Result<Held<'_>, Turned> {
    let mut held = Held { bytes: Vec::new(), room: None };
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.try_next().await.map_err(|_| Turned::CutShort)? {
        if held.bytes.len() + chunk.len() > limit {
            return Err(Turned::TooLarge);
        }
        held.take(&chunk, room)?;
    }
    Ok(held)
}

impl<'r> Held<'r> {
    fn take(&mut self, chunk: &[u8], room: &'r Semaphore) -> Result<(), Turned> {
        let size = u32::try_from(chunk.len()).map_err(|_| Turned::TooLarge)?;
        let more = room.try_acquire_many(size).map_err(|_| Turned::Full)?;
        match &mut self.room {
            Some(held) => held.merge(more),
            None => self.room = Some(more),
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }
}
