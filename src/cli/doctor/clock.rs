//! Clocks: signatures and due times go wrong when they differ.

use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::Check;
use crate::{claim::Tools, google::http};

/// Seconds that do no harm.
const CLOSE: i64 = 5;

/// This machine against the two sides, by the `Date` of whatever they answer. One that cannot be reached is not compared:
/// the checks of its accounts say so.
pub(super) async fn checks(tools: &Tools) -> Vec<Check> {
    let current = tools.now();
    let mut checks = Vec::new();
    if !current.google.is_empty() {
        checks.extend(against("Google", &tools.settings.google_api_url).await);
    }
    if current.accounts.values().any(|account| account.access.is_some()) {
        checks.extend(against("the CRM", &tools.settings.highlevel_api_url).await);
    }
    checks
}

async fn against(whom: &str, url: &Url) -> Option<Check> {
    let asked = Timestamp::now();
    let client = http::client(Duration::from_secs(5)).ok()?;
    let answer = client.head(url.clone()).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(compare(whom, asked, there))
}

/// `here` was read before `there`; what the answer took is not told apart from a difference.
pub(super) fn compare(whom: &str, here: Timestamp, there: Timestamp) -> Check {
    let off = there.as_second() - here.as_second();
    let name = format!("clock against {whom}");
    if off.abs() <= CLOSE {
        return Check::ok(name, "This machine's clock agrees.");
    }
    let way = if off > 0 { "behind" } else { "ahead" };
    let says = format!("This machine's clock is {} s {way}.", off.abs());
    Check::warning(name, says, "Have it set by the network (NTP): signed webhooks and retries depend on it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn five_seconds_are_close_and_six_are_not() {
        let here = Timestamp::from_second(1_789_000_000).expect("a time");
        for (off, state, way) in
            [(0, State::Ok, ""), (-5, State::Ok, ""), (6, State::Warning, "behind"), (-6, State::Warning, "ahead")]
        {
            let there = Timestamp::from_second(1_789_000_000 + off).expect("a time");
            let check = compare("Redis", here, there);
            assert_eq!(check.state, state, "{off}");
            assert!(check.says.contains(way), "{}", check.says);
        }
    }
}
