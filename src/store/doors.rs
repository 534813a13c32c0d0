//! What the doors of all processes have refused in a row, for each CRM. A door itself writes nothing for what it refuses: whoever
//! sends rubbish must not make work.

use std::collections::BTreeMap;

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{StoreError, decode, encode, keys::DOORS, pool::Pool};

/// Deliveries of one CRM at one door. Times in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    /// Refused for their signature, since one was right.
    pub refused: u64,
    /// When the last one was refused.
    pub refused_at: i64,
    /// When the last one was right.
    pub right_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Door {
    at: i64,
    crms: BTreeMap<String, Streak>,
}

/// A process that has said nothing for so long (ms) is gone.
const GONE: i64 = 3_600_000;
/// Under which is kept what those have seen that are gone: a restart mends no secret.
const EARLIER: &str = "earlier";

/// Writes down what the door of this process has seen.
pub async fn note(pool: &Pool, holder: &str, crms: &BTreeMap<String, Streak>) -> Result<(), StoreError> {
    if crms.is_empty() {
        return Ok(());
    }
    let door = Door { at: pool.clock.now_ms(), crms: crms.clone() };
    Ok(pool.get().await?.hset(DOORS, holder, encode("a door", &door)?).await?)
}

/// How each CRM stands over all doors.
pub async fn streaks(pool: &Pool) -> Result<BTreeMap<String, Streak>, StoreError> {
    let mut connection = pool.get().await?;
    let held: BTreeMap<String, String> = connection.hgetall(DOORS).await?;
    let (mut doors, mut gone) = (Vec::new(), Vec::new());
    let (mut earlier, now) = (Vec::new(), pool.clock.now_ms());
    for (holder, text) in held {
        let door: Door = decode("a door", &text)?;
        if holder == EARLIER {
            earlier.push(door.crms);
        } else if now - door.at < GONE {
            doors.push(door.crms);
        } else {
            earlier.push(door.crms);
            gone.push(holder);
        }
    }
    let earlier = together(&earlier);
    if !gone.is_empty() {
        let door = encode("a door", &Door { at: now, crms: earlier.clone() })?;
        let mut keep = redis::pipe();
        let _: () = keep.atomic().hset(DOORS, EARLIER, door).hdel(DOORS, gone).query_async(&mut connection).await?;
    }
    doors.push(earlier);
    Ok(together(&doors))
}

/// What was refused before another door saw a right one is not in a row with what came after.
fn together(doors: &[BTreeMap<String, Streak>]) -> BTreeMap<String, Streak> {
    let mut all: BTreeMap<String, Streak> = BTreeMap::new();
    for (crm, streak) in doors.iter().flatten() {
        let of = all.entry(crm.clone()).or_default();
        of.right_at = of.right_at.max(streak.right_at);
        of.refused_at = of.refused_at.max(streak.refused_at);
    }
    for (crm, streak) in doors.iter().flatten() {
        let Some(of) = all.get_mut(crm) else { continue };
        if streak.refused_at > of.right_at {
            of.refused += streak.refused;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_one_at_any_door_ends_what_was_refused_before_it() {
        let door = |refused, refused_at, right_at| {
            BTreeMap::from([("forms".to_owned(), Streak { refused, refused_at, right_at })])
        };
        let refused = |doors: &[_]| together(doors)["forms"].refused;
        assert_eq!(refused(&[door(3, 10, 0), door(4, 20, 0)]), 7);
        assert_eq!(refused(&[door(3, 10, 0), door(4, 20, 15)]), 4);
        assert_eq!(refused(&[door(3, 10, 0), door(0, 0, 30)]), 0);
    }
}
