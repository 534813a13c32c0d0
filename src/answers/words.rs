//! How one contact stands with one sync, in the words that are the same everywhere.

use super::contact::Standing;
use crate::plan::link::{Link, LinkState};

/// What became of the contact in Google, as a code.
pub(super) fn link_code(link: Option<&Link>, sync: &str) -> &'static str {
    match link.map(|link| (link.state, link.holders.contains_key(sync))) {
        None => "none",
        Some((LinkState::Live, true)) => "managed",
        Some((LinkState::Live, false)) if link.is_some_and(|link| !link.holders.is_empty()) => {
            "managed-by-another-sync"
        }
        Some((LinkState::Live, false)) => "let-go",
        Some((LinkState::Trashing, _)) => "trashing",
        Some((LinkState::DeletedInGoogle, _)) => "deleted-in-google",
        Some((LinkState::DeletedInCrm, _)) => "deleted-in-crm",
    }
}

/// `up to date`, `waiting`, `paused`, `needs you` or `failed`: what stands in the way comes first.
pub(super) fn state(standing: &Standing, paused: bool) -> &'static str {
    if !standing.dead_letters.is_empty() {
        "failed"
    } else if standing.refusal.is_some() {
        "up to date"
    } else if standing.question.is_some() || standing.braked.is_some() {
        "needs you"
    } else if standing.waiting.is_some() {
        if paused { "paused" } else { "waiting" }
    } else {
        "up to date"
    }
}

/// The same as a sentence, with what can be done about it.
pub(super) fn sentence(standing: &Standing, contact: &str, in_crm: bool) -> String {
    let back = format!("until `carnet contact restore {contact}`");
    if let Some(letter) = standing.dead_letters.last() {
        return format!("it failed: {}; `carnet dead replay {}` tries again", letter.sentence, letter.id);
    }
    match standing.refusal {
        Some("deleted") => return format!("its owner deleted it in Google, and it stays deleted {back}"),
        Some("opted-out") => return format!("its owner took the label off, and it is left alone {back}"),
        Some(_) => return format!("somebody decided to leave it out, {back}"),
        None => {}
    }
    if let Some(question) = &standing.question {
        return format!("it needs you: {}; see `carnet needs list`", question.why);
    }
    if let Some(braked) = &standing.braked {
        let (what, why) = (braked.what.in_words(), &braked.why);
        return format!("it would be {what} ({why}), and the brake has stopped that; see `carnet brake list`");
    }
    if let Some(waiting) = &standing.waiting {
        return format!("it waits: {}", waiting.why);
    }
    match standing.link {
        _ if standing.discarded => "somebody decided that it stays as it is in Google, whatever the CRM says now",
        "managed" => "it is in Google and kept in step",
        "managed-by-another-sync" => "it is in Google, and another sync keeps it in step",
        "let-go" => "it is in Google, and no sync keeps it in step",
        "trashing" => "it is on its way to Google's trash",
        "deleted-in-google" => "it was deleted in Google, and stays deleted",
        "deleted-in-crm" => "the CRM has deleted it",
        _ if in_crm => "the CRM has it; this sync has not put it into Google, or has let go of it",
        _ => "this sync knows nothing of it",
    }
    .to_owned()
}

/// Why a contact waits, from the code on its mark.
pub(super) fn waits(code: Option<&str>) -> &'static str {
    match code {
        None => "its turn comes",
        Some("crm_access") => "the CRM does not let Carnet in; `carnet doctor` says more",
        Some("crm_rate") => "the CRM asks to slow down",
        Some("crm_unavailable") => "the CRM did not answer",
        Some("stale_reading") => "the CRM's answer was older than its webhook",
        Some("google_unavailable" | "no_answer" | "again" | "alone") => "Google did not answer as it should",
        Some("changed_meanwhile") => "it was changed in Google at the same moment",
        Some("uncertain_create") => "whether Google made it is not known yet; it is looked for before it is sent again",
        Some("uncertain_update") => {
            "whether Google has changed it is not known yet; it is looked at once that is known"
        }
        Some("gone_in_google") => {
            "it is gone in Google; it may have been merged with another, which will be seen in a few minutes"
        }
        Some("same_person") => "another contact of the CRM has the same one in Google, and its turn is first",
        Some("counting_first") => "the CRM's contacts are counted before anything is matched",
        Some("label_made_anew" | "label_looked_for") => "its label is looked for",
        Some(_) => "it is looked at again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answers::contact::{BrakedView, DeadLetterView, Waiting},
        store::brake::Kind,
    };

    fn standing(link: &'static str) -> Standing {
        Standing { link, ..Standing::default() }
    }

    #[test]
    fn what_stands_in_the_way_is_said_first() {
        let waiting = || Some(Waiting { why: waits(None), ..Waiting::default() });
        let letter = DeadLetterView { id: "1-0".into(), sentence: "no".into(), ..DeadLetterView::default() };
        let refused = |code| Standing { refusal: Some(code), waiting: waiting(), ..standing("managed") };
        for (standing, paused, state, begins) in [
            (standing("managed"), true, "up to date", "it is in Google and kept in step"),
            (Standing { waiting: waiting(), ..standing("managed") }, false, "waiting", "it waits: its turn comes"),
            (Standing { waiting: waiting(), ..standing("none") }, true, "paused", "it waits: its turn comes"),
            (
                refused("deleted"),
                false,
                "up to date",
                "its owner deleted it in Google, and it stays deleted until `carnet",
            ),
            (refused("opted-out"), false, "up to date", "its owner took the label off"),
            (refused("skipped"), false, "up to date", "somebody decided to leave it out, until"),
            (
                Standing { dead_letters: vec![letter], ..refused("deleted") },
                false,
                "failed",
                "it failed: no; `carnet dead replay 1-0`",
            ),
            (
                Standing {
                    braked: Some(BrakedView { what: Kind::Removal, why: "deleted in the CRM".into() }),
                    waiting: waiting(),
                    ..standing("managed")
                },
                false,
                "needs you",
                "it would be taken out (deleted in the CRM), and the brake has stopped that",
            ),
            (
                Standing { discarded: true, ..standing("managed") },
                false,
                "up to date",
                "somebody decided that it stays",
            ),
            (standing("deleted-in-crm"), false, "up to date", "the CRM has deleted it"),
            (standing("none"), false, "up to date", "this sync knows nothing of it"),
        ] {
            assert_eq!(super::state(&standing, paused), state);
            let said = sentence(&standing, "c1", false);
            assert!(said.starts_with(begins), "{said}");
        }
        assert!(sentence(&standing("none"), "c1", true).starts_with("the CRM has it"));
    }
}
