//! Where requests come in: control, OAuth and the People API part ways here, faults strike, and the log is written.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::Answer,
    call::Call,
    clock::rfc3339,
    consent::{self, Step},
    control,
    faults::{Kind, Rule, When},
    log::Entry,
    oauth,
    op::{Cost, Op},
    options::Options,
    refusal::Refusal,
    wire::Scissors,
    world::World,
};

/// A handle to the one world of this listener.
#[derive(Clone)]
pub struct Simulator {
    world: Arc<Mutex<World>>,
    shutdown: CancellationToken,
}

/// The state handler of every request.
pub async fn answer(
    State(simulator): State<Simulator>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request<Body>,
) -> Response {
    let call = match Call::read(request).await {
        Ok(call) => call,
        Err(refusal) => return Answer::refusal(&refusal).into_response(),
    };
    // In a task of its own: a server finishes what it has begun even when the client hangs up.
    match tokio::spawn(async move { simulator.handle(call).await }).await {
        Ok(Some(answer)) => answer.into_response(),
        Ok(None) | Err(_) => {
            scissors.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

enum Target {
    Control,
    Authorize,
    Token,
    Revoke,
    Userinfo,
    People(Op),
    Nothing,
}

impl Target {
    fn of(call: &Call) -> Self {
        match (call.method.as_str(), call.path.as_str()) {
            (_, path) if path.starts_with("/control/") => Self::Control,
            ("GET", "/o/oauth2/v2/auth") => Self::Authorize,
            ("POST", "/token") => Self::Token,
            ("POST" | "GET", "/revoke") => Self::Revoke,
            ("GET" | "POST", "/userinfo") => Self::Userinfo,
            (method, path) => Op::route(method, path).map_or(Self::Nothing, Self::People),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Authorize => "oauth.auth",
            Self::Token => "oauth.token",
            Self::Revoke => "oauth.revoke",
            Self::Userinfo => "oauth.userinfo",
            Self::People(op) => op.method().name,
            Self::Nothing => "unknown",
        }
    }
}

impl Simulator {
    pub fn new(options: Options, shutdown: CancellationToken) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(options))), shutdown }
    }

    /// The world, with the time of now.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.tick();
        world
    }

    /// `None` closes the connection without an answer.
    async fn handle(self, call: Call) -> Option<Answer> {
        let target = Target::of(&call);
        if matches!(target, Target::Control) {
            let result = control::answer(&mut self.world(), &call);
            return Some(Answer::of(result));
        }
        let (subject, fault, at) = self.arrive(&call, &target);
        let started = Instant::now();
        let (ran, units) = match &fault {
            // Never carried out.
            Some(rule) if rule.when == When::Before && !matches!(rule.kind, Kind::Delay | Kind::CommitPrefix) => {
                (None, Cost::default())
            }
            _ => self.run(&call, &target, fault.as_ref()).await,
        };
        let answer = match &fault {
            None => ran,
            Some(rule) => self.disturb(rule, ran).await,
        };
        let mut world = self.world();
        let limit = world.limits.log_entries;
        let entry = Entry {
            seq: 0,
            at: rfc3339(at),
            subject,
            method: call.method,
            path: call.path,
            op: target.name(),
            status: answer.as_ref().map_or(0, |a| a.status),
            units,
            fault: fault.map(|rule| rule.kind),
            ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        world.log.record(entry, limit);
        answer
    }

    fn arrive(&self, call: &Call, target: &Target) -> (String, Option<Rule>, i64) {
        let mut guard = self.world();
        let world = &mut *guard;
        let access = call.bearer.as_deref().and_then(|token| world.grants.access(token, world.now));
        let subject = access.map(|a| a.subject).unwrap_or_default();
        let fault = world.faults.hit(target.name(), &call.method, &call.path, &subject, &mut world.rng);
        (subject, fault, world.now)
    }

    async fn run(&self, call: &Call, target: &Target, fault: Option<&Rule>) -> (Option<Answer>, Cost) {
        let before = fault.filter(|r| r.kind == Kind::Delay && r.when == When::Before).map_or(0, |r| r.ms);
        let answer = match target {
            Target::People(op) => return self.run_people(call, op, before, fault).await,
            _ if before > 0 => {
                tokio::time::sleep(Duration::from_millis(before)).await;
                self.run_others(call, target)
            }
            _ => self.run_others(call, target),
        };
        (Some(answer), Cost::default())
    }

    fn run_others(&self, call: &Call, target: &Target) -> Answer {
        let world = &mut *self.world();
        match target {
            Target::Authorize => match consent::authorize(world, call) {
                Step::Redirect(url) => Answer::redirect(url),
                Step::Page(status, html) => Answer::html(status, html),
            },
            Target::Token => Answer::of_oauth(oauth::token(world, call)),
            Target::Revoke => Answer::of_oauth(oauth::revoke(world, call)),
            Target::Userinfo => Answer::of(oauth::userinfo(world, call)),
            _ => Answer::html(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>".into()),
        }
    }

    /// The account is held from admission to commit; a delay lies between the two.
    async fn run_people(&self, call: &Call, op: &Op, delay: u64, fault: Option<&Rule>) -> (Option<Answer>, Cost) {
        let admitted = self.world().admit(op, call);
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return (Some(Answer::refusal(&refusal)), Cost::default()),
        };
        if delay + admitted.write_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay + admitted.write_ms)).await;
        }
        let prefix = fault.filter(|r| r.kind == Kind::CommitPrefix).map(|r| r.items);
        let result = self.world().finish(&admitted.subject, op, call, prefix);
        (Some(Answer::of(result)), admitted.cost)
    }

    async fn disturb(&self, rule: &Rule, ran: Option<Answer>) -> Option<Answer> {
        match rule.kind {
            Kind::Status => Some(Answer::fault(rule)),
            Kind::CommitPrefix => Some(Answer::refusal(&Refusal::internal())),
            Kind::Drop => None,
            Kind::Hang => {
                self.shutdown.cancelled().await;
                None
            }
            Kind::Delay => {
                if rule.when == When::After {
                    tokio::time::sleep(Duration::from_millis(rule.ms)).await;
                }
                ran
            }
        }
    }
}
