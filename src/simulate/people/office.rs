//! The brokerage around the contacts: its users and its custom fields.

use serde_json::{Value, json};

/// User ids; the last one has left.
pub(super) const OWNERS: [&str; 4] =
    ["u5erAmelieRoy0000001", "u5erMarcCote00000002", "u5erJaneFraser000003", "u5erPartiDepuis00004"];

/// The CRM's users in the shape of `GET /users/{id}`; the last one has been deleted.
pub(super) fn owners() -> Vec<Value> {
    let names = [("Amélie", "Roy"), ("Marc", "Côté"), ("Jane", "Fraser"), ("Parti", "Depuis")];
    let user = |(n, (id, (first, last))): (usize, (&str, (&str, &str)))| {
        json!({"id": id, "name": format!("{first} {last}"), "firstName": first, "lastName": last,
            "email": format!("courtier{n}@courtage.example"), "deleted": n == 3, "roles": {"type": "account", "role": "user"}})
    };
    OWNERS.into_iter().zip(names).enumerate().map(user).collect()
}

/// Definitions in the shape of `GET /locations/{id}/customFields`.
pub(super) fn custom_fields() -> Vec<Value> {
    let field = |id: &str, name: &str, key: &str, kind: &str| {
        json!({"id": id, "name": name, "model": "contact", "fieldKey": format!("contact.{key}"), "dataType": kind,
            "placeholder": "", "position": 50, "documentType": "field", "standard": false})
    };
    vec![
        field("cf0Budget00000000001", "Budget range", "budget_range", "TEXT"),
        field("cf0Pieces00000000002", "Nombre de pièces", "nombre_de_pices", "NUMERICAL"),
        field("cf0Secteurs000000003", "Secteurs", "secteurs", "MULTIPLE_OPTIONS"),
        field("cf0Mandat00000000004", "Mandat", "mandat", "FILE_UPLOAD"),
        field("cf0Anniv000000000005", "Anniversaire d'achat", "anniversaire_dachat", "DATE"),
    ]
}
