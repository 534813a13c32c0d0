//! What must be true when it is over.

use std::collections::BTreeSet;

use carnet::simulate::truth::{Evidence, Verdict, judge};

use super::stage::Stage;
use crate::world::LABEL;

impl Stage {
    /// First without a reconcile, in which only what was acknowledged can have done it; then with one, which had nothing to do.
    pub async fn verdict(&self) {
        self.all_is_right("before the reconcile").await;
        let run = self.service.reconcile().await;
        assert_eq!(run.marked, 0, "the reconcile had nothing to repair: {run:?}\n{}", self.evidence());
        self.drained().await;
        self.all_is_right("after the reconcile").await;
        self.service.nothing_left().await;
        assert_eq!(self.service.needs().await, BTreeSet::new(), "questions");
        let answers = self.answers();
        assert!(answers.keys().all(|status| [202, 429].contains(status)), "{answers:?}");
    }

    async fn all_is_right(&self, when: &str) {
        let verdict = self.judged().await;
        assert!(verdict.is_clean(), "{when}:\n{verdict}\n{}", self.evidence());
        let wrongs = self.world.wrongs().await;
        assert!(wrongs.is_empty(), "{when}: {wrongs:#?}\n{}", self.evidence());
        assert_eq!(self.world.strangers().await, self.strangers, "{when}: contacts of the owner's own");
    }

    async fn judged(&self) -> Verdict {
        let dump = self.world.google_dump().await;
        judge(&Evidence {
            crm: &self.world.crm_dump().await,
            google: &carnet::simulate::truth::people(&dump),
            groups: dump["groups"].as_array().expect("labels"),
            label: LABEL,
            before: &self.before,
            waiting: &BTreeSet::new(),
            edited: &BTreeSet::new(),
        })
    }
}
