//! `/api/v1/…`: JSON for machines, with the API token. What a call does, the command line does in the same way. Described by
//! the OpenAPI document beside this file, which is held against the table of endpoints.

mod brake;
mod contacts;
mod dead;
mod events;
mod failure;
mod needs;
mod previews;
mod runs;
mod syncs;
mod undo;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use self::failure::ApiFailure;
use super::health::carries_token;
use crate::{answers::Desk, claim::Tools, store::StoreError};

/// Where the API lives.
const BASE: &str = "/api/v1";
/// The document at `openapi.json`.
const DOCUMENT: &str = include_str!("openapi.json");
/// Bytes of a body: the longest says one resource name.
const BODY: usize = 64 * 1024;

pub(super) struct Api {
    tools: Arc<Tools>,
    token: SecretString,
    /// One place for each that watches a run.
    watchers: Arc<Semaphore>,
}

impl Api {
    /// Over the configuration as it is in Redis: a decision of a moment ago counts.
    async fn desk(&self) -> Result<Desk, StoreError> {
        let current = self.tools.fresh().await?;
        Ok(Desk::new(self.tools.pool.clone(), self.tools.registry.clone(), current))
    }
}

/// Every endpoint, as the document names it.
fn endpoints() -> Vec<(Method, &'static str, MethodRouter<Arc<Api>>)> {
    vec![
        (Method::GET, "/needs", get(needs::list)),
        (Method::POST, "/needs/{sync}/{contact}/link", post(needs::link)),
        (Method::POST, "/needs/{sync}/{contact}/create", post(needs::create)),
        (Method::POST, "/needs/{sync}/{contact}/skip", post(needs::skip)),
        (Method::GET, "/brake", get(brake::list)),
        (Method::POST, "/brake/{sync}/allow", post(brake::allow)),
        (Method::POST, "/brake/{sync}/discard", post(brake::discard)),
        (Method::GET, "/dead", get(dead::list)),
        (Method::GET, "/dead/{id}", get(dead::show)),
        (Method::POST, "/dead/replay", post(dead::replay)),
        (Method::POST, "/dead/discard", post(dead::discard)),
        (Method::GET, "/syncs", get(syncs::list)),
        (Method::GET, "/syncs/{sync}", get(syncs::show)),
        (Method::POST, "/syncs/{sync}/run", post(runs::run)),
        (Method::POST, "/syncs/{sync}/pause", post(runs::pause)),
        (Method::POST, "/syncs/{sync}/resume", post(runs::resume)),
        (Method::POST, "/syncs/{sync}/cancel", post(runs::cancel)),
        (Method::GET, "/syncs/{sync}/runs", get(runs::list)),
        (Method::GET, "/syncs/{sync}/runs/{run}", get(runs::show)),
        (Method::GET, "/syncs/{sync}/runs/current/events", get(events::watch)),
        (Method::POST, "/syncs/{sync}/previews", post(previews::make)),
        (Method::GET, "/previews/{sync}/{preview}", get(previews::show)),
        (Method::POST, "/previews/{sync}/{preview}/apply", post(previews::apply)),
        (Method::GET, "/refused", get(contacts::refused)),
        (Method::GET, "/contacts/{crm}/{account}/{contact}", get(contacts::show)),
        (Method::POST, "/contacts/{crm}/{account}/{contact}/restore", post(contacts::restore)),
        (Method::POST, "/syncs/{sync}/runs/{run}/undo", post(undo::undo)),
    ]
}

/// Routes of the API.
pub fn router(tools: Arc<Tools>, token: SecretString) -> Router {
    let api = Arc::new(Api { tools, token, watchers: Arc::new(Semaphore::new(events::WATCHERS)) });
    let routes =
        endpoints().into_iter().fold(Router::new(), |router, (_, path, endpoint)| router.route(path, endpoint));
    let guarded = routes
        .method_not_allowed_fallback(async || ApiFailure::wrong_method())
        .route_layer(middleware::from_fn_with_state(api.clone(), let_in))
        .layer(DefaultBodyLimit::max(BODY));
    let open = guarded.route("/openapi.json", get(document)).fallback(async || ApiFailure::no_such_path());
    Router::new().nest(BASE, open.layer(middleware::map_response(not_kept)).with_state(api))
}

/// Only who knows the token.
async fn let_in(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if carries_token(request.headers(), &api.token) {
        next.run(request).await
    } else {
        ApiFailure::no_token().into_response()
    }
}

/// Answers hold what changes, and ids that are nobody else's business.
async fn not_kept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_names_every_endpoint_and_no_other() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        assert_eq!(document["servers"][0]["url"], BASE);
        let mut documented = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                assert!(
                    operation["summary"].is_string() && operation["responses"]["200"].is_object(),
                    "{method} {path}"
                );
                documented.insert((method.to_uppercase(), path.clone()));
            }
        }
        let mut there: BTreeSet<(String, String)> =
            endpoints().iter().map(|(method, path, _)| (method.to_string(), (*path).to_owned())).collect();
        there.insert(("GET".into(), "/openapi.json".into()));
        assert_eq!(documented, there);
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let references = DOCUMENT.split("\"$ref\"").skip(1).filter_map(|rest| rest.split('"').nth(1));
        for reference in references {
            let found = document.pointer(reference.trim_start_matches('#'));
            assert!(found.is_some(), "{reference}");
        }
    }
}
