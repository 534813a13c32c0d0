//! Out of the stream, onto the dirty contacts: one script acknowledges events and marks their contacts for every live sync.

use crate::{
    config::Tune,
    store::{StoreError, keys::CrmKeys, pool::Pool},
};

/// What one step moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// Events taken out of the stream.
    pub events: u64,
    /// Marks made (events × live syncs).
    pub marks: u64,
}

const AT_A_TIME: u32 = 500;

/// Takes up to 500 events of one CRM account and marks their contacts for `syncs` (ids of the live ones).
/// `limited`: the CRM cannot be asked, so the bodies are kept beside the marks.
pub async fn dispatch(
    pool: &Pool,
    keys: &CrmKeys,
    syncs: &[String],
    limited: bool,
    tune: &Tune,
) -> Result<Dispatched, StoreError> {
    let script = redis::Script::new(concat!(include_str!("../store/named.lua"), include_str!("dispatch.lua")));
    let mut call = script.key(keys.events());
    call.key(keys.generation()).key(keys.bodies());
    for sync in syncs {
        call.key(keys.due(sync)).key(keys.bulk(sync)).key(keys.marks(sync));
    }
    let window = u64::try_from(tune.coalesce.as_millis()).unwrap_or(u64::MAX);
    let most = u64::try_from(tune.coalesce_max.as_millis()).unwrap_or(u64::MAX);
    call.arg(pool.clock.now_ms()).arg(window).arg(most).arg(AT_A_TIME).arg(if limited { "1" } else { "0" });
    let (events, marks) = call.invoke_async(&mut pool.get().await?).await?;
    Ok(Dispatched { events, marks })
}

/// Which contacts to mark, and for what.
pub struct Marking<'a> {
    /// The sync's id.
    pub sync: &'a str,
    /// The run that wants them, if one does; they then wait behind live contacts.
    pub run: Option<&'a str>,
    /// Contact and, from a reconcile, what its page said of it.
    pub contacts: &'a [(String, Option<String>)],
    /// The run's new body, written in the same step.
    pub run_body: Option<&'a str>,
}

/// Marks contacts dirty, due now.
pub async fn mark(pool: &Pool, keys: &CrmKeys, marking: Marking<'_>) -> Result<(), StoreError> {
    mark_page(pool, keys, marking, &[]).await
}

/// The same for a page of a run; `seen` are the ids of all contacts on it, noted in the same step.
pub async fn mark_page(pool: &Pool, keys: &CrmKeys, marking: Marking<'_>, seen: &[&str]) -> Result<(), StoreError> {
    let list: Vec<(&str, serde_json::Value)> = marking
        .contacts
        .iter()
        .map(|(contact, reading)| (contact.as_str(), reading.as_ref().map_or(false.into(), |r| r.as_str().into())))
        .collect();
    let json = |e: serde_json::Error| StoreError::Unreadable("marks", e.to_string());
    let (list, seen) = (serde_json::to_string(&list).map_err(json)?, serde_json::to_string(seen).map_err(json)?);
    let _: i64 = redis::Script::new(include_str!("mark.lua"))
        .key(keys.generation())
        .key(keys.due(marking.sync))
        .key(keys.bulk(marking.sync))
        .key(keys.marks(marking.sync))
        .key(keys.readings(marking.sync))
        .key(keys.run_counts())
        .key(keys.run(marking.sync))
        .key(keys.seen(marking.sync, marking.run.unwrap_or_default()))
        .arg(pool.clock.now_ms())
        .arg(if marking.run.is_some() { "bulk" } else { "live" })
        .arg(marking.run.unwrap_or_default())
        .arg(list)
        .arg(marking.run_body.unwrap_or_default())
        .arg(seen)
        .invoke_async(&mut pool.get().await?)
        .await?;
    Ok(())
}
