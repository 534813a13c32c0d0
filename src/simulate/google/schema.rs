//! The shapes of requests, from Google's discovery document (`schema.txt`), and the walk that refuses what does not fit
//! and drops what Google only ever writes itself.
//!
//! A line of `schema.txt` is a message and its fields: `name` is a string, `name?` a boolean, `name#` an integer, `name*` a
//! list of strings, `name=A|B` one of these words, `name:T` a message, `name*T` a list of them, `name%T` a map from strings
//! to them, `name!` read-only. `addedLater` is the field that our answers carry and no documentation knows.

use std::{collections::HashMap, fmt, sync::LazyLock};

use serde_json::{Map, Value};

use super::refusal::Refusal;

enum Kind {
    ReadOnly,
    Text,
    Flag,
    Integer,
    Word(Vec<&'static str>),
    Texts,
    Message(&'static str),
    List(&'static str),
    Map(&'static str),
}

static MESSAGES: LazyLock<HashMap<&'static str, HashMap<&'static str, Kind>>> = LazyLock::new(|| {
    let lines = include_str!("schema.txt").lines().map(|line| line.split(' '));
    lines.filter_map(|mut words| Some((words.next()?, words.map(field).collect()))).collect()
});

fn field(word: &'static str) -> (&'static str, Kind) {
    let (name, rest) = word.split_at(word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len()));
    let kind = match (rest.get(..1).unwrap_or_default(), rest.get(1..).unwrap_or_default()) {
        ("!", _) => Kind::ReadOnly,
        ("?", _) => Kind::Flag,
        ("#", _) => Kind::Integer,
        ("=", words) => Kind::Word(words.split('|').collect()),
        ("*", "") => Kind::Texts,
        ("*", message) => Kind::List(message),
        ("%", message) => Kind::Map(message),
        (":", message) => Kind::Message(message),
        _ => Kind::Text,
    };
    (name, kind)
}

/// Where in a request the walk is; spelt out only for errors.
enum Place<'a> {
    Root(&'a str),
    Field(&'a Self, &'a str),
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(Self::Root(""), name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Key(parent, key) => write!(f, "{parent}[{key}]"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Checks an object against a message of the schema; the result has no nulls and no read-only fields. `root` is how errors
/// call the object.
///
/// # Errors
/// 400 for the first field that does not fit.
pub fn fit(object: Map<String, Value>, message: &str, root: &str) -> Result<Map<String, Value>, Refusal> {
    fit_object(object, message, &Place::Root(root))
}

fn fit_object(object: Map<String, Value>, message: &str, place: &Place) -> Result<Map<String, Value>, Refusal> {
    let fields = MESSAGES.get(message);
    let mut fitted = Map::new();
    for (name, value) in object {
        let Some(kind) = fields.and_then(|fields| fields.get(name.as_str())) else {
            return Err(unknown(&name, place));
        };
        if matches!(kind, Kind::ReadOnly) || value.is_null() {
            continue;
        }
        let value = fit_value(value, kind, &Place::Field(place, &name))?;
        fitted.insert(name, value);
    }
    Ok(fitted)
}

fn fit_value(value: Value, kind: &Kind, place: &Place) -> Result<Value, Refusal> {
    match (kind, value) {
        (Kind::Text, value @ Value::String(_)) | (Kind::Flag, value @ Value::Bool(_)) => Ok(value),
        (Kind::Word(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(text.into()),
        (Kind::Integer, Value::Number(number)) if number.is_i64() => Ok(number.into()),
        (Kind::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => Ok(items.into()),
        (Kind::Message(message), Value::Object(object)) => Ok(fit_object(object, message, place)?.into()),
        (Kind::List(message), Value::Array(items)) => {
            let one = |(index, item)| fit_value(item, &Kind::Message(message), &Place::Index(place, index));
            items.into_iter().enumerate().map(one).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        (Kind::Map(message), Value::Object(object)) => {
            let one = |(key, item): (String, Value)| {
                let fitted = fit_value(item, &Kind::Message(message), &Place::Key(place, &key))?;
                Ok((key, fitted))
            };
            object.into_iter().map(one).collect::<Result<Map<_, _>, _>>().map(Value::from)
        }
        (Kind::Map(_), Value::Array(_)) => {
            Err(cannot_bind(place, &format!("Cannot bind a list to map for field '{place}'.")))
        }
        (Kind::Text | Kind::Flag | Kind::Integer | Kind::Message(_), Value::Array(_)) => {
            Err(cannot_bind(place, "Proto field is not repeating, cannot start list."))
        }
        (_, value) => {
            let place = place.to_string();
            let what = format!("Invalid value at '{place}' ({}), {}", type_of(kind), brief(&value));
            Err(Refusal::violation(&place, &what))
        }
    }
}

fn unknown(name: &str, place: &Place) -> Refusal {
    let path = place.to_string();
    let at = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    let description = format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.");
    Refusal::violation(&path, &description)
}

fn cannot_bind(place: &Place, why: &str) -> Refusal {
    let path = place.to_string();
    Refusal::violation(&path, &format!("Invalid JSON payload received. Unknown name \"{path}\": {why}"))
}

fn type_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Texts => "TYPE_STRING",
        Kind::Flag => "TYPE_BOOL",
        Kind::Integer => "TYPE_INT32",
        Kind::Word(_) => "TYPE_ENUM",
        _ => "TYPE_MESSAGE",
    }
}

/// Messages and lists are not repeated in errors.
fn brief(value: &Value) -> String {
    if value.is_object() || value.is_array() { "…".into() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(value: Value) -> Result<Value, Refusal> {
        fit_value(value, &Kind::Message("Person"), &Place::Root("person"))
    }

    #[test]
    fn read_only_parts_are_dropped() {
        let sent =
            json!({"names": [{"givenName": "A", "displayName": "x", "metadata": {"primary": true}}], "photos": [1]});
        assert_eq!(person(sent).unwrap(), json!({"names": [{"givenName": "A", "metadata": {}}]}));
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused() {
        let refused = person(json!({"names": [{"firstName": "A"}]})).unwrap_err();
        assert_eq!(
            refused.message,
            "Invalid JSON payload received. Unknown name \"firstName\" at 'person.names[0]': Cannot find field."
        );
        for bad in [json!({"names": {"givenName": "A"}}), json!({"names": [{"givenName": 5}]}), json!({"etag": ["x"]})]
        {
            assert_eq!(person(bad).unwrap_err().http, 400);
        }
    }

    #[test]
    fn a_list_is_no_map() {
        let body = json!({"contacts": []});
        let refused = fit(body.as_object().unwrap().clone(), "BatchUpdateContactsRequest", "").unwrap_err();
        assert!(refused.message.contains("Cannot bind a list to map"), "{}", refused.message);
    }
}
