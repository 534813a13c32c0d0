//! A run in words, and in the numbers that a person asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    plan::filter::Outside,
    store::{
        proofs::Proof,
        runs::{Run, RunKind, RunState, Written},
    },
};

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is a count of contacts, or says what it is")]
pub struct Report {
    pub run: String,
    pub kind: RunKind,
    /// The preview that it applied, or the run that it undid.
    pub of: Option<String>,
    pub why: String,
    pub state: RunState,
    pub started: Timestamp,
    pub finished: Option<Timestamp>,
    pub seconds: Option<i64>,
    pub seen: u64,
    pub created: u64,
    pub adopted: u64,
    /// Those by evidence; `stamp`: recognised again by our own stamp, and counted as updated or unchanged.
    pub adopted_by: BTreeMap<&'static str, u64>,
    pub updated: u64,
    pub removed: u64,
    pub unchanged: u64,
    pub left_out: u64,
    /// Those by reason, as a code.
    pub left_out_because: BTreeMap<String, u64>,
    pub refused: u64,
    pub needs_you: u64,
    /// Dead letters.
    pub failed: u64,
    pub unreadable: u64,
    pub left: u64,
    /// Left as they were when the run was cancelled.
    pub let_go: u64,
    /// Changes that never arrived by webhook.
    pub repaired: u64,
    pub twins: u64,
    /// Labels that their owner had deleted, made anew.
    pub labels_made: u64,
    /// Labels that their owner calls something else; they are kept.
    pub labels_renamed: u64,
    /// Calls to Google, and what they cost in critical units.
    pub calls: u64,
    pub units_read: u64,
    pub units_write: u64,
    /// Contacts that wait behind the brake.
    pub braked: u64,
    /// Of an undo: to the trash, back to what they were, of which something stays, with nothing to do.
    pub trashed: u64,
    pub reverted: u64,
    pub kept: u64,
    pub nothing: u64,
    /// What became of contacts that are not ours, where the run looked.
    pub proof: Option<Proof>,
    /// Whose contacts it wrote, where it did not look.
    pub written: Option<Written>,
    /// What else was noticed.
    pub noticed: Option<String>,
    pub error: Option<String>,
    pub sentence: String,
}

impl Report {
    /// Of this run, in progress or over.
    pub fn of(run: &Run) -> Self {
        let count = |name: &str| count(run, name);
        let evidence = [
            ("email", "adopted-email"),
            ("phone", "adopted-phone"),
            ("decided", "adopted-decided"),
            ("stamp", "adopted-stamp"),
        ];
        Self {
            run: run.id.clone(),
            kind: run.kind,
            of: run.of.clone(),
            why: run.why.clone(),
            state: run.state,
            started: run.started,
            finished: run.finished,
            seconds: run.finished.map(|end| end.duration_since(run.started).as_secs()),
            seen: run.seen,
            created: count("created"),
            adopted: count("adopted"),
            adopted_by: evidence.into_iter().map(|(by, name)| (by, count(name))).filter(|(_, n)| *n > 0).collect(),
            updated: count("updated"),
            removed: count("removed"),
            unchanged: run.unchanged + count("unchanged"),
            left_out: run.outside + count("skipped"),
            left_out_because: run.outside_because.clone(),
            refused: count("refused"),
            needs_you: count("needs-you"),
            failed: count("dead"),
            unreadable: run.unreadable,
            left: count("left"),
            let_go: count("let-go"),
            repaired: run.repaired,
            twins: run.twins,
            labels_made: count("labels-made"),
            labels_renamed: count("labels-renamed"),
            calls: count("calls"),
            units_read: count("units-read"),
            units_write: count("units-write"),
            braked: run.listed.held + count("braked"),
            trashed: count("trashed"),
            reverted: count("reverted"),
            kept: count("kept"),
            nothing: count("nothing"),
            proof: run.proof.clone(),
            written: run.written,
            noticed: run.noticed.clone(),
            error: run.error.clone(),
            sentence: report(run),
        }
    }
}

