//! From a routed request to its answer: authentication, CSRF, rate, proof, input, handler, in this order and for every endpoint.

use super::call::{Arrival, Call, params};
use super::conn::TooSlow;
use super::error::{Error, Result};
use super::handler::Handler;
use super::idempotency;
use super::input::{BodyUse, Incoming, Input};
use super::json;
use super::output::Output;
use super::proof::{Access, Found, Proof};
use super::registry::Endpoint;
use crate::app::App;
use crate::limits;
use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};
use ostler_model::Millis;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// An endpoint as the router sees it.
pub type Run = Arc<dyn Fn(Call, Request) -> Running + Send + Sync>;
/// A request under way.
pub type Running = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Takes a request that the router has matched to this endpoint.
pub(super) async fn enter(app: App, endpoint: Arc<Endpoint>, mut request: Request) -> Response<Body> {
    let Some(arrival) = request.extensions().get::<Arrival>().cloned() else {
        // Only the front door leads here, and it leaves its note.
        return Error::Internal(anyhow::anyhow!("a request came past the front door")).respond(app.ids.next());
    };
    let params = match request.extract_parts::<RawPathParams>().await {
        Ok(raw) => params(&raw),
        Err(_) => return Error::NotFound.respond(arrival.request_id),
    };
    let in_query =
        matches!(endpoint.access, Access::Allowed { found: Found::InWorkspace | Found::PartlyInWorkspace, .. })
            && !params.iter().any(|(name, _)| &**name == "workspace");
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let workspace_query = if in_query {
        form_urlencoded::parse(query).find(|(name, _)| name == "workspace").map(|(_, value)| value.into_owned())
    } else {
        None
    };
    let run = endpoint.run.clone();
    let Arrival { request_id, origin, is_secure, worker, .. } = arrival;
    run(
        Call {
            app,
            endpoint,
            request_id,
            origin,
            is_secure,
            worker,
            params,
            workspace_query,
            bot: None,
            caller: None,
            cookie: None,
            standing: None,
            about: Arc::default(),
        },
        request,
    )
    .await
}

/// Runs one endpoint and turns whatever happens into an answer.
pub(super) async fn run<H, P, I, O>(handler: H, mut call: Call, request: Request) -> Response<Body>
where
    H: Handler<P, I, O>,
    P: Proof,
    I: Input,
    O: Output,
{
    let asks_who = (P::ACCESS == Access::NodeLink)
        .then(|| crate::fleet::signed(request.headers()).map(|signed| (signed, crate::fleet::way(request.headers()))))
        .flatten();
    let answer = attempt(handler, &mut call, request).await;
    let label = call.caller.as_ref().map(|caller| super::front::ActorLabel(caller.authority.actor.kind));
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => {
            crate::audit::note_refusal(&call, &error).await;
            let mut response = error.respond(call.request_id);
            // A node believes a refusal of its control plane only.
            if let Some((signed, saw)) = &asks_who {
                crate::node::prove(&call.app, signed, (*saw, None), response.headers_mut());
            }
            response
        }
    };
    if let Some(cookie) = call.cookie.take()
        && !response.headers().contains_key(http::header::SET_COOKIE)
    {
        response.headers_mut().extend(cookie);
    }
    if let Some(standing) = call.standing {
        standing.write(response.headers_mut());
    }
    response.extensions_mut().insert(super::front::Matched { endpoint: call.endpoint.clone() });
    if let Some(label) = label {
        response.extensions_mut().insert(label);
    }
    response
}

async fn attempt<H, P, I, O>(handler: H, call: &mut Call, request: Request) -> Result<Response<Body>>
where
    H: Handler<P, I, O>,
    P: Proof,
    I: Input,
    O: Output,
{
    let (parts, body) = request.into_parts();
    no_nul(call, &parts)?;
    if P::ACCESS != Access::Public {
        let (caller, by) = crate::auth::authenticate(call, &parts).await?;
        call.caller = Some(caller.clone());
        if by == crate::auth::By::Cookie && call.endpoint.is_mutation() {
            super::csrf::check(&call.app, &parts)?;
        }
        call.app.rates.actor(call)?;
        call.standing = call.app.rates.key(call);
        if let Some(retry_after) = call.standing.and_then(|standing| standing.retry_after) {
            return Err(Error::TooMany { retry_after });
        }
        crate::factor::gate(&call.endpoint, &caller.standing, call.app.clock.now())?;
    }
    let proof = Box::pin(P::prove(call)).await?;
    let mut incoming = collect(call, I::BODY, parts, body).await?;
    let asked = idempotency::Asked::of(&incoming);
    let key = idempotency::Held::begin(call, asked).await?;
    let key = match key {
        idempotency::Begin::Answered(response) => return Ok(response),
        idempotency::Begin::Go(key) => key,
    };
    let done = async {
        let input = I::read(&mut incoming)?;
        let work = Box::pin(handler.call(call.app.clone(), proof, input));
        let limit = if I::BODY == BodyUse::Raw { Millis::secs(24 * 3600) } else { limits::HANDLER_TIME };
        call.app.clock.timeout(limit, work).await.unwrap_or_else(|| {
            Err(Error::Unavailable {
                message: "this took too long and was given up; look at the present state before repeating it".into(),
                retry_after: Millis::secs(5),
            })
        })
    }
    .await;
    match (key, done) {
        (Some(key), done) => key.finish(done.map(Output::respond), O::IS_SECRET).await,
        (None, done) => done.map(Output::respond),
    }
}

/// Refuses U+0000 in path and query, for every endpoint and before anything looks at them: PostgreSQL cannot keep it, and
/// whatever else reads such a text ends there. Bodies are looked at when they are read.
fn no_nul(call: &Call, parts: &Parts) -> Result<()> {
    if let Some((name, _)) = call.params.iter().find(|(_, value)| value.contains('\0')) {
        return Err(Error::field(&**name, json::NUL));
    }
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        Some((name, _)) => Err(Error::field(name.replace('\0', ""), json::NUL)),
        None => Ok(()),
    }
}

/// Reads the body as far as the input wants it.
async fn collect(call: &Call, wanted: BodyUse, parts: Parts, body: Body) -> Result<Incoming> {
    let mut incoming = Incoming {
        parts,
        bytes: Bytes::new(),
        stream: None,
        family: call.endpoint.family,
        uses_workspace_query: call.workspace_query.is_some(),
    };
    if wanted == BodyUse::Raw {
        incoming.stream = Some(body);
        return Ok(incoming);
    }
    if wanted == BodyUse::None && !call.endpoint.is_mutation() {
        return Ok(incoming);
    }
    let limit = limits::BODY_BYTES;
    let declared = incoming.parts.headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit) {
        return Err(Error::TooLarge { limit });
    }
    if wanted == BodyUse::Json && !is_json(&incoming.parts) {
        return Err(Error::MediaType);
    }
    match call.app.clock.timeout(limits::BODY_TIME, Limited::new(body, limit).collect()).await {
        None => Err(Error::TooSlow),
        Some(Ok(collected)) => {
            incoming.bytes = collected.to_bytes();
            Ok(incoming)
        }
        Some(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Error::TooLarge { limit }),
        Some(Err(error)) if is_slow(&*error) => Err(Error::TooSlow),
        Some(Err(_)) => Err(Error::Malformed("the body ended too early".into())),
    }
}

fn is_slow(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<TooSlow>() || error.source().is_some_and(is_slow)
}

fn is_json(parts: &Parts) -> bool {
    let value = parts.headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
