//! What commands print: sentences and tables for people, JSON for machines.

use serde::Serialize;

/// Prints a value as JSON, or what `text` makes of it.
pub fn print<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(value)?);
    } else {
        println!("{}", text(value));
    }
    Ok(())
}

/// Rows under headings, aligned; a sentence when there are none.
pub fn table(headings: &[&str], rows: &[Vec<String>], none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(|(i, h)| width(i).max(h.chars().count())).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let head = line(&mut headings.iter().copied());
    let body = rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["phone".into(), "up to date".into()], vec!["x".into(), "failed".into()]];
        assert_eq!(table(&["SYNC", "STATE"], &rows, "none"), "SYNC   STATE\nphone  up to date\nx      failed");
        assert_eq!(table(&["SYNC"], &[], "no sync yet"), "no sync yet");
    }
}
