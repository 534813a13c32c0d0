//! Cleaned, and cut to what Google takes.

use std::collections::BTreeSet;

use crate::contact::clean;

/// Characters that Google takes in one value.
pub(super) const LIMIT: usize = 1024;
/// Bytes of a note on the wire, half of what Google takes of a contact.
pub(super) const NOTE_LIMIT: usize = 64 * 1024;
/// Bytes on the wire of all entries of lists together.
pub(super) const LISTS_LIMIT: usize = 40 * 1024;
/// What an entry has around its texts: names of fields, its type.
const AROUND: usize = 100;

/// How many of these entries, two texts each, find room. Takes the room.
pub(super) fn fitting(entries: &[[&str; 2]], most: &mut usize, bytes: &mut usize) -> usize {
    let mut fits = 0;
    for entry in entries {
        let size = AROUND + entry.iter().flat_map(|text| text.chars()).map(on_the_wire).sum::<usize>();
        let (Some(left), true) = (bytes.checked_sub(size), *most > 0) else { break };
        (*most, *bytes, fits) = (*most - 1, left, fits + 1);
    }
    fits
}

/// Quotes and line ends take two bytes in JSON.
fn on_the_wire(c: char) -> usize {
    c.len_utf8() + usize::from(matches!(c, '"' | '\\' | '\n' | '\t'))
}

/// Cleaned, and cut to Google's limit with a mark. The limit is counted in characters.
pub(super) fn fit(text: &str) -> String {
    let text = clean(text);
    if text.chars().count() <= LIMIT {
        return text;
    }
    text.chars().take(LIMIT - 1).chain(['…']).collect()
}

/// A note, cut to [`NOTE_LIMIT`] with a mark.
pub(super) fn fit_note(text: &str) -> String {
    let text = clean(text);
    if text.chars().map(on_the_wire).sum::<usize>() <= NOTE_LIMIT {
        return text;
    }
    let mut left = NOTE_LIMIT - '…'.len_utf8();
    let fits = |c: &char| {
        let enough = on_the_wire(*c) <= left;
        left = left.saturating_sub(on_the_wire(*c));
        enough
    };
    text.chars().take_while(fits).collect::<String>().trim_end().chars().chain(['…']).collect()
}

/// Without repeats and what has no canonical form; the first one stays.
pub(super) fn distinct<T>(entries: impl IntoIterator<Item = T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let is_new = |entry: &T| Some(key(entry)).is_some_and(|key| !key.is_empty() && seen.insert(key));
    entries.into_iter().filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_as_far_as_their_number_and_their_bytes_go() {
        let long = "é".repeat(LIMIT);
        let (mut most, mut bytes) = (5, LISTS_LIMIT);
        assert_eq!(fitting(&[["a", "b"]; 3], &mut most, &mut bytes), 3);
        assert_eq!(fitting(&[["a", "b"]; 3], &mut most, &mut bytes), 2);
        let (mut most, mut bytes) = (120, LISTS_LIMIT);
        let fits = fitting(&[[long.as_str(), ""]; 120], &mut most, &mut bytes);
        assert_eq!((fits, 120 - most), (LISTS_LIMIT / (2 * LIMIT + AROUND), fits));
    }

    #[test]
    fn a_value_is_cut_to_the_character_and_a_note_to_the_byte() {
        assert_eq!(fit(&"é".repeat(LIMIT)).chars().count(), LIMIT);
        let cut = fit(&"é".repeat(2000));
        assert!(cut.chars().count() == LIMIT && cut.ends_with("é…"));
        for letter in ["a", "é", "🥜", "\"", "a\n"] {
            let note = fit_note(&letter.repeat(NOTE_LIMIT + 1));
            let bytes = serde_json::to_string(&note).expect("json").len() - 2;
            assert!(bytes <= NOTE_LIMIT && bytes > NOTE_LIMIT - 8 && note.ends_with('…'), "{letter} {bytes}");
            assert_eq!(fit_note(&note), note);
        }
    }
}
