//! A run in words.

use crate::store::runs::{Run, RunKind, RunState};

/// What a run did, as a paragraph.
pub fn report(run: &Run) -> String {
    if run.kind == RunKind::Undo {
        return undone(run);
    }
    let count = |name: &str| run.counts.get(name).copied().unwrap_or(0);
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
    let twins = if run.twins > 0 { format!(" {} twins were folded.", run.twins) } else { String::new() };
    let why = run.error.as_ref().map_or_else(String::new, |e| format!(" {e}."));
    format!(
        "{head}: {} contacts seen; {} created, {} adopted, {} updated, {} removed, {} already right, {} left out, {} refused by \
         the owner, {} need you, {} dead letters, {} unreadable; {} still to do.{twins}{why}",
        run.seen,
        count("created"),
        count("adopted"),
        count("updated"),
        count("removed"),
        i64::try_from(run.unchanged).unwrap_or(0) + count("unchanged"),
        i64::try_from(run.outside).unwrap_or(0) + count("skipped"),
        count("refused"),
        count("needs-you"),
        count("dead"),
        run.unreadable,
        run.left(),
    )
}

/// What an undo did.
fn undone(run: &Run) -> String {
    let count = |name: &str| run.counts.get(name).copied().unwrap_or(0);
    let of =
        run.of.as_ref().map_or_else(|| "The sync lets go of everything".to_owned(), |of| format!("Undo of run {of}"));
    let state = match run.state {
        RunState::Done => "is done",
        RunState::Failed => "failed",
        RunState::Cancelled => "was stopped",
        RunState::Counting | RunState::Reading | RunState::Writing => "goes on",
    };
    let why = run.error.as_ref().map_or_else(String::new, |e| format!(" {e}."));
    format!(
        "{of}: run {} {state}. Of {} contacts, {} went to Google's trash, {} are back to what they were, of {} something stays, \
         for {} there was nothing to do, {} dead letters; {} still to do.{why}",
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
