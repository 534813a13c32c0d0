//! What the CRM's users do to contacts, and the events that follow.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{
    super::{
        Sim,
        contact::Record,
        deliver::{Manner, emit},
        refusal::{Refusal, read_json},
        webhook::{self, Envelope, Event},
        world::{World, millis},
    },
    Answer, Shared, fields,
};

impl World {
    fn contact(&mut self, location: &str, id: &str) -> Result<Record, Refusal> {
        self.location(location)?.contacts.get(id).cloned().ok_or_else(|| Refusal::unknown("Contact", id))
    }

    /// Stores a contact, or its absence; the search sees it after the lag.
    fn put(&mut self, sim: &Sim, location: &str, id: &str, record: Option<Record>) -> Result<(), Refusal> {
        let visible_at = self.now() + millis(sim.options.index_lag);
        self.location(location)?.put(id, record, visible_at);
        Ok(())
    }
}

/// Sends app events about a contact.
fn tell(sim: &Arc<Sim>, world: &mut World, (location, record): (&str, &Record), kinds: &[&str], manner: &Manner) {
    for kind in kinds {
        let (at, webhook_id) = (world.now(), world.fresh_uuid());
        let envelope = Envelope { kind, location, app_id: &sim.options.app_id, at, webhook_id };
        emit(sim, world, &envelope.about(record), manner);
    }
}

pub(super) async fn dump(State(sim): Shared, Path(id): Path<String>) -> Answer {
    let mut world = sim.world();
    let contacts: Vec<_> = world.location(&id)?.contacts.values().map(Record::as_get).collect();
    Ok(Json(json!({"contacts": contacts})))
}

pub(super) async fn create(
    State(sim): Shared,
    Path(id): Path<String>,
    Query(manner): Query<Manner>,
    body: Bytes,
) -> Answer {
    let fields = fields(&body)?;
    let world = &mut *sim.world();
    let contact = fields.get("id").and_then(Value::as_str).map_or_else(|| world.fresh_id(), str::to_owned);
    let record = Record::new(&contact, &id, &fields, world.now());
    world.put(&sim, &id, &contact, Some(record.clone()))?;
    tell(&sim, world, (&id, &record), &["ContactCreate"], &manner);
    Ok(Json(json!({"contact": record.as_get()})))
}

pub(super) async fn update(
    State(sim): Shared,
    Path((id, contact)): Path<(String, String)>,
    Query(manner): Query<Manner>,
    body: Bytes,
) -> Answer {
    let fields = fields(&body)?;
    let world = &mut *sim.world();
    let mut record = world.contact(&id, &contact)?;
    let touched = record.patch(&fields, world.now());
    world.put(&sim, &id, &contact, Some(record.clone()))?;
    // Whether a tag edit also sends ContactUpdate is not documented; sending both is the harder case.
    let kinds = [(true, "ContactUpdate"), (touched.tags, "ContactTagUpdate"), (touched.dnd, "ContactDndUpdate")];
    let kinds: Vec<_> = kinds.into_iter().filter_map(|(fires, kind)| fires.then_some(kind)).collect();
    tell(&sim, world, (&id, &record), &kinds, &manner);
    Ok(Json(json!({"contact": record.as_get()})))
}

pub(super) async fn delete(
    State(sim): Shared,
    Path((id, contact)): Path<(String, String)>,
    Query(manner): Query<Manner>,
) -> Answer {
    let world = &mut *sim.world();
    let record = world.contact(&id, &contact)?;
    world.put(&sim, &id, &contact, None)?;
    tell(&sim, world, (&id, &record), &["ContactDelete"], &manner);
    // Both spellings, as the vendor answers.
    Ok(Json(json!({"succeded": true, "succeeded": true})))
}

pub(super) async fn merge(
    State(sim): Shared,
    Path((id, contact)): Path<(String, String)>,
    Query(manner): Query<Manner>,
    body: Bytes,
) -> Answer {
    let into = read_json(&body)?["into"].as_str().unwrap_or_default().to_owned();
    let world = &mut *sim.world();
    let (gone, mut kept) = (world.contact(&id, &contact)?, world.contact(&id, &into)?);
    if contact == into {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a contact cannot be merged into itself"));
    }
    kept.absorb(&gone, world.now());
    world.put(&sim, &id, &contact, None)?;
    world.put(&sim, &id, &into, Some(kept.clone()))?;
    tell(&sim, world, (&id, &gone), &["ContactDelete"], &manner);
    tell(&sim, world, (&id, &kept), &["ContactUpdate"], &manner);
    Ok(Json(json!({"contact": kept.as_get()})))
}

pub(super) async fn send(
    State(sim): Shared,
    Path((id, contact)): Path<(String, String)>,
    Query(manner): Query<Manner>,
    body: Bytes,
) -> Answer {
    let body = read_json(&body)?;
    let world = &mut *sim.world();
    let record = world.contact(&id, &contact)?;
    tell(&sim, world, (&id, &record), &[body["type"].as_str().unwrap_or("ContactUpdate")], &manner);
    Ok(Json(json!({})))
}

pub(super) async fn workflow(
    State(sim): Shared,
    Path((id, contact)): Path<(String, String)>,
    Query(manner): Query<Manner>,
    body: Bytes,
) -> Answer {
    let order = read_json(&body)?;
    let world = &mut *sim.world();
    let record = world.contact(&id, &contact)?;
    let kind = order["type"].as_str().unwrap_or("contact.updated");
    let body = match order["shape"].as_str().unwrap_or("standard") {
        "custom" => webhook::custom_workflow(&id, &record, kind),
        _ => webhook::standard_workflow(&id, world.location(&id)?, &record, &order["customData"]),
    };
    let headers = order["headers"].as_object().into_iter().flatten();
    let event = Event {
        kind: "workflow".into(),
        location: id,
        contact,
        webhook_id: String::new(),
        body: body.to_string().into_bytes(),
        signed: false,
        headers: headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
        url: order["url"].as_str().map(str::to_owned),
    };
    emit(&sim, world, &event, &manner);
    Ok(Json(json!({})))
}
