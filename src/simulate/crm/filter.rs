//! The filter tree of `POST /contacts/search`: groups of AND / OR over field, operator, value.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::contact::Record;

/// What may be filtered and sorted by, besides `customFields.<id>`.
const FIELDS: [&str; 26] = [
    "id",
    "firstName",
    "lastName",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "contactName",
    "email",
    "phone",
    "companyName",
    "businessName",
    "assignedTo",
    "tags",
    "dateAdded",
    "dateUpdated",
    "dateOfBirth",
    "dnd",
    "type",
    "source",
    "address",
    "city",
    "state",
    "country",
    "postalCode",
    "website",
    "timezone",
    "followers",
];

/// A parsed filter.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Field { field: String, test: Test },
}

/// One comparison; texts compare without case.
#[derive(Debug)]
pub(super) enum Test {
    Eq(Vec<Value>),
    NotEq(Vec<Value>),
    Contains(String),
    NotContains(String),
    Exists(bool),
    Range(Vec<(Bound, Value)>),
}

/// One end of a range.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    Gt,
    Gte,
    Lt,
    Lte,
}

/// Whether a field exists for filters and sorts.
pub(super) fn is_known(field: &str) -> bool {
    FIELDS.contains(&field) || field.strip_prefix("customFields.").is_some_and(|id| !id.is_empty())
}

impl Filter {
    /// Reads one node; the error is the message of the 422.
    pub(super) fn read(node: &Value) -> Result<Self, String> {
        let node = node.as_object().ok_or("each filter must be an object")?;
        if let Some(group) = node.get("group") {
            let filters = node.get("filters").and_then(Value::as_array).ok_or("filters must be an array")?;
            let filters = filters.iter().map(Self::read).collect::<Result<_, _>>()?;
            return match group.as_str() {
                Some("AND") => Ok(Self::All(filters)),
                Some("OR") => Ok(Self::Any(filters)),
                _ => Err("group must be one of AND, OR".into()),
            };
        }
        let field = node.get("field").and_then(Value::as_str).ok_or("field must be a string")?;
        if !is_known(field) {
            return Err(format!("Invalid filter field: {field}"));
        }
        Ok(Self::Field { field: field.to_owned(), test: Test::read(node)? })
    }

    /// Whether a contact passes.
    pub(super) fn passes(&self, record: &Record) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(record)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(record)),
            Self::Field { field, test } => test.passes(&values(record, field)),
        }
    }
}

impl Test {
    fn read(node: &Map<String, Value>) -> Result<Self, String> {
        let value = node.get("value").filter(|value| !value.is_null());
        let needed = || value.cloned().ok_or_else(|| "value should not be empty".to_owned());
        let text = || needed()?.as_str().map(str::to_lowercase).ok_or_else(|| "value must be a string".to_owned());
        match node.get("operator").and_then(Value::as_str).unwrap_or_default() {
            "eq" => Ok(Self::Eq(one_or_many(needed()?))),
            "not_eq" => Ok(Self::NotEq(one_or_many(needed()?))),
            "contains" => Ok(Self::Contains(text()?)),
            "not_contains" => Ok(Self::NotContains(text()?)),
            "exists" => Ok(Self::Exists(true)),
            "not_exists" => Ok(Self::Exists(false)),
            "range" => read_range(&needed()?),
            other => Err(format!("Invalid filter operator: {other}")),
        }
    }

    fn passes(&self, values: &[Value]) -> bool {
        match self {
            Self::Eq(wanted) => values.iter().any(|value| wanted.iter().any(|want| same(value, want))),
            Self::NotEq(wanted) => !values.iter().any(|value| wanted.iter().any(|want| same(value, want))),
            Self::Contains(text) => contain(values, text),
            Self::NotContains(text) => !contain(values, text),
            Self::Exists(wanted) => values.is_empty() != *wanted,
            Self::Range(ends) => values.iter().any(|value| ends.iter().all(|(bound, end)| bound.holds(value, end))),
        }
    }
}

impl Bound {
    fn holds(self, value: &Value, end: &Value) -> bool {
        let (Some(value), Some(end)) = (sort_number(value), sort_number(end)) else { return false };
        match self {
            Self::Gt => value > end,
            Self::Gte => value >= end,
            Self::Lt => value < end,
            Self::Lte => value <= end,
        }
    }
}

fn read_range(value: &Value) -> Result<Test, String> {
    let ends =
        value.as_object().filter(|ends| !ends.is_empty()).ok_or("value must be an object with gt, gte, lt or lte")?;
    let read = |(name, end): (&String, &Value)| {
        let bound = match name.as_str() {
            "gt" => Bound::Gt,
            "gte" => Bound::Gte,
            "lt" => Bound::Lt,
            "lte" => Bound::Lte,
            other => return Err(format!("Invalid range bound: {other}")),
        };
        sort_number(end).ok_or_else(|| format!("{name} must be a date or a number"))?;
        Ok((bound, end.clone()))
    };
    Ok(Test::Range(ends.iter().map(read).collect::<Result<_, _>>()?))
}

