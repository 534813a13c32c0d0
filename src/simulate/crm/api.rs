//! The read endpoints of API v2 that a sync uses. Who asks has passed the gate; what they may see is checked here.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    Sim,
    fault::PageFault,
    oauth::Grant,
    refusal::{Refusal, read_json},
    search::Search,
    world::Location,
};

type Answer = Result<Json<Value>, Refusal>;

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/contacts/search", post(search))
        .route("/contacts/{id}", get(contact))
        .route("/locations/{id}", get(location))
        .route("/locations/{id}/customFields", get(custom_fields))
        .route("/locations/{id}/tags", get(tags))
        .route("/users/search", get(users))
        .route("/users/{id}", get(user))
}

async fn search(
    State(sim): State<Arc<Sim>>,
    Extension(grant): Extension<Grant>,
    Extension(fault): Extension<Option<PageFault>>,
    body: Bytes,
) -> Answer {
    let search = Search::read(&read_json(&body)?).map_err(Refusal::invalid)?;
    grant.opens(&search.location)?;
    let world = &mut *sim.world();
    let (now, trace) = (world.now(), world.fresh_uuid());
    let id = search.location.clone();
    let location = world.locations.get_mut(&id).ok_or_else(|| Refusal::unknown("Location", &id))?;
    let (contacts, total) = location.page(search, fault, now);
    Ok(Json(json!({"contacts": contacts, "total": total, "traceId": trace})))
}

impl Location {
    /// One page of the index, or what a fault makes of it.
    fn page(&mut self, search: Search, fault: Option<PageFault>, now: i64) -> (Vec<Value>, usize) {
        let (rows, index) = self.index.rows(&search, now);
        let (total, mut page) = (rows.len(), search.page(rows));
        if fault == Some(PageFault::Lose) {
            page = search.skip(page).page(rows);
        }
        let found = page.iter().filter_map(|(id, cursor)| Some((index.get(id)?, cursor)));
        let mut contacts: Vec<_> = found.map(|(record, cursor)| record.as_search(cursor.clone())).collect();
        if fault == Some(PageFault::Bare) {
            let items = contacts.iter_mut().filter_map(Value::as_object_mut);
            items.for_each(|item| {
                item.retain(|key, _| !["tags", "customFields", "assignedTo", "dateAdded"].contains(&key.as_str()));
            });
        }
        match fault {
            Some(PageFault::Empty) => return (Vec::new(), 0),
            Some(PageFault::Repeat) if !self.last_page.is_empty() => return (self.last_page.clone(), total),
            _ => self.last_page.clone_from(&contacts),
        }
        (contacts, total)
    }
}

async fn contact(State(sim): State<Arc<Sim>>, Extension(grant): Extension<Grant>, Path(id): Path<String>) -> Answer {
    let mut world = sim.world();
    let trace = world.fresh_uuid();
    let found = world.locations.iter().find_map(|(location, held)| Some((location, held.contacts.get(&id)?)));
    let Some((location, record)) = found else {
        let well_formed = id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let status = if well_formed { sim.options.unknown_contact } else { 400 };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
        return Err(Refusal::new(status, format!("Contact with id {id} not found")));
    };
    grant.opens(location)?;
    Ok(Json(json!({"contact": record.as_get(), "traceId": trace})))
}

/// Answers about one location, once the token is found to open it.
fn about(sim: &Sim, grant: &Grant, id: &str, answer: impl FnOnce(&Location) -> Value) -> Answer {
    grant.opens(id)?;
    let mut world = sim.world();
    let trace = world.fresh_uuid();
    let location = world.locations.get(id).ok_or_else(|| Refusal::unknown("Location", id))?;
    let mut body = answer(location);
    body["traceId"] = json!(trace);
    Ok(Json(body))
}

async fn location(State(sim): State<Arc<Sim>>, Extension(grant): Extension<Grant>, Path(id): Path<String>) -> Answer {
    about(&sim, &grant, &id, |location| {
        json!({"location": {
            "id": id, "companyId": location.company, "name": location.name, "country": "CA",
            "timezone": "America/Toronto", "isWhitelabel": true,
            "settings": {"allowDuplicateContact": location.allow_duplicates, "contactUniqueIdentifiers": ["email", "phone"]},
        }})
    })
}

async fn custom_fields(
    State(sim): State<Arc<Sim>>,
    Extension(grant): Extension<Grant>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let model = query.get("model").map_or("contact", String::as_str);
    about(&sim, &grant, &id, |location| {
        let fits = |field: &&Value| model == "all" || field["model"] == model;
        json!({"customFields": location.custom_fields.iter().filter(fits).collect::<Vec<_>>()})
    })
}

async fn tags(State(sim): State<Arc<Sim>>, Extension(grant): Extension<Grant>, Path(id): Path<String>) -> Answer {
    about(&sim, &grant, &id, |location| {
        let lists = location.contacts.values().filter_map(|record| record.get("tags")?.as_array());
        let names: std::collections::BTreeSet<_> = lists.flatten().filter_map(Value::as_str).collect();
        let tag = |(n, name): (usize, &str)| json!({"id": format!("tag{n:017}"), "name": name, "locationId": id});
        json!({"tags": names.into_iter().enumerate().map(tag).collect::<Vec<_>>()})
    })
}

async fn users(
    State(sim): State<Arc<Sim>>,
    Extension(grant): Extension<Grant>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    if !query.contains_key("companyId") {
        return Err(Refusal::invalid(vec!["companyId should not be empty".into()]));
    }
    let number = |name: &str, default| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let location = query.get("locationId").map_or(grant.resource(), String::as_str).to_owned();
    about(&sim, &grant, &location, |location| {
        // A deleted user is answered by id only.
        let alive: Vec<_> = location.users.iter().filter(|user| user["deleted"] != true).collect();
        let page: Vec<_> = alive.iter().skip(number("skip", 0)).take(number("limit", 25)).collect();
        json!({"users": page, "count": alive.len()})
    })
}

async fn user(State(sim): State<Arc<Sim>>, Extension(grant): Extension<Grant>, Path(id): Path<String>) -> Answer {
    let mut world = sim.world();
    let trace = world.fresh_uuid();
    let users = world.locations.get(grant.resource()).map(|location| &location.users);
    let found = users.into_iter().flatten().find(|user| user["id"] == id.as_str());
    let mut body = found.cloned().ok_or_else(|| Refusal::unknown("User", &id))?;
    body["traceId"] = json!(trace);
    Ok(Json(body))
}
