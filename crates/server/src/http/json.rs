//! Reading JSON that strangers send: what is allowed by the letter and means two things, or nothing, is found on the way.

use ostler_wire::error::FieldError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Some programs begin a text with it; RFC 8259 lets a reader overlook it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Findings that are told; more help nobody.
const TOLD: usize = 20;

/// The value, and the members that are wrong whatever is wanted: given twice, or with the character U+0000 in them.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<FieldError>), serde_json::Error> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut found = Vec::new();
    let mut from = serde_json::Deserializer::from_slice(text);
    let value = Part { path: String::new(), found: &mut found }.deserialize(&mut from)?;
    from.end()?;
    Ok((value, found))
}

/// The message for text that no database and no program keeps whole.
pub(super) const NUL: &str = "must not contain the character U+0000";

/// One value and where it stands.
struct Part<'a> {
    path: String,
    found: &'a mut Vec<FieldError>,
}

impl Part<'_> {
    fn say(&mut self, field: String, message: &str) {
        if self.found.len() < TOLD {
            self.found.push(FieldError { field, message: message.to_owned() });
        }
    }
    fn below(&mut self, path: String) -> Part<'_> {
        Part { path, found: self.found }
    }
    fn text(&mut self, text: String) -> Value {
        if text.contains('\0') {
            self.say(self.path.clone(), NUL);
        }
        Value::String(text)
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, is: bool) -> Result<Value, E> {
        Ok(Value::Bool(is))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E: Error>(mut self, text: &str) -> Result<Value, E> {
        Ok(self.text(text.to_owned()))
    }
    fn visit_string<E: Error>(mut self, text: String) -> Result<Value, E> {
        Ok(self.text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, all.len());
            match items.next_element_seed(self.below(path))? {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = if self.path.is_empty() { name.clone() } else { format!("{}.{name}", self.path) };
            if name.contains('\0') {
                self.say(self.path.clone(), NUL);
            }
            let value = members.next_value_seed(self.below(path.clone()))?;
            if all.insert(name, value).is_some() {
                self.say(path, "is given twice");
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        let (_, found) = read(text.as_bytes()).unwrap();
        found.into_iter().map(|found| (found.field, found.message)).collect()
    }

    #[test]
    fn s24_a_member_given_twice_is_found_wherever_it_is() {
        for (text, field) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":{"b":1,"c":2,"b":3}}"#, "a.b"),
            (r#"{"list":[{"x":1},{"x":1,"x":2}]}"#, "list[1].x"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
        ] {
            assert_eq!(found(text), [(field.to_owned(), "is given twice".to_owned())], "{text}");
        }
        assert_eq!(found(r#"{"a":{"x":1},"b":{"x":1},"c":[1,1]}"#), []);
    }

    #[test]
    fn f16_nul_is_found_wherever_it_is() {
        for (text, field) in [
            (r#"{"a":"x\u0000"}"#, "a"),
            (r#"{"a":["",{"b":"\u0000"}]}"#, "a[1].b"),
            (r#"{"a":{"b\u0000":1}}"#, "a"),
            (r#""\u0000""#, ""),
        ] {
            assert_eq!(found(text), [(field.to_owned(), NUL.to_owned())], "{text}");
        }
    }

    #[test]
    fn f32_a_byte_order_mark_is_overlooked_and_what_is_no_json_is_not() {
        let value = serde_json::json!({"a": [1, -2, 1.5, true, null, "ä"]});
        assert_eq!(read(format!("\u{feff}{value}").as_bytes()).unwrap(), (value, vec![]));
        for wrong in ["", "\u{feff}", "\u{feff}\u{feff}{}", "{} {}", "{", "[1,]", "nul", "\u{1}"] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(read("[".repeat(100_000).as_bytes()).is_err(), "nesting is bounded");
    }

    #[test]
    fn a_flood_of_findings_is_cut() {
        let text = format!("[{}\"\"]", "\"\\u0000\",".repeat(1000));
        assert_eq!(found(&text).len(), TOLD);
    }
}
