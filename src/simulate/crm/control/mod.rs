//! The control API: plays the CRM's users, its clock and its bad days. JSON in and out; no authentication.
//!
//! | call | body or query | effect and answer |
//! |---|---|---|
//! | `POST /control/locations` | `{id?, companyId?, name?, allowDuplicates?, customFields?, users?}` | `{id, companyId, token, refreshToken, companyRefreshToken}` |
//! | `POST /control/locations/{id}/revoke` | – | kills its tokens; `{token, refreshToken}` are new |
//! | `POST /control/locations/{id}/install`, `…/uninstall` | manner | sends the event; uninstalling kills the tokens |
//! | `GET /control/locations/{id}/contacts` | – | `{contacts}`: every contact in the shape of `GET /contacts/{id}` |
//! | `POST /control/locations/{id}/contacts` | contact; manner | ContactCreate; `{contact}` |
//! | `PUT /control/locations/{id}/contacts/{contact}` | fields, `null` clears; manner | ContactUpdate, with tags ContactTagUpdate, with DND ContactDndUpdate; `{contact}` |
//! | `DELETE /control/locations/{id}/contacts/{contact}` | manner | ContactDelete |
//! | `POST /control/locations/{id}/contacts/{contact}/merge` | `{into}`; manner | ContactDelete of the one, ContactUpdate of the other |
//! | `POST /control/locations/{id}/contacts/{contact}/send` | `{type?}`; manner | sends an app event of the contact as it is |
//! | `POST /control/locations/{id}/contacts/{contact}/workflow` | `{url, shape?: standard or custom, type?, headers?, customData?}`; manner | sends a workflow webhook, unsigned |
//! | `POST /control/locations/{id}/seed` | `{contacts, customFields?, users?}` | stores and indexes at once, no webhooks; `{stored}` |
//! | `POST /control/webhooks` | any of `{url, off, duplicate, delayMs, shuffle, drop, wrongSignature, reserialise, retrySpacingMs, retries}` | changes the standing behaviour and answers it; chances are 0–1 |
//! | `GET /control/deliveries` | `?after=number` | `{pending, last, deliveries: [{number, webhookId, type, locationId, contactId, attempts, state}]}` |
//! | `POST /control/faults` | `{path?, status?, retryAfter?, drop?, delayMs?, page?: lose, repeat, empty or bare, after?, times?, probability?}` | a fault on the API, see `fault` |
//! | `DELETE /control/faults` | – | none any more |
//! | `POST /control/clock` | `{advanceMs}` | moves the virtual clock; `{now}` |
//! | `GET /control/key` | – | the public key as PEM |
//! | `POST /control/reset` | – | an empty CRM; waiting deliveries are abandoned |
//!
//! *Manner* is the query of a call that sends: `silent`, `delayMs`, `copies`, `wrongSignature`, `reserialise`.

mod contacts;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::StatusCode,
    routing::{get, post, put},
};
use serde_json::{Map, Value, json};

use super::{
    Sim,
    contact::Record,
    deliver::{Behaviour, Manner, emit},
    fault::Fault,
    refusal::{Refusal, read_json},
    sign::public_key_pem,
    webhook::Envelope,
    world::{Location, World, iso},
};

type Answer = Result<Json<Value>, Refusal>;
type Shared = State<Arc<Sim>>;

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/locations", post(create_location))
        .route("/locations/{id}/revoke", post(revoke))
        .route("/locations/{id}/install", post(install))
        .route("/locations/{id}/uninstall", post(uninstall))
        .route("/locations/{id}/seed", post(seed))
        .route("/locations/{id}/contacts", get(contacts::dump).post(contacts::create))
        .route("/locations/{id}/contacts/{contact}", put(contacts::update).delete(contacts::delete))
        .route("/locations/{id}/contacts/{contact}/merge", post(contacts::merge))
        .route("/locations/{id}/contacts/{contact}/send", post(contacts::send))
        .route("/locations/{id}/contacts/{contact}/workflow", post(contacts::workflow))
        .route("/webhooks", post(behave))
        .route("/deliveries", get(deliveries))
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/clock", post(advance))
        .route("/key", get(async |State(sim): Shared| public_key_pem(sim.options.seed)))
        .route("/reset", post(reset))
        // A town of thousands is one seed.
        .layer(DefaultBodyLimit::disable())
}

async fn create_location(State(sim): Shared, body: Bytes) -> Answer {
    let body = read_json(&body)?;
    let world = &mut *sim.world();
    let mut given = |key: &str| body[key].as_str().map_or_else(|| world.fresh_id(), str::to_owned);
    let (id, company) = (given("id"), given("companyId"));
    let mut location = Location {
        name: body["name"].as_str().unwrap_or("Courtage Exemple").to_owned(),
        company: company.clone(),
        allow_duplicates: body["allowDuplicates"] == true,
        ..Location::default()
    };
    location.describe(&body);
    world.locations.insert(id.clone(), location);
    Ok(Json(json!({
        "id": id,
        "companyId": company,
        "token": world.mint_integration(&id),
        "refreshToken": world.mint_location_refresh(&id),
        "companyRefreshToken": world.mint_company_refresh(&company),
    })))
}

