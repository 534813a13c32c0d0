//! What every API request passes first: faults, the `Version` header, the bearer token, the rate limit.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Sim, fault, oauth::Grant, refusal::Refusal, world::millis};

const VERSION: &str = "2021-07-28";
const DAILY: u32 = 200_000;
const DAY_MS: i64 = 86_400_000;

/// Requests counted for one app and one resource.
#[derive(Default)]
pub(super) struct Window {
    started: i64,
    used: u32,
    day: i64,
    used_today: u32,
}

/// What the window says after one more request.
struct Standing {
    allowed: bool,
    remaining: u32,
    remaining_today: u32,
    day_ends_in: i64,
}

impl Window {
    fn count(&mut self, now: i64, limit: u32, window: i64) -> Standing {
        if now - self.started >= window {
            (self.started, self.used) = (now, 0);
        }
        if now / DAY_MS != self.day {
            (self.day, self.used_today) = (now / DAY_MS, 0);
        }
        let allowed = self.used < limit && self.used_today < DAILY;
        if allowed {
            self.used += 1;
            self.used_today += 1;
        }
        Standing {
            allowed,
            remaining: limit - self.used,
            remaining_today: DAILY - self.used_today,
            day_ends_in: (self.day + 1) * DAY_MS - now,
        }
    }
}

/// The middleware of every route that a client of HighLevel sees.
pub(super) async fn gate(State(sim): State<Arc<Sim>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let fault = {
        let world = &mut *sim.world();
        fault::strike(&mut world.faults, &mut world.rng, &path)
    };
    if let Some(fault) = &fault {
        tokio::time::sleep(fault.delay()).await;
        if let Some(status) = fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            return refused_by_fault(status, fault.retry_after);
        }
    }
    let mut answer = match admit(&sim, &path, request.headers()) {
        Err(refusal) => refusal.into_response(),
        // The token call itself bears no token and is not rated.
        Ok(None) => next.run(request).await,
        Ok(Some((grant, standing))) => {
            request.extensions_mut().insert(grant);
            request.extensions_mut().insert(fault.as_ref().and_then(|fault| fault.page));
            let mut answer = match standing.allowed {
                true => next.run(request).await,
                false => Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests").into_response(),
            };
            show_standing(answer.headers_mut(), &standing, &sim);
            answer
        }
    };
    if fault.is_some_and(|fault| fault.drop) {
        answer = fault::cut();
    }
    answer
}

fn admit(sim: &Sim, path: &str, headers: &HeaderMap) -> Result<Option<(Grant, Standing)>, Refusal> {
    let unauthorized = |message: &str| Refusal::new(StatusCode::UNAUTHORIZED, message);
    if path == "/oauth/token" {
        return Ok(None);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text("version") != Some(VERSION) {
        return Err(unauthorized("version header was not found or is not valid."));
    }
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let world = &mut *sim.world();
    let now = world.now();
    let grant = world.tokens.grant(bearer.unwrap_or_default(), now).ok_or_else(|| unauthorized("Invalid JWT"))?;
    let window = world.windows.entry(grant.rate_key()).or_default();
    let standing = window.count(now, sim.options.rate_limit, millis(sim.options.rate_window));
    Ok(Some((grant, standing)))
}

fn show_standing(headers: &mut HeaderMap, standing: &Standing, sim: &Sim) {
    let (limit, window) = (i64::from(sim.options.rate_limit), millis(sim.options.rate_window));
    for (name, value) in [
        ("x-ratelimit-max", limit),
        ("x-ratelimit-remaining", standing.remaining.into()),
        ("x-ratelimit-interval-milliseconds", window),
        ("x-ratelimit-limit-daily", DAILY.into()),
        ("x-ratelimit-daily-remaining", standing.remaining_today.into()),
        ("x-ratelimit-daily-reset", standing.day_ends_in),
    ] {
        headers.insert(name, HeaderValue::from(value));
    }
}

fn refused_by_fault(status: StatusCode, retry_after: Option<u64>) -> Response {
    let mut answer = Refusal::new(status, "simulated fault").into_response();
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hundred_and_first_request_of_ten_seconds_is_refused_and_the_next_window_opens() {
        let mut window = Window::default();
        let allowed = |window: &mut Window, now| window.count(now, 100, 10_000).allowed;
        assert!((0..100).all(|n| allowed(&mut window, 1_000_000 + n)));
        assert!(!allowed(&mut window, 1_009_999));
        assert!(allowed(&mut window, 1_010_000));
    }
}
