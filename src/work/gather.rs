//! What the CRM says of dirty contacts now. With credentials the CRM is asked (many at once by a search page, each by itself
//! where that is not enough); without, the bodies of the events are folded.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    claim::{CrmAccessFailure, Tools},
    contact::Contact,
    crm::highlevel::{Access, CrmFailure, Reading, oauth::TokenFailure},
    plan::filter::{Place, place},
    store::{StoreError, current::SyncSpec, decode, ledger::Mark, runs::Runs},
};

mod limited;

/// What is known of one dirty contact.
#[derive(Debug)]
pub enum State {
    /// Its current state in the CRM.
    There(Box<Contact>),
    /// The CRM has no such contact.
    Gone,
    /// Look again after this time.
    Later {
        /// From now.
        after: Duration,
        /// As a code.
        why: &'static str,
        /// The reading was older than the event.
        stale: bool,
        /// It counts as a try of this contact.
        counts: bool,
    },
    /// It cannot be read as it is.
    Unreadable {
        /// Why, in words.
        why: String,
        /// Path into the CRM's data, if it is known.
        path: String,
    },
    /// Nothing was ever said of it, and nobody can be asked (limited mode).
    Unknown,
    /// Not read this time: the slice has used up its time. It stays as it is.
    NotRead,
}

impl State {
    /// The contact, if it was read.
    pub fn contact(&self) -> Option<&Contact> {
        match self {
            Self::There(contact) => Some(contact),
            _ => None,
        }
    }
}

/// From this many on, a search page is tried before single reads.
const MANY: usize = 20;
/// A CRM that refuses us is asked again after this time.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// A reading that is older than its event is repeated at most this often, then believed.
const STALE_READINGS: u64 = 2;
/// After so many readings without an answer in a row the others are not tried.
const IN_A_ROW: u32 = 3;

/// Gathers the state of each contact, in the order given; `known` is what has just been read anyway, `held` are those that the sync manages. What is not read by `until`
/// stays unread: the lease of the Google account must outlast the gathering.
pub async fn gather(
    tools: &Tools,
    sync: &SyncSpec,
    mut known: HashMap<String, State>,
    due: &[(String, Mark)],
    held: &HashSet<&str>,
    until: Instant,
) -> Result<Vec<State>, StoreError> {
    if sync.account.is_limited() {
        return limited::gather(tools, sync, due).await;
    }
    let token = match tools.crm_token(&sync.account).await {
        Ok(token) => token,
        Err(failure) => {
            if failure.is_refusal() {
                tools.crm_refuses(&sync.account, failure.to_string()).await?;
            }
            return Ok(without_token(&failure, due, known));
        }
    };
    let asked = Asked { tools, sync, token: &token };
    let missing: Vec<&(String, Mark)> = due.iter().filter(|(c, _)| !known.contains_key(c)).collect();
    if missing.len() >= MANY {
        asked.search(&missing, &mut known).await;
    }
    // Nor does a page, which may be old or lack what the filter asks for, take a contact out: that one is read itself.
    known.retain(|contact, state| !(held.contains(contact.as_str()) && is_outside(sync, state)));
    let mut states = Vec::with_capacity(due.len());
    // The CRM account as a whole refuses or does not answer: the others are not tried one by one.
    let mut halted: Option<(Duration, &'static str)> = None;
    let (mut unanswered, mut refused, mut answered) = (0, None, false);
    for (contact, mark) in due {
        states.push(match (known.remove(contact), halted) {
            (Some(state), _) => state,
            (None, Some((after, why))) => later(after, why),
            (None, None) if Instant::now() > until => State::NotRead,
            (None, None) => {
                let (state, halt) = asked.read(contact, mark, &mut refused).await;
                let counts = matches!(state, State::Later { counts: true, .. });
                unanswered = if counts { unanswered + 1 } else { 0 };
                answered |= !counts && !halt;
                match &state {
                    State::Later { after, why, .. } if halt => halted = Some((*after, why)),
                    State::Later { why, .. } if unanswered >= IN_A_ROW => {
                        halted = Some((tools.settings.tune.retry_base, why));
                    }
                    _ => {}
                }
                state
            }
        });
    }
    match refused {
        Some(sentence) => tools.crm_refuses(&sync.account, sentence).await?,
        None if answered => tools.crm_lets_in(&sync.account).await?,
        None => {}
    }
    Ok(states)
}

/// What a reconcile's page said, for contacts that no event has touched since: a live one is read itself.
pub async fn readings(runs: &Runs, due: &[(String, Mark)]) -> Result<HashMap<String, State>, StoreError> {
    let contacts: Vec<String> = due.iter().map(|(contact, _)| contact.clone()).collect();
    let mut known = HashMap::new();
    for ((contact, mark), reading) in due.iter().zip(runs.readings(&contacts).await?) {
        if let Some(text) = reading.filter(|_| mark.bulk) {
            known.insert(contact.clone(), State::There(Box::new(decode("a reading", &text)?)));
        }
    }
    Ok(known)
}

fn is_outside(sync: &SyncSpec, state: &State) -> bool {
    matches!(state, State::There(contact) if matches!(place(&sync.spec, contact), Place::Outside(_)))
}

fn without_token(failure: &CrmAccessFailure, due: &[(String, Mark)], mut known: HashMap<String, State>) -> Vec<State> {
    tracing::error!(reason = %failure, "no token for the CRM account; its contacts wait");
    let after = match failure {
        CrmAccessFailure::Token(TokenFailure::Crm(CrmFailure::RateLimited { retry_after })) => *retry_after,
        _ => REFUSED_FOR,
    };
    due.iter().map(|(contact, _)| known.remove(contact).unwrap_or_else(|| later(after, "crm_access"))).collect()
}

fn later(after: Duration, why: &'static str) -> State {
    State::Later { after, why, stale: false, counts: false }
}

fn is_fresh(contact: &Contact, event_at: i64, stale: Duration) -> bool {
    let slack = i64::try_from(stale.as_millis()).unwrap_or(i64::MAX);
    contact.version.is_none_or(|version| version.as_millisecond() >= event_at - slack)
}

struct Asked<'a> {
    tools: &'a Tools,
    sync: &'a SyncSpec,
    token: &'a SecretString,
}

