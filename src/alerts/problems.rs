//! What is wrong now: read from what the parts of the service keep of themselves.

use std::{collections::BTreeMap, time::Duration};

use super::{Kind, rhythm::listen};
use crate::{
    claim::{Pause, PauseWhy, Tools, crm_refusal, pause_of},
    config::{Tune, declared::Every},
    plan::forecast::ACCOUNT_HOLDS,
    queue::dead,
    store::{
        StoreError,
        brake::Brake,
        current::{CrmAccount, Current, GoogleAccount, SyncSpec},
        doors::{Streak, streaks},
        keys::CrmKeys,
        ledger::LedgerView,
        listing::Listing,
        pool::Pool,
        runs::{RunState, Runs},
    },
    work::Need,
};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is stable of it: its kind, and the id of what it is about.
    pub key: String,
    /// What.
    pub kind: Kind,
    /// With what, by its configured name.
    pub about: String,
    /// In words.
    pub sentence: String,
}

impl Problem {
    fn new(kind: Kind, id: &str, about: &str, sentence: String) -> Self {
        Self { key: format!("{} {id}", kind.code()), kind, about: about.to_owned(), sentence }
    }
}

/// From how many percent of what a Google account may hold on it is said to be nearly full.
const NEARLY: u64 = 90;
/// From so many days before its end on, a connection of testing mode is a problem.
const ENDS_WITHIN_DAYS: i64 = 3;
const DAY_MS: i64 = 86_400_000;

/// All that is wrong.
pub async fn problems(tools: &Tools, current: &Current) -> Result<Vec<Problem>, StoreError> {
    let (pool, tune) = (&tools.pool, &tools.settings.tune);
    let mut all = Vec::new();
    for google in current.google.values() {
        let pause = pause_of(pool, google).await?;
        let is_refused = pause.as_ref().is_some_and(|pause| pause.why == PauseWhy::Access);
        // Google does not always say that an OAuth app is in testing mode; a connection that ends after a week does.
        tools.note_testing(google, is_refused, pool.clock.now_ms()).await?;
        if current.syncs_of(&google.subject).next().is_some() {
            all.extend(of_google(pool, google, pause).await?);
        }
    }
    for account in current.accounts.values() {
        all.extend(of_account(pool, tune, current, account).await?);
    }
    let streaks = streaks(pool).await?;
    for crm in &current.crms {
        all.extend(streaks.get(&crm.name).and_then(|streak| of_signatures(&crm.name, streak, tune)));
    }
    for sync in &current.syncs {
        all.extend(of_sync(pool, tune, sync).await?);
    }
    Ok(all)
}

async fn of_google(pool: &Pool, google: &GoogleAccount, pause: Option<Pause>) -> Result<Vec<Problem>, StoreError> {
    let mut all = Vec::new();
    let (id, name) = (&google.subject, &google.name);
    let is_full = pause.as_ref().is_some_and(|pause| pause.why == PauseWhy::Full);
    if let Some(pause) = &pause {
        let kind = if is_full { Kind::GoogleFull } else { Kind::GoogleAccess };
        let said =
            format!("The Google account \"{name}\" is not written to: {}.", pause.sentence.trim_end_matches('.'));
        all.push(Problem::new(kind, id, name, said));
    }
    let held = Listing::new(pool.clone(), id).count().await?;
    if !is_full && held * 100 >= ACCOUNT_HOLDS * NEARLY {
        let said =
            format!("The Google account \"{name}\" holds {held} of the {ACCOUNT_HOLDS} contacts that Google allows.");
        all.push(Problem::new(Kind::GoogleNearlyFull, id, name, said));
    }
    if pause.is_none()
        && let Some(ends) = google.ends_at
    {
        all.extend(of_testing(google, ends - pool.clock.now_ms()));
    }
    Ok(all)
}

/// `left`: milliseconds until the connection ends.
fn of_testing(google: &GoogleAccount, left: i64) -> Option<Problem> {
    let name = &google.name;
    let days = left.div_euclid(DAY_MS);
    let when = match days {
        ..0 => return None,
        0 => "within a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days if days <= ENDS_WITHIN_DAYS => format!("in {days} days"),
        _ => return None,
    };
    let said = format!(
        "The connection to the Google account \"{name}\" ends {when}: Google ends what was agreed to in the testing mode of an OAuth app after 7 days."
    );
    Some(Problem::new(Kind::GoogleTesting, &google.subject, name, said))
}

async fn of_account(
    pool: &Pool,
    tune: &Tune,
    current: &Current,
    account: &CrmAccount,
) -> Result<Vec<Problem>, StoreError> {
    let (id, name) = (account.key.to_string(), format!("{}/{}", account.crm.name, account.key.id));
    let mut all = Vec::new();
    let syncs = || current.syncs.iter().filter(|sync| sync.account.key == account.key);
    if let Some(refused) = crm_refusal(pool, account).await? {
        let said = format!("The CRM account \"{name}\" is not read: {}.", refused.trim_end_matches('.'));
        all.push(Problem::new(Kind::CrmAccess, &id, &name, said));
    }
    if syncs().any(|sync| sync.spec.live) {
        let rhythm = listen(pool, &CrmKeys::new(&account.key)).await?;
        let least = i64::try_from(tune.alert_silence.as_millis()).unwrap_or(i64::MAX);
        if let Some(silence) = rhythm.silence(pool.clock.now_ms(), least) {
            let repaired =
                if syncs().any(|sync| sync.spec.every != Every::Off) { "" } else { ", and no reconcile is planned" };
            let said =
                format!("No webhook of \"{name}\" came for {}, which is unusually long{repaired}.", span(silence));
            all.push(Problem::new(Kind::Silence, &id, &name, said));
        }
    }
    Ok(all)
}

