//! Tokens: private integration tokens, access tokens, and refresh tokens that work once (twice within 30 seconds, with
//! the same answer, as the vendor's changelog says).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Form, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::{
    Sim,
    refusal::{Refusal, read_json},
    world::World,
};

const ACCESS_SECONDS: i64 = 86_399;
const REPEAT_MS: i64 = 30_000;
const REFRESH_MS: i64 = 365 * 86_400_000;

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// The location, or for an agency token the company.
    resource: String,
    user_type: UserType,
    /// Which app's rate budget it draws on.
    app: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UserType {
    Location,
    Company,
}

impl UserType {
    fn word(self) -> &'static str {
        match self {
            Self::Location => "Location",
            Self::Company => "Company",
        }
    }
}

impl Grant {
    /// Whether it opens this location's data; an agency token has to be exchanged first.
    pub(super) fn opens(&self, location: &str) -> Result<(), Refusal> {
        match self.user_type == UserType::Location && self.resource == location {
            true => Ok(()),
            false => Err(Refusal::foreign()),
        }
    }

    /// The limit is per app and resource.
    pub(super) fn rate_key(&self) -> String {
        format!("{} {}", self.app, self.resource)
    }

    /// The location, or for an agency token the company.
    pub(super) fn resource(&self) -> &str {
        &self.resource
    }
}

/// Every token alive.
#[derive(Default)]
pub(super) struct Tokens {
    /// With the virtual time of expiry; private integration tokens have none.
    access: HashMap<String, (Grant, Option<i64>)>,
    refresh: HashMap<String, Refresh>,
}

struct Refresh {
    grant: Grant,
    expires: i64,
    /// When it was used, and for what.
    used: Option<(i64, Pair)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    access: String,
    refresh: String,
}

impl Tokens {
    /// What a bearer token opens now.
    pub(super) fn grant(&self, token: &str, now: i64) -> Option<Grant> {
        let (grant, expires) = self.access.get(token)?;
        expires.is_none_or(|expires| now < expires).then(|| grant.clone())
    }

    /// Kills every token of a location, as an uninstall or a rotated integration does.
    pub(super) fn revoke(&mut self, resource: &str) {
        self.access.retain(|_, (grant, _)| grant.resource != resource);
        self.refresh.retain(|_, refresh| refresh.grant.resource != resource);
    }
}

impl World {
    /// A new private integration token of a location.
    pub(super) fn mint_integration(&mut self, location: &str) -> String {
        let token = format!("pit-{}", self.fresh_uuid());
        let grant = Grant { resource: location.to_owned(), user_type: UserType::Location, app: "integration" };
        self.tokens.access.insert(token.clone(), (grant, None));
        token
    }

    /// A first refresh token of a location, as after an install.
    pub(super) fn mint_location_refresh(&mut self, location: &str) -> String {
        self.mint_refresh(Grant { resource: location.to_owned(), user_type: UserType::Location, app: "app" })
    }

    /// A first refresh token of an agency.
    pub(super) fn mint_company_refresh(&mut self, company: &str) -> String {
        self.mint_refresh(Grant { resource: company.to_owned(), user_type: UserType::Company, app: "app" })
    }

    fn mint_refresh(&mut self, grant: Grant) -> String {
        let (token, expires) = (format!("rt-{}", self.fresh_uuid()), self.now() + REFRESH_MS);
        self.tokens.refresh.insert(token.clone(), Refresh { grant, expires, used: None });
        token
    }

    fn mint_access(&mut self, grant: Grant) -> String {
        let (token, expires) = (format!("at-{}", self.fresh_uuid()), self.now() + ACCESS_SECONDS * 1000);
        self.tokens.access.insert(token.clone(), (grant, Some(expires)));
        token
    }

    /// Rotates; `None` for a token that is unknown, over, or was used more than 30 seconds ago.
    fn rotate(&mut self, token: &str) -> Option<(Grant, Pair)> {
        let now = self.now();
        let held = self.tokens.refresh.get(token).filter(|held| now < held.expires)?;
        let grant = held.grant.clone();
        if let Some((used_at, pair)) = &held.used {
            return (now - used_at <= REPEAT_MS).then(|| (grant, pair.clone()));
        }
        let pair = Pair { access: self.mint_access(grant.clone()), refresh: self.mint_refresh(grant.clone()) };
        if let Some(held) = self.tokens.refresh.get_mut(token) {
            held.used = Some((now, pair.clone()));
        }
        Some((grant, pair))
    }
}

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new().route("/oauth/token", post(token)).route("/oauth/locationToken", post(location_token))
}

