//! Whether the user's own contacts are as they left them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    Evidence, PersonalChange,
    text::{all_names, has_label, items, resource},
};

/// What changes with every write or read without the user seeing it.
const VOLATILE: [&str; 3] = ["resourceName", "etag", "metadata"];

/// What Google derives from the rest of an item.
const DERIVED: [&str; 8] = [
    "metadata",
    "displayName",
    "displayNameLastFirst",
    "unstructuredName",
    "canonicalForm",
    "formattedType",
    "formattedValue",
    "contactGroupId",
];

/// Every loss. A contact that was adopted (it has the label, or a new `clientData` entry) may have gained values but
/// must have kept each one; any other must be equal, field by field.
pub(super) fn changes(evidence: &Evidence<'_>, group: Option<&str>) -> Vec<PersonalChange> {
    let own = evidence.before.iter().filter(|before| !has_label(before, group));
    let own = own.filter(|before| !evidence.edited.contains(resource(before)));
    let after: HashMap<_, _> = evidence.google.iter().flat_map(|p| all_names(p).map(move |name| (name, p))).collect();
    let mut changes = Vec::new();
    for before in own {
        let fields = match after.get(resource(before)) {
            None => vec!["deleted".to_owned()],
            Some(after) if is_adopted(before, after, group) => losses(before, after),
            Some(after) => differences(before, after),
        };
        let resource = resource(before);
        changes.extend(fields.into_iter().map(|field| PersonalChange { resource: resource.to_owned(), field }));
    }
    changes
}

fn is_adopted(before: &Value, after: &Value, group: Option<&str>) -> bool {
    let old: Vec<_> = items(before, "clientData").map(bare).collect();
    has_label(after, group) || items(after, "clientData").any(|entry| !old.contains(&bare(entry)))
}

fn fields(person: &Value) -> impl Iterator<Item = (&String, &Value)> {
    person.as_object().into_iter().flatten().filter(|(field, _)| !VOLATILE.contains(&field.as_str()))
}

fn differences(before: &Value, after: &Value) -> Vec<String> {
    let changed = fields(before).filter(|(field, value)| after.get(field.as_str()) != Some(value));
    let gained = fields(after).filter(|(field, _)| before.get(field.as_str()).is_none());
    changed.chain(gained).map(|(field, _)| field.clone()).collect()
}

fn losses(before: &Value, after: &Value) -> Vec<String> {
    let lost = |(field, value): &(&String, &Value)| match value {
        Value::Array(items) => !all_kept(items, after[field.as_str()].as_array().map_or(&[], Vec::as_slice)),
        value => after.get(field.as_str()) != Some(value),
    };
    fields(before).filter(lost).map(|(field, _)| field.clone()).collect()
}

/// Each item is still there, perhaps with blanks filled. Equal ones are paired first, so that an item that grew cannot
/// take the place of one that is gone.
fn all_kept(before: &[Value], after: &[Value]) -> bool {
    let mut left: Vec<_> = after.iter().map(bare).collect();
    let mut changed = Vec::new();
    for item in before.iter().map(bare) {
        match left.iter().position(|other| *other == item) {
            Some(at) => drop(left.swap_remove(at)),
            None => changed.push(item),
        }
    }
    changed.iter().all(|item| {
        let grown = left
            .iter()
            .position(|other| item.iter().all(|(key, value)| is_blank(value) || other.get(key) == Some(value)));
        grown.map(|at| left.swap_remove(at)).is_some()
    })
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// An item without what Google derives.
fn bare(item: &Value) -> Map<String, Value> {
    let mut bare = item.as_object().cloned().unwrap_or_default();
    bare.retain(|key, _| !DERIVED.contains(&key.as_str()));
    if let Some(Value::Object(membership)) = bare.get_mut("contactGroupMembership") {
        membership.retain(|key, _| !DERIVED.contains(&key.as_str()));
    }
    bare
}
