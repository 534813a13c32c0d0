//! The brake: when a sync takes out or writes over more contacts within 24 hours than it has room for, the rest waits for a
//! person. It stands between what was decided and what is pushed, so live and bulk, webhook, filter and absence meet it alike.

use std::collections::BTreeSet;

use crate::{
    claim::Tools,
    config::Tune,
    plan::{filter::Outside, link::Link},
    push::Task,
    store::{
        StoreError,
        brake::{Answer, Brake, Held, Kind, Standing, Used},
        current::SyncSpec,
        encode,
        keys::CrmKeys,
        ledger::{LedgerView, Step},
    },
};

use super::{batch::Work, retire::Leaving, settle};

/// What an answer about a contact that is deleted in the CRM is about.
pub const DELETED: &str = "deleted";

/// What the brake still lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    left: u64,
    used: Used,
}

/// What becomes of a task that the brake watches over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is done; it was agreed to, or counted before.
    Free,
    /// It is done, and uses the brake up.
    Spends,
    /// It waits for a person.
    Stopped,
    /// A person has said that it stays as it is.
    Kept,
}

impl Room {
    /// What the sync's brake has left now.
    pub async fn of(tools: &Tools, sync: &SyncSpec) -> Result<Self, StoreError> {
        let Some(google) = &sync.google else { return Ok(Self::default()) };
        let keys = CrmKeys::new(&sync.account.key);
        let used = Brake::new(tools.pool.clone(), keys, &sync.id).used().await?;
        let view = LedgerView::new(tools.pool.clone(), &sync.account.key, &google.subject);
        let holds = holds(&view, sync, &tools.settings.tune, &used.spent).await?;
        Ok(Self::new(&tools.settings.tune, holds, used))
    }

    fn new(tune: &Tune, holds: u64, used: Used) -> Self {
        let all = (holds * tune.brake_percent / 100).max(tune.brake_least).min(tune.brake_most);
        Self { left: all.saturating_sub(used.spent.len() as u64), used }
    }

    /// How many contacts it lets through of this kind.
    pub fn left(&self, kind: Kind) -> u64 {
        if self.used.engaged.contains(&kind) { 0 } else { self.left }
    }

    /// Which way a contact goes, and what that leaves.
    fn decide(&mut self, contact: &str, run: Option<&str>, wanted: &Held, standing: &Standing) -> Way {
        match standing.answer(&wanted.about, run) {
            Some(Answer::Allow) => return Way::Free,
            Some(Answer::Discard) => return Way::Kept,
            None => {}
        }
        // What was stopped once waits until it is answered, however much room there is by then.
        if standing.held.is_some() {
            return Way::Stopped;
        }
        if self.used.spent.contains(contact) {
            return Way::Free;
        }
        if self.left(wanted.kind) == 0 {
            self.used.engaged.insert(wanted.kind);
            return Way::Stopped;
        }
        self.left -= 1;
        self.used.spent.insert(contact.to_owned());
        Way::Spends
    }
}