fn of_signatures(crm: &str, streak: &Streak, tune: &Tune) -> Option<Problem> {
    let refused = streak.refused;
    (refused >= tune.alert_signatures.max(1)).then(|| {
        let said = format!("The last {refused} webhooks of \"{crm}\" were refused for their signature, and none was right between them.");
        Problem::new(Kind::Signatures, crm, crm, said)
    })
}

async fn of_sync(pool: &Pool, tune: &Tune, sync: &SyncSpec) -> Result<Vec<Problem>, StoreError> {
    let keys = CrmKeys::new(&sync.account.key);
    let (id, name) = (&sync.id, &sync.spec.name);
    let mut all = Vec::new();
    let failed = Runs::new(pool.clone(), keys.clone(), id).current().await?.filter(|run| run.state == RunState::Failed);
    if let Some(run) = failed {
        let why = run.error.unwrap_or_else(|| "it does not say why".to_owned());
        let said = format!("The last run of \"{name}\" failed: {}.", why.trim_end_matches('.'));
        all.push(Problem::new(Kind::RunFailed, id, name, said));
    }
    let braked = Brake::new(pool.clone(), keys.clone(), id).held_count().await?;
    if braked > 0 {
        let said =
            format!("The brake of \"{name}\" has stopped {} that would be removed or overwritten.", contacts(braked));
        all.push(Problem::new(Kind::Brake, id, name, said));
    }
    if let Some(google) = &sync.google {
        let needs = LedgerView::new(pool.clone(), &sync.account.key, &google.subject).needs::<Need>().await?;
        let asked = needs.iter().filter(|(_, need)| need.sync == *id).count() as u64;
        if asked > 0 {
            let said = format!("In \"{name}\", {} for a person's decision.", wait(asked));
            all.push(Problem::new(Kind::NeedsYou, id, name, said));
        }
    }
    let dead = dead::count_of(pool, &keys, id).await?;
    if dead > 0 {
        let mut said = format!("In \"{name}\", {} could not be written.", contacts(dead));
        let soon = pool.clock.ago(tune.dead_age.saturating_sub(SAID_BEFORE));
        let expiring = dead::count_older(pool, &keys, id, soon).await?;
        if expiring > 0 {
            said.push_str(&format!(" The dead letters of {expiring} expire within a week."));
        }
        all.push(Problem::new(Kind::DeadLetters, id, name, said));
    }
    Ok(all)
}

/// Dead letters are told of before they expire.
const SAID_BEFORE: Duration = Duration::from_secs(7 * 24 * 3600);

fn contacts(count: u64) -> String {
    if count == 1 { "1 contact".to_owned() } else { format!("{count} contacts") }
}

fn wait(count: u64) -> String {
    if count == 1 { "1 contact waits".to_owned() } else { format!("{count} contacts wait") }
}

/// Milliseconds as people say them.
fn span(ms: i64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 1_440, minutes / 60, minutes) {
        (0, 0, minutes) => format!("{minutes} minutes"),
        (days, hours, _) if days < 2 => format!("{hours} hours"),
        (days, ..) => format!("{days} days"),
    }
}

/// How many there are of each kind.
pub fn by_kind(problems: impl Iterator<Item = Kind>) -> BTreeMap<Kind, u64> {
    let mut counts: BTreeMap<Kind, u64> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
    problems.for_each(|kind| *counts.entry(kind).or_default() += 1);
    counts
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    #[test]
    fn a_connection_of_testing_mode_is_said_three_days_before_its_end() {
        let google = |ends_at| GoogleAccount {
            subject: "1".into(),
            name: "office".into(),
            refresh: SecretString::default(),
            app: None,
            made: 0,
            ends_at,
            is_weekly: false,
        };
        let said = |left| of_testing(&google(Some(left)), left).map(|problem| problem.sentence).unwrap_or_default();
        for (left, when) in [
            (5 * DAY_MS, ""),
            (4 * DAY_MS - 1, "ends in 3 days"),
            (DAY_MS, "ends in 1 day:"),
            (DAY_MS - 1, "ends within a day"),
            (-1, ""),
        ] {
            let said = said(left);
            assert!(if when.is_empty() { said.is_empty() } else { said.contains(when) }, "{left}: {said}");
        }
    }

    #[test]
    fn a_span_is_said_as_people_say_it() {
        for (ms, said) in [
            (0, "0 minutes"),
            (59 * 60_000, "59 minutes"),
            (3_600_000, "1 hours"),
            (47 * 3_600_000, "47 hours"),
            (2 * DAY_MS, "2 days"),
        ] {
            assert_eq!(span(ms), said);
        }
    }
}