impl Asked<'_> {
    fn access(&self) -> Access<'_> {
        let account = &self.sync.account;
        Access { account: &account.key, token: self.token, region: &account.region, wants: &self.sync.wants }
    }

    /// Reads recently changed contacts page by page. A page alone neither deletes nor revives, and its index lags: only
    /// what is at least as new as the event is taken from it.
    async fn search(&self, missing: &[&(String, Mark)], known: &mut HashMap<String, State>) {
        let tune = &self.tools.settings.tune;
        let newest_wanted: HashMap<&str, i64> = missing
            .iter()
            .filter(|(_, m)| !m.deleted)
            .map(|(c, m)| (c.as_str(), if m.at > 0 { m.at } else { m.first }))
            .collect();
        let Some(oldest) = newest_wanted.values().min() else { return };
        let slack = i64::try_from(tune.stale_read.as_millis()).unwrap_or(0);
        let since = Timestamp::from_millisecond(oldest - slack).unwrap_or(Timestamp::UNIX_EPOCH);
        let page_size = usize::try_from(tune.crm_page).unwrap_or(100).max(1);
        let mut cursor = None;
        for _ in 0..missing.len() / page_size + 2 {
            let page = self.tools.highlevel.recent(self.access(), since, cursor.as_ref(), tune.crm_page).await;
            // Whatever goes wrong here is met again, and handled, by the single reads.
            let Ok(page) = page else { return };
            for contact in page.contacts {
                let wanted = newest_wanted.get(contact.id.as_str());
                if wanted.is_some_and(|at| contact.version.is_some() && is_fresh(&contact, *at, tune.stale_read)) {
                    known.insert(contact.id.clone(), State::There(Box::new(contact)));
                }
            }
            match page.next {
                Some(next) if known.len() < missing.len() => cursor = Some(next),
                _ => return,
            }
        }
    }

    /// Reads one contact. The second answer: whether the whole CRM account is in trouble; `refused` says why it does not let us in.
    async fn read(&self, contact: &str, mark: &Mark, refused: &mut Option<String>) -> (State, bool) {
        let tune = &self.tools.settings.tune;
        let failure = match self.tools.highlevel.contact(self.access(), contact).await {
            Ok(Reading::Gone) => return (State::Gone, false),
            Ok(Reading::Found(found)) => {
                // A deletion was told and the contact is still there: the reading may be a moment too early.
                let stale = mark.deleted || (mark.at > 0 && !is_fresh(&found, mark.at, tune.stale_read));
                if !stale || mark.stale >= STALE_READINGS {
                    return (State::There(found), false);
                }
                let after = tune.retry_base * 2u32.saturating_pow(u32::try_from(mark.stale).unwrap_or(8));
                return (State::Later { after, why: "stale_reading", stale: true, counts: false }, false);
            }
            Err(failure) => failure,
        };
        match failure {
            CrmFailure::Unauthorised | CrmFailure::Forbidden { .. } => {
                tracing::error!(reason = %failure, "the CRM account cannot be read; its contacts wait");
                *refused = Some(failure.to_string());
                (later(REFUSED_FOR, "crm_access"), true)
            }
            CrmFailure::RateLimited { retry_after } => (later(retry_after, "crm_rate"), true),
            CrmFailure::Invalid { .. } | CrmFailure::Unreadable(_) => {
                let path = if let CrmFailure::Unreadable(at) = &failure { at.path.clone() } else { String::new() };
                (State::Unreadable { why: failure.to_string(), path }, false)
            }
            CrmFailure::Transient { .. } | CrmFailure::Stuck => {
                (State::Later { after: Duration::ZERO, why: "crm_unavailable", stale: false, counts: true }, false)
            }
        }
    }
}
