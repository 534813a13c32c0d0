//! Bad weather by rule: control posts rules, each request takes the first that fits it.

use rand::{RngExt, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// A rule as control takes it and shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A method (`people.createContact`, `oauth.token`), a prefix of one ending in a dot (`contactGroups.`), a path prefix
    /// (`/v1/people`), the two with an HTTP method before (`POST /v1/people`), or `*`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// Only requests of this account.
    pub subject: Option<String>,
    /// How many requests are hit; 1 unless `p` is given, then no end.
    pub times: Option<u32>,
    /// Chance of each request that fits.
    pub p: Option<f64>,
    /// Requests that fit and are let through first.
    #[serde(default)]
    pub skip: u32,
    /// Before anything happens, or after it was committed. A delay before holds the account's one write.
    #[serde(default)]
    pub when: When,
    pub kind: Kind,
    /// Of a `status`: the code, and how the body looks.
    pub status: Option<u16>,
    #[serde(default)]
    pub body: Body,
    /// Of a `status`: seconds in the header.
    pub retry_after: Option<u64>,
    /// Of a `delay`.
    #[serde(default)]
    pub ms: u64,
    /// Of a `commit_prefix`.
    #[serde(default)]
    pub items: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Before,
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error answer.
    Status,
    /// The connection closes without an answer.
    Drop,
    /// No answer, ever.
    Hang,
    /// The answer takes longer. The request is carried out even if the client has gone.
    Delay,
    /// A batch commits its first items and answers 500.
    CommitPrefix,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Google's error envelope.
    #[default]
    Json,
    /// The page of a front end.
    Html,
    /// One sentence.
    Text,
}

/// The rules in force, in the order they were posted.
#[derive(Default)]
pub struct Faults {
    pub rules: Vec<Rule>,
}

impl Faults {
    /// The rule that hits this request, used up by one.
    pub fn hit(&mut self, name: &str, method: &str, path: &str, subject: &str, rng: &mut StdRng) -> Option<Rule> {
        for index in 0..self.rules.len() {
            let rule = &mut self.rules[index];
            let about = rule.subject.as_deref().is_none_or(|s| s == subject);
            if !about || !fits(&rule.pattern, name, method, path) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.p.is_some_and(|p| !rng.random_bool(p.clamp(0.0, 1.0))) {
                continue;
            }
            let hit = rule.clone();
            let endless = rule.p.is_some() && rule.times.is_none();
            let left = rule.times.unwrap_or(1).saturating_sub(1);
            if !endless {
                rule.times = Some(left);
            }
            if !endless && left == 0 {
                self.rules.remove(index);
            }
            return Some(hit);
        }
        None
    }
}

fn fits(pattern: &str, name: &str, method: &str, path: &str) -> bool {
    match pattern.split_once(' ') {
        Some((verb, prefix)) => verb == method && path.starts_with(prefix),
        None if pattern.starts_with('/') => path.starts_with(pattern),
        None => pattern == "*" || pattern == name || (pattern.ends_with('.') && name.starts_with(pattern)),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_skips_hits_and_is_used_up() {
        let rule = json!({"match": "people.", "skip": 1, "times": 2, "kind": "status", "status": 503});
        let mut faults = Faults { rules: vec![serde_json::from_value(rule).unwrap()] };
        let mut rng = StdRng::seed_from_u64(1);
        let mut hits = |name: &str| faults.hit(name, "GET", "/v1/people/me", "1", &mut rng).is_some();
        assert!(!hits("contactGroups.list"));
        let seen: Vec<bool> = (0..4).map(|_| hits("people.get")).collect();
        assert_eq!(seen, [false, true, true, false]);
    }

    #[test]
    fn a_misspelt_rule_is_refused() {
        let rule = json!({"match": "*", "kind": "drop", "tims": 2});
        assert!(serde_json::from_value::<Rule>(rule).is_err());
    }
}
