//! How each sync stands, in the words that are the same everywhere, and all of them in one sentence.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    claim::{crm_refusal, pause_of},
    config::declared::Every,
    queue::dead,
    reconcile::{Progress, progress},
    store::{
        StoreError,
        brake::Brake,
        current::{Current, SyncSpec},
        keys::CrmKeys,
        ledger::LedgerView,
        pool::Pool,
        runs::{Run, RunState, Runs},
    },
    work::Need,
};

/// The states, as people read them.
pub const STATES: [&str; 6] = ["up to date", "working", "waiting", "paused", "needs you", "failed"];

/// One sync as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncOverview {
    /// Its name.
    pub name: String,
    /// `up to date`, `working`, `waiting`, `paused`, `needs you` or `failed`.
    pub state: &'static str,
    /// Why, where the state alone does not say.
    pub why: Option<String>,
    /// Contacts that are linked.
    pub linked: u64,
    /// Contacts that wait to be looked at.
    pub waiting: u64,
    /// Contacts that a person must decide on.
    pub needs_you: usize,
    /// Contacts that the brake has stopped.
    pub braked: u64,
    /// Contacts that stay as their owner left them: deleted in Google, label taken off, or left out by an answer.
    pub refused: u64,
    /// Contacts that cannot succeed as they are.
    pub dead: u64,
    /// When the last run ended.
    pub last_run: Option<Timestamp>,
    /// Whether a run can be asked for: not in limited mode, nor before the Google account is connected.
    pub can_run: bool,
}

/// What a state is read from.
struct Signs {
    connected: bool,
    /// Why the Google account rests or the CRM account is not read, in words.
    stopped: Option<String>,
    paused: bool,
    /// Whether a run was asked for and has not begun.
    wanted: bool,
    run: Option<Run>,
    needs_you: usize,
    braked: u64,
    waiting: u64,
    /// Neither events nor a timer: it runs when somebody asks.
    one_time: bool,
}

/// All syncs, in the order they are declared in.
pub async fn look_at_all(pool: &Pool, current: &Current) -> Result<Vec<SyncOverview>, StoreError> {
    let mut all = Vec::new();
    for sync in &current.syncs {
        all.push(look(pool, current, sync).await?);
    }
    Ok(all)
}

/// How one sync stands now.
pub async fn look(pool: &Pool, current: &Current, sync: &SyncSpec) -> Result<SyncOverview, StoreError> {
    let keys = CrmKeys::new(&sync.account.key);
    let runs = Runs::new(pool.clone(), keys.clone(), &sync.id);
    let (live, bulk) = runs.waiting().await?;
    let (mut linked, mut needs_you, mut refused, mut stopped) = (0, 0, 0, None);
    if let Some(google) = &sync.google {
        let view = LedgerView::new(pool.clone(), &sync.account.key, &google.subject);
        linked = view.link_count().await?;
        needs_you = view.needs::<Need>().await?.iter().filter(|(_, n)| n.sync == sync.id).count();
        let refusals = current.refusals_between(&google.subject, &sync.account.key);
        refused = refusals.filter(|(_, refusal)| refusal.concerns(&sync.id)).count() as u64;
        stopped = pause_of(pool, google).await?.map(|pause| pause.sentence);
    }
    let stopped = match stopped {
        Some(stopped) => Some(stopped),
        None => crm_refusal(pool, &sync.account).await?,
    };
    let dead = dead::count_of(pool, &keys, &sync.id).await?;
    let paused = runs.paused().await?;
    let signs = Signs {
        connected: sync.google.is_some(),
        stopped,
        paused: paused.is_some(),
        wanted: runs.wanted().await?.is_some(),
        run: runs.current().await?,
        needs_you,
        braked: Brake::new(pool.clone(), keys, &sync.id).held_count().await?,
        waiting: live + bulk,
        one_time: !sync.spec.live && sync.spec.every == Every::Off,
    };
    let (state, why) = signs.read();
    // Who paused it by hand knows why.
    let why = why.or_else(|| paused.filter(|why| state == "paused" && why != "asked"));
    Ok(SyncOverview {
        name: sync.spec.name.clone(),
        state,
        why,
        linked,
        waiting: signs.waiting,
        needs_you,
        braked: signs.braked,
        refused,
        dead,
        last_run: runs.last_run().await?.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        can_run: signs.connected && !sync.account.is_limited(),
    })
}

