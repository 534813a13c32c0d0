//! `people:searchContacts`: prefixes of phrases, 30 results, no pages, and an index that knows only what existed when it was
//! last warmed by an empty query. Unfit for looking things up, as in life.

use serde_json::{Value, json};

use super::{
    account::Account, call::Call, clock::MINUTE, contact::Contact, mask, refusal::Refusal, render::View,
    render::display_name,
};

/// When the cache of an account was last warmed.
#[derive(Default)]
pub struct Index {
    warmed_at: Option<i64>,
}

const RESULTS: usize = 30;

pub fn search(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let view = View::of_call(mask::required("readMask", call.param("readMask"))?, call)?;
    let size = match call.number("pageSize")?.unwrap_or(0) {
        0 => 10,
        size => usize::try_from(size).map_err(|_| Refusal::invalid("Page size must not be negative."))?.min(RESULTS),
    };
    let Some(query) = call.param("query") else {
        account.index.warmed_at = Some(account.now);
        return Ok(json!({}));
    };
    let oldest = account.now - i64::from(account.limits.search_warm_minutes) * MINUTE;
    let Some(horizon) = account.index.warmed_at.filter(|at| *at >= oldest) else { return Ok(json!({})) };
    let query = query.to_lowercase();
    let known = account.people.values().filter(|c| c.current.at <= horizon);
    let found: Vec<u64> = known.filter(|c| matches(c, &query)).take(size).map(|c| c.id).collect();
    let results: Vec<Value> =
        found.into_iter().filter_map(|id| account.show(id, &view)).map(|person| json!({ "person": person })).collect();
    Ok(if results.is_empty() { json!({}) } else { json!({ "results": results }) })
}

/// Notes, `clientData`, `externalIds` and custom fields are not searched.
fn matches(contact: &Contact, query: &str) -> bool {
    let mut fields = contact.fields();
    if let Some(name) = fields.get_mut("names").and_then(|n| n.get_mut(0)).and_then(Value::as_object_mut) {
        display_name(name);
    }
    let searched = [
        ("names", "displayName"),
        ("nicknames", "value"),
        ("emailAddresses", "value"),
        ("phoneNumbers", "value"),
        ("organizations", "name"),
    ];
    searched.iter().any(|(field, key)| {
        let items = fields.get(*field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|i| i[key].as_str()).any(|text| begins_a_word(&text.to_lowercase(), query))
    })
}

/// `foo name` is found by `f`, `foo n` and `nam`, not by `oo n`.
fn begins_a_word(text: &str, query: &str) -> bool {
    text.match_indices(query).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_matches_from_the_start_of_a_word() {
        for query in ["f", "foo n", "nam"] {
            assert!(begins_a_word("foo name", query), "{query}");
        }
        assert!(!begins_a_word("foo name", "oo n"));
    }
}
