//! The API document, OpenAPI 3.1, made from the list of endpoints.

use super::input::InputDoc;
use super::output::OutputDoc;
use super::proof::{Access, Found};
use super::registry::Endpoint;
use http::Method;
use ostler_wire::ErrorBody;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// The document as text, made once.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text =
            serde_json::to_string_pretty(&document(&crate::routes())).expect("a JSON value is always writable");
        text.push('\n');
        text
    })
}

/// The document of these endpoints.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let settings = |s: &mut SchemaSettings| s.definitions_path = "/components/schemas".into();
    let mut taken = SchemaSettings::draft2020_12().with(settings).for_deserialize().into_generator();
    let mut given = SchemaSettings::draft2020_12().with(settings).for_serialize().into_generator();
    let error = given.subschema_for::<ErrorBody>().to_value();
    let mut paths: Map<String, Value> = Map::new();
    let mut sorted: Vec<&Endpoint> = endpoints.iter().collect();
    sorted.sort_by_key(|e| (e.path.clone(), e.method.to_string()));
    for endpoint in sorted {
        let operation = operation(endpoint, &mut taken, &mut given, &error);
        let path = paths.entry(endpoint.path.clone()).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation;
    }
    // A type that is both taken and given has one schema where both agree; the taken one gets a name of its own otherwise.
    let (inputs, outputs) = (taken.take_definitions(true), given.take_definitions(true));
    let mut schemas = outputs;
    let mut renamed = Vec::new();
    for (name, schema) in inputs {
        match schemas.get(&name) {
            Some(same) if *same == schema => {}
            Some(_) => renamed.push((name, schema)),
            None => {
                schemas.insert(name, schema);
            }
        }
    }
    let names: Vec<String> = renamed.iter().map(|(name, _)| name.clone()).collect();
    for (name, schema) in renamed {
        schemas.insert(format!("{name}Input"), schema);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ostler",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One control plane for everything a team hosts.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "An API key, `ost_…`." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE,
                    "description": "A browser's session; `__Host-ostler_session` over TLS. Changes also need the header `X-Ostler-Csrf: 1`."
                },
                "node": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "A node's signature." },
                "bot": { "type": "apiKey", "in": "header", "name": "x-admin-bot-key", "description": "A bot's key." }
            }
        }
    });
    point_inputs_at_their_own(&mut document, &names);
    spell_out(&mut document);
    document
}

/// A schema for any value is written `{}`: it means the same as `true`, which some generators of clients cannot read.
fn spell_out(value: &mut Value) {
    let any = |schema: &mut Value| {
        if *schema == Value::Bool(true) {
            *schema = json!({});
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, below) in fields.iter_mut() {
                match (name.as_str(), below) {
                    ("properties" | "schemas" | "patternProperties" | "$defs", Value::Object(all)) => {
                        all.values_mut().for_each(any);
                    }
                    ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) => all.iter_mut().for_each(any),
                    ("schema" | "items" | "not", below) => any(below),
                    _ => {}
                }
            }
            fields.values_mut().for_each(spell_out);
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out),
        _ => {}
    }
}

/// Request bodies and renamed inputs refer to the renamed schemas.
fn point_inputs_at_their_own(document: &mut Value, names: &[String]) {
    if names.is_empty() {
        return;
    }
    if let Some(Value::Object(paths)) = document.get_mut("paths") {
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
            for part in ["requestBody", "parameters"] {
                if let Some(part) = operation.get_mut(part) {
                    rename(part, names);
                }
            }
        }
    }
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        for name in names {
            if let Some(schema) = schemas.get_mut(&format!("{name}Input")) {
                rename(schema, names);
            }
        }
    }
}

fn rename(value: &mut Value, names: &[String]) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && names.iter().any(|name| *reference == format!("#/components/schemas/{name}"))
            {
                reference.push_str("Input");
            }
            fields.values_mut().for_each(|value| rename(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

fn operation(endpoint: &Endpoint, taken: &mut SchemaGenerator, given: &mut SchemaGenerator, error: &Value) -> Value {
    let input = (endpoint.input)(taken);
    let mut outputs = vec![(endpoint.output)(given)];
    outputs.extend((endpoint.others)(given));
    let (summary, description) = endpoint.docs.split_once("\n\n").unwrap_or((endpoint.docs, ""));
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [endpoint.noun],
        "summary": summary.replace('\n', " "),
        "security": security(endpoint.access),
        "parameters": parameters(endpoint, &input),
        "responses": responses(endpoint, &input, &outputs, error),
    });
    let mut access = access_words(endpoint.access);
    if let Some(words) = endpoint.presence.words() {
        access = format!("{access} {words}");
    }
    operation["description"] = format!("{}\n\n{access}", description.trim()).trim().into();
    if let Some(body) = &input.body {
        let mut media = json!({ "schema": body });
        if let Some(sample) = &input.sample {
            media["example"] = sample.clone();
        }
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": media } });
    }
    operation
}

