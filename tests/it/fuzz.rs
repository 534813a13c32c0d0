//! What the fuzzers look at, over their whole corpus: seeds, and everything that they ever found. `tests/fuzz` runs the
//! fuzzers themselves.

use std::{fs, panic::catch_unwind};

#[path = "../fuzzing/subjects/mod.rs"]
mod subjects;

/// Looks at each input of the subject's corpus; there are at least so many.
fn all_is_well(subject: &str, least: usize, look: fn(&[u8])) {
    let folder = format!("{}/tests/fuzzing/corpus/{subject}", env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() >= least, "{} inputs in {folder}", files.len());
    for file in files {
        let data = fs::read(&file).expect("an input");
        assert!(catch_unwind(|| look(&data)).is_ok(), "the input is {}", file.display());
    }
}

#[test]
fn webhooks_of_every_kind_are_read_or_refused() {
    all_is_well("webhook", 20, subjects::webhook::look);
}

#[test]
fn nothing_unsigned_is_believed_and_everything_signed_is() {
    all_is_well("signature", 17, subjects::signature::look);
}

#[test]
fn every_answer_of_google_has_a_meaning() {
    all_is_well("google", 20, subjects::google::look);
}

#[test]
fn what_an_operator_writes_is_read_or_refused_with_a_sentence() {
    all_is_well("config", 10, subjects::config::look);
}

#[test]
fn stamps_are_read_again_as_they_were_written() {
    all_is_well("stamp", 6, subjects::stamp::look);
}

#[test]
fn nobody_is_let_in_by_a_link_that_was_made_up() {
    all_is_well("connect", 5, subjects::connect::look);
}