/// Of what would be done, the contacts of which a person has said that they stay as they are.
pub(super) async fn kept(tools: &Tools, sync: &SyncSpec, tasks: &[Task]) -> Result<BTreeSet<String>, StoreError> {
    let watched: Vec<(&Task, &Held)> = tasks.iter().filter_map(|task| Some((task, task.brake.as_ref()?))).collect();
    let contacts: Vec<String> = watched.iter().map(|(task, _)| task.contact.clone()).collect();
    let brake = Brake::new(tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let standings = brake.standings(&contacts).await?;
    let stays = |task: &Task, wanted: &Held, standing: &Standing| {
        standing.answer(&wanted.about, task.mark.run.as_deref()) == Some(Answer::Discard)
    };
    let all = watched.into_iter().zip(&standings).filter(|((task, wanted), standing)| stays(task, wanted, standing));
    Ok(all.map(|((task, _), _)| task.contact.clone()).collect())
}

/// Contacts that the sync holds, with those that it has taken out within the window. Counted only where a part of them may be
/// more than the least.
async fn holds(view: &LedgerView, sync: &SyncSpec, tune: &Tune, spent: &BTreeSet<String>) -> Result<u64, StoreError> {
    let most = view.link_count().await? + spent.len() as u64;
    if most * tune.brake_percent / 100 <= tune.brake_least {
        return Ok(most);
    }
    let mut held = 0;
    let is_left = |id: &str, link: &Link| link.is_held_by(&sync.id) && !spent.contains(id);
    view.each::<Link>(|id, link| held += u64::from(is_left(&id, &link))).await?;
    Ok(held + spent.len() as u64)
}

/// What an answer is about when a contact is outside the filter.
pub fn about_outside(why: Outside) -> String {
    format!("outside:{}", why.code())
}

/// The same when values of its owner are written over; `digest` is that of what the CRM wants.
pub fn about_overwrite(digest: &str) -> String {
    format!("overwrite:{digest}")
}

/// What the brake notes of a contact that leaves; nothing of one that only changes hands.
pub(super) fn taking_out(tools: &Tools, leaving: Leaving) -> Option<Held> {
    let about = match leaving {
        Leaving::Deleted => DELETED.to_owned(),
        Leaving::Outside { wanted: true, .. } => return None,
        Leaving::Outside { why, .. } => about_outside(why),
    };
    Some(Held { kind: Kind::Removal, why: leaving.to_string(), since: tools.pool.clock.now_ms(), about })
}

/// The same of one whose owner's values are written over.
pub(super) fn writing_over(tools: &Tools, digest: &str) -> Held {
    let why = "a value that Carnet did not write would be replaced by the CRM's".to_owned();
    Held { kind: Kind::Overwrite, why, since: tools.pool.clock.now_ms(), about: about_overwrite(digest) }
}

impl Work<'_> {
    /// Stops what the brake has no room for. What goes on is counted before anything leaves, so that a crash never lets more
    /// through.
    pub(super) async fn brake(&mut self, tasks: Vec<Task>) -> Result<Vec<Task>, StoreError> {
        let (watched, mut free): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.brake.is_some());
        if watched.is_empty() {
            return Ok(free);
        }
        let brake = Brake::new(self.tools.pool.clone(), CrmKeys::new(&self.sync.account.key), &self.sync.id);
        let mut room = Room::of(self.tools, self.sync).await?;
        let contacts: Vec<String> = watched.iter().map(|task| task.contact.clone()).collect();
        let mut steps = Vec::new();
        for (task, standing) in watched.into_iter().zip(brake.standings(&contacts).await?) {
            let Some(wanted) = &task.brake else { continue };
            match room.decide(&task.contact, task.mark.run.as_deref(), wanted, &standing) {
                Way::Free => free.push(task),
                Way::Spends => {
                    steps.push(Step { spend: Some(wanted.since), ..Step::of(&task.contact) });
                    free.push(task);
                }
                Way::Stopped => {
                    let step = settle::clean(&task.contact, &task.mark, "braked");
                    steps.push(Step { hold: Some(encode("a braked contact", wanted)?), ..step });
                }
                Way::Kept => {
                    let step = settle::clean(&task.contact, &task.mark, "skipped");
                    steps.push(Step { keep_word: true, ..step });
                }
            }
        }
        self.context.settle(&steps).await?;
        self.tell(steps.iter().filter(|step| step.hold.is_some()).count() as u64);
        Ok(free)
    }

    fn tell(&self, stopped: u64) {
        if stopped > 0 {
            metrics::counter!("carnet_contacts_total", "result" => "braked").increment(stopped);
            tracing::warn!(sync = %self.sync.spec.name, stopped, "the brake has stopped contacts; see `carnet brake list`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::brake::Word;

    fn used(spent: usize) -> Used {
        Used { spent: (0..spent).map(|n| format!("spent{n}")).collect(), engaged: BTreeSet::new() }
    }

    fn wanted() -> Held {
        Held { kind: Kind::Removal, why: "gone".into(), since: 1, about: DELETED.into() }
    }

    fn said(answer: Answer, about: &str) -> Standing {
        Standing { word: Some(Word { about: about.into(), answer, run: None }), held: None }
    }

    #[test]
    fn there_is_room_for_a_tenth_but_at_least_five_and_at_most_fifty() {
        for (holds, spent, left) in
            [(0, 0, 5), (3, 2, 3), (59, 0, 5), (60, 0, 6), (300, 10, 20), (500, 0, 50), (25_000, 0, 50), (10, 7, 0)]
        {
            assert_eq!(Room::new(&Tune::default(), holds, used(spent)).left(Kind::Removal), left, "{holds} {spent}");
        }
    }

    #[test]
    fn what_exceeds_the_room_waits_and_then_everything_of_its_kind() {
        let mut room = Room::new(&Tune::default(), 10, used(4));
        let none = Standing::default();
        assert_eq!(room.decide("a", None, &wanted(), &none), Way::Spends);
        assert_eq!(room.decide("b", None, &wanted(), &none), Way::Stopped);
        assert_eq!(room.decide("a", None, &wanted(), &none), Way::Free, "it is tried again");
        let mut engaged = Room::new(&Tune::default(), 10, Used { engaged: [Kind::Removal].into(), ..used(0) });
        assert_eq!(engaged.decide("a", None, &wanted(), &none), Way::Stopped);
        let other = Held { kind: Kind::Overwrite, ..wanted() };
        assert_eq!(engaged.decide("a", None, &other, &none), Way::Spends);
    }

    #[test]
    fn who_applies_a_preview_agrees_for_that_run_alone() {
        let agreed = Word { about: DELETED.into(), answer: Answer::Allow, run: Some("r1".into()) };
        let standing = Standing { word: Some(agreed), held: None };
        for (run, way) in [(Some("r1"), Way::Free), (Some("r2"), Way::Stopped), (None, Way::Stopped)] {
            let mut room = Room::new(&Tune::default(), 10, used(5));
            assert_eq!(room.decide("a", run, &wanted(), &standing), way, "{run:?}");
        }
    }

    #[test]
    fn an_answer_holds_for_what_it_was_given_to() {
        use Answer::{Allow, Discard};
        let held = Standing { held: Some(wanted()), word: None };
        for (standing, full, way) in [
            (said(Allow, DELETED), true, Way::Free),
            (said(Allow, "outside:no-tag"), true, Way::Stopped),
            (said(Discard, DELETED), false, Way::Kept),
            (said(Discard, "outside:no-tag"), false, Way::Spends),
            (held, false, Way::Stopped),
        ] {
            let mut room = Room::new(&Tune::default(), 10, used(if full { 5 } else { 0 }));
            assert_eq!(room.decide("a", None, &wanted(), &standing), way, "{standing:?}");
        }
    }
}
