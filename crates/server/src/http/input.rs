//! What handlers take: bodies, queries, or the raw request. Every input describes itself.

use super::call::Call;
use super::error::{Error, Result};
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::request::Parts;
use ostler_model::workload;
use ostler_wire::Sample;
use ostler_wire::error::FieldError;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What becomes of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyUse {
    /// There is none.
    None,
    /// Read whole, as JSON.
    Json,
    /// The handler reads it itself.
    Raw,
}

/// An input as the API document shows it.
#[derive(Debug, Clone, Default)]
pub struct InputDoc {
    /// An object schema whose properties are the query's parameters.
    pub query: Option<Schema>,
    /// The body's schema.
    pub body: Option<Schema>,
    /// A valid body.
    pub sample: Option<Value>,
    /// The request becomes something else (a WebSocket, a stream) or has a body of another type.
    pub is_raw: bool,
}

/// A request whose proof has been given.
pub struct Incoming {
    pub parts: Parts,
    /// The whole body, when it is read here.
    pub bytes: Bytes,
    /// The body, when the handler reads it.
    pub stream: Option<Body>,
    pub family: Option<workload::Kind>,
    /// The proof has used `?workspace=`.
    pub uses_workspace_query: bool,
}

impl Incoming {
    /// The request's id, address and so on as the front door saw them.
    pub fn call_family(call: &Call) -> Option<workload::Kind> {
        call.endpoint.family
    }
}

/// Something a handler takes.
pub trait Input: Sized + Send + 'static {
    /// What becomes of the body.
    const BODY: BodyUse;
    /// For the API document and for tests.
    fn describe(generator: &mut SchemaGenerator) -> InputDoc;
    /// Reads it.
    fn read(from: &mut Incoming) -> Result<Self>;
}

/// Nothing. A body, if any, must be empty or `{}`; a query is refused.
impl Input for () {
    const BODY: BodyUse = BodyUse::None;
    fn describe(_: &mut SchemaGenerator) -> InputDoc {
        InputDoc::default()
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        no_body(&from.bytes)?;
        let Query(NoQuery {}) = Query::read(from)?;
        Ok(())
    }
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoQuery {}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Sample + Send + 'static> Input for Json<T> {
    const BODY: BodyUse = BodyUse::Json;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        InputDoc { body: Some(generator.subschema_for::<T>()), sample: Some(T::sample()), ..InputDoc::default() }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let NoQuery {} = from_query(from.parts.uri.query().unwrap_or_default(), from.uses_workspace_query)?;
        from_json(&from.bytes).map(Json)
    }
}

/// Parameters of the query.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for Query<T> {
    const BODY: BodyUse = BodyUse::None;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        // Inlined, because parameters are listed one by one.
        InputDoc { query: Some(T::json_schema(generator)), ..InputDoc::default() }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        no_body(&from.bytes)?;
        from_query(from.parts.uri.query().unwrap_or_default(), from.uses_workspace_query).map(Query)
    }
}

/// Both.
impl<T, U> Input for (Query<T>, Json<U>)
where
    T: DeserializeOwned + JsonSchema + Send + 'static,
    U: DeserializeOwned + JsonSchema + Sample + Send + 'static,
{
    const BODY: BodyUse = BodyUse::Json;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        InputDoc { query: Query::<T>::describe(generator).query, ..Json::<U>::describe(generator) }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let query = from_query(from.parts.uri.query().unwrap_or_default(), from.uses_workspace_query)?;
        Ok((Query(query), Json(from_json(&from.bytes)?)))
    }
}

/// The kind of workload that the path's family is for (`/api/v1/game/servers`), together with an input.
#[derive(Debug, Clone)]
pub struct InFamily<I> {
    pub kind: Option<workload::Kind>,
    pub input: I,
}

impl<I: Input> Input for InFamily<I> {
    const BODY: BodyUse = I::BODY;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        I::describe(generator)
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        Ok(Self { kind: from.family, input: I::read(from)? })
    }
}

