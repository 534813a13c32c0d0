//! The Google side: personal contacts with everything a person keeps there, some of them about CRM contacts.

use rand::RngExt;
use serde_json::{Map, Value, json};

use super::{
    Known, Supply, dirt,
    names::{self, Circle},
    pick, text,
};

/// The user's own labels.
pub(super) const LABELS: [&str; 4] = ["Famille", "Hockey", "Travail ❤", "Voisins"];

/// A CRM contact as the user knows them: an address or a number in common, written otherwise, and extras of the user's.
pub(super) fn acquaintance(known: &Known<'_>, supply: &mut Supply) -> Value {
    let part = |key| text(known.draft, key).unwrap_or_default();
    let (mut given, mut family) = (part("firstName").to_owned(), part("lastName").to_owned());
    match supply.rng.random_range(0..4) {
        0 => (given, family) = (names::plain(&given), names::plain(&family)),
        1 if known.initial_is_enough => given = format!("{}.", given.chars().next().unwrap_or('X')),
        _ => {}
    }
    let by_phone = known.email.is_none() || known.phone.is_some() && supply.rng.random_bool(0.5);
    let email = known.email.filter(|_| !by_phone || supply.rng.random_bool(0.3)).map(|email| match email.len() % 3 {
        0 => email.to_uppercase(),
        _ => email.to_owned(),
    });
    // A number and an initial may be anybody's of the family.
    if email.is_none() && given.ends_with('.') {
        given = part("firstName").to_owned();
    }
    let phone = known.phone.filter(|_| by_phone).map(|phone| dirt::written(phone, supply.rng.random_range(0..5)));
    let mut person = person(supply, (given, family), email, phone);
    if let (Some(born), Some(birthdays)) = (birthday(known), person.get_mut("birthdays")) {
        *birthdays = json!([{"date": born}]);
    }
    person
}

/// One person has one birthday.
fn birthday(known: &Known<'_>) -> Option<Value> {
    let day = text(known.draft, "dateOfBirth")?.get(..10)?;
    let parts: Vec<u32> = day.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year, month, day] = parts[..] else { return None };
    Some(json!({"year": year, "month": month, "day": day}))
}

/// Someone whom the CRM does not know.
pub(super) fn stranger(supply: &mut Supply) -> Value {
    let (given, family) = names::name(&mut supply.rng, Circle::Strangers);
    let email = supply.rng.random_bool(0.6).then(|| supply.email(&given, &family));
    let phone = supply.rng.random_bool(0.8).then(|| supply.phone());
    person(supply, (given, family), email, phone)
}

fn person(
    supply: &mut Supply,
    (given, family): (String, String),
    email: Option<String>,
    phone: Option<String>,
) -> Value {
    let mut memberships = vec![membership("contactGroups/myContacts")];
    if supply.rng.random_bool(0.3) {
        memberships.push(membership(pick(&mut supply.rng, &LABELS)));
    }
    let mut person = Map::new();
    person.insert("names".into(), json!([{"givenName": given, "familyName": family}]));
    person.insert("memberships".into(), json!(memberships));
    let emails: Vec<_> = email.into_iter().map(|email| json!({"value": email, "type": "home"})).collect();
    let mut phones: Vec<_> = phone.into_iter().map(|phone| json!({"value": phone, "type": "mobile"})).collect();
    if supply.rng.random_bool(0.3) {
        phones.push(json!({"value": dirt::written(&supply.phone(), 2), "type": "Chalet"}));
    }
    for (field, values) in [("emailAddresses", emails), ("phoneNumbers", phones)] {
        if !values.is_empty() {
            person.insert(field.into(), json!(values));
        }
    }
    add_extras(&mut person, supply);
    Value::Object(person)
}

/// What the user wrote down that no CRM has a field for, and what other apps left behind.
fn add_extras(person: &mut Map<String, Value>, supply: &mut Supply) {
    let (year, month, day) = supply.birthday();
    let year = if day % 4 == 0 { 0 } else { year };
    let note =
        pick(&mut supply.rng, &["Clé chez la voisine.", "Allergique aux noix 🥜", "Rencontré au tournoi\nde hockey"]);
    let number = supply.rng.random_range(1000..9999);
    let extras = [
        ("biographies", json!([{"value": note, "contentType": "TEXT_PLAIN"}])),
        ("birthdays", json!([{"date": {"year": year, "month": month, "day": day}}])),
        ("clientData", json!([{"key": "outlook-id", "value": format!("{number}-AAMk=")}])),
        ("nicknames", json!([{"value": "Ti-Guy"}])),
        ("relations", json!([{"person": "Marguerite", "type": "Belle-mère"}])),
        ("events", json!([{"date": {"year": 2015, "month": 6, "day": 20}, "type": "anniversary"}])),
        ("userDefined", json!([{"key": "Code d'entrée", "value": number.to_string()}])),
        ("organizations", json!([{"name": "École du Rang", "title": "Prof", "type": "work"}])),
        ("addresses", json!([{"streetAddress": "1 chemin du Chalet", "city": "Lac-Vert", "type": "Chalet"}])),
    ];
    for (field, value) in extras {
        if supply.rng.random_bool(0.2) {
            person.insert(field.into(), value);
        }
    }
}

fn membership(group: &str) -> Value {
    json!({"contactGroupMembership": {"contactGroupResourceName": group}})
}
