//! What commands that look at the installation begin and end with.

use std::sync::Arc;

use crate::{answers::Desk, app::foundation::Foundation, config::Settings, store::current::Current};

use super::{apply::stop_local, deed};

/// Opens everything, acts, and stops a private Redis that was started for it.
pub async fn opened<T>(
    settings: &Settings,
    act: impl AsyncFnOnce(&Foundation, &Arc<Current>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let foundation = deed::open(settings).await?;
    let done = async {
        let current = Arc::new(foundation.current(foundation.installation().clone()).await?);
        act(&foundation, &current).await
    };
    let done = done.await;
    stop_local(foundation, done).await
}

/// Where questions are answered.
pub fn desk(foundation: &Foundation, current: &Arc<Current>) -> Desk {
    Desk::new(foundation.pool.clone(), foundation.registry.clone(), current.clone())
}
