//! Whole entries of the journal, values and all, for taking back what was written.

use redis::{
    AsyncCommands,
    streams::{StreamId, StreamRangeReply},
};

use super::{CrmKeys, PAGE, Pool, StoreError};

/// One write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// When (ms).
    pub at: i64,
    /// The sync's id.
    pub sync: String,
    /// The run that it belongs to, or empty.
    pub run: String,
    /// The CRM contact.
    pub contact: String,
    /// What was done, as a code.
    pub action: String,
    /// The operation, which is in the stamp that it wrote.
    pub op: String,
    /// The Google contact, `people/c…`.
    pub resource: String,
    /// The fields that were written, as Google calls them.
    pub mask: Vec<String>,
    /// Those fields before, as JSON; empty for a contact that was made.
    pub before: String,
    /// Those fields after; empty for one that was trashed.
    pub after: String,
}

/// Goes through the journal from behind the entry `from` (`0-0`: all of it), oldest first: `look` is given each entry with its id.
pub async fn scan(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    from: &str,
    mut look: impl FnMut(&str, Write),
) -> Result<(), StoreError> {
    let mut connection = pool.get().await?;
    let mut after = from.to_owned();
    loop {
        let from = format!("({after}");
        let page: StreamRangeReply = connection.xrange_count(keys.journal(subject), from, "+", PAGE).await?;
        let Some(last) = page.ids.last() else { return Ok(()) };
        after.clone_from(&last.id);
        page.ids.iter().for_each(|entry| look(&entry.id, read(entry)));
    }
}

/// These entries, in the order asked for; one that was trimmed is `None`.
pub async fn by_ids(
    pool: &Pool,
    keys: &CrmKeys,
    subject: &str,
    ids: &[&str],
) -> Result<Vec<Option<Write>>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    for id in ids {
        pipeline.xrange(keys.journal(subject), id, id);
    }
    let found: Vec<StreamRangeReply> = pipeline.query_async(&mut pool.get().await?).await?;
    Ok(found.iter().map(|reply| reply.ids.first().map(read)).collect())
}

/// Whether the journal still holds everything from there on: what is older than its limits has been trimmed.
pub async fn is_whole(pool: &Pool, keys: &CrmKeys, subject: &str, from: &str) -> Result<bool, StoreError> {
    const ASK: &str = "
        if redis.call('EXISTS', KEYS[1]) == 0 then return { 0, 0, '' } end
        local info, added, oldest = redis.call('XINFO', 'STREAM', KEYS[1]), 0, ''
        for i = 1, #info, 2 do
          if info[i] == 'entries-added' then added = info[i + 1] end
          if info[i] == 'first-entry' and info[i + 1] then oldest = info[i + 1][1] end
        end
        return { redis.call('XLEN', KEYS[1]), added, oldest }";
    let asked = redis::Script::new(ASK).key(keys.journal(subject)).invoke_async(&mut pool.get().await?).await?;
    let (held, added, oldest): (u64, u64, String) = asked;
    Ok(held >= added || (!oldest.is_empty() && parts(&oldest) <= parts(from)))
}

/// An id as its two numbers.
fn parts(id: &str) -> (u64, u64) {
    let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), sequence.parse().unwrap_or(0))
}

fn read(entry: &StreamId) -> Write {
    write_of(|name| entry.get::<String>(name).unwrap_or_default())
}

impl Write {
    /// What was only noticed wrote nothing.
    pub fn has_written(&self) -> bool {
        !self.mask.is_empty() || self.action == "trashed"
    }

    /// Of an entry as it is about to be entered: fields and values in turn.
    pub fn of_entry(entry: &[String]) -> Self {
        let find = |name: &str| entry.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
        write_of(|name| find(name).unwrap_or_default())
    }
}

fn write_of(get: impl Fn(&str) -> String) -> Write {
    Write {
        at: get("at").parse().unwrap_or(0),
        sync: get("sync"),
        run: get("run"),
        contact: get("contact"),
        action: get("action"),
        op: get("op"),
        resource: get("resource"),
        mask: get("mask").split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
        before: get("before"),
        after: get("after"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_as_numbers() {
        assert!(parts("999-2") < parts("1000-0"));
        assert!(parts("1000-2") < parts("1000-10"));
        assert_eq!(parts("0-0"), (0, 0));
    }
}
