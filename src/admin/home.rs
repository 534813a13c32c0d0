//! The admin pages: log in, see how every sync stands, run one now. Plain forms, no scripts.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, State},
    http::{Extensions, HeaderMap, HeaderName, StatusCode, header},
    middleware,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    caller::ShutOut,
    claim::Tools,
    store::{
        StoreError,
        audit::{Deed, note},
        keys::CrmKeys,
        runs::Runs,
    },
};

use super::{
    access::traced,
    failures::{Counted, counted, in_words},
    overview::{SyncOverview, look_at_all, sentence},
    page::{STYLE, page, secured},
    session::{Admitted, Locked, Password, Sessions, own_origin},
};

struct Admin {
    tools: Arc<Tools>,
    password: Password,
    sessions: Sessions,
}

/// Routes of the admin side.
pub fn router(tools: Arc<Tools>, password: SecretString, shut_out: Arc<ShutOut>) -> Router {
    let failures = Counted { shut_out, what: "password", refuse: in_words };
    let log_in = post(log_in).layer(middleware::from_fn_with_state(failures, counted));
    let routes = Router::new()
        .route("/", get(home))
        .route("/login", get(|| async { login_page(StatusCode::OK, None) }).merge(log_in))
        .route("/logout", post(log_out))
        .route("/syncs/{name}/run", post(run_now))
        .with_state(Arc::new(Admin {
            sessions: Sessions(tools.pool.clone()),
            password: Password::new(password),
            tools,
        }));
    // Not `no-referrer`: with that, browsers keep the origin of our own forms to themselves too.
    secured(routes, "", "same-origin")
}

impl Admin {
    /// Lets the browser in, or sends it to the login page, or says that nobody can tell.
    async fn admit(&self, headers: &HeaderMap) -> Result<Admitted, Response> {
        match self.sessions.admit(headers, &self.password).await {
            Ok(Some(admitted)) => Ok(admitted),
            Ok(None) => Err(Redirect::to("/login").into_response()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Writes down what was asked for on a page.
    async fn audit(&self, extensions: &Extensions, action: &str, outcome: &str) -> Result<(), StoreError> {
        note(&self.tools.pool, &traced(Deed::new("admin page", action, outcome), extensions)).await
    }

    /// The origin of a form that was sent by one of our own pages.
    fn own_form<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Foreign> {
        own_origin(headers, &self.tools.settings.public_url).ok_or(Foreign)
    }
}

/// A form that another site sent, or nobody knows who.
struct Foreign;

impl IntoResponse for Foreign {
    fn into_response(self) -> Response {
        let says =
            "This form was not sent by Carnet's own page. Check CARNET_PUBLIC_URL and the proxy's Host header.\n";
        (StatusCode::FORBIDDEN, says).into_response()
    }
}

#[derive(Template)]
#[template(path = "login.html", config = "src/admin/askama.toml")]
struct Login {
    style: &'static str,
    wrong: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "home.html", config = "src/admin/askama.toml")]
struct Home {
    style: &'static str,
    sentence: String,
    syncs: Vec<SyncOverview>,
}

impl Home {
    fn class(&self, sync: &SyncOverview) -> String {
        sync.state.replace(' ', "-")
    }

    fn ended(&self, sync: &SyncOverview) -> String {
        sync.last_run.map_or_else(|| "never".into(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
    }
}

fn login_page(status: StatusCode, wrong: Option<&'static str>) -> Response {
    page(status, &Login { style: STYLE, wrong })
}

async fn home(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let admitted = match admin.admit(&headers).await {
        Ok(admitted) => admitted,
        Err(answer) => return answer,
    };
    match look_at_all(&admin.tools.pool, &admin.tools.now()).await {
        Ok(syncs) => {
            let shown = page(StatusCode::OK, &Home { style: STYLE, sentence: sentence(&syncs), syncs });
            (renewed(admitted), shown).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// The session's next cookie, if it has one.
fn renewed(admitted: Admitted) -> AppendHeaders<Option<(HeaderName, String)>> {
    AppendHeaders(admitted.cookie.map(|cookie| (header::SET_COOKIE, cookie)))
}

fn unavailable(error: &StoreError) -> Response {
    tracing::warn!(%error, "an admin page cannot be shown");
    (StatusCode::SERVICE_UNAVAILABLE, "Redis does not answer; webhooks are refused with 429 until it does.\n")
        .into_response()
}

/// Sends the browser on with another cookie.
fn with_cookie(cookie: Result<String, StoreError>, to: &str) -> Response {
    match cookie {
        Ok(cookie) => (AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(to)).into_response(),
        Err(error) => unavailable(&error),
    }
}

#[derive(Deserialize)]
struct Given {
    password: SecretString,
}

async fn log_in(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    extensions: Extensions,
    Form(given): Form<Given>,
) -> Response {
    use secrecy::ExposeSecret as _;
    let origin = match admin.own_form(&headers) {
        Ok(origin) => origin,
        Err(foreign) => return foreign.into_response(),
    };
    match admin.password.try_open(given.password.expose_secret()).await {
        Ok(()) => {
            // The admin side may be reached by another way than the public URL: the browser says which.
            let secure = origin.starts_with("https://");
            let begun = async {
                admin.audit(&extensions, "log in", "done").await?;
                admin.sessions.begin(&admin.password, secure).await
            };
            with_cookie(begun.await, "/")
        }
        Err(Locked::Wrong) => login_page(StatusCode::UNAUTHORIZED, Some("That is not the password.")),
        Err(Locked::Busy) => {
            login_page(StatusCode::TOO_MANY_REQUESTS, Some("Too many wrong passwords; wait a few seconds."))
        }
    }
}

async fn log_out(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    if let Err(foreign) = admin.own_form(&headers) {
        return foreign.into_response();
    }
    with_cookie(admin.sessions.end(&headers).await, "/login")
}

async fn run_now(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    extensions: Extensions,
    Path(name): Path<String>,
) -> Response {
    if let Err(foreign) = admin.own_form(&headers) {
        return foreign.into_response();
    }
    let admitted = match admin.admit(&headers).await {
        Ok(admitted) => admitted,
        Err(answer) => return answer,
    };
    let current = admin.tools.now();
    let Some(sync) = current.sync_named(&name) else {
        return (StatusCode::NOT_FOUND, "There is no sync of that name.\n").into_response();
    };
    let runs = Runs::new(admin.tools.pool.clone(), CrmKeys::new(&sync.account.key), &sync.id);
    let asked = async {
        admin.audit(&extensions, &format!("sync run {name}"), "asked").await?;
        runs.ask("asked").await
    };
    match asked.await {
        Ok(_) => (renewed(admitted), Redirect::to("/")).into_response(),
        Err(error) => unavailable(&error),
    }
}
