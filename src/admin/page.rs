//! What all pages share: one style sheet inside the page, headers that forbid everything the pages do not need, cookies.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// The style sheet, put into each page: there is nothing else to fetch.
pub(super) const STYLE: &str = include_str!("templates/style.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A rendered page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Puts the security headers on every answer of `routes`. `forms` are origins, besides our own, that a form may lead to;
/// `referrer` is the Referrer-Policy.
pub(super) fn secured(routes: Router, forms: &str, referrer: &'static str) -> Router {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {forms}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    // The origin of a parsed URL holds nothing that a header could not.
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let policy = policy.clone();
        async move {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
    }))
}

/// A cookie's value as the browser sent it.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, _)| *given == name).map(|(_, value)| value)
}

/// A `Set-Cookie` that scripts cannot read. `same_site` is `Strict` or `Lax`; 0 seconds takes the cookie away.
pub(super) fn set_cookie(name: &str, value: &str, same_site: &str, seconds: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("other=1; xcarnet=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("carnet=a+b/c=="));
        assert_eq!(cookie(&headers, "carnet"), Some("a+b/c=="));
        assert_eq!(cookie(&headers, "arnet"), None);
    }
}