async fn token(State(sim): State<Arc<Sim>>, Form(form): Form<HashMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("client_id") != sim.options.client_id || field("client_secret") != sim.options.client_secret {
        return oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials");
    }
    // An install hands its refresh token out through the control API; there is no consent page to get a code from.
    if field("grant_type") != "refresh_token" {
        return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Only refresh_token is simulated");
    }
    let mut world = sim.world();
    let held = world.tokens.refresh.get(field("refresh_token"));
    let wanted = form.get("user_type").map_or("Location", String::as_str);
    if held.is_some_and(|held| held.grant.user_type.word() != wanted) {
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "user_type does not fit the token");
    }
    match world.rotate(field("refresh_token")) {
        Some((grant, pair)) => Json(token_answer(&world, &grant, &pair.access, Some(&pair.refresh))).into_response(),
        None => oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", "This refresh token is invalid"),
    }
}

async fn location_token(
    State(sim): State<Arc<Sim>>,
    Extension(agency): Extension<Grant>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    // The vendor takes a form; clients are seen to send JSON too.
    let fields: HashMap<String, String> = match read_json(&body) {
        Ok(body) => serde_json::from_value(body).unwrap_or_default(),
        Err(_) => url::form_urlencoded::parse(&body).into_owned().collect(),
    };
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let world = &mut *sim.world();
    let belongs = world.locations.get(&field("locationId")).is_some_and(|l| l.company == field("companyId"));
    if agency.user_type != UserType::Company || agency.resource != field("companyId") || !belongs {
        return Err(Refusal::foreign());
    }
    let grant = Grant { resource: field("locationId"), user_type: UserType::Location, app: "app" };
    let access = world.mint_access(grant.clone());
    Ok(Json(token_answer(world, &grant, &access, None)))
}

fn token_answer(world: &World, grant: &Grant, access: &str, refresh: Option<&str>) -> Value {
    let mut answer = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "scope": "contacts.readonly locations/customFields.readonly locations/tags.readonly users.readonly",
        "userType": grant.user_type.word(),
        "userId": "simulatedInstaller01",
    });
    match world.locations.get(&grant.resource) {
        Some(location) => {
            answer["locationId"] = json!(grant.resource);
            answer["companyId"] = json!(location.company);
        }
        None => answer["companyId"] = json!(grant.resource),
    }
    if let Some(refresh) = refresh {
        answer["refresh_token"] = json!(refresh);
    }
    answer
}

fn oauth_error(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({"statusCode": status.as_u16(), "error": error, "error_description": description});
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::{super::Options, *};

    #[test]
    fn a_refresh_token_rotates_and_repeats_itself_for_thirty_seconds_only() {
        let mut world = World::new(&Options::default());
        let first = world.mint_location_refresh("loc");
        let (grant, pair) = world.rotate(&first).unwrap();
        assert_eq!(world.rotate(&first), Some((grant.clone(), pair.clone())));
        assert_eq!(world.tokens.grant(&pair.access, world.now()), Some(grant));
        world.advanced_ms += 31_000;
        assert_eq!(world.rotate(&first), None);
        let (_, next) = world.rotate(&pair.refresh).unwrap();
        assert_ne!(next, pair);
        world.advanced_ms += ACCESS_SECONDS * 1000;
        assert_eq!(world.tokens.grant(&next.access, world.now()), None);
    }

    #[test]
    fn a_revoked_location_has_no_tokens_left() {
        let mut world = World::new(&Options::default());
        let (token, refresh) = (world.mint_integration("loc"), world.mint_location_refresh("loc"));
        let other = world.mint_integration("other");
        world.tokens.revoke("loc");
        assert_eq!((world.tokens.grant(&token, 0), world.rotate(&refresh)), (None, None));
        assert!(
            world
                .tokens
                .grant(&other, 0)
                .is_some_and(|grant| grant.opens("other").is_ok() && grant.opens("loc").is_err())
        );
    }
}