fn count(run: &Run, name: &str) -> u64 {
    run.counts.get(name).and_then(|n| u64::try_from(*n).ok()).unwrap_or(0)
}

/// What a run did, as a paragraph.
pub fn report(run: &Run) -> String {
    if run.kind == RunKind::Undo {
        return undone(run);
    }
    let count = |name: &str| count(run, name);
    let took = run.finished.map_or_else(String::new, |end| {
        let seconds = end.duration_since(run.started).as_secs();
        format!(" in {seconds} s")
    });
    let head = match run.state {
        RunState::Done => format!("Run {} is done{took}", run.id),
        RunState::Failed => format!("Run {} failed{took}", run.id),
        RunState::Cancelled => format!("Run {} was stopped{took}", run.id),
        RunState::Counting => format!("Run {} counts the CRM's contacts", run.id),
        RunState::Reading => format!("Run {} reads the CRM", run.id),
        RunState::Writing => format!("Run {} writes", run.id),
    };
    let more: String = details(run).into_iter().map(|sentence| format!(" {sentence}.")).collect();
    format!(
        "{head}: {} contacts seen; {} created, {} adopted, {} updated, {} removed, {} already right, {} left out, {} refused by \
         the owner, {} need you, {} dead letters, {} unreadable; {} still to do.{more}",
        run.seen,
        count("created"),
        count("adopted"),
        count("updated"),
        count("removed"),
        run.unchanged + count("unchanged"),
        run.outside + count("skipped"),
        count("refused"),
        count("needs-you"),
        count("dead"),
        run.unreadable,
        count("left"),
    )
}

/// What became of the contacts that are not ours.
fn proved(proof: &Proof) -> String {
    let Proof { unchanged, changed, gone, names } = proof;
    let own = format!("{unchanged} contacts that are not ours: unchanged");
    if changed + gone == 0 {
        return own;
    }
    let names = names.join(", ");
    format!("{own}. Meanwhile somebody else changed {changed} and deleted or merged {gone} in Google ({names})")
}

/// Whose contacts it wrote.
fn wrote(Written { made, linked, ours, unmarked }: Written) -> String {
    let all = listed(&[
        (made, "made by it"),
        (linked, "newly linked"),
        (ours, "Carnet's before"),
        (unmarked, "linked, but without Carnet's mark"),
    ]);
    match all.is_empty() {
        true => "By the journal, no contact in Google was written".to_owned(),
        false => format!("By the journal, the contacts written in Google are {all}; no other was touched"),
    }
}

/// What is only said when there is something to say.
fn details(run: &Run) -> Vec<String> {
    let count = |name: &str| count(run, name);
    let adopted = listed(&[
        (count("adopted-email"), "by e-mail"),
        (count("adopted-phone"), "by phone"),
        (count("adopted-decided"), "as somebody decided"),
    ]);
    let left_out: Vec<String> = run.outside_because.iter().map(|(code, n)| format!("{n} ({})", why(code))).collect();
    let costs = format!(
        "Calls to Google: {}, for {} critical reads and {} critical writes",
        count("calls"),
        count("units-read"),
        count("units-write")
    );
    let behind = run.listed.held + count("braked");
    let doubt = run.listed.doubt.as_deref().unwrap_or_default();
    let said = [
        (!adopted.is_empty(), format!("Adopted were {adopted}")),
        (
            count("adopted-stamp") > 0,
            many(count("adopted-stamp"), "was recognised by our own stamp", "were recognised by our own stamp"),
        ),
        (!left_out.is_empty(), format!("Left out: {}", left_out.join(", "))),
        (
            count("let-go") > 0,
            many(count("let-go"), "that had been read was left as it was", "that had been read were left as they were"),
        ),
        (run.repaired == 1, "1 change never arrived by webhook".to_owned()),
        (run.repaired > 1, format!("{} changes never arrived by webhook", run.repaired)),
        (behind > 0, format!("{behind} wait behind the brake: see `carnet brake list`")),
        (!doubt.is_empty(), format!("Nothing was concluded about absent contacts: {doubt}")),
        (run.twins > 0, format!("{} twins were folded", run.twins)),
        (count("labels-made") > 0, "The label was made anew, because it had been deleted in Google".to_owned()),
        (count("labels-renamed") > 0, "The label has another name in Google; it is used on".to_owned()),
        (count("calls") > 0, costs),
    ];
    let said = said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, sentence)| sentence);
    said.chain(run.proof.as_ref().map(proved))
        .chain(run.written.map(wrote))
        .chain(run.noticed.clone())
        .chain(run.error.clone())
        .collect()
}

