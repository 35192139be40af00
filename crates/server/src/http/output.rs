//! What handlers answer. Every output describes itself.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use ostler_wire::job::JobAccepted;
use ostler_wire::workload::WorkloadView;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use std::marker::PhantomData;

/// An answer as the API document shows it.
#[derive(Debug, Clone)]
pub struct OutputDoc {
    pub status: u16,
    pub says: &'static str,
    /// `None` for no body.
    pub content: Vec<(&'static str, Option<Schema>)>,
    pub has_location: bool,
    /// Why it may not be there yet, which is 409.
    pub unready: Option<&'static str>,
}

/// Something a handler answers.
pub trait Output: Send + 'static {
    /// The answer holds a secret that is shown once: it is not kept for requests with the same `Idempotency-Key`.
    const IS_SECRET: bool = false;
    /// For the API document.
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc;
    /// Other good answers, with statuses of their own.
    fn others(_: &mut SchemaGenerator) -> Vec<OutputDoc> {
        Vec::new()
    }
    /// The answer itself.
    fn respond(self) -> Response<Body>;
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                b"{\"error\":\"internal\",\"message\":\"\",\"request_id\":\"\"}".to_vec(),
            )
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn doc<T: JsonSchema>(generator: &mut SchemaGenerator, status: u16, says: &'static str) -> OutputDoc {
    let content = vec![("application/json", Some(generator.subschema_for::<T>()))];
    OutputDoc { status, says, content, has_location: false, unready: None }
}

/// 200 with a view.
#[derive(Debug, Clone)]
pub struct View<T>(pub T);

impl<T: Serialize + JsonSchema + Send + 'static> Output for View<T> {
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        doc::<T>(generator, 200, "Done; this is how it is now.")
    }
    fn respond(self) -> Response<Body> {
        json(StatusCode::OK, &self.0)
    }
}

/// 201 with a view of what was created.
#[derive(Debug, Clone)]
pub struct Created<T>(pub T);

impl<T: Serialize + JsonSchema + Send + 'static> Output for Created<T> {
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        doc::<T>(generator, 201, "Created.")
    }
    fn respond(self) -> Response<Body> {
        json(StatusCode::CREATED, &self.0)
    }
}

/// 201 with something that is shown once, such as a key's secret.
#[derive(Debug, Clone)]
pub struct Once<T>(pub T);

impl<T: Serialize + JsonSchema + Send + 'static> Output for Once<T> {
    const IS_SECRET: bool = true;
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        doc::<T>(generator, 201, "Created. The only answer that holds the secret.")
    }
    fn respond(self) -> Response<Body> {
        json(StatusCode::CREATED, &self.0)
    }
}

/// Where to look for what becomes of something that was accepted.
pub trait Located {
    /// A path of this API.
    fn location(&self) -> String;
}

impl Located for JobAccepted {
    fn location(&self) -> String {
        format!("/api/v1/jobs/{}", self.job_id)
    }
}

impl Located for WorkloadView {
    fn location(&self) -> String {
        format!("/api/v1/workloads/{}", self.id)
    }
}

/// 202 with `Location`: it was written down and will be done.
#[derive(Debug, Clone)]
pub struct Accepted<T>(pub T);

impl<T: Serialize + JsonSchema + Located + Send + 'static> Output for Accepted<T> {
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        let says = "Accepted: it will be done. Follow `Location` or the events.";
        OutputDoc { has_location: true, ..doc::<T>(generator, 202, says) }
    }
    fn respond(self) -> Response<Body> {
        let mut response = json(StatusCode::ACCEPTED, &self.0);
        if let Ok(location) = HeaderValue::from_str(&self.0.location()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// 204.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl Output for NoContent {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc {
            status: 204,
            says: "Done; there is nothing to say.",
            content: vec![],
            has_location: false,
            unready: None,
        }
    }
    fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }
}

/// Another output with more headers, for example a cookie.
#[derive(Debug, Clone)]
pub struct WithHeaders<O>(pub O, pub HeaderMap);

impl<O: Output> Output for WithHeaders<O> {
    const IS_SECRET: bool = true;
    fn describe(generator: &mut SchemaGenerator) -> OutputDoc {
        O::describe(generator)
    }
    fn others(generator: &mut SchemaGenerator) -> Vec<OutputDoc> {
        O::others(generator)
    }
    fn respond(self) -> Response<Body> {
        let mut response = self.0.respond();
        response.headers_mut().extend(self.1);
        response
    }
}

/// 200 with Server-Sent Events. The handler sets the content type itself.
#[derive(Debug)]
pub struct EventStream(pub Response<Body>);

impl Output for EventStream {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        let content = vec![("text/event-stream", None)];
        OutputDoc { status: 200, says: "A stream of Server-Sent Events.", content, has_location: false, unready: None }
    }
    fn respond(self) -> Response<Body> {
        self.0
    }
}

/// The media types that a file may have.
pub trait Media: Send + 'static {
    /// All of them.
    const TYPES: &'static [&'static str];
    /// Why it may not be there yet.
    const UNREADY: Option<&'static str> = None;
}

/// 200 with a file that is made while it is sent. The handler sets the content type itself, one of the media's.
#[derive(Debug)]
pub struct Download<M> {
    response: Response<Body>,
    of: PhantomData<fn() -> M>,
}

impl<M: Media> Download<M> {
    /// The file, with its headers.
    pub fn new(response: Response<Body>) -> Self {
        Self { response, of: PhantomData }
    }
}

impl<M: Media> Output for Download<M> {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        let content = M::TYPES.iter().map(|name| (*name, None)).collect();
        OutputDoc { status: 200, says: "The file, piece by piece.", content, has_location: false, unready: M::UNREADY }
    }
    fn respond(self) -> Response<Body> {
        self.response
    }
}

/// 101: the connection becomes something else, a WebSocket for example. The handler answers 426 itself when it may not.
#[derive(Debug)]
pub struct Upgrade(pub Response<Body>);

impl Output for Upgrade {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc {
            status: 101,
            says: "The connection is upgraded.",
            content: vec![],
            has_location: false,
            unready: None,
        }
    }
    fn respond(self) -> Response<Body> {
        self.0
    }
}

/// 200 with text that is not JSON.
#[derive(Debug)]
pub struct Text {
    pub content_type: &'static str,
    pub text: String,
}

impl Output for Text {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc {
            status: 200,
            says: "As text.",
            content: vec![("text/plain", None)],
            has_location: false,
            unready: None,
        }
    }
    fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.text));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        response
    }
}

/// 200 with JSON that is text already, for documents that are made once.
#[derive(Debug)]
pub struct JsonText(pub &'static str);

impl Output for JsonText {
    fn describe(_: &mut SchemaGenerator) -> OutputDoc {
        OutputDoc {
            status: 200,
            says: "As JSON.",
            content: vec![("application/json", None)],
            has_location: false,
            unready: None,
        }
    }
    fn respond(self) -> Response<Body> {
        // A megabyte that every reader shares.
        let mut response = Response::new(Body::from(bytes::Bytes::from_static(self.0.as_bytes())));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
