//! The router, built from the list of endpoints.

use super::call::Arrival;
use super::error::Error;
use super::registry::Endpoint;
use super::{front, pipeline};
use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, Response};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

/// Everything that this server answers, as one service. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    app: App,
    router: Router,
}

/// Builds the service from a list of endpoints.
pub fn router(app: App, endpoints: &[Endpoint]) -> Front {
    let mut paths: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        paths.entry(&endpoint.path).or_default().push(endpoint);
    }
    let mut router = Router::new();
    for (path, endpoints) in paths {
        router = router.route(path, methods(&app, &endpoints));
    }
    let fallback_app = app.clone();
    let router = router.fallback(move |request: Request| elsewhere(fallback_app.clone(), request));
    // Streams of events must not wait in a compressor's buffer; archives and pictures gain nothing.
    let what = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    let router = router.layer(CompressionLayer::new().compress_when(what));
    Front { app, router }
}

fn methods(app: &App, endpoints: &[&Endpoint]) -> MethodRouter {
    let mut allowed: Vec<&str> = endpoints.iter().map(|e| e.method.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    let allowed: Arc<str> = allowed.join(", ").into();
    let mut methods = MethodRouter::new().fallback(move |request: Request| {
        let error = Error::Method(allowed.to_string());
        std::future::ready(refuse(&request, error))
    });
    for endpoint in endpoints {
        let (app, endpoint) = (app.clone(), Arc::new((*endpoint).clone()));
        let filter = filter(&endpoint.method);
        methods =
            methods.merge(on(filter, move |request: Request| pipeline::enter(app.clone(), endpoint.clone(), request)));
    }
    methods
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        // Routes has no other methods; HEAD goes with GET.
        _ => MethodFilter::GET,
    }
}

/// Paths that no endpoint has: the panel's, or nothing.
async fn elsewhere(app: App, request: Request) -> Response<Body> {
    match crate::panel::answer(&app, &request) {
        Some(response) => response,
        None => refuse(&request, Error::NotFound),
    }
}

fn refuse(request: &Request, error: Error) -> Response<Body> {
    match request.extensions().get::<Arrival>() {
        Some(arrival) => error.respond(arrival.request_id),
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = error.status();
            response
        }
    }
}

impl tower::Service<Request> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request) -> Self::Future {
        let Front { app, router } = self.clone();
        Box::pin(async move { Ok(front::handle(&app, &router, request).await) })
    }
}
