//! Who calls the API, and what for: the token of the settings may do everything, a token made by `carnet token` what its scope says.

use std::sync::Arc;

use axum::http::{Extensions, HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::{
    caller::{Caller, RequestId},
    store::{
        audit::Deed,
        clock::Clock,
        current::Current,
        tokens::{Scope, digest},
    },
};

/// Whoever knows a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The token's name, as the audit log says it.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
}

/// Knows the tokens.
#[derive(Clone)]
pub struct Access {
    /// `CARNET_API_TOKEN`, or the one that was generated.
    pub main: SecretString,
    /// The others; looked at with every sweep.
    pub current: watch::Receiver<Arc<Current>>,
    /// Tells which have ended.
    pub clock: Clock,
}

impl Access {
    /// Whose token a request carries, if any. Compared by digests and in constant time.
    pub fn bearer(&self, headers: &HeaderMap) -> Option<Bearer> {
        let carried = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let [given, main] = [carried, self.main.expose_secret()].map(|text| Sha256::digest(text.as_bytes()));
        if aws_lc_rs::constant_time::verify_slices_are_equal(&given, &main).is_ok() {
            return Some(Bearer { name: "CARNET_API_TOKEN".to_owned(), scope: Scope::Admin });
        }
        let (given, now) = (digest(carried), self.clock.now_ms());
        let current = self.current.borrow();
        let found = current.api_tokens.iter().find(|(_, token)| token.is(&given, now));
        found.map(|(name, token)| Bearer { name: name.clone(), scope: token.scope })
    }
}

/// With where the request came from, and its id.
pub(super) fn traced(deed: Deed, extensions: &Extensions) -> Deed {
    let request = extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    Deed { from: Caller::of(extensions).to_string(), request, ..deed }
}
