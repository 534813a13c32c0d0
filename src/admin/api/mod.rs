//! `/api/v1/…`: JSON for machines, with the API token. What a call does, the command line does in the same way. Described by
//! the OpenAPI document beside this file, which is held against the table of endpoints.

mod alerts;
mod audit;
mod brake;
mod contacts;
mod dead;
mod events;
mod failure;
mod forget;
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
use tokio::sync::Semaphore;

use self::failure::ApiFailure;
use super::{
    access::{Access, Bearer, traced},
    failures::{Counted, counted},
};
use crate::{
    answers::Desk,
    caller::ShutOut,
    claim::Tools,
    store::{
        StoreError,
        audit::{Deed, note},
        tokens::Scope,
    },
};

/// Where the API lives.
const BASE: &str = "/api/v1";
/// The document at `openapi.json`.
const DOCUMENT: &str = include_str!("openapi.json");
/// Bytes of a body: the longest says one resource name.
const BODY: usize = 64 * 1024;

pub(super) struct Api {
    tools: Arc<Tools>,
    access: Access,
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

/// Every endpoint, as the document names it, with the scope that it asks for.
fn endpoints() -> Vec<(Method, &'static str, Scope, MethodRouter<Arc<Api>>)> {
    vec![
        (Method::GET, "/alerts", Scope::Read, get(alerts::list)),
        (Method::GET, "/audit", Scope::Admin, get(audit::list)),
        (Method::GET, "/needs", Scope::Read, get(needs::list)),
        (Method::POST, "/needs/{sync}/{contact}/link", Scope::Operate, post(needs::link)),
        (Method::POST, "/needs/{sync}/{contact}/create", Scope::Operate, post(needs::create)),
        (Method::POST, "/needs/{sync}/{contact}/skip", Scope::Operate, post(needs::skip)),
        (Method::GET, "/brake", Scope::Read, get(brake::list)),
        (Method::POST, "/brake/{sync}/allow", Scope::Operate, post(brake::allow)),
        (Method::POST, "/brake/{sync}/discard", Scope::Operate, post(brake::discard)),
        (Method::GET, "/dead", Scope::Read, get(dead::list)),
        (Method::GET, "/dead/{id}", Scope::Read, get(dead::show)),
        (Method::POST, "/dead/replay", Scope::Operate, post(dead::replay)),
        (Method::POST, "/dead/discard", Scope::Admin, post(dead::discard)),
        (Method::POST, "/forget", Scope::Admin, post(forget::forget)),
        (Method::GET, "/syncs", Scope::Read, get(syncs::list)),
        (Method::GET, "/syncs/{sync}", Scope::Read, get(syncs::show)),
        (Method::POST, "/syncs/{sync}/run", Scope::Operate, post(runs::run)),
        (Method::POST, "/syncs/{sync}/pause", Scope::Operate, post(runs::pause)),
        (Method::POST, "/syncs/{sync}/resume", Scope::Operate, post(runs::resume)),
        (Method::POST, "/syncs/{sync}/cancel", Scope::Operate, post(runs::cancel)),
        (Method::GET, "/syncs/{sync}/runs", Scope::Read, get(runs::list)),
        (Method::GET, "/syncs/{sync}/runs/{run}", Scope::Read, get(runs::show)),
        (Method::GET, "/syncs/{sync}/runs/current/events", Scope::Read, get(events::watch)),
        (Method::POST, "/syncs/{sync}/previews", Scope::Operate, post(previews::make)),
        (Method::GET, "/previews/{sync}/{preview}", Scope::Operate, get(previews::show)),
        (Method::POST, "/previews/{sync}/{preview}/apply", Scope::Operate, post(previews::apply)),
        (Method::GET, "/refused", Scope::Read, get(contacts::refused)),
        (Method::GET, "/contacts/{crm}/{account}/{contact}", Scope::Read, get(contacts::show)),
        (Method::POST, "/contacts/{crm}/{account}/{contact}/restore", Scope::Operate, post(contacts::restore)),
        (Method::POST, "/syncs/{sync}/runs/{run}/undo", Scope::Admin, post(undo::undo)),
    ]
}

/// Routes of the API.
pub fn router(tools: Arc<Tools>, access: Access, shut_out: Arc<ShutOut>) -> Router {
    let api = Arc::new(Api { tools, access, watchers: Arc::new(Semaphore::new(events::WATCHERS)) });
    let failures = Counted { shut_out, what: "api", refuse: |wait| ApiFailure::shut_out(wait).into_response() };
    let routes = endpoints().into_iter().fold(Router::new(), |router, (_, path, scope, endpoint)| {
        let gate = Gate { api: api.clone(), scope };
        router.route(path, endpoint.layer(middleware::from_fn_with_state(gate, let_in)))
    });
    let guarded = routes
        .method_not_allowed_fallback(async || ApiFailure::wrong_method())
        .route_layer(middleware::from_fn_with_state(failures, counted))
        .layer(DefaultBodyLimit::max(BODY));
    let open = guarded.route("/openapi.json", get(document)).fallback(async || ApiFailure::no_such_path());
    Router::new().nest(BASE, open.layer(middleware::map_response(not_kept)).with_state(api))
}

/// What stands before an endpoint.
#[derive(Clone)]
struct Gate {
    api: Arc<Api>,
    scope: Scope,
}

/// Only whoever has a token of this scope. What changes something, or shows what is masked elsewhere, is written down before it is
/// done, and what came of it afterwards.
async fn let_in(State(Gate { api, scope }): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(bearer) = api.access.bearer(request.headers()) else { return ApiFailure::no_token().into_response() };
    // As the endpoint reads it, whatever of it is escaped.
    let query = request.uri().query().unwrap_or_default();
    let is_reveal = url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "reveal");
    let shown = if is_reveal { "?reveal" } else { "" };
    let action = format!("{} {BASE}{}{shown}", request.method(), request.uri().path());
    let asked = traced(Deed::new(format!("token {}", bearer.name), action, "asked"), request.extensions());
    let is_kept = scope > Scope::Read || is_reveal;
    let response = if bearer.scope < scope {
        ApiFailure::small_scope(scope).into_response()
    } else {
        if is_kept && let Err(error) = note(&api.tools.pool, &asked).await {
            tracing::warn!(%error, "a call was not let in: it could not be written down");
            return ApiFailure::from(error).into_response();
        }
        request.extensions_mut().insert(bearer);
        next.run(request).await
    };
    let deed = Deed { outcome: response.status().as_u16().to_string(), ..asked };
    if is_kept && let Err(error) = note(&api.tools.pool, &deed).await {
        tracing::warn!(%error, "the outcome of a call is missing in the audit log");
    }
    response
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
            endpoints().iter().map(|(method, path, ..)| (method.to_string(), (*path).to_owned())).collect();
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
