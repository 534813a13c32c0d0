//! A fingerprint of what a person in Google holds for its owner, so that two looks at it can be compared without keeping
//! anything of it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::stamp::stamps_of;
use crate::google::person::Person;

/// What changes without the owner's doing, at any depth: versions, and what Google derives.
const DERIVED: [&str; 8] = [
    "metadata",
    "etag",
    "resourceName",
    "displayName",
    "displayNameLastFirst",
    "canonicalForm",
    "formattedType",
    "formattedValue",
];

/// The fingerprint of a person that is not ours (72 bits, base64url); `None` for one that carries an unreleased stamp.
pub fn of_stranger(person: &Person) -> Option<String> {
    if stamps_of(person).iter().any(|stamp| !stamp.released) {
        return None;
    }
    let mut value = serde_json::to_value(person).ok()?;
    strip(&mut value);
    let digest = Sha256::digest(value.to_string().as_bytes());
    Some(URL_SAFE_NO_PAD.encode(&digest[..9]))
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !DERIVED.contains(&key.as_str()));
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => {
            list.iter_mut().for_each(strip);
            // Google promises no order.
            list.sort_by_cached_key(Value::to_string);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(value: Value) -> Person {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_fingerprint_sees_what_the_owner_sees_and_nothing_else() {
        let anne = |etag: &str, phone: &str, shown: &str| {
            of_stranger(&person(json!({
                "resourceName": "people/c1", "etag": etag,
                "names": [{"givenName": "Anne", "displayName": shown}],
                "phoneNumbers": [{"value": phone, "type": "work", "metadata": {"primary": true}}],
            })))
        };
        assert_eq!(anne("a", "1", "Anne"), anne("b", "1", "ANNE"), "only what Google keeps for itself differs");
        assert_ne!(anne("a", "1", "Anne"), anne("a", "2", "Anne"));
        let urls = |list: Value| of_stranger(&person(json!({ "urls": list })));
        assert_eq!(urls(json!([{"value": "a"}, {"value": "b"}])), urls(json!([{"value": "b"}, {"value": "a"}])));
        assert_eq!(anne("a", "1", "Anne").map(|print| print.len()), Some(12));
    }

    #[test]
    fn what_we_keep_in_step_has_none() {
        let stamped = |state: &str| {
            let stamp = format!("1;created;highlevel:loc/c1;op;{state};");
            of_stranger(&person(json!({"clientData": [{"key": "carnet", "value": stamp}]})))
        };
        assert_eq!(stamped("held"), None);
        assert!(stamped("released").is_some(), "what was let go of is its owner's alone");
    }
}
