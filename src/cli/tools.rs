//! The clients and tokens of the service, for a command that looks by itself.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{app::foundation::Foundation, claim::Tools, config::Settings, store::current::Current};

/// Tools over a foundation, with a configuration that does not change any more.
pub fn tools(foundation: &Foundation, settings: &Settings, current: &Arc<Current>) -> anyhow::Result<Arc<Tools>> {
    let (_, current) = tokio::sync::watch::channel(current.clone());
    let guard = Arc::new(foundation.new_guard());
    Ok(Arc::new(Tools::build(
        Arc::new(settings.clone()),
        foundation.pool.clone(),
        foundation.registry.clone(),
        guard,
        foundation.highwater.clone(),
        current,
        CancellationToken::new(),
    )?))
}
