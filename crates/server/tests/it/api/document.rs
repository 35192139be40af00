//! The API document, and what must hold for every endpoint.

use ostler_server::http::{Endpoint, FAMILIES, FAMILY_BASE};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn every_endpoint_is_documented() {
    let bare: Vec<String> =
        ostler_server::routes().iter().filter(|e| e.docs.trim().is_empty()).map(|e| format!("{e:?}")).collect();
    assert!(bare.is_empty(), "give these handlers a doc comment: {bare:#?}");
}

#[test]
fn operations_have_names_of_their_own_and_references_lead_somewhere() {
    let document: Value = serde_json::from_str(&ostler_server::openapi_json()).unwrap();
    let mut names = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} is used twice");
        }
    }
    let mut lost = Vec::new();
    references(&document, &mut |reference| {
        let pointer = reference.strip_prefix('#').expect("a reference inside the document");
        if document.pointer(pointer).is_none() {
            lost.push(reference.to_owned());
        }
    });
    assert!(lost.is_empty(), "{lost:?}");
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found(reference);
            }
            fields.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
    let made = ostler_server::openapi_json();
    if std::env::var_os("OSTLER_GENERATE").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(made == kept, "docs/reference/openapi.json is stale; run `cargo xtask generate`");
}

#[test]
fn families_are_the_same_endpoints_under_another_path() {
    let all = ostler_server::routes();
    let below = |prefix: &str| -> BTreeSet<String> {
        let told = |e: &Endpoint| {
            let rest = e.path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some(format!("{} {rest} {} {:?}", e.method, e.handler, e.access))
        };
        all.iter().filter_map(told).collect()
    };
    assert!(!below(FAMILY_BASE).is_empty());
    for family in FAMILIES {
        assert_eq!(below(FAMILY_BASE), below(family.prefix));
    }
}

#[test]
fn only_reading_has_get_and_reading_has_nothing_else() {
    use ostler_model::authz::VerbKind;
    use ostler_server::http::Access;
    for endpoint in ostler_server::routes() {
        if let Access::Allowed { capability, .. } = endpoint.access
            && endpoint.is_mutation()
        {
            assert_ne!(capability.verb, VerbKind::Read, "{endpoint:?} changes something and asks only for reading");
        }
    }
}

#[test]
fn every_list_is_read_in_pages() {
    let document: Value = serde_json::from_str(&ostler_server::openapi_json()).unwrap();
    let mut found = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let get = &operations["get"];
        let mut answer = &get["responses"]["200"]["content"]["application/json"]["schema"];
        if let Some(name) = answer["$ref"].as_str() {
            answer = document.pointer(name.trim_start_matches('#')).unwrap();
        }
        if answer["properties"]["next_cursor"].is_null() {
            continue;
        }
        found += 1;
        let all = get["parameters"].as_array().into_iter().flatten();
        let names: Vec<&str> = all.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert!(names.contains(&"limit") && names.contains(&"cursor"), "{path} is a list and takes only {names:?}");
    }
    assert!(found > 8, "only {found} lists were found");
}
