//! Access tokens in memory: one refresh at a time and Google account, shared by everyone who waits for it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};

use super::oauth::Refreshed;

/// A token is no longer given out this long before it expires.
const MARGIN: Duration = Duration::from_secs(60);

/// A token is kept no longer than this, whatever its answer says.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// Access tokens by Google subject. `E` is why a refresh of the caller's can fail.
#[derive(Debug)]
pub struct AccessTokens<E> {
    accounts: Mutex<HashMap<String, Arc<Account<E>>>>,
}

#[derive(Debug)]
struct Account<E> {
    /// Refreshes that have ended. Who began to wait during one takes its outcome, be it a failure.
    ended: AtomicU64,
    last: tokio::sync::Mutex<Option<Outcome<E>>>,
}

#[derive(Debug)]
enum Outcome<E> {
    Token { access: SecretString, good_until: Instant },
    Failed(E),
}

impl<E: Clone> AccessTokens<E> {
    /// None yet.
    pub fn new() -> Self {
        Self { accounts: Mutex::default() }
    }

    /// The account's access token: the one at hand, or what `refresh` brings. Of those who ask at the same time one
    /// refreshes and the others share its outcome; after a failure the next to ask tries again.
    ///
    /// `refresh` loads the refresh token, calls [`super::oauth::Oauth::refresh`], and stores a new refresh token if one
    /// came back: nothing is stored here.
    ///
    /// # Errors
    /// What `refresh` failed with.
    pub async fn get<R>(&self, subject: &str, refresh: impl FnOnce() -> R) -> Result<SecretString, E>
    where
        R: Future<Output = Result<Refreshed, E>>,
    {
        let account = self.account(subject);
        let began = account.ended.load(Ordering::Acquire);
        let mut last = account.last.lock().await;
        match &*last {
            Some(Outcome::Token { access, good_until }) if Instant::now() < *good_until => return Ok(access.clone()),
            Some(Outcome::Failed(why)) if account.ended.load(Ordering::Acquire) != began => return Err(why.clone()),
            _ => {}
        }
        let outcome = refresh().await;
        account.ended.fetch_add(1, Ordering::Release);
        match outcome {
            Ok(fresh) => {
                let good_until = Instant::now() + fresh.expires_in.min(LONGEST).saturating_sub(MARGIN);
                *last = Some(Outcome::Token { access: fresh.access.clone(), good_until });
                Ok(fresh.access)
            }
            Err(why) => {
                *last = Some(Outcome::Failed(why.clone()));
                Err(why)
            }
        }
    }

    /// Google answered 401 to this token: the next [`get`](Self::get) refreshes. Does nothing if another token has taken
    /// its place meanwhile, so that many who meet the same 401 cause one refresh.
    pub async fn invalidate(&self, subject: &str, token: &SecretString) {
        let account = self.account(subject);
        let mut last = account.last.lock().await;
        if matches!(&*last, Some(Outcome::Token { access, .. }) if access.expose_secret() == token.expose_secret()) {
            *last = None;
        }
    }

    fn account(&self, subject: &str) -> Arc<Account<E>> {
        // The map is whole after every step, so a panic elsewhere does not spoil it.
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(subject) {
            return account.clone();
        }
        let account = Arc::new(Account { ended: AtomicU64::new(0), last: tokio::sync::Mutex::new(None) });
        accounts.insert(subject.to_owned(), account.clone());
        account
    }
}

impl<E: Clone> Default for AccessTokens<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::{sync::Semaphore, task::JoinSet};

    use super::*;
    use crate::google::OauthFailure;

    /// A Google whose refreshes are counted, and wait until they are let go.
    struct Google {
        refreshes: AtomicUsize,
        gate: Semaphore,
        answer: Result<u64, OauthFailure>,
    }

    impl Google {
        fn new(open: usize, answer: Result<u64, OauthFailure>) -> Arc<Self> {
            Arc::new(Self { refreshes: AtomicUsize::new(0), gate: Semaphore::new(open), answer })
        }

        async fn refresh(&self) -> Result<Refreshed, OauthFailure> {
            let nth = self.refreshes.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.expect("open").forget();
            let expires_in = Duration::from_secs(self.answer.clone()?);
            let access = SecretString::from(format!("token {nth}"));
            Ok(Refreshed { access, expires_in, refresh: None, ends_in: None, scope: None, subject: None })
        }

        fn refreshes(&self) -> usize {
            self.refreshes.load(Ordering::SeqCst)
        }
    }

    /// Fifty callers at the same time, all waiting before the first refresh ends.
    async fn fifty(google: &Arc<Google>) -> Vec<Result<String, OauthFailure>> {
        let tokens = Arc::new(AccessTokens::new());
        let begun = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let (tokens, google, begun) = (tokens.clone(), google.clone(), begun.clone());
            callers.spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                tokens.get("1184", || google.refresh()).await
            });
        }
        // On the one thread of a test, who has begun runs on until it waits.
        while begun.load(Ordering::SeqCst) < 50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(google.refreshes(), 1);
        google.gate.add_permits(50);
        callers.join_all().await.into_iter().map(|r| r.map(|t| t.expose_secret().to_owned())).collect()
    }

    #[tokio::test]
    async fn fifty_callers_share_one_refresh() {
        let google = Google::new(0, Ok(3_600));
        assert!(fifty(&google).await.iter().all(|r| r.as_deref() == Ok("token 0")));
        assert_eq!(google.refreshes(), 1);
    }

    #[tokio::test]
    async fn fifty_callers_share_one_failure() {
        let google = Google::new(0, Err(OauthFailure::Revoked));
        assert!(fifty(&google).await.iter().all(|r| *r == Err(OauthFailure::Revoked)));
        assert_eq!(google.refreshes(), 1);
    }

    #[tokio::test]
    async fn after_a_failure_the_next_caller_tries_again() {
        let google = Google::new(9, Err(OauthFailure::Unavailable));
        let tokens = AccessTokens::new();
        for attempts in 1..=3 {
            assert!(tokens.get("1184", || google.refresh()).await.is_err());
            assert_eq!(google.refreshes(), attempts);
        }
    }

    #[tokio::test]
    async fn a_token_is_kept_until_a_minute_before_its_end() {
        for (expires_in, refreshes) in [(3_600, 1), (61, 1), (60, 2), (0, 2)] {
            let google = Google::new(9, Ok(expires_in));
            let tokens = AccessTokens::new();
            for _ in 0..2 {
                assert!(tokens.get("1184", || google.refresh()).await.is_ok());
            }
            assert_eq!(google.refreshes(), refreshes, "{expires_in} s");
        }
    }

    #[tokio::test]
    async fn many_401s_for_one_token_cause_one_refresh_and_none_for_other_accounts() {
        let google = Google::new(9, Ok(3_600));
        let tokens = AccessTokens::new();
        let old = tokens.get("1184", || google.refresh()).await.expect("a token");
        let other = tokens.get("2295", || google.refresh()).await.expect("a token");
        for _ in 0..5 {
            tokens.invalidate("1184", &old).await;
            let new = tokens.get("1184", || google.refresh()).await.expect("a token");
            assert_eq!(new.expose_secret(), "token 2");
        }
        let kept = tokens.get("2295", || google.refresh()).await.expect("a token");
        assert_eq!((kept.expose_secret(), google.refreshes()), (other.expose_secret(), 3));
    }
}
