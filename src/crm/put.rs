//! Writing into JSON at a pointer, for samples and for what a scheme wants inside the body.

use serde_json::{Map, Value};

/// Puts `value` at a JSON pointer; objects on the way are made. `None` when something else than an object or an existing
/// list item is in the way, or `pointer` is none.
pub fn put(root: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let mut place = root;
    for step in pointer.strip_prefix('/')?.split('/') {
        let step = step.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(fields) => fields.entry(step).or_insert(Value::Null),
            Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    *place = value;
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_on_the_way_are_made_and_nothing_else_is_replaced() {
        let mut body = json!({ "a": { "b": 1 }, "l": [{}] });
        for (pointer, done) in
            [("/a/c", true), ("/x/y~1z", true), ("/l/0/d", true), ("/l/1/d", false), ("/a/b/c", false), ("a", false)]
        {
            assert_eq!(put(&mut body, pointer, json!("v")).is_some(), done, "{pointer}");
        }
        assert_eq!(body, json!({ "a": { "b": 1, "c": "v" }, "l": [{ "d": "v" }], "x": { "y/z": "v" } }));
    }
}
