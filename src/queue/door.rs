//! Events into the streams: one multiplexed connection, one `XADD` an event, answered once Redis has it.

use std::time::Duration;

use jiff::Timestamp;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::event::{Event, Says};

/// Version of an entry's layout.
const LAYOUT: &str = "1";

/// The way into the queue.
pub struct Door {
    connection: ConnectionManager,
}

/// Redis cannot take events now; the sender is asked to come again.
#[derive(Debug, thiserror::Error)]
#[error("events cannot be stored now: {0}")]
pub struct Refused(String);

impl Door {
    /// Connects on first use, so that a Redis that starts later is no error here.
    pub fn to(url: &str) -> redis::RedisResult<Self> {
        let patience = Some(Duration::from_secs(2));
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_response_timeout(patience)
            .set_connection_timeout(patience);
        Ok(Self { connection: ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, config)? })
    }

    /// Stores all of them, or says that it is not known to have.
    pub async fn append(&self, events: &[Event]) -> Result<(), Refused> {
        let received = Timestamp::now().to_string();
        let mut pipe = redis::pipe();
        for event in events {
            let says = match event.says {
                Says::Changed => "changed",
                Says::Deleted => "deleted",
            };
            pipe.cmd("XADD")
                .arg(format!("carnet:{{{}}}:events", event.account))
                .arg("*")
                .arg(&[
                    ("v", LAYOUT),
                    ("kind", event.kind.as_str()),
                    ("says", says),
                    ("contact", event.contact.as_str()),
                ])
                .arg(&[("id", event.id.as_deref().unwrap_or_default()), ("received", received.as_str())])
                .arg(("at", event.at.map(|at| at.to_string()).unwrap_or_default()))
                .arg(("body", event.body.as_slice()))
                .ignore();
        }
        let mut connection = self.connection.clone();
        pipe.query_async(&mut connection).await.map_err(|e| Refused(e.to_string()))
    }
}