impl Signs {
    /// What stands in the way comes first; numbers that only wait come last.
    fn read(&self) -> (&'static str, Option<String>) {
        let failed = self.run.as_ref().filter(|run| run.state == RunState::Failed);
        let going_on = self.run.as_ref().filter(|run| !run.is_over());
        if !self.connected {
            ("waiting", Some("the Google account is not connected".to_owned()))
        } else if self.stopped.is_some() {
            ("failed", self.stopped.clone())
        } else if self.paused {
            ("paused", None)
        } else if let Some(run) = going_on {
            ("working", run.error.clone().or_else(|| Some(how_far(run))))
        } else if self.wanted {
            ("waiting", Some("a run begins soon".to_owned()))
        } else if let Some(run) = failed {
            ("failed", run.error.clone())
        } else if self.braked > 0 {
            ("needs you", Some(stopped(self.braked)))
        } else if self.needs_you > 0 {
            ("needs you", None)
        } else if self.waiting > 0 {
            ("waiting", None)
        } else if self.one_time {
            let said = if self.run.is_some() { "one-time, done" } else { "one-time, not run yet" };
            ("up to date", Some(said.to_owned()))
        } else {
            ("up to date", None)
        }
    }
}

fn stopped(contacts: u64) -> String {
    let what = match contacts {
        1 => "1 contact that would be removed or overwritten".to_owned(),
        many => format!("{many} contacts that would be removed or overwritten"),
    };
    format!("the brake has stopped {what}; see `carnet brake list`, then allow or discard it")
}

fn how_far(run: &Run) -> String {
    let Progress { phase, done, total, .. } = progress(run, run.started);
    format!("{phase}, {done} of {total}")
}

/// All syncs in one sentence: what is wrong first.
pub fn sentence(syncs: &[SyncOverview]) -> String {
    let named = |state: &str| {
        let names: Vec<&str> = syncs.iter().filter(|s| s.state == state).map(|s| s.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if syncs.is_empty() {
        return "There is no sync yet; declare one with carnet apply.".into();
    }
    if let Some(names) = named("failed") {
        return format!("Something is wrong with {names}.");
    }
    if let Some(names) = named("needs you") {
        return format!("Your decision is wanted on {names}.");
    }
    match (named("paused"), named("working").or(named("waiting"))) {
        (Some(names), _) => format!("{names} is paused; what changes meanwhile is collected."),
        (None, Some(names)) => format!("Work is under way on {names}."),
        (None, None) => "Everything is up to date.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs() -> Signs {
        Signs {
            connected: true,
            stopped: None,
            paused: false,
            wanted: false,
            run: None,
            needs_you: 0,
            braked: 0,
            waiting: 0,
            one_time: false,
        }
    }

    fn run(state: RunState) -> Option<Run> {
        Some(Run { error: Some("said".into()), ..Run::begin("r".into(), "asked", state, jiff::Timestamp::UNIX_EPOCH) })
    }

    #[test]
    fn a_state_names_what_stands_in_the_way() {
        let said = || Some("said".to_owned());
        for (signs, state, why) in [
            (signs(), "up to date", None),
            (Signs { one_time: true, ..signs() }, "up to date", Some("one-time, not run yet".into())),
            (
                Signs { one_time: true, run: run(RunState::Done), ..signs() },
                "up to date",
                Some("one-time, done".into()),
            ),
            (Signs { waiting: 3, ..signs() }, "waiting", None),
            (Signs { waiting: 3, needs_you: 1, ..signs() }, "needs you", None),
            (Signs { waiting: 3, needs_you: 1, braked: 2, ..signs() }, "needs you", Some(stopped(2))),
            (Signs { needs_you: 1, run: run(RunState::Reading), ..signs() }, "working", said()),
            (
                Signs { run: run(RunState::Reading).map(|run| Run { error: None, ..run }), ..signs() },
                "working",
                Some("reading the CRM, 0 of 0".into()),
            ),
            (Signs { run: run(RunState::Failed), ..signs() }, "failed", said()),
            (
                Signs { run: run(RunState::Failed), wanted: true, ..signs() },
                "waiting",
                Some("a run begins soon".into()),
            ),
            (Signs { run: run(RunState::Failed), paused: true, ..signs() }, "paused", None),
            (Signs { paused: true, stopped: said(), ..signs() }, "failed", said()),
        ] {
            assert_eq!(signs.read(), (state, why));
        }
        assert_eq!(Signs { connected: false, paused: true, ..signs() }.read().0, "waiting");
    }

    #[test]
    fn the_sentence_says_what_is_wrong_first() {
        let sync = |name: &str, state: &'static str| SyncOverview {
            name: name.into(),
            state,
            why: None,
            linked: 0,
            waiting: 0,
            needs_you: 0,
            braked: 0,
            refused: 0,
            dead: 0,
            last_run: None,
            can_run: true,
        };
        let (good, busy, bad) = (sync("a", "up to date"), sync("b", "working"), sync("c", "failed"));
        assert_eq!(sentence(std::slice::from_ref(&good)), "Everything is up to date.");
        assert_eq!(sentence(&[good.clone(), busy.clone()]), "Work is under way on b.");
        assert_eq!(sentence(&[good, busy, bad]), "Something is wrong with c.");
        assert!(sentence(&[]).contains("carnet apply"));
    }
}
