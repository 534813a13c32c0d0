//! Ids, words and times inside a payload, whatever JSON type the sender uses for them.

use jiff::Timestamp;
use serde_json::Value;

use crate::contact::clean;

/// Ids and type words go into keys and screens; none that is real comes near this.
const LONGEST: usize = 128;

/// The text or whole number at a JSON pointer, cleaned. Empty texts, `"null"` and merge fields that HighLevel left
/// unfilled (`{{location.id}}`) are nothing.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    let text = match value.pointer(pointer)? {
        Value::String(text) => clean(text),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    usable(text)
}

/// The first of several places that holds a text.
pub(super) fn first(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| text(value, pointer))
}

/// A text from elsewhere, held to the same rules.
pub(super) fn usable(text: String) -> Option<String> {
    let is_plausible = !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
    (is_plausible && !text.contains("{{")).then_some(text)
}

/// A time: RFC 3339, Unix seconds or milliseconds, as text or number. Anything else is no time, never an error: an event
/// without one is as good.
pub(super) fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    /// Seconds reach this in the year 5138, milliseconds did in 1973.
    const LEAST_MILLISECONDS: i64 = 100_000_000_000;
    let text = text(value, pointer)?;
    match text.parse::<i64>() {
        Ok(number) if number >= LEAST_MILLISECONDS => Timestamp::from_millisecond(number).ok(),
        Ok(number) => Timestamp::from_second(number).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_may_be_numbers_and_placeholders_are_nothing() {
        let body = json!({"n": 123, "t": " a1 ", "e": "", "null": "null", "m": "{{contact.id}}", "f": 1.5, "o": {}, "lines": "a\nb",
            "long": "x".repeat(129)});
        for (pointer, found) in [("/n", Some("123")), ("/t", Some("a1"))] {
            assert_eq!(text(&body, pointer).as_deref(), found);
        }
        for pointer in ["/e", "/null", "/m", "/f", "/o", "/lines", "/long", "/missing", ""] {
            assert_eq!(text(&body, pointer), None, "{pointer}");
        }
        assert_eq!(first(&body, &["/e", "/m", "/n"]).as_deref(), Some("123"));
    }

    #[test]
    fn times_come_in_three_ways_and_nonsense_is_no_time() {
        let body = json!({"iso": "2026-03-29T13:52:04.212Z", "s": 1_774_792_324, "ms": "1774792324212",
            "far": i64::MAX, "word": "yesterday"});
        let at: Timestamp = "2026-03-29T13:52:04.212Z".parse().expect("a time");
        assert_eq!(time(&body, "/iso"), Some(at));
        assert_eq!(time(&body, "/ms"), Some(at));
        assert_eq!(time(&body, "/s").map(|t| t.as_second()), Some(at.as_second()));
        assert_eq!(time(&body, "/far"), None);
        assert_eq!(time(&body, "/word"), None);
    }
}