fn one_or_many(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        single => vec![single],
    }
}

/// The non-empty values of a field; lists give each entry.
fn values(record: &Record, field: &str) -> Vec<Value> {
    if let Some(id) = field.strip_prefix("customFields.") {
        let fields = record.get("customFields").and_then(Value::as_array);
        let matching = fields.into_iter().flatten().filter(|entry| entry["id"] == id);
        return matching.flat_map(|entry| one_or_many(entry["value"].clone())).collect();
    }
    let name = match field {
        "address" => "address1",
        // The mirrors are compared without case anyway.
        "firstNameLowerCase" => "firstName",
        "lastNameLowerCase" => "lastName",
        "contactName" => {
            return Some(record.full_name()).filter(|n| !n.is_empty()).map(Value::from).into_iter().collect();
        }
        "dnd" => return vec![Value::Bool(record.get("dnd").is_some())],
        name => name,
    };
    record.get(name).cloned().map(one_or_many).unwrap_or_default()
}

fn same(value: &Value, want: &Value) -> bool {
    match (value, want) {
        (Value::String(value), Value::String(want)) => value.to_lowercase() == want.to_lowercase(),
        (value, want) => value == want,
    }
}

/// The text, or any entry of the list, contains a part.
fn contain(values: &[Value], text: &str) -> bool {
    values.iter().filter_map(Value::as_str).any(|value| value.to_lowercase().contains(text))
}

/// A date as milliseconds, a number as itself.
pub(super) fn sort_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let date = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
            let time = text.parse::<Timestamp>().ok().or_else(|| Some(date()?.timestamp()))?;
            // Exact: milliseconds since 1970 are far below 2^53.
            Some(time.as_millisecond() as f64)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(filter: Value) -> bool {
        let fields = json!({"firstName": "Zoé", "assignedTo": "u1", "tags": ["vip", "acheteur"], "dateUpdated":
            "2026-08-02T10:00:00.000Z", "customFields": [{"id": "cf1", "value": 3}]});
        let record = Record::new("abcdefghijklmnopqrst", "loc", fields.as_object().unwrap(), 0);
        Filter::read(&filter).unwrap().passes(&record)
    }

    #[test]
    fn every_operator_says_yes_and_no() {
        for (field, operator, yes, no) in [
            ("assignedTo", "eq", json!("u1"), json!("u2")),
            ("assignedTo", "not_eq", json!("u2"), json!("u1")),
            ("tags", "eq", json!("VIP"), json!("vendeur")),
            ("tags", "contains", json!("ache"), json!("vend")),
            ("tags", "not_contains", json!("vend"), json!("vip")),
            ("customFields.cf1", "eq", json!([2, 3]), json!("3")),
            ("dateUpdated", "range", json!({"gte": "2026-08-01T00:00:00Z"}), json!({"gt": "2026-08-02T10:00:00Z"})),
            ("dateUpdated", "range", json!({"gt": "2026-08-01", "lt": 1_785_700_000_000_i64}), json!({"lte": 0})),
            ("dnd", "eq", json!(false), json!(true)),
        ] {
            assert!(passes(json!({"field": field, "operator": operator, "value": yes})), "{field} {operator} {yes}");
            assert!(!passes(json!({"field": field, "operator": operator, "value": no})), "{field} {operator} {no}");
        }
        assert!(passes(json!({"field": "firstName", "operator": "exists"})));
        assert!(!passes(json!({"field": "lastName", "operator": "exists"})));
        assert!(passes(json!({"field": "lastName", "operator": "not_exists"})));
    }

    #[test]
    fn groups_nest() {
        let yes = json!({"field": "tags", "operator": "eq", "value": "vip"});
        let no = json!({"field": "tags", "operator": "eq", "value": "x"});
        assert!(passes(json!({"group": "OR", "filters": [no, {"group": "AND", "filters": [yes]}]})));
        assert!(!passes(json!({"group": "AND", "filters": [yes, no]})));
    }

    #[test]
    fn what_is_not_in_the_grammar_is_refused() {
        for bad in [
            json!({"field": "ssn", "operator": "eq", "value": "1"}),
            json!({"field": "email", "operator": "like", "value": "1"}),
            json!({"field": "email", "operator": "eq"}),
            json!({"field": "dateUpdated", "operator": "range", "value": {"gte": "yesterday"}}),
            json!({"group": "NOT", "filters": []}),
        ] {
            assert!(Filter::read(&bad).is_err(), "{bad}");
        }
    }
}
