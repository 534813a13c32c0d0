//! A run in words.

use crate::store::{
    proofs::Proof,
    runs::{Run, RunState},
};

/// What a run did, as a paragraph.
pub fn report(run: &Run) -> String {
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
    let behind = i64::try_from(run.listed.held).unwrap_or(0) + count("braked");
    let braked =
        if behind > 0 { format!(" {behind} wait behind the brake: see `carnet brake list`.") } else { String::new() };
    let doubt = run.listed.doubt.as_ref();
    let doubt = doubt.map_or_else(String::new, |why| format!(" Nothing was concluded about absent contacts: {why}."));
    let twins = if run.twins > 0 { format!(" {} twins were folded.", run.twins) } else { String::new() };
    let proof = run.proof.as_ref().map_or_else(String::new, |proof| format!(" {}", proved(proof)));
    let noticed = run.noticed.as_ref().map_or_else(String::new, |noticed| format!(" {noticed}."));
    let why = run.error.as_ref().map_or_else(String::new, |e| format!(" {e}."));
    format!(
        "{head}: {} contacts seen; {} created, {} adopted, {} updated, {} removed, {} already right, {} left out, {} refused by \
         the owner, {} need you, {} dead letters, {} unreadable; {} still to do.{braked}{doubt}{twins}{proof}{noticed}{why}",
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

/// What became of the contacts that are not ours.
fn proved(proof: &Proof) -> String {
    let Proof { unchanged, changed, gone, names } = proof;
    let own = format!("{unchanged} contacts that are not ours: unchanged.");
    if changed + gone == 0 {
        return own;
    }
    let names = names.join(", ");
    format!("{own} Meanwhile somebody else changed {changed} and deleted or merged {gone} in Google ({names}).")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_says_what_is_as_it_was_and_what_somebody_else_did() {
        let proof = Proof { unchanged: 1204, ..Proof::default() };
        assert_eq!(proved(&proof), "1204 contacts that are not ours: unchanged.");
        let proof = Proof { unchanged: 1, changed: 1, gone: 0, names: vec!["people/c1".into()] };
        assert_eq!(
            proved(&proof),
            "1 contacts that are not ours: unchanged. Meanwhile somebody else changed 1 and deleted or merged 0 in Google \
             (people/c1)."
        );
    }
}
