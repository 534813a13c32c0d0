//! What a run would do, in numbers.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::plan::{
    entry::{Action, Entry},
    filter::Outside,
};

/// What a run would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// CRM contacts read.
    pub seen: u64,
    /// Made anew in Google.
    pub create: u64,
    /// Recognised among what is in Google, and linked.
    pub adopt: u64,
    /// Linked and different.
    pub update: u64,
    /// Taken out of the sync.
    pub remove: u64,
    /// For a person to decide.
    pub needs_you: u64,
    /// As they should be.
    pub unchanged: u64,
    /// Left alone: the owner deleted it in Google or took its label off, or somebody decided to leave it out.
    pub refused: u64,
    /// Outside the filter, or without a name, company, e-mail and phone.
    pub outside: u64,
    /// Those by reason.
    pub outside_because: BTreeMap<Outside, u64>,
    /// Cannot be told now: looked at again later.
    pub wait: u64,
    /// Not on the CRM's list any more, and so many that the brake stops them.
    #[serde(default)]
    pub stopped: u64,
}

impl Plan {
    /// One more; `None` is as it should be.
    pub fn count(&mut self, entry: Option<&Entry>) {
        let counter = match entry.map(|entry| entry.action) {
            None => &mut self.unchanged,
            Some(Action::Create) => &mut self.create,
            Some(Action::Adopt) => &mut self.adopt,
            Some(Action::Update) => &mut self.update,
            Some(Action::Remove) => &mut self.remove,
            Some(Action::NeedsYou) => &mut self.needs_you,
            Some(Action::Refused) => &mut self.refused,
            Some(Action::Skip) => &mut self.outside,
            Some(Action::Wait) => &mut self.wait,
        };
        *counter += 1;
    }

    /// One more that is left out, for this reason.
    pub fn leave_out(&mut self, why: Outside) {
        self.outside += 1;
        *self.outside_because.entry(why).or_default() += 1;
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seen,
            create,
            adopt,
            update,
            remove,
            needs_you,
            unchanged,
            refused,
            outside,
            outside_because,
            wait,
            stopped,
        } = self;
        let because: Vec<String> = outside_because.iter().map(|(why, count)| format!("{count}: {why}")).collect();
        let because = if because.is_empty() { String::new() } else { format!(" ({})", because.join("; ")) };
        write!(
            f,
            "Of {seen} contacts in the CRM, {create} would be created in Google, {adopt} were recognised there and would be linked, \
             {update} would be updated, {remove} would be taken out, and {unchanged} are as they should be. \
             {needs_you} need you to decide, {refused} stay as their owner left them, and {outside} are left out{because}."
        )?;
        if *wait > 0 {
            write!(f, " {wait} cannot be told now and are looked at again later.")?;
        }
        if *stopped > 0 {
            write!(
                f,
                " {stopped} are not in the CRM's list any more, which is more than the brake lets through: a run would stop and ask."
            )?;
        }
        Ok(())
    }
}
