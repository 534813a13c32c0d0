//! `POST /contacts/search` without HTTP: reading the body strictly, walking the index, cursors.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    contact::Record,
    filter::{self, Filter, sort_number},
};

/// Beyond this many records only the cursor reaches.
const PAGE_REACH: u64 = 10_000;

/// A valid search.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) location: String,
    pub(super) limit: usize,
    position: Position,
    query: Option<String>,
    filter: Filter,
    sort: Vec<(String, bool)>,
}

#[derive(Debug)]
enum Position {
    Page(usize),
    After(Vec<Value>),
}

/// All that a search finds, in its order: ids with their cursors.
pub(super) type Rows = Vec<(String, Vec<Value>)>;

impl Search {
    /// Reads the body; the errors are the messages of the 422.
    pub(super) fn read(body: &Value) -> Result<Self, Vec<String>> {
        const KNOWN: [&str; 7] = ["locationId", "pageLimit", "page", "searchAfter", "query", "filters", "sort"];
        let mut wrong = Vec::new();
        let keys = body.as_object().into_iter().flat_map(|fields| fields.keys());
        wrong.extend(
            keys.filter(|key| !KNOWN.contains(&key.as_str())).map(|key| format!("property {key} should not exist")),
        );
        let mut part = |result: Result<(), String>| wrong.extend(result.err());
        let location = body["locationId"].as_str().filter(|id| !id.is_empty());
        part(location.map(drop).ok_or_else(|| "locationId should not be empty".into()));
        let limit = body["pageLimit"].as_u64().filter(|limit| (1..=500).contains(limit));
        part(limit.map(drop).ok_or_else(|| "pageLimit must be a number between 1 and 500".into()));
        let position = read_position(body, limit.unwrap_or(1));
        part(position.as_ref().map(drop).map_err(Clone::clone));
        let filter = read_filters(&body["filters"]);
        part(filter.as_ref().map(drop).map_err(Clone::clone));
        let sort = read_sort(&body["sort"]);
        part(sort.as_ref().map(drop).map_err(Clone::clone));
        match (location, limit, position, filter, sort) {
            (Some(location), Some(limit), Ok(position), Ok(filter), Ok(sort)) if wrong.is_empty() => Ok(Self {
                location: location.to_owned(),
                limit: usize::try_from(limit).unwrap_or(500),
                position,
                query: body["query"].as_str().map(str::to_lowercase),
                filter,
                sort,
            }),
            _ => Err(wrong),
        }
    }

    /// All that this search finds.
    pub(super) fn rows<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Rows {
        let matching = records.filter(|record| self.filter.passes(record) && self.answers_query(record));
        let mut rows: Rows = matching.map(|record| (record.text("id").to_owned(), self.cursor(record))).collect();
        rows.sort_by(|(_, a), (_, b)| self.order(a, b));
        rows
    }

    /// What is searched for, whatever the page: two that are equal in it find the same.
    pub(super) fn subject(&self) -> String {
        format!("{:?} {:?} {:?}", self.query, self.filter, self.sort)
    }

