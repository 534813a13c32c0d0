//! With what a slice writes down what it decides: in ink, for good; or in pencil, for a preview. Whoever decides holds one and
//! does not know which, so a preview is the decision of a run and not a second opinion.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claim::{Account, Halt},
    contact::Contact,
    google::Group,
    store::{
        StoreError,
        ledger::{Ledger, Step},
    },
};

use super::{Context, label};

/// What a label's resource name begins with as long as it is not made.
const TO_BE_MADE: &str = "contactGroups/to-be-made:";

/// With what steps are written down.
pub enum Pen<'a> {
    /// In the ledger, for good.
    Ink(&'a mut Ledger),
    /// Nowhere but here.
    Pencil(&'a mut Pencil),
}

/// What a preview keeps instead of writing it: no step is settled, no label made, no refusal remembered.
#[derive(Debug, Default)]
pub struct Pencil {
    /// Steps that would have been settled, in their order.
    pub steps: Vec<Step>,
    /// What the CRM said of the contacts that were read.
    pub read: BTreeMap<String, Contact>,
    groups: Vec<Group>,
    /// Folded names of further labels that the sync has made, or would have by now.
    made: BTreeSet<String>,
}

impl Pencil {
    /// Looks which labels there are, once for the whole preview.
    pub async fn sharpen(account: &mut Account, sync: &str) -> Result<Self, Halt> {
        let (groups, made) = (label::groups(account).await?, label::made_for(account, sync).await?);
        Ok(Self { groups, made, ..Self::default() })
    }

    /// The name of a label, be it one that would be made.
    pub fn label_name<'n>(&'n self, resource: &'n str) -> &'n str {
        if let Some(name) = resource.strip_prefix(TO_BE_MADE) {
            return name;
        }
        let group = self.groups.iter().find(|group| group.resource_name == resource);
        group.map_or(resource.trim_start_matches("contactGroups/"), |group| &group.name)
    }

    async fn label(&self, account: &Account, name: &str) -> Result<String, StoreError> {
        let found = label::known_as(account, &self.groups, name).await?;
        Ok(found.unwrap_or_else(|| format!("{TO_BE_MADE}{}", name.trim())))
    }

    async fn labels(&mut self, account: &Account, names: &[String]) -> Result<BTreeMap<String, String>, StoreError> {
        let mut known = BTreeMap::new();
        for name in names {
            let (fold, resource) = (label::folded(name), self.label(account, name).await?);
            let is_new = resource.starts_with(TO_BE_MADE);
            if !is_new || label::may_make(&self.made, &fold) {
                if is_new {
                    self.made.insert(fold.clone());
                }
                known.insert(fold, resource);
            }
        }
        Ok(known)
    }
}

impl Context<'_> {
    /// Whether nothing may be written anywhere.
    pub fn is_preview(&self) -> bool {
        matches!(self.pen, Pen::Pencil(_))
    }

    /// Settles steps of this sync, or of its undos.
    pub async fn settle(&mut self, steps: &[Step]) -> Result<(), StoreError> {
        match &mut self.pen {
            Pen::Ink(ledger) => ledger.settle(self.lane, steps).await,
            Pen::Pencil(pencil) => {
                pencil.steps.extend_from_slice(steps);
                Ok(())
            }
        }
    }

    /// Takes note of what the CRM said, for a preview to show.
    pub fn saw(&mut self, contact: &Contact) {
        if let Pen::Pencil(pencil) = &mut self.pen {
            pencil.read.insert(contact.id.clone(), contact.clone());
        }
    }

    /// [`label::ensure`], or what it would answer.
    pub async fn label(&self, account: &mut Account, name: &str, fresh: bool) -> Result<String, Halt> {
        match &self.pen {
            Pen::Ink(_) => Box::pin(label::ensure(account, name, fresh)).await,
            Pen::Pencil(pencil) => Ok(pencil.label(account, name).await?),
        }
    }

    /// [`label::ensure_all`], or what it would answer.
    pub async fn labels(&mut self, account: &mut Account, names: &[String]) -> Result<BTreeMap<String, String>, Halt> {
        match &mut self.pen {
            Pen::Ink(_) => Box::pin(label::ensure_all(account, &self.sync.id, names)).await,
            Pen::Pencil(pencil) => Ok(pencil.labels(account, names).await?),
        }
    }
}
