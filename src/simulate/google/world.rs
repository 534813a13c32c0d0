//! Everything the simulator knows, behind one lock.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::{
    account::Account,
    batch,
    call::Call,
    clock::Clock,
    connections,
    consent::Consent,
    faults::Faults,
    grants::Grants,
    groups,
    log::Log,
    members,
    op::Op,
    options::{Limits, Modes, Options},
    people,
    refusal::Refusal,
    search,
};

pub struct World {
    /// The time of the request being served.
    pub now: i64,
    pub clock: Clock,
    pub rng: StdRng,
    /// What new accounts start with.
    pub limits: Limits,
    pub modes: Modes,
    pub accounts: BTreeMap<String, Account>,
    /// OAuth client id → secret.
    pub clients: BTreeMap<String, String>,
    /// The client of `Options`, for tokens that control hands out.
    pub client_id: String,
    /// Registered redirect URIs; any when empty.
    pub redirect_uris: Vec<String>,
    pub consent: Consent,
    pub grants: Grants,
    pub faults: Faults,
    pub log: Log,
    options: Options,
}

impl World {
    pub fn new(options: Options) -> Self {
        let mut clock = Clock::default();
        Self {
            now: clock.now(),
            clock,
            rng: StdRng::seed_from_u64(options.seed),
            limits: options.limits.clone(),
            modes: Modes::default(),
            accounts: BTreeMap::new(),
            clients: BTreeMap::from([(options.client_id.clone(), options.client_secret.clone())]),
            client_id: options.client_id.clone(),
            redirect_uris: Vec::new(),
            consent: Consent::default(),
            grants: Grants::default(),
            faults: Faults::default(),
            log: Log::default(),
            options,
        }
    }

    /// Back to the start. Only the clock keeps its time, which must never go back.
    pub fn reset(&mut self) {
        let clock = std::mem::take(&mut self.clock);
        *self = Self { clock, now: self.now, ..Self::new(self.options.clone()) };
    }

    pub fn tick(&mut self) {
        self.now = self.clock.now();
    }

    /// Makes an account; the subject is a number of 21 digits unless given.
    pub fn add_account(&mut self, subject: Option<String>, email: Option<String>) -> &mut Account {
        let subject = subject.unwrap_or_else(|| format!("1{:020}", self.rng.random::<u64>()));
        let email = email.unwrap_or_else(|| format!("user{}@example.com", self.accounts.len() + 1));
        let (limits, modes) = (self.limits.clone(), self.modes.clone());
        let account = Account::new(subject.clone(), email, self.rng.random(), self.now, limits, modes);
        self.accounts.entry(subject).or_insert(account)
    }

    /// Carries an admitted request out and lets the next write of the account in.
    pub fn finish(&mut self, subject: &str, op: &Op, call: &Call, prefix: Option<usize>) -> Result<Value, Refusal> {
        let account = self.accounts.get_mut(subject).ok_or_else(Refusal::bad_credential)?;
        account.now = self.now;
        let result = execute(account, op, call, prefix);
        account.writing &= !op.method().writes;
        result
    }
}

fn execute(account: &mut Account, op: &Op, call: &Call, prefix: Option<usize>) -> Result<Value, Refusal> {
    match op {
        Op::CreateContact => people::create(account, call),
        Op::UpdateContact(name) => people::update(account, name, call),
        Op::DeleteContact(name) => people::delete(account, name),
        Op::BatchCreate => batch::create(account, call, prefix),
        Op::BatchUpdate => batch::update(account, call, prefix),
        Op::BatchDelete => batch::delete(account, call, prefix),
        Op::GetPerson(name) => people::get(account, name, call),
        Op::BatchGet => people::batch_get(account, call),
        Op::ListConnections(name) => connections::list(account, name, call),
        Op::Search => search::search(account, call),
        Op::ListGroups => groups::list(account, call),
        Op::CreateGroup => groups::create(account, call),
        Op::BatchGetGroups => groups::batch_get(account, call),
        Op::GetGroup(name) => groups::get(account, name, call),
        Op::UpdateGroup(name) => groups::update(account, name, call),
        Op::DeleteGroup(name) => groups::delete(account, name, call),
        Op::ModifyMembers(name) => members::modify(account, name, call),
    }
}