/// The request itself, for upgrades and streams.
#[derive(Debug)]
pub struct Raw(pub Request);

impl Input for Raw {
    const BODY: BodyUse = BodyUse::Raw;
    fn describe(_: &mut SchemaGenerator) -> InputDoc {
        InputDoc { is_raw: true, ..InputDoc::default() }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        Ok(Raw(Request::from_parts(from.parts.clone(), from.stream.take().unwrap_or_default())))
    }
}

/// Parameters of the query, and the request itself.
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for (Query<T>, Raw) {
    const BODY: BodyUse = BodyUse::Raw;
    fn describe(generator: &mut SchemaGenerator) -> InputDoc {
        InputDoc { is_raw: true, ..Query::<T>::describe(generator) }
    }
    fn read(from: &mut Incoming) -> Result<Self> {
        let query = from_query(from.parts.uri.query().unwrap_or_default(), from.uses_workspace_query)?;
        Ok((Query(query), Raw::read(from)?))
    }
}

fn no_body(bytes: &[u8]) -> Result<()> {
    match bytes.trim_ascii() {
        b"" | b"{}" => Ok(()),
        _ => Err(Error::field("", "this takes no body")),
    }
}

/// Reads JSON: 400 when it is none, 422 with the field's path when it is not what is wanted.
pub fn from_json<T: DeserializeOwned + JsonSchema>(bytes: &[u8]) -> Result<T> {
    // Twice, because only what is JSON at all can have wrong fields.
    let value = any_json(bytes)?;
    let broken = super::constraint::check::<T>(&value);
    match serde_path_to_error::deserialize(value) {
        Ok(_) if !broken.is_empty() => Err(Error::Invalid(broken)),
        Ok(read) => Ok(read),
        Err(error) => Err(Error::Invalid(vec![wrong(error.path().to_string(), &error.inner().to_string())])),
    }
}

/// Reads any JSON that means one thing: 422 for members that are given twice, and for U+0000.
pub(crate) fn any_json(bytes: &[u8]) -> Result<Value> {
    let read = super::json::read(bytes).map_err(|e| Error::Malformed(format!("the body is not JSON: {e}")))?;
    match read {
        (value, strange) if strange.is_empty() => Ok(value),
        (_, strange) => Err(Error::Invalid(strange)),
    }
}

/// Reads a query. Each parameter may occur once.
pub fn from_query<T: DeserializeOwned + JsonSchema>(query: &str, without_workspace: bool) -> Result<T> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if without_workspace && name == "workspace" {
            continue;
        }
        if pairs.iter().any(|(n, _)| *n == name) {
            return Err(Error::field(name, "may occur only once"));
        }
        pairs.push((name.into_owned(), value.into_owned()));
    }
    let broken = super::constraint::check_query::<T>(&pairs);
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let parser = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    match serde_path_to_error::deserialize(parser) {
        Ok(_) if !broken.is_empty() => Err(Error::Invalid(broken)),
        Ok(read) => Ok(read),
        Err(error) => Err(Error::Invalid(vec![wrong(error.path().to_string(), &error.inner().to_string())])),
    }
}

/// Names the field in the way people know it: a field that is unknown or missing is the one to look at, not its parent.
fn wrong(path: String, message: &str) -> FieldError {
    let path = if path == "." { String::new() } else { path };
    // Positions in the text mean nothing to somebody who sent an object.
    let message = message.split(" at line ").next().unwrap_or(message).to_owned();
    for (start, is_in_path) in [("unknown field `", false), ("missing field `", true)] {
        if let Some(name) = message.strip_prefix(start).and_then(|rest| rest.split('`').next()) {
            let is_there = path == name || path.ends_with(&format!(".{name}"));
            let field = match (path.as_str(), is_there && !is_in_path) {
                ("", _) => name.to_owned(),
                (_, true) => path.clone(),
                (parent, false) => format!("{parent}.{name}"),
            };
            return FieldError { field, message };
        }
    }
    FieldError { field: path, message }
}
