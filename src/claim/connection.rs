//! What the two sides of a sync are reached with, as a digest: another one means that somebody connected anew.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::store::current::{CrmAccess, SyncSpec};

/// Digest of what was declared or agreed to; tokens that a side renews by itself in between are not in it, but a Google refresh
/// token that Google itself replaced is.
pub fn connection(sync: &SyncSpec) -> String {
    let mut digest = Sha256::new();
    if let Some(google) = &sync.google {
        digest.update(google.refresh.expose_secret());
    }
    digest.update([0]);
    match &sync.account.access {
        Some(CrmAccess::Static(token)) => digest.update(token.expose_secret()),
        Some(CrmAccess::Oauth { refresh, .. }) => digest.update(refresh.expose_secret()),
        None => {}
    }
    hex::encode(&digest.finalize()[..8])
}