/// Unique, and made of what people call it.
fn operation_id(endpoint: &Endpoint) -> String {
    let mut id = format!("{}_{}", endpoint.noun, endpoint.verb);
    let in_workspace = endpoint.path.starts_with("/api/v1/workspaces/{workspace}/") && endpoint.noun != "member";
    if let Some(kind) = endpoint.family {
        id = format!(
            "{}_{id}",
            serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        );
    }
    if in_workspace {
        id.push_str("_in_workspace");
    }
    if !endpoint.path.starts_with("/api/") {
        id.push_str("_root");
    }
    if endpoint.path.ends_with("/docs-json") {
        id.push_str("_docs");
    }
    id
}

fn access_words(access: Access) -> String {
    match access {
        Access::Public => "Needs no credentials.".to_owned(),
        Access::SignedIn => "Needs credentials of a person or an API key.".to_owned(),
        Access::NodeLink => "For nodes: needs a node's signature.".to_owned(),
        Access::Bot => "For bots: needs a bot's key.".to_owned(),
        Access::Allowed { capability, .. } => format!("Needs the capability `{capability}`."),
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::SignedIn | Access::Allowed { .. } => json!([{ "key": [] }, { "session": [] }]),
        Access::NodeLink => json!([{ "node": [] }]),
        Access::Bot => json!([{ "bot": [] }]),
    }
}

fn parameters(endpoint: &Endpoint, input: &InputDoc) -> Vec<Value> {
    let mut all: Vec<Value> = endpoint
        .params()
        .map(|name| {
            let schema = json!({ "type": "string", "minLength": 1 });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    let finds_workspace =
        matches!(endpoint.access, Access::Allowed { found: Found::InWorkspace | Found::PartlyInWorkspace, .. });
    if finds_workspace && !endpoint.params().any(|name| name == "workspace") {
        all.push(json!({
            "name": "workspace", "in": "query", "schema": { "type": "string" },
            "description": "A workspace's id or short name; your first one when absent."
        }));
    }
    if let Some(query) = &input.query {
        let required = query.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for (name, schema) in query.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|s| s.remove("description"));
            without_null(&mut schema);
            let mut parameter = json!({
                "name": name, "in": "query", "required": required.contains(&Value::from(name.as_str())), "schema": schema
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            all.push(parameter);
        }
    }
    if endpoint.method == Method::POST || endpoint.method == Method::DELETE {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" },
            "description": "A repeated request with the same key gets the first one's answer and does nothing. Kept for a day."
        }));
    }
    all
}

/// A query cannot say `null`: an absent parameter is absent.
fn without_null(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".into(), only);
        }
    }
    fields.remove("default");
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&Value::from("null")));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            fields.remove("anyOf");
            fields.extend(only);
        }
    }
}

fn responses(endpoint: &Endpoint, input: &InputDoc, outputs: &[OutputDoc], error: &Value) -> Value {
    let mut all = Map::new();
    for output in outputs {
        let mut good = json!({ "description": output.says });
        for (media, schema) in &output.content {
            let schema = schema.as_ref().map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
            good["content"][*media] = schema;
        }
        if output.has_location {
            good["headers"] = json!({ "Location": { "schema": { "type": "string" } } });
        }
        all.insert(output.status.to_string(), good);
    }
    let unready = outputs.iter().filter_map(|output| Some((409, output.unready?)));
    for (status, says) in unready.chain(failures(endpoint, input)) {
        let answer = json!({ "description": says, "content": { "application/json": { "schema": error } } });
        all.entry(status.to_string()).or_insert(answer);
    }
    Value::Object(all)
}

/// Every way in which this endpoint can fail.
fn failures(endpoint: &Endpoint, input: &InputDoc) -> Vec<(u16, &'static str)> {
    let mut all = vec![
        (400, "The request cannot be read."),
        (404, "There is no such thing, or it is not yours to see."),
        (408, "The request came too slowly."),
        (422, "Some fields are wrong; each is named."),
        (429, "Too many requests; `Retry-After` says when to come back."),
        (500, "Our fault; the request id helps to find out."),
        (503, "The node or the database cannot now; `Retry-After` says when to come back."),
    ];
    if endpoint.access != Access::Public || endpoint.is_mutation() {
        all.push((401, "No credentials, or not valid ones."));
        all.push((403, "You may know of it, but not do this."));
    }
    // Paths that a secret opens: the secret works once, and not for ever.
    if endpoint.access == Access::Public && endpoint.params().any(|name| name == "token") {
        all.push((410, "It was there, and is over for good."));
        if !endpoint.is_mutation() {
            all.push((409, "It has been used."));
        }
    }
    if endpoint.is_mutation() {
        all.push((409, "Not in its present state."));
        all.push((413, "The body is too large."));
    }
    if input.body.is_some() {
        all.push((415, "The body is not JSON."));
    }
    if input.is_raw {
        all.push((403, "Not from this site, or not allowed."));
        all.push((409, "Not in its present state."));
        all.push((426, "This path wants an upgrade of the connection."));
    }
    all.sort_unstable_by_key(|(status, _)| *status);
    all
}
