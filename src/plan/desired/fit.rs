//! Cleaned, and cut to what Google takes.

use std::collections::BTreeSet;

use crate::contact::clean;

/// Characters that Google takes in one value.
pub(super) const LIMIT: usize = 1024;
/// Bytes of a note on the wire, half of what Google takes of a contact: the other half is everybody else's.
pub(super) const NOTE_LIMIT: usize = 64 * 1024;

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
    // Quotes and line ends take two bytes in JSON.
    let bytes = |c: char| c.len_utf8() + usize::from(matches!(c, '"' | '\\' | '\n' | '\t'));
    if text.chars().map(bytes).sum::<usize>() <= NOTE_LIMIT {
        return text;
    }
    let mut left = NOTE_LIMIT - '…'.len_utf8();
    let fits = |c: &char| {
        let enough = bytes(*c) <= left;
        left = left.saturating_sub(bytes(*c));
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
