//! What a contact may hold: singletons, sizes, counts, dates and countries.

use serde_json::{Map, Value};

use super::refusal::Refusal;

const SINGLETONS: [&str; 4] = ["names", "biographies", "birthdays", "genders"];
const FIELD_CHARS: usize = 1024;
const FIELDS: usize = 500;
const PERSON_BYTES: usize = 128 * 1024;
/// Both from the retired Contacts API, which other clients still meet.
const CLIENT_DATA_ENTRIES: usize = 10;
const CLIENT_DATA_CHARS: usize = 1012;

/// # Errors
/// 400 for the first rule that the contact breaks.
pub fn content(fields: &Map<String, Value>, unknown_countries: &[String]) -> Result<(), Refusal> {
    for (name, value) in fields {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if SINGLETONS.contains(&name.as_str()) && items.len() > 1 {
            return Err(Refusal::invalid(format!("Cannot have more than one person.{name} per source.")));
        }
        if name != "biographies" && longest(value) > FIELD_CHARS {
            return Err(Refusal::invalid(format!("person.{name} has a value of more than {FIELD_CHARS} characters.")));
        }
        items.iter().try_for_each(|item| content_of(name, item, unknown_countries))?;
    }
    let count = |name| fields.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    if count("clientData") > CLIENT_DATA_ENTRIES {
        return Err(Refusal::invalid(format!("extendedProperty count limit exceeded: {CLIENT_DATA_ENTRIES}")));
    }
    if fields.keys().map(|name| count(name)).sum::<usize>() > FIELDS {
        return Err(Refusal::invalid(format!("A contact cannot have more than {FIELDS} fields.")));
    }
    Ok(())
}

/// # Errors
/// 400 when the contact as a whole is too big.
pub fn size(content: &str) -> Result<(), Refusal> {
    if content.len() > PERSON_BYTES {
        return Err(Refusal::invalid(format!("A contact cannot be larger than {PERSON_BYTES} bytes.")));
    }
    Ok(())
}

fn content_of(name: &str, item: &Value, unknown_countries: &[String]) -> Result<(), Refusal> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
    match name {
        "clientData" if text("value").chars().count() > CLIENT_DATA_CHARS => {
            Err(Refusal::invalid(format!("A clientData value cannot be longer than {CLIENT_DATA_CHARS} characters.")))
        }
        "addresses" => country(text("countryCode"), unknown_countries),
        "birthdays" | "events" => item.get("date").map_or(Ok(()), date),
        _ => Ok(()),
    }
}

fn longest(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}

fn country(code: &str, unknown: &[String]) -> Result<(), Refusal> {
    let known = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) && !unknown.iter().any(|c| c == code);
    if code.is_empty() || known { Ok(()) } else { Err(Refusal::invalid(format!("Invalid country code: {code}"))) }
}

/// `google.type.Date`: zero is unknown, but a day needs its month.
fn date(date: &Value) -> Result<(), Refusal> {
    let part = |key: &str| date.get(key).and_then(Value::as_i64).unwrap_or(0);
    let (year, month, day) = (part("year"), part("month"), part("day"));
    let longest = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (0..=9999).contains(&year) && (0..=12).contains(&month) && (0..=longest).contains(&day);
    if valid && (day == 0 || month > 0) { Ok(()) } else { Err(Refusal::invalid("Invalid date.")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(person: &Value) -> Result<(), String> {
        content(person.as_object().unwrap(), &["ZZ".to_owned()]).map_err(|r| r.message)
    }

    #[test]
    fn limits_are_to_the_character() {
        let note = "é".repeat(2000);
        let accepted = json!({"biographies": [{"value": note}], "userDefined": [{"key": "k", "value": "é".repeat(1024)}],
            "clientData": [{"key": "k", "value": "x".repeat(1012)}], "addresses": [{"countryCode": "CA"}],
            "birthdays": [{"date": {"month": 2, "day": 29}}]});
        assert_eq!(verdict(&accepted), Ok(()));
        for refused in [
            json!({"userDefined": [{"value": "x".repeat(1025)}]}),
            json!({"clientData": [{"key": "k", "value": "x".repeat(1013)}]}),
            json!({"clientData": vec![json!({"key": "k", "value": "v"}); 11]}),
            json!({"urls": vec![json!({"value": "v"}); 501]}),
            json!({"addresses": [{"countryCode": "ZZ"}]}),
            json!({"birthdays": [{"date": {"month": 2, "day": 30}}]}),
        ] {
            assert!(verdict(&refused).is_err());
        }
    }

    #[test]
    fn a_second_name_has_its_own_sentence() {
        let twice = json!({"names": [{"givenName": "A"}, {"givenName": "B"}]});
        assert_eq!(verdict(&twice), Err("Cannot have more than one person.names per source.".into()));
    }
}
