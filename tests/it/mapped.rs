//! `[sync.map]`: what of a CRM contact goes where, through the real service.

use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    text, until,
    user::{labels, resource},
};

const MAP: &str = r#"
    [sync.map]
    name = "{first} {last} – {company}"
    note = "Client depuis {created}\nCourtier : {owner}"
    phone_type = "mobile"
    tags = { "acheteur" = "Acheteurs", "vip" = "VIP" }
    owner = "custom:Courtier"
    dnd = "label:Ne pas appeler"
    link = true
    [sync.map.fields]
    "Conjoint" = "relation:spouse"
    "Fax" = "phone:workFax"
    "Noces" = "event:anniversary"
    "Surnom" = "nickname"
    "Budget" = "custom:Budget"
    "Courriel 2" = "email:work"
    "Site" = "url:LinkedIn"
"#;

/// A CRM with two brokers and custom fields, one of which nobody may see.
async fn world(map: &str) -> World {
    let mut world = World::new().await;
    world.sync_lines = format!("every = \"off\"\n{map}");
    let names = ["Conjoint", "Fax", "Noces", "Surnom", "Budget", "Courriel 2", "Site", "NAS"];
    let field = |(n, name): (usize, &&str)| json!({"id": format!("field{n}"), "name": name, "model": "contact", "fieldKey": format!("contact.f{n}"), "dataType": "TEXT"});
    let users = json!([{"id": "u1", "name": "Marie Roy"}, {"id": "u2", "firstName": "Luc", "lastName": "Côté"}]);
    let fields: Vec<Value> = names.iter().enumerate().map(field).collect();
    let seed = json!({"contacts": [], "customFields": fields, "users": users});
    world.crm("POST", &format!("locations/{}/seed", world.location), &seed).await;
    world
}

fn anne() -> Value {
    json!({
        "firstName": "Anne", "lastName": "Tremblay", "companyName": "Courtage Nord", "phone": "514 555-0123",
        "email": "anne@exemple.ca", "assignedTo": "u1", "tags": ["acheteur", "autre"], "dnd": true, "ssn": "046 454 286",
        "dateAdded": "2024-05-06T10:00:00.000Z",
        "customFields": [
            {"id": "field0", "value": "Luc"}, {"id": "field1", "value": "514 555-0199"}, {"id": "field2", "value": "2011-06-24"},
            {"id": "field3", "value": "Nana"}, {"id": "field4", "value": 450000}, {"id": "field5", "value": "a2@exemple.ca"},
            {"id": "field6", "value": "https://linkedin.example/anne"}, {"id": "field7", "value": "046 454 286"},
        ],
    })
}

/// Without what Google adds by itself.
fn bare(list: &Value) -> Value {
    let mut list = list.clone();
    for item in list.as_array_mut().into_iter().flatten() {
        let fields = item.as_object_mut().expect("an item");
        fields.retain(|key, _| !matches!(key.as_str(), "metadata" | "formattedType" | "canonicalForm" | "displayName"));
    }
    list
}

