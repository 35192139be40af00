//! `Idempotency-Key`: a repeated POST or DELETE with the same key and body gets the first one's answer and does nothing.

use super::call::Call;
use super::error::{Error, Result};
use super::input::Incoming;
use crate::app::App;
use crate::limits;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use ostler_model::Millis;
use ostler_store::idempotency::Begun;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// The header.
pub const HEADER: &str = "idempotency-key";
/// Says that an answer is a repeated one.
const REPLAYED: &str = "idempotency-replayed";
/// The first request with the key is waited for this long.
const WAIT: Millis = Millis::secs(10);
const LOOK: Millis = Millis(100);

/// A key that this request has taken.
pub struct Held {
    app: App,
    actor: String,
    key: String,
    is_finished: bool,
}

/// A key as the request has it, and what makes the request the same as another.
pub struct Asked {
    key: HeaderValue,
    digest: String,
}

impl Asked {
    /// The request's key, when it has one and its body was read.
    pub fn of(incoming: &Incoming) -> Option<Self> {
        let key = incoming.parts.headers.get(HEADER).filter(|_| incoming.stream.is_none())?.clone();
        Some(Self { key, digest: digest(incoming) })
    }
}

/// What to do with a request.
pub enum Begin {
    /// It has been answered before.
    Answered(Response<Body>),
    /// Do it; with the key, when there is one.
    Go(Option<Held>),
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
    /// The body held a secret and is not kept.
    #[serde(default)]
    is_withheld: bool,
}

impl Held {
    /// Takes the request's key, if it has one.
    pub async fn begin(call: &Call, asked: Option<Asked>) -> Result<Begin> {
        let Some(Asked { key, digest }) = asked else { return Ok(Begin::Go(None)) };
        let counts = matches!(call.endpoint.method, Method::POST | Method::DELETE);
        let Some(caller) = call.caller.as_ref().filter(|_| counts) else { return Ok(Begin::Go(None)) };
        let key = key.to_str().ok().filter(|k| (1..=limits::IDEMPOTENCY_KEY_CHARS).contains(&k.len()));
        let key = key.ok_or_else(|| Error::field("Idempotency-Key", "1 to 200 visible characters"))?;
        let actor = caller.authority.actor.kind.id().unwrap_or_default();
        let app = &call.app;
        let deadline = app.clock.now() + WAIT;
        loop {
            let now = app.clock.now();
            let begun = app.store.idempotency_begin(&actor, key, &digest, now + limits::IDEMPOTENCY_KEPT, now).await?;
            match begun {
                Begun::New => {
                    let held = Held { app: app.clone(), actor, key: key.to_owned(), is_finished: false };
                    return Ok(Begin::Go(Some(held)));
                }
                Begun::Done { status, body } => return replay(status, &body).map(Begin::Answered),
                Begun::Different => {
                    let message = "this Idempotency-Key was used for a different request";
                    return Err(Error::conflict("idempotency_key_reused", message));
                }
                Begun::UnderWay if now >= deadline => {
                    let message = "the first request with this Idempotency-Key is still under way";
                    return Err(Error::conflict("idempotency_under_way", message));
                }
                Begun::UnderWay => app.clock.sleep(LOOK).await,
            }
        }
    }

    /// Keeps the answer, or lets go of the key when nothing was done.
    pub async fn finish(mut self, done: Result<Response<Body>>, is_secret: bool) -> Result<Response<Body>> {
        let response = match done {
            Ok(response) => response,
            Err(error) => {
                self.abandon().await;
                return Err(error);
            }
        };
        let (parts, body) = response.into_parts();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            self.abandon().await;
            return Err(Error::Internal(anyhow::anyhow!("an answer could not be read back")));
        };
        let keeps = !is_secret && body.len() <= limits::IDEMPOTENCY_BYTES;
        let text = if keeps { String::from_utf8_lossy(&body).into_owned() } else { String::new() };
        let headers = [header::CONTENT_TYPE, header::LOCATION, header::CACHE_CONTROL];
        let headers = headers
            .iter()
            .filter_map(|name| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned())))
            .collect();
        let kept = Kept { headers, body: text, is_withheld: !keeps };
        let kept = serde_json::to_string(&kept).map_err(|e| Error::Internal(e.into()))?;
        let (store, now) = (&self.app.store, self.app.clock.now());
        // The work is done. That its answer could not be kept is no reason to tell the caller that it failed.
        if let Err(error) = store.idempotency_finish(&self.actor, &self.key, parts.status.as_u16(), &kept, now).await {
            tracing::warn!(%error, "the answer for an Idempotency-Key could not be kept");
        }
        self.is_finished = true;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn abandon(&mut self) {
        self.is_finished = true;
        let done = self.app.store.idempotency_abandon(&self.actor, &self.key, self.app.clock.now()).await;
        if let Err(error) = done {
            tracing::warn!(%error, "an Idempotency-Key could not be released; it frees itself after a day");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // The caller hung up in the middle. Whether the work was done is not known, and a key that stays taken would refuse
        // an honest repetition for a day; what the work itself guards (names, states) still holds.
        let (app, actor, key) = (self.app.clone(), self.actor.clone(), self.key.clone());
        self.app.spawn.spawn("http.idempotency", async move {
            let _ = app.store.idempotency_abandon(&actor, &key, app.clock.now()).await;
        });
    }
}

fn replay(status: u16, kept: &str) -> Result<Response<Body>> {
    let kept: Kept = serde_json::from_str(kept).map_err(|e| Error::Internal(e.into()))?;
    if kept.is_withheld {
        let message = "this was done by the first request with this Idempotency-Key; its answer is shown only once";
        return Err(Error::conflict("idempotency_answered", message));
    }
    let mut response = Response::new(Body::from(kept.body));
    *response.status_mut() = StatusCode::from_u16(status).map_err(|e| Error::Internal(e.into()))?;
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// What makes two requests the same: method, path with query, and body.
fn digest(incoming: &Incoming) -> String {
    let mut context = Context::new(&SHA256);
    let target = incoming.parts.uri.path_and_query().map_or("", |p| p.as_str());
    for part in [incoming.parts.method.as_str().as_bytes(), target.as_bytes(), &incoming.bytes] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex::encode(context.finish())
}
