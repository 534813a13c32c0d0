//! Bad days of the API, ordered through the control API: refusals, cut connections, delays, wrong pages.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use rand::{RngExt, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// One standing order; the first that fits a request applies.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Fault {
    /// Requests whose path starts with this; empty fits all.
    path: String,
    /// Answer this status instead.
    pub(super) status: Option<u16>,
    /// `Retry-After` in seconds, beside `status`.
    pub(super) retry_after: Option<u64>,
    /// Do the work, then cut the connection: a rotated token is then lost on the way.
    pub(super) drop: bool,
    /// Wait before doing anything, in real time.
    delay_ms: u64,
    /// What the search does to its page.
    pub(super) page: Option<PageFault>,
    /// How many fitting requests it lets by first.
    after: u32,
    /// How often it applies; without it, until faults are cleared.
    times: Option<u32>,
    /// Chance per request.
    probability: f64,
}

/// A wrong page of the search.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PageFault {
    /// The page is skipped: the next one is answered in its place.
    Lose,
    /// The page answered last is answered again.
    Repeat,
    /// 200 with nothing, as if the location were empty.
    Empty,
    /// Items without tags, custom fields, owner and creation time: an index that holds less than the records.
    Bare,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            path: String::new(),
            status: None,
            retry_after: None,
            drop: false,
            delay_ms: 0,
            page: None,
            after: 0,
            times: None,
            probability: 1.0,
        }
    }
}

impl Fault {
    /// Real time to wait first.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }
}

/// The fault that strikes this request, if any; uses up one of its times.
pub(super) fn strike(faults: &mut Vec<Fault>, rng: &mut StdRng, path: &str) -> Option<Fault> {
    let fits = |fault: &Fault| path.starts_with(&fault.path) && (fault.page.is_none() || path == "/contacts/search");
    let at = faults.iter().position(fits)?;
    if faults[at].after > 0 {
        faults[at].after -= 1;
        return None;
    }
    if !rng.random_bool(faults[at].probability.clamp(0.0, 1.0)) {
        return None;
    }
    let fault = faults[at].clone();
    match &mut faults[at].times {
        Some(times) if *times > 1 => *times -= 1,
        Some(_) => drop(faults.remove(at)),
        None => {}
    }
    Some(fault)
}

/// An answer whose connection ends in the middle.
pub(super) fn cut() -> Response {
    let end = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut by a fault")) });
    Response::new(Body::from_stream(end))
}
