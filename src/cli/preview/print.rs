//! Entries of a preview as lines for people and rows for spreadsheets.

use std::fmt;

use crate::plan::entry::Entry;

/// The columns of a row.
pub const HEADINGS: [&str; 8] = ["contact", "name", "action", "resource", "why", "field", "before", "after"];

/// Columns of a terminal.
const WIDTH: usize = 100;

/// An entry as lines, none of them longer than a terminal is wide.
pub struct Lines<'a>(pub &'a Entry);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { contact, name, action, resource, why, fields, candidates, agrees: _ } = self.0;
        let known: Vec<&str> = [contact.as_str(), resource].into_iter().filter(|id| !id.is_empty()).collect();
        writeln!(f, "{}", cut(&format!("{:<9}  {name}  ({})", action.code(), known.join(", "))))?;
        let facts = fields.iter().map(ToString::to_string);
        let suggestions = candidates.iter().map(|one| format!("perhaps {}: {}", one.resource, one.evidence));
        for line in std::iter::once(why.clone()).chain(suggestions).chain(facts).filter(|line| !line.is_empty()) {
            writeln!(f, "{}", cut(&format!("           {line}")))?;
        }
        Ok(())
    }
}

/// One line; what is too long ends in dots.
fn cut(line: &str) -> String {
    let line = line.split_terminator(['\n', '\r']).collect::<Vec<_>>().join(" / ");
    if line.chars().count() <= WIDTH {
        return line;
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// An entry as rows: one for each field and each suggestion, or one that has neither.
pub fn csv_rows(entry: &Entry) -> Vec<[String; 8]> {
    let Entry { contact, name, action, resource, why, fields, candidates, agrees: _ } = entry;
    let row = |resource: &str, why: &str, field: &str, before: &[String], after: &[String]| {
        [contact, name, action.code(), resource, why, field, &before.join("\n"), &after.join("\n")].map(harmless)
    };
    let mut rows: Vec<[String; 8]> =
        candidates.iter().map(|one| row(&one.resource, &one.evidence, "could be", &[], &[])).collect();
    rows.extend(fields.iter().map(|field| row(resource, why, &field.field, &field.before, &field.after)));
    if rows.is_empty() {
        rows.push(row(resource, why, "", &[], &[]));
    }
    rows
}

/// What anybody can write into a web form must not be a formula in somebody's spreadsheet. A phone number is none.
fn harmless(cell: &str) -> String {
    let mut letters = cell.chars();
    let is_formula = match letters.next() {
        Some('=' | '@') => true,
        Some('+' | '-') => !letters.next().is_some_and(|next| next.is_ascii_digit() || next == '-'),
        _ => false,
    };
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{difference::Difference, entry::Action};

    fn entry() -> Entry {
        let field = |field: &str, before: &str, after: &[&str]| Difference {
            field: field.into(),
            before: vec![before.into()],
            after: after.iter().map(|text| (*text).to_owned()).collect(),
        };
        Entry {
            contact: "c1".into(),
            name: "Anne \"Nan\" Roy, Nord".into(),
            action: Action::Update,
            resource: "people/c9".into(),
            why: "the CRM says something else".into(),
            fields: vec![field("phone", "514", &["+1514", "+1438"]), field("note", "=1+1", &["a\nb"])],
            candidates: Vec::new(),
            agrees: None,
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        let mut entry = entry();
        entry.fields[1].after = vec!["long ".repeat(40)];
        let told = Lines(&entry).to_string();
        assert!(told.lines().all(|line| line.chars().count() <= WIDTH), "{told}");
        assert!(told.starts_with("update     Anne \"Nan\" Roy, Nord  (c1, people/c9)\n"), "{told}");
        assert!(told.contains("\n           phone: - 514  + +1514  + +1438\n"), "{told}");
    }

    #[test]
    fn rows_are_read_back_as_they_were() {
        let mut out = csv::Writer::from_writer(Vec::new());
        for row in csv_rows(&entry()) {
            out.write_record(&row).unwrap();
        }
        let text = out.into_inner().unwrap();
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
        let rows: Vec<Vec<String>> =
            read.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(
            rows[0][1..],
            [
                "Anne \"Nan\" Roy, Nord",
                "update",
                "people/c9",
                "the CRM says something else",
                "phone",
                "514",
                "+1514\n+1438"
            ]
        );
        assert_eq!(rows[1][5..], ["note", "'=1+1", "a\nb"]);
    }

    #[test]
    fn what_would_be_a_formula_is_text() {
        for (cell, shown) in [("=A1", "'=A1"), ("@x", "'@x"), ("+cmd", "'+cmd"), ("-x", "'-x")] {
            assert_eq!(harmless(cell), shown);
        }
        for cell in ["+15145550101", "--02-29", "-5", "Anne", ""] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