/// Applies another map to the running service, which takes it over with its next sweep, and reconciles until it shows.
async fn remap(world: &mut World, service: &Service, map: &str, person: &str, expected: &[&str]) {
    world.sync_lines = format!("every = \"off\"\n{map}");
    world.apply(&world.declared()).await.done();
    until("the labels of the new map", async || {
        service.reconcile().await;
        service.quiet(world).await;
        labels(&world.contact(person).await) == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_with_everything_arrives_whole() {
    let world = world(MAP).await;
    let service = world.start().await;
    let id = world.crm_create(anne()).await;
    service.quiet(&world).await;
    let person = world.only(&id).await;
    let created = &text(&world.crm_dump().await[0], "dateAdded")[..10];
    let link = format!("https://app.gohighlevel.com/v2/location/{}/contacts/detail/{id}", world.location);
    for (field, expected) in [
        ("names", json!([{"givenName": "Anne", "familyName": "Tremblay – Courtage Nord"}])),
        (
            "biographies",
            json!([{"value": format!("Client depuis {created}\nCourtier : Marie Roy"), "contentType": "TEXT_PLAIN"}]),
        ),
        ("organizations", json!([{"name": "Courtage Nord"}])),
        ("relations", json!([{"person": "Luc", "type": "spouse"}])),
        ("events", json!([{"date": {"year": 2011, "month": 6, "day": 24}, "type": "anniversary"}])),
        ("nicknames", json!([{"value": "Nana"}])),
    ] {
        assert_eq!(bare(&person[field]), expected, "{field}");
    }
    let sorted = |field: &str| {
        let mut list: Vec<String> =
            bare(&person[field]).as_array().expect("a list").iter().map(ToString::to_string).collect();
        list.sort();
        list
    };
    let of = |items: Value| {
        let mut list: Vec<String> = items.as_array().expect("a list").iter().map(ToString::to_string).collect();
        list.sort();
        list
    };
    let phones = json!([{"value": "+15145550123", "type": "mobile"}, {"value": "+15145550199", "type": "workFax"}]);
    assert_eq!(sorted("phoneNumbers"), of(phones));
    assert_eq!(
        sorted("emailAddresses"),
        of(json!([{"value": "anne@exemple.ca"}, {"value": "a2@exemple.ca", "type": "work"}]))
    );
    let urls = json!([{"value": link, "type": "CRM"}, {"value": "https://linkedin.example/anne", "type": "LinkedIn"}]);
    assert_eq!(sorted("urls"), of(urls));
    let custom = json!([{"key": "Courtier", "value": "Marie Roy"}, {"key": "Budget", "value": "450000"}]);
    assert_eq!(sorted("userDefined"), of(custom));
    let contact = world.contact(&resource(&person)).await;
    assert_eq!(labels(&contact), ["Acheteurs", LABEL, "Ne pas appeler", "myContacts"]);

    // Nothing is written again for the same content.
    let writes = world.calls("people.updateContact", 200).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(world.calls("people.updateContact", 200).await, writes);

    // Another owner, no tag, no refusal any more: what we gave goes.
    world.crm_update(&id, json!({"assignedTo": "u2", "tags": ["vip"], "dnd": false})).await;
    service.quiet(&world).await;
    let person = world.only(&id).await;
    assert!(
        person["userDefined"].to_string().contains("Luc Côté") && !person.to_string().contains("Marie"),
        "{person}"
    );
    assert_eq!(labels(&world.contact(&resource(&person)).await), [LABEL, "VIP", "myContacts"]);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_corrects_survives_five_changes_of_other_fields() {
    let world = world(MAP).await;
    let service = world.start().await;
    let id = world.crm_create(anne()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    let corrected = json!({
        "names": [{"givenName": "Annie", "familyName": "Tremblay-Roy"}],
        "biographies": [{"value": "Ne répond jamais avant midi", "contentType": "TEXT_PLAIN"}],
        "relations": [{"person": "Luc Gagnon", "type": "Conjoint"}],
        "nicknames": [],
    });
    world.user_edits(&name, corrected.clone()).await;
    world.user_labels(&name, &["Famille"], &["Acheteurs"]).await;
    for change in [
        json!({"phone": "+15145550777"}),
        json!({"email": "anne2@exemple.ca"}),
        json!({"website": "https://exemple.ca/anne"}),
        json!({"dateOfBirth": "1980-01-02"}),
        json!({"city": "Laval"}),
    ] {
        world.crm_update(&id, change).await;
        service.quiet(&world).await;
    }
    let contact = world.contact(&name).await;
    let person = &contact["person"];
    for field in ["names", "biographies", "relations"] {
        assert_eq!(bare(&person[field]), corrected[field], "{field}");
    }
    assert!(person["nicknames"].as_array().is_none_or(Vec::is_empty), "what the user took out is not put back");
    assert_eq!(labels(&contact), [LABEL, "Famille", "Ne pas appeler", "myContacts"]);
    assert_eq!(values(person, "emailAddresses").len(), 2);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_map_reaches_the_contacts_that_are_there() {
    let mut world =
        world("[sync.map]\nname = \"{first} {last} – {company}\"\ntags = \"labels\"\nowner = \"custom:Courtier\"")
            .await;
    let service = world.start().await;
    let id = world.crm_create(anne()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    assert_eq!(labels(&world.contact(&name).await), [LABEL, "acheteur", "autre", "myContacts"]);
    let other = "[sync.map]\nname = \"{last}, {first}\"\ntags = { \"acheteur\" = \"Acheteurs\" }";
    remap(&mut world, &service, other, &name, &["Acheteurs", LABEL, "myContacts"]).await;
    let contact = world.contact(&name).await;
    assert_eq!(bare(&contact["person"]["names"]), json!([{"givenName": "Tremblay, Anne"}]));
    assert!(contact["person"]["userDefined"].as_array().is_none_or(Vec::is_empty), "no longer mapped: {contact}");
    remap(&mut world, &service, "", &name, &[LABEL, "myContacts"]).await;
    let contact = world.contact(&name).await;
    assert_eq!(bare(&contact["person"]["names"]), json!([{"givenName": "Anne", "familyName": "Tremblay"}]));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permissions_the_rest_goes_on_and_nothing_is_removed() {
    let world = world(MAP).await;
    let service = world.start().await;
    let id = world.crm_create(anne()).await;
    service.quiet(&world).await;
    service.stop().await;
    // The service forgets the names when it stops; then the permissions are gone.
    for path in ["/users", "/locations/"] {
        world.crm_fault(json!({"path": path, "status": 403, "times": 1000})).await;
    }
    let service = world.start().await;
    world.crm_update(&id, json!({"phone": "+15145550777"})).await;
    service.quiet(&world).await;
    let person = world.only(&id).await;
    assert!(values(&person, "phoneNumbers").contains(&"+15145550777".to_owned()), "{person}");
    for kept in ["Marie Roy", "450000", "Nana", "spouse", "a2@exemple.ca", "workFax", "anniversary"] {
        assert!(person.to_string().contains(kept), "{kept} is gone: {person}");
    }
    let doctor = world.carnet(&["doctor"]).await;
    assert!(doctor.out.contains("locations/customFields.readonly"), "{}", doctor.out);
    world.fair_weather().await;
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_mapped_is_nowhere() {
    let world = world(MAP).await;
    let service = world.start().await;
    world.crm_create(anne()).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    assert!(everything_in_redis(&service).await.contains("Tremblay"), "the search finds what is there");
    for place in [everything_in_redis(&service).await, world.google_dump().await.to_string()] {
        assert!(!place.contains("046 454 286"), "{place}");
    }
    service.nothing_left().await;
    service.stop().await;
}

/// Every key with its value, whatever its type.
async fn everything_in_redis(service: &Service) -> String {
    let mut redis = service.pool.get().await.expect("redis");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("keys");
    let mut all = String::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("a type");
        let command = match kind.as_str() {
            "string" => redis::cmd("GET").arg(&key).to_owned(),
            "hash" => redis::cmd("HGETALL").arg(&key).to_owned(),
            "set" => redis::cmd("SMEMBERS").arg(&key).to_owned(),
            "zset" => redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).to_owned(),
            "list" => redis::cmd("LRANGE").arg(&key).arg(0).arg(-1).to_owned(),
            "stream" => redis::cmd("XRANGE").arg(&key).arg("-").arg("+").to_owned(),
            other => panic!("{key} is a {other}"),
        };
        let value: redis::Value = command.query_async(&mut redis).await.expect("a value");
        shown(&value, &mut all);
    }
    all
}

fn shown(value: &redis::Value, all: &mut String) {
    match value {
        redis::Value::BulkString(bytes) => all.push_str(&String::from_utf8_lossy(bytes)),
        redis::Value::Array(list) => list.iter().for_each(|value| shown(value, all)),
        redis::Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            shown(key, all);
            shown(value, all);
        }),
        other => all.push_str(&format!("{other:?}")),
    }
    all.push('\n');
}