impl Location {
    /// Takes over custom fields and users when the body has them.
    fn describe(&mut self, body: &Value) {
        for (key, list) in [("customFields", &mut self.custom_fields), ("users", &mut self.users)] {
            if let Some(given) = body[key].as_array() {
                list.clone_from(given);
            }
        }
    }
}

impl World {
    fn location(&mut self, id: &str) -> Result<&mut Location, Refusal> {
        self.locations.get_mut(id).ok_or_else(|| Refusal::unknown("Location", id))
    }
}

async fn revoke(State(sim): Shared, Path(id): Path<String>) -> Answer {
    let world = &mut *sim.world();
    world.location(&id)?;
    world.tokens.revoke(&id);
    Ok(Json(json!({"token": world.mint_integration(&id), "refreshToken": world.mint_location_refresh(&id)})))
}

async fn install(state: Shared, id: Path<String>, manner: Query<Manner>) -> Answer {
    installation(&state, "INSTALL", &id, &manner)
}

async fn uninstall(state: Shared, id: Path<String>, manner: Query<Manner>) -> Answer {
    state.world().tokens.revoke(&id);
    installation(&state, "UNINSTALL", &id, &manner)
}

fn installation(sim: &Arc<Sim>, kind: &str, id: &str, manner: &Manner) -> Answer {
    let world = &mut *sim.world();
    let (at, webhook_id) = (world.now(), world.fresh_uuid());
    let envelope = Envelope { kind, location: id, app_id: &sim.options.app_id, at, webhook_id };
    let event = envelope.installation(world.location(id)?);
    emit(sim, world, &event, manner);
    Ok(Json(json!({})))
}

fn fields(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match read_json(body)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Refusal::new(StatusCode::BAD_REQUEST, "an object is needed")),
    }
}

async fn seed(State(sim): Shared, Path(id): Path<String>, body: Bytes) -> Answer {
    let body = read_json(&body)?;
    let world = &mut *sim.world();
    let now = world.now();
    let given = body["contacts"].as_array().into_iter().flatten().filter_map(Value::as_object);
    let mut records = Vec::new();
    for fields in given {
        let contact = fields.get("id").and_then(Value::as_str).map_or_else(|| world.fresh_id(), str::to_owned);
        records.push((contact.clone(), Record::new(&contact, &id, fields, now)));
    }
    let location = world.location(&id)?;
    location.describe(&body);
    let stored = records.len();
    records.into_iter().for_each(|(contact, record)| location.seed(contact, record));
    Ok(Json(json!({"stored": stored})))
}

async fn behave(State(sim): Shared, body: Bytes) -> Answer {
    let change = fields(&body)?;
    let mut world = sim.world();
    let bad = |error: serde_json::Error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string());
    let mut standing = serde_json::to_value(&world.behaviour).map_err(bad)?;
    for (key, value) in change {
        standing[key] = value;
    }
    world.behaviour = serde_json::from_value::<Behaviour>(standing.clone()).map_err(bad)?;
    Ok(Json(standing))
}

async fn deliveries(State(sim): Shared, Query(query): Query<HashMap<String, String>>) -> Answer {
    let after: u64 = query.get("after").and_then(|text| text.parse().ok()).unwrap_or_default();
    let world = sim.world();
    let shown = world.log.entries.range(after.saturating_add(1)..).map(|(number, delivery)| {
        let mut shown = json!(delivery);
        shown["number"] = json!(number);
        shown
    });
    let last = world.log.entries.last_key_value().map_or(0, |(number, _)| *number);
    Ok(Json(json!({"pending": world.log.pending, "last": last, "deliveries": shown.collect::<Vec<_>>()})))
}

async fn add_fault(State(sim): Shared, body: Bytes) -> Answer {
    let fault: Fault =
        serde_json::from_slice(&body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let answer = json!(fault);
    sim.world().faults.push(fault);
    Ok(Json(answer))
}

async fn clear_faults(State(sim): Shared) -> Json<Value> {
    sim.world().faults.clear();
    Json(json!({}))
}

async fn advance(State(sim): Shared, body: Bytes) -> Answer {
    let by = read_json(&body)?["advanceMs"].as_i64().filter(|by| *by >= 0);
    let by = by.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "advanceMs must be a number, not negative"))?;
    let mut world = sim.world();
    world.advanced_ms = world.advanced_ms.saturating_add(by);
    Ok(Json(json!({"now": iso(world.now())})))
}

async fn reset(State(sim): Shared) -> Json<Value> {
    let mut world = sim.world();
    world.epoch.cancel();
    *world = World::new(&sim.options);
    Json(json!({}))
}
