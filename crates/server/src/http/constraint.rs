//! Holds inputs to the bounds that their schemas promise: lengths, ranges, numbers of items.
//!
//! serde reads types and refuses unknown fields; it knows nothing of bounds. Checking them from the schema itself means that
//! the API document cannot promise a bound that is not kept.

use ostler_wire::error::FieldError;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Which bounds of the type's schema the value breaks.
pub fn check<T: JsonSchema>(value: &Value) -> Vec<FieldError> {
    let root = schema::<T>();
    let mut broken = Vec::new();
    Checker { root: &root, broken: &mut broken }.look(&root, value, "");
    broken
}

/// The same for a query's parameters.
pub fn check_query<T: JsonSchema>(pairs: &[(String, String)]) -> Vec<FieldError> {
    let root = schema::<T>();
    let mut broken = Vec::new();
    for (name, text) in pairs {
        let Some(property) = root.get("properties").and_then(|p| p.get(name)) else { continue };
        let number = text.parse::<i64>().map_or(Value::Null, Value::from);
        for value in [Value::String(text.clone()), number] {
            Checker { root: &root, broken: &mut broken }.look(property, &value, name);
        }
    }
    broken
}

/// Schemas are made once per type. The key is the schema's own name, which schemars keeps unique.
fn schema<T: JsonSchema>() -> Arc<Value> {
    static MADE: OnceLock<RwLock<HashMap<String, Arc<Value>>>> = OnceLock::new();
    let made = MADE.get_or_init(RwLock::default);
    let key = T::schema_id();
    if let Some(found) = made.read().unwrap_or_else(PoisonError::into_inner).get(&*key) {
        return found.clone();
    }
    let schema = SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>();
    let schema = Arc::new(schema.to_value());
    made.write().unwrap_or_else(PoisonError::into_inner).insert(key.into_owned(), schema.clone());
    schema
}

struct Checker<'a> {
    root: &'a Value,
    broken: &'a mut Vec<FieldError>,
}

impl Checker<'_> {
    fn look(&mut self, schema: &Value, value: &Value, path: &str) {
        let Value::Object(schema) = schema else { return };
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let root = self.root;
            if let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                self.look(target, value, path);
            }
        }
        // `Option<T>` is the only choice that inputs have; a choice between shapes is serde's to make.
        if let Some(Value::Array(choices)) = schema.get("anyOf") {
            let some: Vec<&Value> = choices.iter().filter(|c| c.get("type") != Some(&Value::from("null"))).collect();
            if let ([only], false) = (some.as_slice(), value.is_null()) {
                self.look(only, value, path);
            }
        }
        match value {
            Value::String(text) => self.string(schema, text, path),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or_default(), path),
            Value::Array(items) => self.array(schema, items, path),
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn say(&mut self, path: &str, message: String) {
        self.broken.push(FieldError { field: path.to_owned(), message });
    }

    fn string(&mut self, schema: &Map<String, Value>, text: &str, path: &str) {
        let count = text.chars().count() as u64;
        if let Some(least) = bound(schema, "minLength").filter(|least| count < *least) {
            self.say(path, format!("must have at least {least} characters"));
        }
        if let Some(most) = bound(schema, "maxLength").filter(|most| count > *most) {
            self.say(path, format!("must have at most {most} characters"));
        }
    }

    fn number(&mut self, schema: &Map<String, Value>, number: f64, path: &str) {
        if let Some(least) = schema.get("minimum").and_then(Value::as_f64).filter(|least| number < *least) {
            self.say(path, format!("must be at least {least}"));
        }
        if let Some(most) = schema.get("maximum").and_then(Value::as_f64).filter(|most| number > *most) {
            self.say(path, format!("must be at most {most}"));
        }
    }

    fn array(&mut self, schema: &Map<String, Value>, items: &[Value], path: &str) {
        let count = items.len() as u64;
        if let Some(least) = bound(schema, "minItems").filter(|least| count < *least) {
            self.say(path, format!("must have at least {least} items"));
        }
        if let Some(most) = bound(schema, "maxItems").filter(|most| count > *most) {
            self.say(path, format!("must have at most {most} items"));
        }
        if let Some(each) = schema.get("items") {
            for (at, item) in items.iter().enumerate() {
                self.look(each, item, &format!("{path}[{at}]"));
            }
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, fields: &Map<String, Value>, path: &str) {
        for (name, value) in fields {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let property = schema.get("properties").and_then(|p| p.get(name));
            if let Some(property) = property.or_else(|| schema.get("additionalProperties")) {
                self.look(property, value, &below);
            }
        }
    }
}

fn bound(schema: &Map<String, Value>, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}
