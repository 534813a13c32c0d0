//! The configured CRMs as the door uses them: by name, with a verifier that is ready.

use std::collections::HashMap;

use super::answer::Turned;
use crate::{
    config::declared::Crm,
    crm::{
        event::{BadMap, check_map},
        signature::{BadSignatureConfig, Verifier},
    },
};

/// What names of `/webhooks/{name}` are known.
pub enum Doors {
    /// Redis lost its installation mark, or was not asked yet: nobody knows which names are ours, so all come again later.
    NotReady,
    /// These and no others.
    Open(HashMap<String, Opened>),
}

/// One CRM whose deliveries can be checked.
pub struct Opened {
    /// As declared, with resolved secrets.
    pub crm: Crm,
    /// Built from it.
    pub verifier: Verifier,
}

/// A CRM that cannot be opened to the world; says which and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BadCrm {
    /// Its deliveries could not be checked.
    #[error(transparent)]
    Signature(#[from] BadSignatureConfig),
    /// Its deliveries could not be read.
    #[error("CRM \"{0}\": {1}")]
    Map(String, BadMap),
}

impl Doors {
    /// Opens all of them or none. Secrets must already be resolved to their values.
    pub fn build(crms: &[Crm]) -> Result<Self, BadCrm> {
        let open = |crm: &Crm| {
            check_map(crm).map_err(|why| BadCrm::Map(crm.name.clone(), why))?;
            Ok((crm.name.clone(), Opened { verifier: Verifier::build(crm)?, crm: crm.clone() }))
        };
        crms.iter().map(open).collect::<Result<_, _>>().map(Self::Open)
    }

    pub(super) fn find(&self, name: &str) -> Result<&Opened, Turned> {
        match self {
            Self::NotReady => Err(Turned::NotReady),
            Self::Open(doors) => doors.get(name).ok_or(Turned::UnknownCrm),
        }
    }
}
