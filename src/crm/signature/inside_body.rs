//! One text inside a JSON body that is not believed yet: read without building the rest, so a hostile body costs no memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The text or number at a JSON pointer; `None` when there is none, or the body is no JSON.
pub(super) fn text_at(body: &[u8], pointer: &str) -> Option<String> {
    let steps: Vec<String> =
        pointer.strip_prefix('/')?.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = At(&steps).deserialize(&mut json).ok()?;
    json.end().ok()?;
    found
}

/// What is left of the way to the value.
struct At<'s>(&'s [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    fn arrived<E>(&self, value: impl ToString) -> Result<Option<String>, E> {
        Ok(self.0.is_empty().then(|| value.to_string()))
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                // Of a repeated key the last counts, as in every common parser.
                Some((step, rest)) if *step == key => found = map.next_value_seed(At(rest))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        if let Some((step, rest)) = self.0.split_first()
            && let Ok(index) = step.parse::<usize>()
        {
            for _ in 0..index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            let found = list.next_element_seed(At(rest))?.flatten();
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(found);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.arrived(text)
    }
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        self.arrived(number)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        self.arrived(number)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::text_at;

    #[test]
    fn a_text_or_number_is_found_and_nothing_else() {
        let body = br#"{"a":{"b/c":["x",{"t":"yes"},7]},"n":null,"a2":true,"t":"first","t":"last"}"#;
        for (pointer, found) in [
            ("/a/b~1c/1/t", Some("yes")),
            ("/a/b~1c/2", Some("7")),
            ("/t", Some("last")),
            ("/a/b~1c/9", None),
            ("/a", None),
            ("/n", None),
            ("/a2", None),
            ("", None),
            ("t", None),
        ] {
            assert_eq!(text_at(body, pointer).as_deref(), found, "{pointer}");
        }
        assert_eq!(text_at(br#"{"t":"x"} {"#, "/t"), None, "two values are no JSON body");
        assert_eq!(text_at(&[b'['; 100_000], "/0/0"), None, "depth costs nothing");
    }
}
