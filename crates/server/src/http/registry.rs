//! The list of endpoints: what the router, the API document, the access matrix and the audit rule all read.

use super::handler::Handler;
use super::input::{Input, InputDoc};
use super::output::{Output, OutputDoc};
use super::pipeline::{self, Run};
use super::proof::{Access, Presence, Proof};
use http::Method;
use ostler_model::workload;
use schemars::SchemaGenerator;
use std::sync::Arc;

include!(concat!(env!("OUT_DIR"), "/docs.rs"));

/// One endpoint: everything that is known about it before a request comes.
#[derive(Clone)]
pub struct Endpoint {
    pub method: Method,
    /// With parameters in braces.
    pub path: String,
    pub noun: &'static str,
    /// The handler's function name, the second half of `workload.start`.
    pub verb: &'static str,
    /// The handler's full path, for tests that say what is missing.
    pub handler: &'static str,
    /// Who may.
    pub access: Access,
    /// Who has to be there.
    pub presence: Presence,
    /// The handler's doc comment. Empty when it has none, which a test refuses.
    pub docs: &'static str,
    /// Set when this is the same endpoint under a family's path: only workloads of this kind are there.
    pub family: Option<workload::Kind>,
    /// Describes parameters and body; also gives a sample.
    pub input: fn(&mut SchemaGenerator) -> InputDoc,
    /// Describes the good answer.
    pub output: fn(&mut SchemaGenerator) -> OutputDoc,
    /// Describes other good answers.
    pub others: fn(&mut SchemaGenerator) -> Vec<OutputDoc>,
    pub(super) run: Run,
}

impl Endpoint {
    /// Changes something: refused attempts are audited, and a cookie needs the CSRF header.
    pub fn is_mutation(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }
    /// Noun and verb, as audit and metrics spell it.
    pub fn action(&self) -> String {
        format!("{}.{}", self.noun, self.verb)
    }
    /// Names of the parameters in the path.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.method, self.path, self.handler)
    }
}

/// A room's endpoints.
#[derive(Debug, Default, Clone)]
pub struct Routes {
    noun: &'static str,
    endpoints: Vec<Endpoint>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<H: Handler<P, I, O>, P: Proof, I: Input, O: Output>(self, path: &str, handler: H) -> Self {
            self.add(Method::$method, path, handler)
        }
    )*};
}

impl Routes {
    /// The endpoints of a noun.
    pub fn new(noun: &'static str) -> Self {
        Self { noun, endpoints: Vec::new() }
    }

    methods! {
        /// Reads.
        get = GET;
        /// Creates or does.
        post = POST;
        /// Replaces.
        put = PUT;
        /// Changes what is named and leaves the rest.
        patch = PATCH;
        /// Removes.
        delete = DELETE;
    }

    fn add<H: Handler<P, I, O>, P: Proof, I: Input, O: Output>(
        mut self,
        method: Method,
        path: &str,
        handler: H,
    ) -> Self {
        let full = std::any::type_name_of_val(&handler);
        let (_, inside) = full.split_once("::").unwrap_or(("", full));
        let verb = inside.rsplit("::").next().unwrap_or(inside);
        let docs = DOCS.binary_search_by_key(&inside, |(name, _)| name).map_or("", |at| DOCS[at].1);
        self.endpoints.push(Endpoint {
            method,
            path: path.to_owned(),
            noun: self.noun,
            verb,
            handler: full,
            access: P::ACCESS,
            presence: P::PRESENCE,
            docs,
            family: None,
            input: I::describe,
            output: O::describe,
            others: O::others,
            run: Arc::new(move |call, request| Box::pin(pipeline::run(handler.clone(), call, request))),
        });
        self
    }

    /// The endpoints, in the order in which they were named.
    pub fn into_endpoints(self) -> Vec<Endpoint> {
        self.endpoints
    }
}

/// A second set of paths for the same endpoints, restricted to workloads of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub kind: workload::Kind,
    pub prefix: &'static str,
}

/// The families. Each path of `/api/v1/workloads` and below also exists under the prefix.
pub const FAMILIES: &[Family] = &[Family { kind: workload::Kind::Game, prefix: "/api/v1/game/servers" }];

/// The paths that families repeat.
pub const FAMILY_BASE: &str = "/api/v1/workloads";

/// Every endpoint of these rooms, and those of [`FAMILY_BASE`] once more for each family.
pub fn collect(rooms: Vec<Routes>) -> Vec<Endpoint> {
    let own: Vec<Endpoint> = rooms.into_iter().flat_map(Routes::into_endpoints).collect();
    let mut all = own.clone();
    for family in FAMILIES {
        for endpoint in &own {
            let Some(rest) = endpoint.path.strip_prefix(FAMILY_BASE) else { continue };
            if rest.is_empty() || rest.starts_with('/') {
                let path = format!("{}{rest}", family.prefix);
                all.push(Endpoint { path, family: Some(family.kind), ..endpoint.clone() });
            }
        }
    }
    all
}