    /// The page of it that this search asks for.
    pub(super) fn page<'r>(&self, rows: &'r Rows) -> &'r [(String, Vec<Value>)] {
        let start = match &self.position {
            Position::Page(page) => (page - 1) * self.limit,
            Position::After(cursor) => rows.partition_point(|(_, row)| self.order(row, cursor) != Ordering::Greater),
        };
        let start = start.min(rows.len());
        &rows[start..rows.len().min(start + self.limit)]
    }

    /// The same search, one page further: what a lost page looks like.
    pub(super) fn skip(mut self, page: &[(String, Vec<Value>)]) -> Self {
        match (&mut self.position, page.last()) {
            (Position::Page(number), _) => *number += 1,
            (Position::After(cursor), Some((_, last))) => cursor.clone_from(last),
            (Position::After(_), None) => {}
        }
        self
    }

    fn answers_query(&self, record: &Record) -> bool {
        let Some(query) = &self.query else { return true };
        let texts = [record.full_name(), record.text("email").into(), record.text("phone").into()];
        texts.iter().any(|text| text.to_lowercase().contains(query))
    }

    /// Sort values, then the id: unique, so no record is skipped between pages.
    fn cursor(&self, record: &Record) -> Vec<Value> {
        let values = self.sort.iter().map(|(field, _)| sort_value(record, field));
        values.chain([json!(record.text("id"))]).collect()
    }

    fn order(&self, a: &[Value], b: &[Value]) -> Ordering {
        let ascending = self.sort.iter().map(|(_, ascending)| *ascending).chain([true]);
        let pairs = a.iter().zip(b).zip(ascending);
        pairs.map(|((a, b), ascending)| compare(a, b, ascending)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn read_position(body: &Value, limit: u64) -> Result<Position, String> {
    match (&body["page"], &body["searchAfter"]) {
        (Value::Null, Value::Null) => Ok(Position::Page(1)),
        (Value::Null, Value::Array(cursor)) if cursor.len() > 1 => Ok(Position::After(cursor.clone())),
        (page, Value::Null) => match page.as_u64().filter(|page| *page > 0) {
            Some(page) if page.saturating_mul(limit) > PAGE_REACH => {
                Err(format!("page * pageLimit must not be greater than {PAGE_REACH}; use searchAfter"))
            }
            Some(page) => usize::try_from(page).map(Position::Page).map_err(|error| error.to_string()),
            None => Err("page must be a positive number".into()),
        },
        (Value::Null, _) => Err("searchAfter must be the value of a contact".into()),
        _ => Err("page and searchAfter cannot be used together".into()),
    }
}

fn read_filters(filters: &Value) -> Result<Filter, String> {
    match filters {
        Value::Null => Ok(Filter::All(Vec::new())),
        Value::Array(filters) => Ok(Filter::All(filters.iter().map(Filter::read).collect::<Result<_, _>>()?)),
        _ => Err("filters must be an array".into()),
    }
}

/// `(field, ascending)`; without a sort the newest come first.
fn read_sort(sort: &Value) -> Result<Vec<(String, bool)>, String> {
    let entries = match sort {
        Value::Null => return Ok(vec![("dateAdded".into(), false)]),
        Value::Array(entries) if !entries.is_empty() => entries,
        _ => return Err("sort must be an array".into()),
    };
    let read = |entry: &Value| {
        let field = entry["field"].as_str().filter(|field| filter::is_known(field));
        let field = field.ok_or_else(|| format!("Invalid sort field: {}", entry["field"]))?;
        match entry["direction"].as_str() {
            Some("asc") => Ok((field.to_owned(), true)),
            Some("desc") => Ok((field.to_owned(), false)),
            _ => Err("direction must be one of asc, desc".to_owned()),
        }
    };
    entries.iter().map(read).collect()
}

fn sort_value(record: &Record, field: &str) -> Value {
    let value = match field {
        "contactName" => json!(record.full_name()),
        "firstNameLowerCase" => json!(record.text("firstName")),
        "lastNameLowerCase" => json!(record.text("lastName")),
        field => record.get(field).cloned().unwrap_or_default(),
    };
    match (&value, field) {
        (_, "dateAdded" | "dateUpdated" | "dateOfBirth") => {
            sort_number(&value).map_or(Value::Null, |ms| json!(ms as i64))
        }
        (Value::String(text), _) if field != "id" => json!(text.to_lowercase()),
        _ => value,
    }
}

/// Numbers before texts; what is missing comes last in either direction.
fn compare(a: &Value, b: &Value, ascending: bool) -> Ordering {
    let natural = match (a, b) {
        (Value::Null, Value::Null) => return Ordering::Equal,
        (Value::Null, _) => return Ordering::Greater,
        (_, Value::Null) => return Ordering::Less,
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
        (Value::Number(_), _) => Ordering::Less,
        (_, Value::Number(_)) => Ordering::Greater,
        (a, b) => a.as_str().cmp(&b.as_str()),
    };
    if ascending { natural } else { natural.reverse() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: usize) -> Vec<Record> {
        let fields = |n: usize| json!({"dateAdded": format!("2026-01-01T00:00:00.{:03}Z", n / 3)});
        let record = |n| Record::new(&format!("contact{n:05}"), "loc", fields(n).as_object().unwrap(), 0);
        (0..count).map(record).collect()
    }

    fn walk_all(records: &[Record], sort: &Value) -> Vec<String> {
        let (mut cursor, mut ids) = (Value::Null, Vec::new());
        loop {
            let body = json!({"locationId": "loc", "pageLimit": 7, "sort": sort, "searchAfter": cursor});
            let search = Search::read(&body).unwrap();
            let rows = search.rows(records.iter());
            assert_eq!(rows.len(), records.len());
            let page = search.page(&rows);
            let Some((_, last)) = page.last() else { return ids };
            cursor = json!(last);
            ids.extend(page.iter().map(|(id, _)| id.clone()));
        }
    }

    #[test]
    fn the_cursor_visits_each_record_once_even_when_sort_values_repeat() {
        let records = records(100);
        for sort in [
            Value::Null,
            json!([{"field": "dateAdded", "direction": "asc"}]),
            json!([{"field": "email", "direction": "desc"}]),
        ] {
            let mut ids = walk_all(&records, &sort);
            assert_eq!(ids.len(), 100);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 100);
        }
    }

    #[test]
    fn a_record_changed_during_the_walk_is_seen_twice_and_none_is_missed() {
        let mut records = records(20);
        let sort = json!([{"field": "dateUpdated", "direction": "asc"}]);
        let body = |cursor: &Value| json!({"locationId": "loc", "pageLimit": 11, "searchAfter": cursor, "sort": sort});
        let first = Search::read(&body(&Value::Null)).unwrap();
        let rows = first.rows(records.iter());
        let page = first.page(&rows);
        let (mut seen, cursor): (Vec<_>, _) = (page.iter().map(|(id, _)| id.clone()).collect(), json!(page[10].1));
        records[0].patch(&serde_json::Map::new(), 1_800_000_000_000);
        let second = Search::read(&body(&cursor)).unwrap();
        seen.extend(second.page(&second.rows(records.iter())).iter().map(|(id, _)| id.clone()));
        assert_eq!(seen.len(), 21);
        assert_eq!((&seen[0], &seen[20]), (&"contact00000".to_owned(), &"contact00000".to_owned()));
    }

    #[test]
    fn the_body_is_read_strictly() {
        for (body, message) in [
            (json!({"pageLimit": 10}), "locationId should not be empty"),
            (json!({"locationId": "loc"}), "pageLimit must be a number between 1 and 500"),
            (json!({"locationId": "loc", "pageLimit": 501}), "pageLimit must be a number between 1 and 500"),
            (json!({"locationId": "loc", "pageLimit": 9, "limit": 3}), "property limit should not exist"),
            (
                json!({"locationId": "loc", "pageLimit": 9, "page": 1, "searchAfter": [1, "a"]}),
                "page and searchAfter cannot be used together",
            ),
            (
                json!({"locationId": "loc", "pageLimit": 100, "page": 101}),
                "page * pageLimit must not be greater than 10000; use searchAfter",
            ),
            (
                json!({"locationId": "loc", "pageLimit": 9, "sort": [{"field": "ssn", "direction": "asc"}]}),
                "Invalid sort field: \"ssn\"",
            ),
        ] {
            assert_eq!(Search::read(&body).unwrap_err(), [message]);
        }
        assert!(Search::read(&json!({"locationId": "loc", "pageLimit": 100, "page": 100})).is_ok());
    }
}