fn many(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn listed(parts: &[(u64, &str)]) -> String {
    let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, words)| format!("{number} {words}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn why(code: &str) -> String {
    Outside::of_code(code).map_or_else(|| code.to_owned(), |why| why.to_string())
}

/// What an undo did.
fn undone(run: &Run) -> String {
    let count = |name: &str| count(run, name);
    let of =
        run.of.as_ref().map_or_else(|| "The sync lets go of everything".to_owned(), |of| format!("Undo of run {of}"));
    let state = match run.state {
        RunState::Done => "is done",
        RunState::Failed => "failed",
        RunState::Cancelled => "was stopped",
        RunState::Counting | RunState::Reading | RunState::Writing => "goes on",
    };
    let more: String =
        run.proof.as_ref().map(proved).iter().chain(&run.error).map(|said| format!(" {said}.")).collect();
    format!(
        "{of}: run {} {state}. Of {} contacts, {} went to Google's trash, {} are back to what they were, of {} something stays, \
         for {} there was nothing to do, {} dead letters; {} still to do.{more}",
        run.id,
        run.marked,
        count("trashed"),
        count("reverted"),
        count("kept"),
        count("nothing"),
        count("dead"),
        run.left(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_says_what_is_as_it_was_and_what_somebody_else_did() {
        let proof = Proof { unchanged: 1204, ..Proof::default() };
        assert_eq!(proved(&proof), "1204 contacts that are not ours: unchanged");
        let proof = Proof { unchanged: 1, changed: 1, gone: 0, names: vec!["people/c1".into()] };
        assert_eq!(
            proved(&proof),
            "1 contacts that are not ours: unchanged. Meanwhile somebody else changed 1 and deleted or merged 0 in Google \
             (people/c1)"
        );
    }

    #[test]
    fn a_report_says_what_there_is_to_say_and_no_more() {
        let begun = Run::begin("a1".into(), "asked", RunState::Done, Timestamp::UNIX_EPOCH);
        let quiet = Run { seen: 3, unchanged: 3, finished: Some(Timestamp::UNIX_EPOCH), ..begun };
        let numbers = "0 refused by the owner, 0 need you, 0 dead letters, 0 unreadable; 0 still to do.";
        let head = "Run a1 is done in 0 s: 3 contacts seen;";
        let said = report(&quiet);
        assert_eq!(
            said,
            format!("{head} 0 created, 0 adopted, 0 updated, 0 removed, 3 already right, 0 left out, {numbers}")
        );
        let counts = [("adopted", 2), ("adopted-email", 1), ("adopted-phone", 1), ("labels-made", 1), ("calls", 4)];
        let busy = Run {
            counts: counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            outside: 2,
            outside_because: [("no-phone".to_owned(), 2)].into(),
            repaired: 7,
            error: Some("something is odd".into()),
            ..quiet
        };
        let said = report(&busy);
        assert!(
            said.ends_with(
                "0 still to do. Adopted were 1 by e-mail, 1 by phone. Left out: 2 (it has no phone number). \
                 7 changes never arrived by webhook. The label was made anew, because it had been deleted in Google. \
                 Calls to Google: 4, for 0 critical reads and 0 critical writes. something is odd."
            ),
            "{said}"
        );
        let told = Report::of(&busy);
        assert_eq!((told.adopted, told.left_out, told.repaired, told.unchanged), (2, 2, 7, 3));
        assert_eq!(told.adopted_by, [("email", 1), ("phone", 1)].into());
    }
}
